import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { file, sendFile, withPaths } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { IMAGES, jpeg, VOICES, wavOf } from '../support/media.ts'
import type { Environment } from '../support/running-program.ts'
import type { Bucket } from '../support/s3/bucket.ts'
import { waitFor } from '../support/wait.ts'

/** Far more than the system holds for connections. */
const BYTES = 64 * 1024 * 1024
/** Those that say when, and how a connection goes on. */
const PASSING_HEADERS = ['date', 'connection', 'keep-alive', 'etag', 'last-modified']

async function start(settings: Environment) {
  const folder = temporaryFolder()
  return withPaths(await startApi(folder, settings), folder)
}

/** Sends a file; returns its path. */
async function send(endpoint: string, name: string, content: Buffer): Promise<string> {
  const { status, body } = await sendFile(endpoint, file(name, content))
  expect(status).toBe(200)
  return new URL(body.data.media_url).pathname
}

/** All that a client sees of an answer, but for what differs from file to file. */
async function answerTo(url: string, method: string, headers: Record<string, string>) {
  // Not by fetch(), which adds headers of its own.
  const asking = request(url, { method, headers, agent: false }).end()
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  const kept = Object.entries(answer.headers).filter(([name]) => !PASSING_HEADERS.includes(name))
  return { status: answer.statusCode, headers: Object.fromEntries(kept), body: await text(answer) }
}

/** What a bucket serves, whichever server it is on. */
export function testServing(openBucket: () => Promise<Bucket>): void {
  test('every type taken is kept in the bucket, and served back byte for byte', async () => {
    const bucket = await openBucket()
    const { url, endpoint } = await start(bucket.settings)
    const paths: string[] = []
    const samples = [
      ...IMAGES.map((sample) => ({ ...sample, kind: 'image' })),
      ...VOICES.map((sample) => ({ ...sample, kind: 'voice' })),
    ]
    for (const { kind, content, contentType } of samples) {
      const path = await send(endpoint, kind, content)
      const response = await fetch(url + path)
      expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true)
      expect(response.headers.get('content-type')).toBe(contentType)
      paths.push(path.replace('/uploads/', ''))
    }
    await waitFor(async () => (await bucket.keys()).length === paths.length, 'the marks to go')
    expect(await bucket.keys()).toEqual(paths.sort())
  })

  test('a client cannot tell a bucket from a folder', async () => {
    const bucket = await openBucket()
    const voice = wavOf(1_000)
    const seen = []
    for (const settings of [{}, bucket.settings]) {
      const { url, endpoint } = await start(settings)
      const media = url + (await send(endpoint, 'voice', voice))
      const { headers } = await fetch(media)
      const etag = headers.get('etag') ?? ''
      const modified = headers.get('last-modified') ?? ''
      seen.push(await answersTo(media, etag, modified))
    }
    const [folder, other] = seen
    expect(other).toEqual(folder)
    expect(folder?.map(({ status }) => status)).toEqual(expect.arrayContaining([200, 206, 304]))
  })

  test('media is for those who may have it, and nothing else of a bucket for anybody', async () => {
    const bucket = await openBucket()
    const secret = 'a-secret-of-at-least-32-characters'
    const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: secret, CHAT_MEDIA_AUTH: 'on' }
    const open = await start(bucket.settings)
    const path = await send(open.endpoint, 'image', jpeg())
    const [, , ...name] = path.split('/')
    const spellings = [path, `/uploads/./${name.join('/')}`, `/uploads//${name.join('/')}`]
    const { url } = await start({ ...settings, ...bucket.settings })
    for (const spelling of spellings) {
      const { status } = await fetch(url + spelling)
      expect([spelling, status]).toEqual([spelling, 401])
    }
    const missing = `/uploads/chat/images/${'0'.repeat(32)}.png`
    for (const none of [missing, '/uploads/.incoming/doctor', '/uploads/', '/uploads/chat/']) {
      for (const method of ['GET', 'HEAD']) {
        const { status } = await fetch(open.url + none, { method })
        expect([method, none, status]).toEqual([method, none, 404])
      }
    }
    expect(open.program.output).not.toMatch(/warn|error/)
  })

  test('a client that hangs up, or reads nothing, leaves the rest in the bucket', async () => {
    const bucket = await openBucket()
    const settings = { ...bucket.settings, CHAT_MAX_VOICE_BYTES: String(BYTES) }
    const { url, endpoint } = await start(settings)
    const path = await send(endpoint, 'voice', wavOf(BYTES))
    const { proxy } = bucket
    await waitFor(async () => (await bucket.keys()).length === 1, 'the mark to go')
    proxy.answeredBytes = 0
    const { hostname, port } = new URL(url)
    const client = connect(Number(port), hostname)
    client.pause()
    client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)

    let before = -1
    await waitFor(() => {
      const isStill = proxy.answeredBytes > 0 && proxy.answeredBytes === before
      before = proxy.answeredBytes
      return isStill
    }, 'the bytes to stand still')
    expect(proxy.openCount).toBe(1)
    client.destroy()
    await once(client, 'close')

    await waitFor(() => proxy.openCount === 0, 'the request of the bucket to end')
    expect(proxy.answeredBytes).toBeLessThan(BYTES / 2)
    expect((await fetch(url + path, { method: 'HEAD' })).status).toBe(200)
  })
}

/** What a client may ask of a file of 1000 bytes. */
async function answersTo(media: string, etag: string, modified: string) {
  const range = { Range: 'bytes=0-99' }
  const later = new Date(Date.now() + 60_000).toUTCString()
  const earlier = 'Thu, 01 Jan 2026 00:00:00 GMT'
  const conditions: Record<string, string>[] = [
    {},
    range,
    { Range: 'bytes=400-599' },
    { Range: 'bytes=999-' },
    { Range: 'bytes=-100' },
    { Range: 'bytes=900-5000' },
    { Range: 'bytes=1000-' },
    { Range: 'bytes=0-9,20-29' },
    { Range: 'bytes=0-9,10-19' },
    { Range: 'bytes=9-0' },
    { Range: 'lines=1-2' },
    { ...range, 'If-Range': etag },
    { ...range, 'If-Range': '"other"' },
    { ...range, 'If-Range': modified },
    { ...range, 'If-Range': earlier },
    { 'If-None-Match': etag },
    { 'If-None-Match': `"other", ${etag}` },
    { 'If-None-Match': '*' },
    { 'If-None-Match': '"other"' },
    { 'If-Modified-Since': later },
    { 'If-Modified-Since': earlier },
    { 'If-Modified-Since': 'yesterday' },
    { 'If-Match': etag },
    { 'If-Match': '"other"' },
    { 'If-Unmodified-Since': earlier },
    { 'If-Unmodified-Since': later },
    { ...range, 'If-Match': '"other"' },
  ]
  const answers = []
  for (const method of ['GET', 'HEAD']) {
    for (const [index, headers] of conditions.entries()) {
      answers.push({ condition: index, method, ...(await answerTo(media, method, headers)) })
    }
  }
  return answers
}
