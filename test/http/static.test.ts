import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { startApi } from '../support/in-process.ts'
import { html, jpeg, svg, wavOf } from '../support/media.ts'

const VOICE = wavOf(1_000)
const VOICE_PATH = 'chat/voice/recording.wav'
const YEAR_SECONDS = 365 * 24 * 60 * 60
const NOTHING_HERE = { status: 'error', message: 'There is nothing at this address' }

/** An API whose uploads folder holds a voice, and whatever else a test puts there. */
async function start(settings: Record<string, string> = {}) {
  const folder = temporaryFolder()
  const uploads = join(folder, 'uploads')
  put(uploads, VOICE_PATH, VOICE)
  const { url } = await startApi(folder, settings)
  return { folder, url, uploads, voice: `${url}/uploads/${VOICE_PATH}` }
}

function put(folder: string, path: string, content: Buffer | string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), content)
}

async function range(url: string, value: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers: { Range: value, ...headers } })
  const content = Buffer.from(await response.arrayBuffer())
  return { status: response.status, headers: response.headers, content }
}

/** Asks for a path as it stands, with these headers alone: fetch() would tidy up both. */
async function getRaw(url: string, path: string, headers: Record<string, string> = {}) {
  const { hostname, port } = new URL(url)
  const asking = request({ hostname, port, path, headers, agent: false })
  asking.end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return {
    status: response.statusCode,
    headers: response.headers,
    text: String(Buffer.concat(chunks)),
  }
}

test('parts of a file are served, so that a player can seek', async () => {
  const { voice } = await start()
  const parts: [string, number, number][] = [
    ['bytes=0-99', 0, 100],
    ['bytes=400-599', 400, 600],
    ['bytes=999-', 999, 1_000],
    ['bytes=-100', 900, 1_000],
    ['bytes=900-5000', 900, 1_000],
  ]
  for (const [asked, start, end] of parts) {
    const { status, headers, content } = await range(voice, asked)
    expect({ asked, status }).toEqual({ asked, status: 206 })
    expect(headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/1000`)
    expect(headers.get('content-type')).toBe('audio/wav')
    expect(content.equals(VOICE.subarray(start, end))).toBe(true)
  }
  expect((await fetch(voice)).headers.get('accept-ranges')).toBe('bytes')
})

test('a part beyond the end is answered 416 with the length, for nobody to keep', async () => {
  const { voice } = await start()
  const { status, headers, content } = await range(voice, 'bytes=1000-')
  expect(status).toBe(416)
  expect(headers.get('content-range')).toBe('bytes */1000')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(content).toHaveLength(0)
})

test('a part is served only of the version that the client has the rest of', async () => {
  const { voice } = await start()
  const etag = (await fetch(voice)).headers.get('etag') ?? ''
  expect((await range(voice, 'bytes=0-99', { 'If-Range': etag })).status).toBe(206)
  const other = await range(voice, 'bytes=0-99', { 'If-Range': '"other"' })
  expect({ status: other.status, bytes: other.content.length }).toEqual({
    status: 200,
    bytes: 1_000,
  })
})

test('what a client has already is not sent again', async () => {
  const { url, voice } = await start()
  const { headers } = await fetch(voice)
  const etag = headers.get('etag') ?? ''
  expect(etag).not.toBe('')
  const getIf = (condition: Record<string, string>) =>
    getRaw(url, `/uploads/${VOICE_PATH}`, condition)
  const unchanged = await getIf({ 'If-None-Match': etag })
  expect({ status: unchanged.status, text: unchanged.text }).toEqual({ status: 304, text: '' })
  expect(unchanged.headers.etag).toBe(etag)
  expect((await getIf({ 'If-None-Match': '"other"' })).status).toBe(200)
  const since = headers.get('last-modified') ?? ''
  expect((await getIf({ 'If-Modified-Since': since })).status).toBe(304)
})

test('a condition that does not hold is answered 412, not as if the file were gone', async () => {
  const { voice } = await start()
  const response = await fetch(voice, { headers: { 'If-Match': '"other"' } })
  expect(response.status).toBe(412)
  expect(response.headers.get('cache-control')).toBe('no-store')
})

test('media may be kept for a year, and is never run, whatever it contains', async () => {
  const { voice } = await start()
  const { headers } = await fetch(voice)
  expect(headers.get('cache-control')).toBe(`public, max-age=${YEAR_SECONDS}, immutable`)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
  expect(headers.get('content-disposition')).toBeNull()
})

test('a HEAD request gets the same headers and no body', async () => {
  const { voice } = await start()
  const head = await fetch(voice, { method: 'HEAD' })
  expect(head.status).toBe(200)
  expect(head.headers.get('content-length')).toBe('1000')
  expect(head.headers.get('content-type')).toBe('audio/wav')
  expect(await head.text()).toBe('')
})

test('pages of every origin may use media, or those that are allowed', async () => {
  const open = await start()
  expect((await fetch(open.voice)).headers.get('access-control-allow-origin')).toBe('*')
  const shop = 'https://shop.example'
  const closed = await start({ CHAT_ALLOWED_ORIGINS: shop })
  const allowed = await fetch(closed.voice, { headers: { Origin: shop } })
  expect(allowed.headers.get('access-control-allow-origin')).toBe(shop)
  expect(allowed.headers.get('vary')).toBe('Origin')
  const stranger = await fetch(closed.voice, { headers: { Origin: 'https://other.example' } })
  expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
})

test('whatever is not media is a download, never a page', async () => {
  const { url, uploads } = await start()
  const names = ['page.html', 'PAGE.HTM', 'drawing.svg', 'data.xml', 'code.js', 'shell.php', 'none']
  for (const name of names) {
    put(uploads, `chat/images/${name}`, name.endsWith('.svg') ? svg() : html())
    const { headers, status } = await fetch(`${url}/uploads/chat/images/${name}`)
    expect({
      name,
      status,
      type: headers.get('content-type'),
      disposition: headers.get('content-disposition'),
      nosniff: headers.get('x-content-type-options'),
      policy: headers.get('content-security-policy'),
    }).toEqual({
      name,
      status: 200,
      type: 'application/octet-stream',
      disposition: 'attachment',
      nosniff: 'nosniff',
      policy: "default-src 'none'; sandbox",
    })
  }
})

test('media of an older program is served as what its extension says, in any case', async () => {
  const { url, uploads } = await start()
  put(uploads, 'profiles/User 1.JPG', jpeg())
  const { status, headers } = await fetch(`${url}/uploads/profiles/User%201.JPG`)
  expect({ status, type: headers.get('content-type') }).toEqual({ status: 200, type: 'image/jpeg' })
})

test('an uploaded page is a download by whatever name its folder is called', async () => {
  const folder = temporaryFolder()
  put(folder, 'public/index.html', 'the page')
  put(folder, 'public/uploads/evil.html', html())
  put(folder, 'public/uploads/index.html', html())
  const url = await startServer(folder)

  const page = await getRaw(url, '/')
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
  const { status, headers } = await getRaw(url, '/uploads/evil.html')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('application/octet-stream')
  expect(headers['content-disposition']).toBe('attachment')
  expect(headers['content-security-policy']).toBe("default-src 'none'; sandbox")
  const otherSpellings = [
    '//uploads/evil.html',
    '/%75ploads/evil.html',
    '/./uploads/evil.html',
    '/other/../uploads/evil.html',
    '/uploads%2fevil.html',
    '//uploads/',
  ]
  for (const path of otherSpellings) {
    expect({ path, status: (await getRaw(url, path)).status }).toEqual({ path, status: 404 })
  }
})

test('an uploads folder that lies elsewhere among the pages is none of them', async () => {
  const folder = temporaryFolder()
  const pagesDir = join(folder, 'public')
  put(folder, 'public/media/evil.html', html())
  const settings = { CHAT_UPLOADS_DIR: join(pagesDir, 'media') }
  const { url } = await startApi(folder, settings, pagesDir)

  for (const path of ['/media/evil.html', '/media/', '/media']) {
    expect({ path, status: (await getRaw(url, path)).status }).toEqual({ path, status: 404 })
  }
  const { status, headers } = await getRaw(url, '/uploads/evil.html')
  expect(status).toBe(200)
  expect(headers['content-disposition']).toBe('attachment')
})

test('dot files, folders and what is not there are all answered alike', async () => {
  const { url, uploads } = await start()
  put(uploads, '.incoming/half', jpeg())
  put(uploads, '.htaccess', 'secret')
  put(uploads, 'chat/.hidden/photo.jpg', jpeg())
  const paths = [
    '/uploads/.incoming/half',
    '/uploads/%2eincoming/half',
    '/uploads/.incoming/',
    '/uploads/.htaccess',
    '/uploads/chat/.hidden/photo.jpg',
    '/uploads/',
    '/uploads/chat',
    '/uploads/chat/voice/',
    '/uploads/chat/voice/nothing.wav',
    `/uploads/${VOICE_PATH}/more`,
    `/uploads/${'x'.repeat(5_000)}`,
  ]
  for (const path of paths) {
    const { status, headers, text } = await getRaw(url, path)
    expect({ path, status, body: JSON.parse(text) }).toEqual({
      path,
      status: 404,
      body: NOTHING_HERE,
    })
    expect(headers['cache-control']).toBe('no-store')
  }
})

test('nothing outside the folder can be reached, and no path is told', async () => {
  const { folder, url } = await start()
  put(folder, 'secret.txt', 'the secret')
  const paths = [
    '/uploads/../secret.txt',
    '/uploads/chat/../../secret.txt',
    '/uploads/..%2fsecret.txt',
    '/uploads/%2e%2e/secret.txt',
    '/uploads/%2e%2e%2fsecret.txt',
    '/uploads/%252e%252e/secret.txt',
    '/uploads/..\\secret.txt',
    '/uploads/..%5csecret.txt',
    '/uploads/....//secret.txt',
    '/uploads//../secret.txt',
    `/uploads/${folder}/secret.txt`,
    `/uploads//${folder}/secret.txt`,
    `/uploads/${VOICE_PATH}%00.html`,
    '/uploads/%00',
    '/uploads/%',
    '/uploads/%ff',
    '/../secret.txt',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/package.json',
  ]
  for (const path of paths) {
    const { status, text } = await getRaw(url, path)
    expect({ path, status, body: JSON.parse(text) }).toEqual({
      path,
      status: 404,
      body: NOTHING_HERE,
    })
  }
})

test('a file that is there and cannot be read is an error in the log, not a 404', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'public', 'uploads'), { recursive: true })
  symlinkSync('loop.txt', join(folder, 'public', 'loop.txt'))
  const { status, text } = await getRaw(await startServer(folder), '/loop.txt')
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 500,
    body: { status: 'error', message: 'Internal error' },
  })
})

test('no link among the uploads is followed, be it a file, a folder or one above', async () => {
  const { folder, url, uploads } = await start()
  const elsewhere = join(folder, 'elsewhere')
  mkdirSync(join(elsewhere, 'images'), { recursive: true })
  writeFileSync(join(elsewhere, 'images', 'secret.jpg'), 'secret')
  writeFileSync(join(uploads, 'own.jpg'), 'own')
  symlinkSync(elsewhere, join(uploads, 'folder'))
  symlinkSync(join(elsewhere, 'images', 'secret.jpg'), join(uploads, 'file.jpg'))
  symlinkSync(join(uploads, 'own.jpg'), join(uploads, 'alias.jpg'))
  symlinkSync(join(uploads, 'loop.jpg'), join(uploads, 'loop.jpg'))

  const paths = ['file.jpg', 'folder/images/secret.jpg', 'alias.jpg', 'loop.jpg', '%66ile.jpg']
  for (const path of paths) {
    const { status, text } = await getRaw(url, `/uploads/${path}`)
    expect({ path, status, body: JSON.parse(text) }).toEqual({
      path,
      status: 404,
      body: NOTHING_HERE,
    })
  }
  const { status, text } = await getRaw(url, '/uploads/./folder/../own.jpg')
  expect({ status, text }).toEqual({ status: 200, text: 'own' })
})

test('the uploads folder itself may be a link', async () => {
  const folder = temporaryFolder()
  const disk = join(folder, 'disk')
  const uploads = join(folder, 'uploads')
  mkdirSync(disk)
  symlinkSync(disk, uploads)
  const { url } = await startApi(folder, { CHAT_UPLOADS_DIR: uploads })
  writeFileSync(join(disk, 'own.jpg'), 'own')

  expect(await getRaw(url, '/uploads/own.jpg')).toMatchObject({ status: 200, text: 'own' })
})

test('files are only read: other methods are answered 405 and say which to use', async () => {
  const { voice } = await start()
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const response = await fetch(voice, { method })
    expect({ method, status: response.status }).toEqual({ method, status: 405 })
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
  }
})

/** The API with pages of the test's, and the uploads folder among them. */
async function startServer(folder: string): Promise<string> {
  const pagesDir = join(folder, 'public')
  const settings = { CHAT_UPLOADS_DIR: join(pagesDir, 'uploads') }
  return (await startApi(folder, settings, pagesDir)).url
}
