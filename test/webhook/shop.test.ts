import type { RequestListener } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { Shop } from '../../src/webhook/shop.ts'
import { startWebApplication } from '../support/auth.ts'
import { TestShop, WEBHOOK_SECRET } from '../support/shop.ts'

function shopAt(url: string): Shop {
  return new Shop(readConfig({ CHAT_WEBHOOK_URL: url, CHAT_WEBHOOK_SECRET: WEBHOOK_SECRET }))
}

/** What becomes of a post to an application that answers so. */
async function answerOf(listener: RequestListener) {
  return shopAt(await startWebApplication(listener)).post('msg_1', '{}')
}

test('a webhook is signed so that the verifier of Standard Webhooks takes it, and no other body', async () => {
  const seen: { body: string; headers: Record<string, string> }[] = []
  await answerOf(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({ body, headers: request.headers as Record<string, string> })
    response.end()
  })
  const { body, headers } = seen[0] ?? { body: '', headers: {} }
  const verifier = new Webhook(WEBHOOK_SECRET)
  expect(verifier.verify(body, headers)).toEqual({})
  expect(() => verifier.verify(`${body} `, headers)).toThrow('No matching signature')
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'msg_1' })
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(10)
})

test.for([
  [200, 'taken'],
  [204, 'taken'],
  [299, 'taken'],
  [301, 'failed'],
  [304, 'failed'],
  [400, 'refused'],
  [401, 'refused'],
  [404, 'refused'],
  [408, 'failed'],
  [410, 'refused'],
  [425, 'failed'],
  [429, 'failed'],
  [499, 'refused'],
  [500, 'failed'],
  [503, 'failed'],
] as const)('an answer of %i means: %s', async ([status, result]) => {
  const answer = await answerOf((_, response) => void response.writeHead(status).end())
  expect(answer.result).toBe(result)
})

test.for([
  ['30', 30],
  ['3600', 3_600],
  ['3601', 3_600],
  ['-1', 0],
  ['Fri, 27 Nov 2026 05:00:00 GMT', 0],
] as const)('a Retry-After of %s is a wait of %i s', async ([header, retryAfterSeconds]) => {
  const answer = await answerOf((_, response) => {
    response.writeHead(503, { 'retry-after': header }).end()
  })
  expect(answer).toMatchObject({ error: { retryAfterSeconds } })
})

test('where a redirect leads, nothing is posted', async () => {
  const shop = await TestShop.open()
  const headers = { location: shop.url }
  const answer = await answerOf((_, response) => void response.writeHead(307, headers).end())
  expect(answer).toMatchObject({
    error: { message: 'The application at CHAT_WEBHOOK_URL answered 307, a redirect' },
  })
  expect(shop.received).toEqual([])
})

test('whatever comes after a status of 2xx does not matter: too much, or too little', async () => {
  const endless = await answerOf((_, response) => {
    const write = () => {
      while (response.write('x'.repeat(65_536)));
      response.once('drain', write)
    }
    write()
  })
  const cut = await answerOf((request, response) => {
    response.writeHead(200, { 'content-length': '9' })
    response.write('x', () => request.socket.destroy())
  })
  expect([endless, cut]).toEqual([{ result: 'taken' }, { result: 'taken' }])
})

test('an application that is not there, or cuts the connection, has failed', async () => {
  const { url } = await TestShop.closed()
  expect(await shopAt(url).post('msg_1', '{}')).toMatchObject({ result: 'failed' })
  const cut = await answerOf((request) => void request.socket.destroy())
  expect(cut).toMatchObject({ result: 'failed', error: { code: 'unavailable' } })
})

test('posts to one application use its connections again', async () => {
  const ports = new Set<unknown>()
  const url = await startWebApplication((request, response) => {
    ports.add(request.socket.remotePort)
    response.end('{}')
  })
  const shop = shopAt(url)
  for (let count = 0; count < 5; count += 1) await shop.post('msg_1', '{}')
  expect(ports.size).toBeLessThanOrEqual(2)
})
