import { expect, test } from 'vitest'
import { checkWebhooks } from '../../src/cli/checks/webhooks.ts'
import { readConfig } from '../../src/config/config.ts'
import { WEBHOOK_WAIT_SECONDS_MAX } from '../../src/thresholds.ts'
import { get, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi } from '../support/in-process.ts'
import { TestShop } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'

test('the metrics and the health of the API tell how many messages wait, and what became of the others', async () => {
  const shop = await TestShop.open()
  const { url, program } = await startApi(temporaryFolder(), shop.settings)
  const metrics = async () => (await fetch(`${url}/metrics`)).text()
  await sendText(url, 1, 2, 'to be taken')
  await waitFor(
    async () => (await metrics()).includes('chat_webhooks_total{result="taken"} 1'),
    'it',
  )
  shop.answer = () => ({ status: 404 })
  await sendText(url, 1, 3, 'to be refused')
  await waitFor(
    async () => (await metrics()).includes('chat_webhooks_total{result="refused"} 1'),
    'the other',
  )
  expect(await metrics()).toMatch(/^chat_webhooks_waiting 1$/m)
  expect(await metrics()).toMatch(/^chat_webhooks_oldest_seconds \d+$/m)
  expect((await get(`${url}/health`)).body.data.webhooks).toEqual({
    waiting: 1,
    oldest_seconds: expect.any(Number),
  })
  const { body } = await get(`${url}/health`, { 'X-Forwarded-For': '203.0.113.1' })
  expect(body.data.webhooks).toBeUndefined()
  expect(program.output).toContain('A webhook was refused: for user 3')
})

test('doctor warns when messages wait for longer than any has to', () => {
  const config = readConfig(
    { CHAT_WEBHOOK_DELAY_MS: '10000', CHAT_PING_INTERVAL_MS: '20000' },
    { CHAT_WEBHOOK_URL: 'https://shop.example', CHAT_WEBHOOK_SECRET: `whsec_${'a'.repeat(32)}` },
  )
  const check = 'webhooks'
  const none = { count: 0, oldestSeconds: 0 }
  expect(checkWebhooks(readConfig({}), none)).toEqual({
    check,
    level: 'ok',
    message: 'off: CHAT_WEBHOOK_URL is not set',
  })
  expect(checkWebhooks(config, none)).toEqual({
    check,
    level: 'ok',
    message: 'to https://shop.example: none waits',
  })
  const longest = 10 + 2 * 20 + WEBHOOK_WAIT_SECONDS_MAX
  expect(checkWebhooks(config, { count: 7, oldestSeconds: longest }).level).toBe('ok')
  expect(checkWebhooks(config, { count: 7, oldestSeconds: longest + 1 })).toEqual({
    check,
    level: 'warning',
    message:
      'to https://shop.example: 7 waiting, the oldest for 351 s. See why it is not taken: chat-api logs',
  })
})
