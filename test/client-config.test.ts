import { expect, test } from 'vitest'
import { connect, get } from './support/clients.ts'
import { startApi, startChat, temporaryFolder } from './support/processes.ts'

async function clientConfig(apiUrl: string) {
  const { status, body } = await get(`${apiUrl}/client_config.json`)
  expect(status).toBe(200)
  return body.data
}

test('a page learns the port of the daemon that runs, on the host it came from', async () => {
  const { api, daemon } = await startChat()
  const { port } = new URL(daemon.url)

  const local = await clientConfig(api.url)
  const named = await clientConfig(api.url.replace('127.0.0.1', 'localhost'))

  expect(local).toEqual({
    websocket_url: `ws://127.0.0.1:${port}`,
    auth: 'none',
    timezone: 'UTC',
    message_length_max: 5000,
    image_bytes_max: 10_485_760,
    voice_bytes_max: 20_971_520,
  })
  expect(named.websocket_url).toBe(`ws://localhost:${port}`)
  await connect(local.websocket_url, 1)
})

test('while no daemon runs it is the port of the settings, and CHAT_PUBLIC_WS_URL goes before both', async () => {
  const configured = await startApi(temporaryFolder(), { CHAT_WS_PORT: '18089' })
  expect((await clientConfig(configured.url)).websocket_url).toBe('ws://127.0.0.1:18089')

  const publicUrl = 'wss://shop.example/ws'
  const { api } = await startChat({ CHAT_PUBLIC_WS_URL: publicUrl })
  expect((await clientConfig(api.url)).websocket_url).toBe(publicUrl)
})

test('the status of another user says who they are', async () => {
  const { api, daemon } = await startChat()
  await connect(daemon.url, 2, { name: 'Layla', username: 'layla' })
  const ask = async (userId: number) =>
    (await get(`${api.url}/get_chat_user_status.php?user_id=1&blocked_user_id=${userId}`)).body.data

  expect((await ask(2)).other_user).toMatchObject({ name: 'Layla', username: 'layla' })
  expect((await ask(3)).other_user).toMatchObject({ user_id: 3, name: 'User 3' })
})

test('pages may load nothing from elsewhere and run nothing inline', async () => {
  const { url } = await startApi(temporaryFolder())
  const { headers } = await fetch(`${url}/build/chat.js`)
  const policy = headers.get('Content-Security-Policy')
  expect(policy).toContain("default-src 'self'")
  expect(policy).not.toContain('unsafe')
})
