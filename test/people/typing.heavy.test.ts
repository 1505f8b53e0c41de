import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { connect, type TestSocket } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

test('a user may say 180 times a minute in all that they type', { timeout: 30_000 }, async () => {
  const { daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const receivers = await Promise.all([2, 3, 4, 5].map((userId) => connect(daemon.url, userId)))
  const each = limits.typing.max / 4
  for (const [at, receiver] of receivers.entries()) {
    await sayTyping(sender, at + 2, each)
    await receiver.event('chat:typing', each)
  }
  sender.send(typing({ receiver_id: 5, is_typing: true }))

  expect(await sender.event('error')).toEqual({ reason: 'You say too often that you type' })
  // Refused before it is looked at.
  sender.send(typing({ receiver_id: 'nobody' }))
  expect(await sender.event('error', 2)).toEqual({ reason: 'You say too often that you type' })
  for (const receiver of receivers) {
    await receiver.settled()
    expect(receiver.all('chat:typing')).toHaveLength(each)
  }
})

function typing(data: object): object {
  return { event: 'chat:typing', data }
}

/** As often as that, but not so often in a second that it would be too many frames. */
async function sayTyping(sender: TestSocket, receiverId: number, count: number): Promise<void> {
  const inOneGo = Math.floor(limits.frames.max / 2)
  for (let sent = 0; sent < count; sent += 1) {
    if (sent % inOneGo === 0) await aSecondLater()
    sender.send(typing({ receiver_id: receiverId, is_typing: true }))
  }
}

/** Resolves when the daemon, which has read all that was sent, counts anew. */
async function aSecondLater(): Promise<void> {
  const since = performance.now()
  await waitFor(() => performance.now() - since > 1_000, 'a second to pass')
}

test('a user may say 60 times a minute to one person that they type; one more is an error', async () => {
  const { daemon } = await startChat()
  const [receiver, another] = [await connect(daemon.url, 2), await connect(daemon.url, 3)]
  const sender = await connect(daemon.url, 1)
  const { max } = limits.typingToOne
  await sayTyping(sender, 2, max)
  await receiver.event('chat:typing', max)
  expect(sender.all('error')).toEqual([])

  // Another socket of the same user is no way around it.
  const laptop = await connect(daemon.url, 1)
  laptop.send(typing({ receiver_id: 2, is_typing: true }))

  expect(await laptop.event('error')).toEqual({ reason: 'You say too often that you type' })
  laptop.send(typing({ receiver_id: 3, is_typing: true }))
  expect(await another.event('chat:typing')).toEqual({ sender_id: 1, is_typing: true })
  receiver.send(typing({ receiver_id: 1, is_typing: true }))
  await laptop.event('chat:typing')
  await receiver.settled()
  expect(receiver.all('chat:typing')).toHaveLength(max)
})
