import { expect, test } from 'vitest'
import { connect, sendText } from '../support/clients.ts'
import { startChat } from '../support/processes.ts'
import { TestShop } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'

test('who has a socket is not pushed; who leaves without having read is, and so is who never came', async () => {
  const shop = await TestShop.open()
  const { api, daemon } = await startChat({ ...shop.settings, CHAT_OFFLINE_DELAY_MS: '0' })
  const [staying, leaving] = [await connect(daemon.url, 2), await connect(daemon.url, 3)]
  for (const userId of [2, 3, 4]) await sendText(api.url, 1, userId, 'Hello')
  for (const socket of [staying, leaving]) await socket.event('chat:message')
  await waitFor(() => shop.textsFor(4).length === 1, 'the push for who never came')
  expect(shop.received).toHaveLength(1)
  await leaving.close()
  await waitFor(() => shop.textsFor(3).length === 1, 'the push for who left')
  expect(shop.textsFor(2)).toEqual([])
})

test('kill -9 of the daemon leaves nobody with a socket', async () => {
  const shop = await TestShop.open()
  const { api, daemon } = await startChat(shop.settings)
  await connect(daemon.url, 2)
  await daemon.program.kill()
  await sendText(api.url, 1, 2, 'while the daemon is dead')
  await waitFor(() => shop.textsFor(2).length === 1, 'the push')
})
