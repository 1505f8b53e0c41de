import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { connect, get } from './support/clients.ts'
import { withDatabase } from './support/doctor.ts'
import { temporaryFolder } from './support/folders.ts'
import { startApi, startChat } from './support/in-process.ts'
import { environment } from './support/running-program.ts'

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

/** The headers of a page, and what client_config.json says, to whoever asks for this host. */
async function asHost(url: string, host: string) {
  const ask = async (path: string) => {
    const { hostname, port } = new URL(url)
    const asking = request({ hostname, port, path, headers: { host }, agent: false }).end()
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    return { policy: response.headers['content-security-policy'], body: await text(response) }
  }
  const directives = String((await ask('/')).policy).split('; ')
  return {
    directives,
    connect: directives.find((directive) => directive.startsWith('connect-src')),
    config: JSON.parse((await ask('/client_config.json')).body).data.websocket_url,
  }
}

test("a page may connect to the daemon's own address, and to no other", async () => {
  const { api, daemon } = await startChat()
  const { port } = new URL(daemon.url)
  for (const host of ['localhost', 'shop.example', 'my_shop.local', '192.168.1.5']) {
    const { connect, config } = await asHost(api.url, `${host}:8080`)
    expect(connect).toBe(`connect-src 'self' blob: ws://${host}:${port}`)
    expect(config).toBe(`ws://${host}:${port}`)
  }
  // A policy has no way to name it.
  expect((await asHost(api.url, '[::1]:8080')).connect).toBe("connect-src 'self' blob: ws:")

  const publicUrl = 'wss://shop.example/ws;x'
  const proxied = await startApi(temporaryFolder(), { CHAT_PUBLIC_WS_URL: publicUrl })
  const { connect, config } = await asHost(proxied.url, 'shop.example')
  expect(connect).toBe("connect-src 'self' blob: wss://shop.example")
  expect(config).toBe(publicUrl)
})

test('no Host header gets another word into the policy of a page', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_WS_PORT: '18089' })
  const usual = await asHost(url, 'localhost')
  for (const host of ['a;script-src', 'a,b', "'self'", '*', '*.example', 'a b', '%2a']) {
    const { directives, config } = await asHost(url, host)
    expect({ host, directives }).toEqual({ host, directives: usual.directives })
    expect(config).toBe('ws://localhost:18089')
  }
})

test('a page is served, with a policy, while its database cannot be read', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder, { CHAT_WS_PORT: '18089' })
  withDatabase(environment(folder).CHAT_DATABASE as string, (database) => {
    database.exec('ALTER TABLE daemons RENAME TO hidden_daemons')
  })
  expect((await asHost(url, 'localhost')).connect).toContain(' ws://localhost:18089')
})
