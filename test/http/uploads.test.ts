import { expect, test } from 'vitest'
import { get, type HttpAnswer } from '../support/clients.ts'
import { filesBelow, settled, temporaryFolder } from '../support/folders.ts'
import {
  BODY_END,
  body,
  fields,
  file,
  type Part,
  PEOPLE,
  partStart,
  postMultipart,
  StreamingUpload,
  sendFile,
  sendHalf,
  withPaths,
} from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { html, IMAGES, jpeg, jpegOf, REFUSED, VOICES, wavOf } from '../support/media.ts'
import { waitFor } from '../support/wait.ts'

const MB = 1024 * 1024
const IMAGE_BYTES_MAX = 10 * MB
const VOICE_BYTES_MAX = 20 * MB
/** What a body may be longer than the largest file. */
const OVERHEAD_BYTES = 68_192

/** An API of the test's own, and its uploads folder. */
async function start(settings: Record<string, string> = {}) {
  const folder = temporaryFolder()
  return withPaths(await startApi(folder, settings), folder)
}

/** The same without saying beforehand how much will come. */
async function sendChunked(endpoint: string, part: Part): Promise<HttpAnswer> {
  const upload = await StreamingUpload.start(endpoint)
  await upload.write(body(...PEOPLE, part).subarray(0, -BODY_END.length))
  return upload.finish()
}

async function download(url: string, publicUrl: string) {
  const response = await fetch(url.replace('http://localhost:8080', publicUrl))
  return { response, content: Buffer.from(await response.arrayBuffer()) }
}

test('each type taken is kept, gets its own extension and is served back byte for byte', async () => {
  const { url, endpoint, uploads } = await start()
  const samples = [
    ...IMAGES.map((sample) => ({ ...sample, kind: 'image', folder: 'images' })),
    ...VOICES.map((sample) => ({ ...sample, kind: 'voice', folder: 'voice' })),
  ]
  for (const { label, kind, folder, content, extension, contentType } of samples) {
    const { status, body } = await sendFile(endpoint, file(kind, content))
    expect({ label, status }).toEqual({ label, status: 200 })
    expect(body.data).toMatchObject({ message_type: kind, file_size: content.length })
    const path = `/uploads/chat/${folder}/[0-9a-f]{32}\\.${extension}`
    expect(body.data.media_url).toMatch(new RegExp(`^http://localhost:8080${path}$`))
    const served = await download(body.data.media_url, url)
    expect(served.content.equals(content)).toBe(true)
    const type = served.response.headers.get('content-type')
    expect({ label, type }).toEqual({ label, type: contentType })
  }
  expect(await settled(uploads)).toHaveLength(samples.length)
})

test('every other type is refused with 415, whatever it calls itself, and leaves no file', async () => {
  const { endpoint, uploads } = await start()
  const disguised = { content: html(), filename: 'photo.jpg', contentType: 'image/jpeg' }
  const refused = [
    ...REFUSED.flatMap(({ label, content }) => [
      { label: `${label} as image`, part: file('image', content) },
      { label: `${label} as voice`, part: file('voice', content) },
    ]),
    ...VOICES.map(({ label, content }) => ({ label, part: file('image', content) })),
    ...IMAGES.map(({ label, content }) => ({ label, part: file('voice', content) })),
    { label: 'HTML called JPEG', part: { name: 'image', ...disguised } },
    { label: 'HTML called MP3', part: file('voice', html(), 'song.mp3') },
  ]
  for (const { label, part } of refused) {
    const { status, body } = await sendFile(endpoint, part)
    const message = expect.stringMatching(/^(image|voice) must be a .+ file$/)
    expect({ label, status, body }).toEqual({
      label,
      status: 415,
      body: { status: 'error', message },
    })
  }
  expect(filesBelow(uploads)).toEqual([])
})

test('an image may have exactly 10 MB', async () => {
  const { url, endpoint, uploads } = await start()
  const content = jpegOf(IMAGE_BYTES_MAX)
  for (const send of [sendFile, sendChunked]) {
    const { status, body } = await send(endpoint, file('image', content))
    expect({ status, size: body.data?.file_size }).toEqual({ status: 200, size: content.length })
    expect((await download(body.data.media_url, url)).content.equals(content)).toBe(true)
  }
  expect(await settled(uploads)).toHaveLength(2)
})

test('a voice may have exactly 20 MB', async () => {
  const { url, endpoint, uploads } = await start()
  const content = wavOf(VOICE_BYTES_MAX)
  for (const send of [sendFile, sendChunked]) {
    const { status, body } = await send(endpoint, file('voice', content))
    expect({ status, size: body.data?.file_size }).toEqual({ status: 200, size: content.length })
    expect((await download(body.data.media_url, url)).content.equals(content)).toBe(true)
  }
  expect(await settled(uploads)).toHaveLength(2)
})

test('one byte more is answered 413 with the documented body, and leaves no file', async () => {
  const { endpoint, uploads } = await start()
  const image = file('image', jpegOf(IMAGE_BYTES_MAX + 1))
  const voice = file('voice', wavOf(VOICE_BYTES_MAX + 1))
  for (const send of [sendFile, sendChunked]) {
    expect(await send(endpoint, image)).toMatchObject({
      status: 413,
      body: { status: 'error', message: 'image must be at most 10 MB in size' },
    })
    expect(await send(endpoint, voice)).toMatchObject({
      status: 413,
      body: { status: 'error', message: 'voice must be at most 20 MB in size' },
    })
  }
  expect(filesBelow(uploads)).toEqual([])
})

test('a client that sends far too much gets to see the 413, and no reset', async () => {
  const { endpoint, uploads } = await start()
  const start64 = partStart(file('voice', Buffer.alloc(0)))
  const chunk = wavOf(MB)
  const chunks = 200
  const length = start64.length + chunks * chunk.length + BODY_END.length
  for (const contentLength of [length, undefined]) {
    const upload = await StreamingUpload.start(endpoint, contentLength)
    await upload.write(start64)
    for (let sent = 0; sent < chunks; sent += 1) await upload.write(chunk)
    const { status, body } = await upload.finish()
    expect(status).toBe(413)
    expect(body).toEqual({ status: 'error', message: expect.stringContaining('too large') })
  }
  expect(filesBelow(uploads)).toEqual([])
})

test('a client that looks early need not send the rest of what is too much', async () => {
  const { endpoint } = await start()
  const upload = await StreamingUpload.start(endpoint, 1024 * MB)
  await upload.write(partStart(file('voice', Buffer.alloc(0))))
  expect(await upload.answer()).toMatchObject({ status: 413 })
})

test('fetch() of far too much sees the 413', async () => {
  const { endpoint } = await start()
  const form = new FormData()
  form.append('voice', new Blob([wavOf(64 * MB)]), 'voice.wav')
  expect((await fetch(endpoint, { method: 'POST', body: form })).status).toBe(413)
})

test('the limits of files are settings', async () => {
  const settings = { CHAT_MAX_IMAGE_BYTES: '2000', CHAT_MAX_VOICE_BYTES: '1000' }
  const { endpoint, uploads } = await start(settings)
  expect((await sendFile(endpoint, file('image', jpegOf(2000)))).status).toBe(200)
  expect((await sendFile(endpoint, file('voice', wavOf(1000)))).status).toBe(200)
  expect(await sendFile(endpoint, file('image', jpegOf(2001)))).toMatchObject({
    status: 413,
    body: { message: 'image must be at most 2000 bytes in size' },
  })
  expect(await sendFile(endpoint, file('voice', wavOf(1001)))).toMatchObject({
    status: 413,
    body: { message: 'voice must be at most 1000 bytes in size' },
  })
  expect(await settled(uploads)).toHaveLength(2)
})

test('a whole body may have 68 KB beside the largest file, and not a byte more', async () => {
  const { endpoint, uploads } = await start({
    CHAT_MAX_IMAGE_BYTES: '2000',
    CHAT_MAX_VOICE_BYTES: '1000',
  })
  const bodyOf = (bytes: number) => {
    const parts = [...PEOPLE, file('image', jpegOf(2000))]
    const padding = fields({ a: 'x'.repeat(30_000), b: 'x'.repeat(30_000), c: '' })
    const missing = bytes - body(...parts, ...padding).length
    return [...parts, ...padding.slice(0, 2), ...fields({ c: 'x'.repeat(missing) })]
  }
  const largest = 2000 + OVERHEAD_BYTES
  expect((await postMultipart(endpoint, ...bodyOf(largest))).status).toBe(200)
  expect((await postMultipart(endpoint, ...bodyOf(largest + 1))).status).toBe(413)
  expect(await settled(uploads)).toHaveLength(1)
})

test('a form may have 50 fields, and not one more', async () => {
  const { endpoint, uploads } = await start()
  const image = file('image', jpeg())
  const many = (count: number) =>
    fields(Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 'x'])))
  expect((await sendFile(endpoint, image, ...many(48))).status).toBe(200)
  expect((await sendFile(endpoint, image, ...many(49))).status).toBe(413)
  expect(await settled(uploads)).toHaveLength(1)
})

test('empty, several and unexpected files are refused with 400, and leave no file', async () => {
  const { endpoint, uploads } = await start()
  const cases: { parts: Part[]; message: string }[] = [
    { parts: [file('image', Buffer.alloc(0))], message: 'image is an empty file' },
    { parts: [file('voice', Buffer.alloc(0))], message: 'voice is an empty file' },
    {
      parts: [file('image', jpeg()), file('voice', wavOf(100))],
      message: 'A message takes one file: image or voice',
    },
    {
      parts: [file('image', jpeg()), file('image', jpeg())],
      message: 'A message takes one file: image or voice',
    },
    {
      parts: Array.from({ length: 5 }, () => file('image', jpeg())),
      message: 'A message takes one file: image or voice',
    },
    {
      parts: [file('avatar', jpeg()), ...fields({ message: 'Hello' })],
      message: 'A file must be sent as image or voice',
    },
  ]
  for (const { parts, message } of cases) {
    expect(await sendFile(endpoint, ...parts)).toMatchObject({
      status: 400,
      body: { status: 'error', message },
    })
  }
  expect(filesBelow(uploads)).toEqual([])
})

test('file inputs in which a browser had nothing to put do not matter', async () => {
  const { endpoint, uploads } = await start()
  const nothing = (name: string) => file(name, Buffer.alloc(0), '')
  const text = await sendFile(
    endpoint,
    nothing('image'),
    nothing('voice'),
    nothing('document'),
    ...fields({ message: 'Just text' }),
  )
  expect(text.body.data).toMatchObject({ message_type: 'text', message: 'Just text' })
  const empty = [nothing('image'), nothing('document'), nothing('other')]
  const voice = await sendFile(endpoint, ...empty, file('voice', wavOf(100)))
  expect(voice.body.data).toMatchObject({ message_type: 'voice' })
  expect(await sendFile(endpoint, nothing('image'))).toMatchObject({
    status: 400,
    body: { message: 'At least one of message, image, or voice must be provided' },
  })
  expect(await settled(uploads)).toHaveLength(1)
})

test('fields count before the file and after it, and a caption is kept', async () => {
  const { url, endpoint } = await start()
  const image = file('image', jpeg())
  const caption = fields({ message: 'Look: Ümläut 🐈' })
  const before = await postMultipart(endpoint, ...PEOPLE, ...caption, image)
  const after = await postMultipart(endpoint, image, ...PEOPLE, ...caption)
  const around = await postMultipart(endpoint, ...caption, image, ...PEOPLE)
  const messages = [before, after, around].map(({ body }) => body.data)
  for (const message of messages) {
    expect(message).toMatchObject({ message_type: 'image', message: 'Look: Ümläut 🐈' })
  }
  const history = await get(`${url}/get_conversation_messages.php?user_id=2&other_user_id=1`)
  expect(history.body.data.messages).toEqual(messages)
})

test('the file decides what a message is, whatever message_type says', async () => {
  const { endpoint } = await start()
  const voice = await sendFile(
    endpoint,
    ...fields({ message_type: 'text' }),
    file('voice', wavOf(100)),
  )
  expect(voice.body.data).toMatchObject({ message_type: 'voice', message: '' })
  expect(voice.body.data.voice_url).toBe(voice.body.data.media_url)
})

test('the duration of a voice is optional and in whole seconds, up to a day', async () => {
  const { endpoint, uploads } = await start()
  const send = (duration: string) =>
    sendFile(endpoint, file('voice', wavOf(100)), ...fields({ duration }))
  const taken: [string, number | undefined][] = [
    ['15', 15],
    ['0', 0],
    ['3.7', 3],
    ['86400', 86_400],
    ['', undefined],
  ]
  for (const [duration, expected] of taken) {
    const { status, body } = await send(duration)
    const answer = { duration, status, media: body.data?.media_duration ?? undefined }
    expect(answer).toEqual({ duration, status: 200, media: expected })
  }
  const absent = await sendFile(endpoint, file('voice', wavOf(100)))
  expect(absent.body.data.media_duration ?? undefined).toBeUndefined()
  const refused = ['-1', 'abc', '86401', '1e3', '0x10', '1:30', 'Infinity', '99999999999']
  for (const duration of refused) {
    const { status, body } = await send(duration)
    const message = 'duration must be a number of seconds from 0 to 86400'
    expect({ duration, status, body }).toEqual({
      duration,
      status: 400,
      body: { status: 'error', message },
    })
  }
  expect(await settled(uploads)).toHaveLength(taken.length + 1)
})

test('a message that is refused after its file has arrived leaves no file', async () => {
  const { endpoint, uploads } = await start({ CHAT_MAX_MESSAGE_LENGTH: '10' })
  const image = file('image', jpeg())
  const bodies = [
    [image, ...fields({ sender_id: 1, receiver_id: 1 })],
    [image, ...fields({ sender_id: 1 })],
    [image, ...fields({ sender_id: 1, receiver_id: 'two' })],
    [...PEOPLE, image, ...fields({ message: 'longer than ten' })],
    [...PEOPLE, image, ...fields({ client_message_id: 'x'.repeat(65) })],
  ]
  for (const parts of bodies) {
    expect((await postMultipart(endpoint, ...parts)).status).toBe(400)
  }
  expect(filesBelow(uploads)).toEqual([])
})

test('a file that is sent again with its client_message_id is kept once', async () => {
  const { endpoint, uploads } = await start()
  const send = () =>
    sendFile(endpoint, file('voice', wavOf(100)), ...fields({ client_message_id: 'a' }))
  const first = await send()
  expect((await send()).body).toEqual(first.body)
  expect(await settled(uploads)).toHaveLength(1)
})

test('an upload that its client breaks off leaves no file and no error in the log', async () => {
  const { program, url, endpoint, uploads } = await start()
  const upload = await sendHalf(endpoint, uploads)
  upload.abort()
  await waitFor(() => filesBelow(uploads).length === 0, 'the half file to go')
  expect((await get(`${url}/health`)).status).toBe(200)
  expect(program.output).not.toMatch(/error|warn/)
})

test('a body that ends in the middle of a file is refused with 400 and leaves no file', async () => {
  const { endpoint, uploads } = await start()
  const whole = body(...PEOPLE, file('voice', wavOf(100_000)))
  for (const cut of [BODY_END.length, 1_000, 99_000]) {
    const upload = await StreamingUpload.start(endpoint, whole.length - cut)
    await upload.write(whole.subarray(0, -cut))
    expect(await upload.answer()).toMatchObject({
      status: 400,
      body: { message: 'The body is malformed or incomplete' },
    })
  }
  expect(filesBelow(uploads)).toEqual([])
})

test('file names change nothing', async () => {
  const { endpoint, uploads } = await start()
  const names = [
    '../../../../etc/passwd',
    '..\\..\\windows\\win.ini',
    '/etc/cron.d/evil.jpg',
    'C:\\photos\\evil.php',
    'photo.jpg%00.php',
    'photo.php.jpg',
    'photo.jpg.php',
    '.htaccess',
    '.',
    '..',
    `${'x'.repeat(5_000)}.html`,
    'صورة.jpg',
  ]
  for (const filename of names) {
    const { status, body } = await sendFile(endpoint, file('image', jpeg(), filename))
    expect({ filename, status }).toEqual({ filename, status: 200 })
    expect(body.data.media_url).toMatch(/\/uploads\/chat\/images\/[0-9a-f]{32}\.jpg$/)
  }
  const files = await settled(uploads)
  expect(files).toHaveLength(names.length)
  for (const path of files) expect(path).toMatch(/^chat\/images\/[0-9a-f]{32}\.jpg$/)
  const withNul = await sendFile(endpoint, file('image', jpeg(), 'photo.jpg\0.php'))
  expect(withNul.status).toBe(400)
  expect(await settled(uploads)).toEqual(files)
})

test('a client that goes away in the middle of a file nobody wants does no harm', async () => {
  const { program, url, endpoint } = await start()
  const unwanted = [
    [partStart(file('avatar', jpeg()))],
    [partStart(file('image', jpeg(), ''))],
    [partStart(file('image', jpeg())), jpeg(), partStart(file('voice', jpeg()))],
  ]
  for (const parts of unwanted) {
    const upload = await StreamingUpload.start(endpoint, VOICE_BYTES_MAX)
    await upload.write(Buffer.concat([...parts, wavOf(MB)]))
    upload.abort()
    const sent = await sendFile(endpoint, file('image', jpeg()))
    expect(sent.status).toBe(200)
  }
  expect((await get(`${url}/health`)).body.data.pid).toBe(program.pid)
  expect(program.output).not.toMatch(/error|warn/)
})
