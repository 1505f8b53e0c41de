import type { Figure } from '../figure.ts'
import { Chatter } from '../load/chatter.ts'
import { HttpClient } from '../load/http-client.ts'
import { type Door, SocketClient } from '../load/socket-client.ts'
import type { Peer } from '../peers/peer.ts'
import { alternate, pick } from '../rounds.ts'
import { median } from '../statistics.ts'
import type { Peers } from './traffic.ts'

const ROUNDS = 5
const REQUESTS = 60
const RESUMES = 20
const RESUMED_MESSAGES = 50
/** One of three messages is in the conversation of both, and each second one of those is to the other. */
const IDS_PER_RESUMED_MESSAGE = 6
const SENDING_SECONDS = 2
/** Whom filled.ts gives the most conversations, and whom they talk to most. */
const [USER_ID, OTHER_USER_ID] = [1, 2]

const LISTINGS = {
  'get_conversations.php': `/get_conversations.php?user_id=${USER_ID}`,
  'get_conversation_messages.php': `/get_conversation_messages.php?user_id=${USER_ID}&other_user_id=${OTHER_USER_ID}`,
  'get_conversation_messages.php, far back': `/get_conversation_messages.php?user_id=${USER_ID}&other_user_id=${OTHER_USER_ID}&before_message_id=500`,
}

/** How long both programs take to start. */
export async function startUp(starters: Record<string, () => Promise<Peer>>): Promise<Figure[]> {
  const time = (start: () => Promise<Peer>) => async () => {
    const startedAt = performance.now()
    const peer = await start()
    const ms = performance.now() - startedAt
    await peer.stop()
    return ms
  }
  return [await bySize('Start-up of both programs', starters, time)]
}

/** How long a page of 50 takes. */
export async function listings(peers: Peers): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [name, path] of Object.entries(LISTINGS)) {
    figures.push(await bySize(name, peers, (peer) => () => medianMs(peer, path)))
  }
  return figures
}

/** How long a client takes to connect and be sent the RESUMED_MESSAGES that it missed. */
export async function resumes(peers: Peers): Promise<Figure[]> {
  const name = `A resume of ${RESUMED_MESSAGES} messages`
  return [await bySize(name, peers, (peer) => () => medianResumeMs(peer))]
}

/** Times the same with databases of two sizes, in ms; the first is the larger one. */
async function bySize<Contender>(
  name: string,
  contenders: Record<string, Contender>,
  measure: (contender: Contender) => () => Promise<number>,
): Promise<Figure> {
  const [largest = '', smallest = ''] = Object.keys(contenders)
  const measures = Object.entries(contenders).map(([size, one]) => [size, measure(one)] as const)
  return {
    name: `${name}, ${largest}`,
    unit: 'ms',
    rounds: await alternate(ROUNDS, Object.fromEntries(measures)),
    targets: [{ bound: 'at most', value: 1.5, of: smallest }],
  }
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

async function medianResumeMs(peer: Peer): Promise<number> {
  const client = await HttpClient.open(peer.apiUrl)
  const { body } = await client.get(LISTINGS['get_conversation_messages.php'])
  client.close()
  const { message_id: newest } = JSON.parse(String(body)).data.messages.at(-1)
  const lastMessageId = newest - RESUMED_MESSAGES * IDS_PER_RESUMED_MESSAGE
  const socketUrls = peer.socketUrls.map((url) => `${url}?last_message_id=${lastMessageId}`)
  const times: number[] = []
  for (let resume = 0; resume < RESUMES; resume += 1) {
    times.push(await resumeMs({ ...peer, socketUrls }))
  }
  return median(times)
}

async function resumeMs(door: Door): Promise<number> {
  let isComplete = () => {}
  const complete = new Promise<void>((resolve) => {
    isComplete = resolve
  })
  let frames = 0
  const onFrame = () => {
    frames += 1
    if (frames === RESUMED_MESSAGES) isComplete()
  }
  const startedAt = performance.now()
  const member = await SocketClient.open(door, OTHER_USER_ID, onFrame)
  await complete
  const ms = performance.now() - startedAt
  await member.close()
  return ms
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
