import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { get, post, sendText } from '../support/clients.ts'
import { ON_SQLITE } from '../support/engine.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { getRawPath } from '../support/raw-http.ts'

const NOT_FOUND = { status: 'error', message: 'There is nothing at this address' }

/** Every endpoint, with the methods it is documented to take. */
const ENDPOINTS: [string, string[]][] = [
  ['/send_chat_message.php', ['POST']],
  ['/get_conversations.php', ['GET', 'POST']],
  ['/get_conversation_messages.php', ['GET', 'POST']],
  ['/chat_websocket_broadcast.php', ['POST']],
  ['/health', ['GET']],
]

test('a method that an endpoint does not take is answered 405, with those it does in Allow', async () => {
  const api = await startApi(temporaryFolder())

  for (const [path, methods] of ENDPOINTS) {
    const known = methods.includes('GET') ? [...methods, 'HEAD'] : methods
    const others = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'].filter((one) => !known.includes(one))
    for (const method of others) {
      const response = await fetch(api.url + path, { method })

      expect(response.status, `${method} ${path}`).toBe(405)
      expect(response.headers.get('Allow')).toBe([...known, 'OPTIONS'].join(', '))
      const message = `Use ${methods.join(' or ')} here`
      expect(await response.json()).toEqual({ status: 'error', message })
    }
  }
})

test('a refused method is answered even when the client sends a long body first', async () => {
  const api = await startApi(temporaryFolder())
  const body = 'x'.repeat(5 * 1024 * 1024)

  const response = await fetch(`${api.url}/health`, { method: 'POST', body })

  expect(response.status).toBe(405)
})

test('HEAD is answered like GET, without the body', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/get_conversations.php?user_id=1`

  const head = await fetch(url, { method: 'HEAD' })
  const got = await fetch(url)
  const refused = await fetch(`${api.url}/send_chat_message.php`, { method: 'HEAD' })
  const bad = await fetch(`${api.url}/get_conversations.php`, { method: 'HEAD' })

  expect(head.status).toBe(200)
  expect(head.headers.get('Content-Type')).toBe('application/json; charset=utf-8')
  expect(Number(head.headers.get('Content-Length'))).toBe((await got.text()).length)
  expect(await head.text()).toBe('')
  expect(refused.status).toBe(405)
  expect(bad.status).toBe(400)
})

test('an address that nobody documented is answered 404 with the documented error body', async () => {
  const api = await startApi(temporaryFolder())
  const paths = [
    '/nothing.php',
    '/send_chat_message',
    '/send_chat_message.php/',
    '/Send_Chat_Message.php',
    '/public/send_chat_message.php',
    '/uploads',
    '/uploads/',
    '/uploads/chat/images/nothing.jpg',
    '/favicon.ico',
  ]

  for (const path of paths) {
    // Files are there to be read, and say so to whoever tries anything else.
    const methods = path.startsWith('/uploads/') ? ['GET'] : ['GET', 'POST', 'DELETE']
    for (const method of methods) {
      const response = await fetch(api.url + path, { method })

      expect(response.status, `${method} ${path}`).toBe(404)
      expect(await response.json()).toEqual(NOT_FOUND)
    }
  }
})

test('answers are JSON that nobody caches or takes for something else', async () => {
  const api = await startApi(temporaryFolder())
  const good = await get(`${api.url}/get_conversations.php?user_id=1`)
  const bad = await get(`${api.url}/get_conversations.php`)
  const missing = await get(`${api.url}/nothing.php`)

  for (const { headers } of [good, bad, missing]) {
    expect(headers.get('Content-Type')).toBe('application/json; charset=utf-8')
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('X-Powered-By')).toBe(null)
  }
})

test('no path leads out of the folders that are served', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  await sendText(api.url, 1, 2, 'Hello')
  writeFileSync(join(folder, 'uploads', '.hidden'), 'hidden')
  writeFileSync(join(folder, 'uploads', '.incoming', 'half'), 'half')
  writeFileSync(join(folder, 'uploads', 'served.txt'), 'served')
  const paths = [
    '/uploads/../chat.db',
    '/uploads/%2e%2e/chat.db',
    '/uploads/..%2fchat.db',
    '/uploads/.%2e%2fchat.db',
    '/uploads/..%5cchat.db',
    '/uploads/chat/../../chat.db',
    '/uploads//../chat.db',
    '/uploads/%252e%252e/chat.db',
    '/../package.json',
    '/%2e%2e/package.json',
    '/..%2fpackage.json',
    '/..%5cpackage.json',
    '//etc/passwd',
    '/uploads//etc/passwd',
    '/uploads/%2fetc%2fpasswd',
    '/uploads/.hidden',
    '/uploads/.incoming/half',
    '/uploads/%2eincoming/half',
    '/uploads/served.txt%00',
    '/uploads/%',
    '/uploads/%zz',
    '/uploads/%c3%28',
    `/uploads/${'x'.repeat(5_000)}`,
    `/uploads/${'a/'.repeat(2_000)}`,
  ]

  for (const path of paths) {
    const { status, body } = await getRawPath(api.url, path)
    expect(status, path).toBe(404)
    expect(JSON.parse(body), path).toEqual(NOT_FOUND)
  }
  expect(await getRawPath(api.url, '/uploads/served.txt')).toEqual({ status: 200, body: 'served' })
  expect(api.program.output).not.toContain('failed')
})

test('what was uploaded is never a page, by whatever path it is asked for', async () => {
  const folder = temporaryFolder()
  const pagesDir = join(folder, 'public')
  const uploadsDir = join(pagesDir, 'uploads')
  mkdirSync(uploadsDir, { recursive: true })
  writeFileSync(join(pagesDir, 'page.html'), '<p>A page</p>')
  writeFileSync(join(uploadsDir, 'evil.html'), '<script>alert(1)</script>')
  const { url } = await startApi(folder, { CHAT_UPLOADS_DIR: uploadsDir }, pagesDir)

  const spellings = [
    '//uploads/evil.html',
    '/%75ploads/evil.html',
    '/./uploads/evil.html',
    '/%2e/uploads/evil.html',
    '/x/../uploads/evil.html',
    '/uploads%2fevil.html',
    '/%2fuploads/evil.html',
    '/\\uploads/evil.html',
  ]

  const download = await fetch(`${url}/uploads/evil.html`)
  expect(download.headers.get('Content-Type')).toBe('application/octet-stream')
  expect(download.headers.get('Content-Disposition')).toBe('attachment')
  for (const path of spellings) expect((await getRawPath(url, path)).status, path).toBe(404)
  const page = await fetch(`${url}/page.html`)
  expect(page.headers.get('Content-Type')).toMatch(/^text\/html/)
})

test('health tells whether the daemon runs', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const before = await get(`${api.url}/health`)
  const daemon = await startDaemon(folder)

  const during = await get(`${api.url}/health`)
  await daemon.program.stop()
  const after = await get(`${api.url}/health`)

  expect(before.status).toBe(200)
  expect(before.body.status).toBe('success')
  expect(before.body.data).toMatchObject({
    service: 'chat-api',
    pid: api.program.pid,
    daemon: 'stopped',
    daemon_pid: null,
  })
  expect(during.body.data).toMatchObject({ daemon: 'running', daemon_pid: daemon.program.pid })
  expect(during.body.data.daemon_polled_at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  expect(after.body.data).toMatchObject({ daemon: 'stopped', daemon_pid: null })
})

test.runIf(ON_SQLITE)(
  'health does not take a daemon that was killed for a running one',
  async () => {
    const { api, daemon } = await processes.startChat()

    await daemon.program.kill()

    const { status, body } = await get(`${api.url}/health`)
    expect(status).toBe(200)
    expect(body.data.daemon).toBe('stopped')
  },
)

test('the API works while no daemon runs', async () => {
  const api = await startApi(temporaryFolder())

  const sent = await sendText(api.url, 1, 2, 'Hello')

  const page = { user_id: 2, other_user_id: 1 }
  const { body } = await post(`${api.url}/get_conversation_messages.php`, page)
  expect(body.data.messages).toEqual([sent])
})
