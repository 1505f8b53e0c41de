import { expect, test } from 'vitest'
import { connect, sendText } from './support/clients.ts'
import { startChat } from './support/processes.ts'

test('a message reaches every socket of its receiver, and nobody else', async () => {
  const { api, daemon } = await startChat()
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  const stranger = await connect(daemon.url, 3)

  const sent = await sendText(api.url, 1, 2, 'Hello')

  expect(await phone.event('chat:message')).toEqual(sent)
  expect(await laptop.event('chat:message')).toEqual(sent)
  await stranger.settled()
  expect(stranger.all('chat:message')).toEqual([])
})
