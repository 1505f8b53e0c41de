import { expect, test } from 'vitest'
import { sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { freePort } from '../support/network.ts'
import { runProgram, startService } from '../support/processes.ts'
import { TestShop } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'

test('status of chat-api tells where to messages are pushed, and how many wait', async () => {
  const shop = await TestShop.closed()
  const folder = temporaryFolder()
  const settings = { ...shop.settings, CHAT_API_PORT: String(await freePort()) }
  const service = await startService('chat-api', folder, settings)
  const url = `http://127.0.0.1:${service.port}`
  const status = async () => (await runProgram('chat-api', ['status'], folder, settings)).output
  expect(await status()).toContain(`webhooks: to ${shop.url}, none waits\n`)
  await sendText(url, 1, 2, 'to a shop that is down')
  expect(await status()).toMatch(/webhooks: to \S+, 1 waiting, the oldest for \d+ s\n/)
  await waitFor(() => service.log.includes('Webhooks are not posted: '), 'the line of the log')
  await runProgram('chat-api', ['stop'], folder, settings)
})
