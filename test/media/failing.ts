import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Uploads } from '../../src/media/uploads.ts'
import { get, sendText } from '../support/clients.ts'
import { filesBelow, temporaryFolder } from '../support/folders.ts'
import { fields, file, type Part, sendFile, withPaths } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { wavOf } from '../support/media.ts'
import { openWebServer } from '../support/network.ts'
import type { Environment } from '../support/running-program.ts'
import { type Bucket, CREDENTIALS, openStore } from '../support/s3/bucket.ts'
import type { Asked, Harm } from '../support/s3/proxy.ts'
import { waitFor } from '../support/wait.ts'

const HOUR_MS = 60 * 60 * 1000
const VOICE = wavOf(300_000)
const SLOW_DOWN: Harm = { refusal: { status: 503, code: 'SlowDown' } }
/** What may happen to one request, and does not happen to the next try. */
const PASSING: [string, Harm][] = [
  ['is refused by a busy server', SLOW_DOWN],
  ['breaks off in its body', { cutsBodyAt: 100_000 }],
  ['breaks off before its answer', { cutsAnswerAt: 0 }],
]
/** What may happen to all of them. */
const LASTING: [string, Harm][] = [
  ...PASSING,
  ['finds no room', { refusal: { status: 507, code: 'InsufficientStorage' } }],
  [
    'is refused, as the keys have been taken back',
    { refusal: { status: 403, code: 'InvalidAccessKeyId' } },
  ],
]
/** What a host that has died goes on to do. */
const DEAD = new Promise<never>(() => {})
const LIMITS = { putMs: 1_000, requestMs: 500, stallMs: 300, connectionsMax: 10 }

async function start(bucket: Bucket) {
  const folder = temporaryFolder()
  return withPaths(await startApi(folder, bucket.settings), folder)
}

function isFilePut(asked: Asked): boolean {
  return asked.startsWith('PUT chat/')
}

/** Harms the first requests of a kind, and no later ones. */
function firstOnly(harm: Harm, isMeant: (asked: Asked) => boolean, count = 2) {
  let left = count
  return (asked: Asked) => {
    if (!isMeant(asked) || left === 0) return undefined
    left -= 1
    return harm
  }
}

async function sendVoice(endpoint: string, ...parts: Part[]) {
  const { status, headers, body } = await sendFile(endpoint, ...parts, file('voice', VOICE))
  const path = status === 200 ? new URL(body.data.media_url).pathname : ''
  return { status, headers, path, key: path.replace('/uploads/', '') }
}

/** The keys that are left when another host has swept the bucket, an hour later. */
async function keysAfterSweep(bucket: Bucket, posted: string[]): Promise<string[]> {
  const uploads = await openUploads(bucket)
  await uploads.sweep(async (path) => posted.includes(path), Date.now() + HOUR_MS + 60_000)
  return bucket.keys()
}

/** As a host has them whose disk is empty. */
async function openUploads(bucket: Bucket): Promise<Uploads> {
  const limits = { imageBytesMax: VOICE.length, voiceBytesMax: VOICE.length }
  const { store } = openStore(bucket)
  const uploads = new Uploads({ uploadsDir: temporaryFolder(), ...limits }, store)
  await uploads.prepare()
  return uploads
}

/** What a bucket may do to the chat, whichever server it is on. */
export function testFailing(openBucket: () => Promise<Bucket>): void {
  test.for(PASSING)('a file whose PUT %s is kept by the next try', async ([, harm]) => {
    const bucket = await openBucket()
    const { url, endpoint } = await start(bucket)
    bucket.proxy.harm = firstOnly(harm, isFilePut)
    const { status, path, key } = await sendVoice(endpoint)
    expect(status).toBe(200)
    expect(bucket.proxy.asked.filter(isFilePut)).toHaveLength(3)
    const served = await (await fetch(url + path)).arrayBuffer()
    expect(VOICE.equals(Buffer.from(served))).toBe(true)
    expect(await keysAfterSweep(bucket, [key])).toEqual([key])
  })

  test.for(LASTING)(
    'while every PUT %s, texts go on and no file is lost or left',
    async ([, harm]) => {
      const bucket = await openBucket()
      const { url, endpoint, uploads, program } = await start(bucket)
      const before = await sendVoice(endpoint)
      bucket.proxy.harm = (asked) => (isFilePut(asked) ? harm : undefined)

      const { status, headers } = await sendVoice(endpoint)
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      await sendText(url, 1, 2, 'Still there')
      expect((await get(`${url}/health`)).status).toBe(200)
      expect(program.output.match(/The bucket cannot be used: /g)).toHaveLength(1)
      expect(program.output).not.toMatch(/ error /)

      bucket.proxy.harm = () => undefined
      const after = await sendVoice(endpoint)
      expect(after.status).toBe(200)
      const { body } = await get(`${url}/get_conversation_messages.php?user_id=2&other_user_id=1`)
      expect(body.data.messages).toHaveLength(3)
      const keys = [before.key, after.key]
      expect(await keysAfterSweep(bucket, keys)).toEqual(keys.sort())
      expect(filesBelow(uploads)).toEqual([])
    },
  )

  test('a mark that cannot be put lets no file follow', async () => {
    const bucket = await openBucket()
    const { endpoint } = await start(bucket)
    bucket.proxy.harm = (asked) => (asked.startsWith('PUT .incoming/') ? SLOW_DOWN : undefined)
    expect((await sendVoice(endpoint)).status).toBe(503)
    expect(bucket.proxy.asked.filter(isFilePut)).toEqual([])
    expect(await bucket.keys()).toEqual([])
  })

  test('where nobody listens any more, files are answered 503, and texts go on', async () => {
    const bucket = await openBucket()
    const { url, endpoint } = await start(bucket)
    const { path } = await sendVoice(endpoint)
    bucket.proxy.close()
    expect((await sendVoice(endpoint)).status).toBe(503)
    const response = await fetch(url + path)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    await sendText(url, 1, 2, 'Still there')
    expect((await get(`${url}/health`)).status).toBe(200)
  })

  test('a GET that is refused is tried again, then answered 503 as no part of a file', async () => {
    const bucket = await openBucket()
    const { url, endpoint } = await start(bucket)
    const { path } = await sendVoice(endpoint)
    const isGet = (asked: Asked) => asked.startsWith('GET chat/')
    bucket.proxy.harm = firstOnly(SLOW_DOWN, isGet)
    expect((await fetch(url + path)).status).toBe(200)
    bucket.proxy.harm = (asked) => (isGet(asked) ? SLOW_DOWN : undefined)
    const { status, headers } = await fetch(url + path, { headers: { range: 'bytes=0-9' } })
    expect([status, headers.get('retry-after')]).toEqual([503, '5'])
    expect(headers.get('cache-control')).toBe('no-store')
    expect([headers.get('content-range'), headers.get('etag')]).toEqual([null, null])
  })

  test('a client of a GET that breaks off sees that it is incomplete', async () => {
    const bucket = await openBucket()
    const { url, endpoint, program } = await start(bucket)
    const { path } = await sendVoice(endpoint)
    const harm = { cutsAnswerAt: 100_000 }
    bucket.proxy.harm = firstOnly(harm, (asked) => asked.startsWith('GET chat/'), 1)
    const response = await fetch(url + path)
    expect(response.headers.get('content-length')).toBe(String(VOICE.length))
    await expect(response.arrayBuffer()).rejects.toThrow('terminated')
    expect(program.output).toMatch(/The bucket cannot be used: .*aborted/)
    const again = Buffer.from(await (await fetch(url + path)).arrayBuffer())
    expect(again.equals(VOICE)).toBe(true)
  })

  test('a server that says nothing is given up', async () => {
    const bucket = await openBucket()
    const { store } = openStore(bucket, LIMITS)
    bucket.proxy.harm = () => ({ isSilent: true })
    const spooled = join(temporaryFolder(), 'spooled')
    writeFileSync(spooled, VOICE)
    const busy = expect.objectContaining({ code: 'busy', retryAfterSeconds: 5 })
    await expect(store.put('chat/voice/a.wav', spooled)).rejects.toEqual(busy)
    expect(existsSync(spooled)).toBe(false)
    await expect(store.prepare()).rejects.toMatchObject({ code: 'setup' })
    // So many that some wait for a connection.
    const { signal } = new AbortController()
    const gets = Array.from({ length: 30 }, () => {
      return store.get('chat/voice/a.wav', { method: 'GET', signal })
    })
    const refused = { status: 'rejected', reason: busy }
    expect(await Promise.allSettled(gets)).toEqual(gets.map(() => refused))
  })

  test('a slow server is waited for, but not for ever', async () => {
    const bucket = await openBucket()
    const limits = { putMs: 10_000, requestMs: 10_000, stallMs: 5_000, connectionsMax: 10 }
    const spooled = join(temporaryFolder(), 'spooled')
    bucket.proxy.harm = () => ({ delayMs: 50 })
    writeFileSync(spooled, VOICE)
    await openStore(bucket, limits).store.put('chat/voice/a.wav', spooled)
    expect(await bucket.keys()).toContain('chat/voice/a.wav')
    writeFileSync(spooled, VOICE)
    const { store } = openStore(bucket, { ...limits, putMs: 200 })
    await expect(store.put('chat/voice/b.wav', spooled)).rejects.toMatchObject({
      code: 'busy',
      cause: { message: 'no answer in time' },
    })
  })

  test('what a host leaves that died for good is swept by another, in all pages', async () => {
    const bucket = await openBucket()
    const dying = await openUploads(bucket)
    const orphans: string[] = []
    const keepAndDie = async () => {
      const upload = await dying.receive('voice', Readable.from([wavOf(100)]))
      return new Promise<string>((resolve) => {
        dying.keep(upload, (path) => {
          resolve(path)
          return DEAD
        })
      })
    }
    for (let count = 0; count < 7; count += 1) orphans.push(await keepAndDie())
    const posted = await keepAndDie()
    const uploads = await openUploads(bucket)
    await uploads.sweep(async () => false)
    expect(await bucket.keys()).toEqual(expect.arrayContaining([...orphans, posted]))
    expect(await keysAfterSweep(bucket, [posted])).toEqual([posted])
  })

  test('a message that is refused, or sent twice, leaves no object of its own', async () => {
    const bucket = await openBucket()
    const { endpoint } = await start(bucket)
    const named = fields({ client_message_id: 'one' })
    const sends = [await sendVoice(endpoint, ...named), await sendVoice(endpoint, ...named)]
    const [first] = sends.map(({ key }) => key)
    expect(sends.map(({ key }) => key)).toEqual([first, first])
    const tooLong = fields({ client_message_id: 'x'.repeat(65) })
    expect((await sendVoice(endpoint, ...tooLong)).status).toBe(400)
    const isObject = (key: string) => !key.startsWith('.incoming/')
    const objects = async () => (await bucket.keys()).filter(isObject)
    await waitFor(async () => (await objects()).length === 1, 'the objects of no message to go')
    expect(await keysAfterSweep(bucket, [first as string])).toEqual([first])
  })

  const wrong: [string, Environment, RegExp][] = [
    [
      'a bucket',
      { CHAT_S3_BUCKET: 'none' },
      /no such bucket \(404 NoSuchBucket\). See CHAT_S3_BUCKET/,
    ],
    ['a secret', { AWS_SECRET_ACCESS_KEY: 'x' }, /credentials are not accepted \(403 Signature/],
    ['a key', { AWS_ACCESS_KEY_ID: 'x' }, /credentials are not accepted \(403 /],
    ['a region', { CHAT_S3_REGION: 'eu-west-9' }, /region is not CHAT_S3_REGION=eu-west-9/],
    ['a port', { CHAT_S3_ENDPOINT: 'http://127.0.0.1:1' }, /cannot be reached \(ECONNREFUSED\)/],
    [
      'a host',
      { CHAT_S3_ENDPOINT: 'http://s3.invalid' },
      /cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/,
    ],
    ['a protocol', { CHAT_S3_ENDPOINT: 'https://127.0.0.1:1' }, /cannot be reached/],
  ]
  test.for(wrong)('%s that is wrong is one line at start', async ([, settings, message]) => {
    const bucket = await openBucket()
    const { store } = openStore({ ...bucket, settings: { ...bucket.settings, ...settings } })
    await expectSetupError(store.prepare(), message)
  })

  test('a clock that is wrong is one line at start', async () => {
    const bucket = await openBucket()
    const { store } = openStore(bucket)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - HOUR_MS })
    onTestFinished(() => void vi.useRealTimers())
    await expectSetupError(
      store.prepare(),
      /clocks .* are 60 min apart \(403 RequestTimeTooSkewed\)/,
    )
  })

  test('a server of something else is one line at start', async () => {
    const bucket = await openBucket()
    for (const [status, text] of [
      [200, '<html>'],
      [404, 'Not found'],
      [500, ''],
      [301, ''],
    ] as const) {
      const server = await openWebServer((_, response) => response.writeHead(status).end(text))
      onTestFinished(() => server.close())
      const settings = { ...bucket.settings, CHAT_S3_ENDPOINT: server.url }
      await expectSetupError(openStore({ ...bucket, settings }).store.prepare(), /./)
    }
  })
}

async function expectSetupError(work: Promise<void>, message: RegExp): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toMatchObject({ code: 'setup', message: expect.stringMatching(message) })
  expect(error.message).not.toMatch(new RegExp(`\n|${CREDENTIALS.secretAccessKey}`))
}
