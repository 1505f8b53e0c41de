import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  errorFrame,
  eventFrame,
  type Frame,
  PONG_FRAME,
  parseClientFrame,
} from '../../src/websocket/frame.ts'
import { waitFor } from '../support/wait.ts'

/** What stands around `data` in a frame's text. */
const ENVELOPE = '{"event":"e","data":}'
const HEADER_BYTES = { short: 2, medium: 4, long: 10 }

beforeAll(() => {
  // The lengths below count on it.
  expect(eventFrame('e', '').length).toBe(HEADER_BYTES.short + ENVELOPE.length)
})

test('a client written by others reads frames on both sides of every limit of the header', async () => {
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]
  const dataTexts = lengths.map((length) => {
    const rest = length - ENVELOPE.length - 2
    return rest >= 0 ? `"${'x'.repeat(rest)}"` : 'x'.repeat(length)
  })
  const got = await read(dataTexts.map((data) => eventFrame('e', data)))
  expect(got).toEqual(dataTexts.map((data) => `{"event":"e","data":${data}}`))
  expect(got.map((text) => text.length).slice(2)).toEqual(lengths.slice(2))
})

test('the header takes the form that the length asks for, and counts bytes, not characters', () => {
  const payloads: [number, number[]][] = [
    [125, [0x81, 125]],
    [126, [0x81, 126, 0, 126]],
    [65_535, [0x81, 126, 0xff, 0xff]],
    [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ]
  for (const [length, header] of payloads) {
    const ascii = eventFrame('e', 'x'.repeat(length - ENVELOPE.length))
    expect([...ascii.subarray(0, header.length)]).toEqual(header)
    expect(ascii.length).toBe(header.length + length)
    const spare = (length - ENVELOPE.length) % 4
    const emoji = '👋'.repeat((length - ENVELOPE.length - spare) / 4) + 'x'.repeat(spare)
    expect([...eventFrame('e', emoji).subarray(0, header.length)]).toEqual(header)
  }
})

test('emoji, accents and whatever else JSON holds arrive as they were', async () => {
  const data = JSON.stringify({ message: '👋🏽 Grüße, مرحبا, \u0000 "quoted" \u2028 \\ 👨‍👩‍👧‍👦' })
  const long = JSON.stringify('👋'.repeat(20_000))
  const event = 'shop:"Größe" 👟'
  const got = await read([eventFrame(event, data), eventFrame('e', long)])
  expect(JSON.parse(got[0] as string)).toEqual({ event, data: JSON.parse(data) })
  expect(got[1]).toBe(`{"event":"e","data":${long}}`)
})

test('data is passed on as it stands: not parsed, not spaced differently', async () => {
  const data = '{ "price" : 1.10,  "big": 12345678901234567890 }'
  expect(await read([eventFrame('e', data)])).toEqual([`{"event":"e","data":${data}}`])
})

test('error and pong frames are what the protocol says', async () => {
  const got = await read([errorFrame('data.message_id is missing'), PONG_FRAME])
  expect(got.map((text) => JSON.parse(text))).toEqual([
    {
      event: 'error',
      message: 'Invalid message format',
      data: { reason: 'data.message_id is missing' },
    },
    { event: 'pong' },
  ])
})

test('a client frame is an object with an event and, if any, an object as data', () => {
  expect(parseClientFrame('{"event":"ping"}')).toEqual({ event: 'ping', data: {} })
  const typing = { event: 'chat:typing', data: { receiver_id: 2 } }
  expect(parseClientFrame(JSON.stringify({ ...typing, more: 1 }))).toEqual(typing)
  const bad = ['', 'ping', 'null', '5', '[]', '{}', '{"event":1}', '{"event":"x","data":null}']
  for (const text of [...bad, '{"event":"x","data":[]}', '{"event":"x","data":"y"}', '{"event":']) {
    expect(parseClientFrame(text)).toBe(undefined)
  }
})

/** What a real client makes of these frames when they are written to its stream in one piece. */
async function read(frames: Frame[]): Promise<string[]> {
  const server = createServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  const streams: Socket[] = []
  server.on('connection', (stream) => streams.push(stream))
  sockets.on('connection', () => streams[0]?.write(Buffer.concat(frames)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.terminate()
    server.close()
  })
  const texts: string[] = []
  let problem: Error | undefined
  client.on('message', (data) => texts.push(String(data)))
  client.on('error', (error) => {
    problem = error
  })
  await waitFor(() => texts.length === frames.length || problem !== undefined, 'all frames')
  if (problem !== undefined) throw problem
  return texts
}
