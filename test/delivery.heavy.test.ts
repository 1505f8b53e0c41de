import { expect, test } from 'vitest'
import { connect, sendText, type TestSocket } from './support/clients.ts'
import { startChat } from './support/processes.ts'
import { waitFor } from './support/wait.ts'

test('2,000 messages of 64 concurrent senders among 100 users arrive exactly once, in order', async () => {
  const users = 100
  const senders = 64
  const messages = 2_000
  const { api, daemon } = await startChat()
  const sockets = new Map<number, TestSocket>()
  for (let userId = 1; userId <= users; userId += 1) {
    sockets.set(userId, await connect(daemon.url, userId))
  }

  const acknowledged = new Map<number, number[]>()
  let next = 0
  const send = async () => {
    while (next < messages) {
      const turn = next++
      const from = 1 + (turn % users)
      const to = 1 + ((turn * 7 + 3) % users)
      const { message_id, receiver_id } = await sendText(
        api.url,
        from,
        to === from ? 1 + (to % users) : to,
        `message ${turn}`,
      )
      acknowledged.set(receiver_id, [...(acknowledged.get(receiver_id) ?? []), message_id])
    }
  }
  await Promise.all(Array.from({ length: senders }, send))

  const idsOf = (userId: number) =>
    sockets
      .get(userId)
      ?.all('chat:message')
      .map((message) => message.message_id)
  const count = () => [...sockets.keys()].reduce((sum, id) => sum + (idsOf(id)?.length ?? 0), 0)
  await waitFor(() => count() >= messages, `${messages} messages`)
  for (const [userId, socket] of sockets) {
    await socket.settled()
    const expected = (acknowledged.get(userId) ?? []).sort((a, b) => a - b)
    expect(idsOf(userId)).toEqual(expected)
  }
}, 90_000)
