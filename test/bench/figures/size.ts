import type { Figure } from '../figure.ts'
import { Chatter } from '../load/chatter.ts'
import { HttpClient } from '../load/http-client.ts'
import type { Peer } from '../peers/peer.ts'
import { alternate, pick } from '../rounds.ts'
import { median } from '../statistics.ts'
import type { Peers } from './traffic.ts'

const ROUNDS = 5
const REQUESTS = 60
const SENDING_SECONDS = 2
/** Whom filled.ts gives the most conversations, and whom they talk to most. */
const [USER_ID, OTHER_USER_ID] = [1, 2]

const LISTINGS = {
  'get_conversations.php': `/get_conversations.php?user_id=${USER_ID}`,
  'get_conversation_messages.php': `/get_conversation_messages.php?user_id=${USER_ID}&other_user_id=${OTHER_USER_ID}`,
  'get_conversation_messages.php, far back': `/get_conversation_messages.php?user_id=${USER_ID}&other_user_id=${OTHER_USER_ID}&before_message_id=500`,
}

/** How long a page of 50 takes in databases of different sizes; the first is the largest. */
export async function listings(peers: Peers): Promise<Figure[]> {
  const [largest = '', ...smaller] = Object.keys(peers)
  const figures: Figure[] = []
  for (const [name, path] of Object.entries(LISTINGS)) {
    const ask = (peer: Peer) => () => medianMs(peer, path)
    const rounds = await alternate(
      ROUNDS,
      Object.fromEntries(Object.entries(peers).map(([size, peer]) => [size, ask(peer)])),
    )
    const smallest = smaller.at(-1) ?? ''
    figures.push({
      name: `${name}, ${largest}`,
      unit: 'ms',
      rounds,
      targets: [{ bound: 'at most', value: 1.5, of: smallest }],
    })
  }
  return figures
}

/** Whether sends become slower as the database grows. */
export async function sendsBySize(peers: Peers): Promise<Figure[]> {
  const [largest = '', empty = ''] = Object.keys(peers)
  const chatters: Record<string, Chatter> = {}
  for (const [name, peer] of Object.entries(peers)) {
    chatters[name] = await Chatter.open(peer)
    await chatters[name].sendFlatOut(SENDING_SECONDS)
  }
  const results = await alternate(
    ROUNDS,
    Object.fromEntries(
      Object.entries(chatters).map(([name, chatter]) => [
        name,
        () => chatter.sendFlatOut(SENDING_SECONDS),
      ]),
    ),
  )
  await Promise.all(Object.values(chatters).map((chatter) => chatter.close()))
  return [
    {
      name: `Durable sends, ${largest}`,
      unit: '/s',
      rounds: pick(results, ({ acknowledged, seconds }) => acknowledged / seconds),
      targets: [{ bound: 'at least', value: 0.9, of: empty }],
    },
  ]
}

async function medianMs(peer: Peer, path: string): Promise<number> {
  const client = await HttpClient.open(peer.apiUrl)
  const times: number[] = []
  for (let request = 0; request < REQUESTS; request += 1) {
    const askedAt = performance.now()
    const { status, body } = await client.get(path)
    times.push(performance.now() - askedAt)
    if (status !== 200) throw new Error(`${path} was answered ${status}: ${body}`)
  }
  client.close()
  return median(times)
}
