import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { ByteStream, drained } from './byte-stream.ts'
import { EXIF_NAME, orientationOf, tiffOf, UPRIGHT } from './exif.ts'

/**
 * Strips the metadata of pictures: where and when they were taken, by what and by whom. The picture
 * itself stays as it is, byte for byte, and so do colour profiles, animation and orientation.
 *
 * Only the containers are parsed, piece by piece, as they arrive. Pieces that are not known to
 * belong to the picture are dropped. A container ends where it is invalid, as it does for a
 * decoder.
 *
 * @throws ChatError `too_large` at the end of a picture of too many parts
 */
export async function* withoutMetadata(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = new ByteStream(chunks)
  const problem = yield* cleanerFor(await input.peek(RIFF_HEAD_BYTES))(input)
  // The sender must reach the end of its stream.
  await input.skip(Number.POSITIVE_INFINITY)
  if (problem !== undefined) throw problem
}

type Cleaner = (input: ByteStream) => Cleaned
/** Yields the pieces to keep; returns the error at the end, if any. */
type Cleaned = AsyncGenerator<Buffer, ChatError | undefined>

const RIFF_HEAD_BYTES = 12
/** More than any camera writes; a JPEG has no room for more. */
const EXIF_BYTES_MAX = 64 * 1024

function cleanerFor(start: Buffer): Cleaner {
  if (start[0] === 0xff && start[1] === SOI) return cleanJpeg
  if (start.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) return cleanPng
  const isRiff = start.toString('latin1', 0, 4) === 'RIFF'
  if (isRiff && start.toString('latin1', 8, 12) === 'WEBP') return cleanWebp
  return (input) => input.pass(Number.POSITIVE_INFINITY)
}

function tooManyParts(): ChatError {
  const message = `image has too many parts (at most ${limits.imageParts.max})`
  return new ChatError('too_large', message)
}

// JPEG: segments, each begun by a marker (0xff and a number), and compressed data after some of
// them.

const SOI = 0xd8
const EOI = 0xd9
const SOS = 0xda
const APP0 = 0xe0
const APP1 = 0xe1
const APP15 = 0xef
const COMMENT = 0xfe
/** The application segments that decide how a picture looks, by how they begin. */
const KEPT_SEGMENTS = new Map([
  [0xe0, 'JFIF\0'],
  [0xe2, 'ICC_PROFILE\0'],
  [0xee, 'Adobe'],
])

async function* cleanJpeg(input: ByteStream): Cleaned {
  let isTurned = false
  yield await input.take(2)
  for (let part = 0; part < limits.imageParts.max; part += 1) {
    // Bytes between segments are invalid; decoders skip them too.
    await drained(upToMarker(input))
    const marker = await input.take(2)
    const number = marker[1]
    if (number === undefined) return
    if (number === EOI) {
      yield marker
      return
    }
    const size = await input.take(2)
    const length = size.length < 2 ? -1 : size.readUInt16BE() - 2
    if (length < 0) return
    if (number === APP1 && !isTurned) {
      const turn = orientationOf(await input.take(length))
      if (turn !== undefined) yield exifSegment(turn)
      isTurned = turn !== undefined
    } else if (await isShown(number, input)) {
      yield Buffer.concat([marker, size])
      yield* input.pass(length)
      if (number === SOS) yield* upToMarker(input)
    } else {
      await input.skip(length)
    }
  }
  return tooManyParts()
}

async function isShown(number: number, input: ByteStream): Promise<boolean> {
  if (number === COMMENT) return false
  if (number < APP0 || number > APP15) return true
  const start = KEPT_SEGMENTS.get(number)
  if (start === undefined) return false
  return (await input.peek(start.length)).toString('latin1', 0, start.length) === start
}

/** Compressed data: in it 0xff is followed by 0, or by the number of a restart. */
async function* upToMarker(input: ByteStream): AsyncGenerator<Buffer> {
  for (;;) {
    const ready = await input.peek(2)
    if (ready.length < 2) return yield* input.pass(ready.length)
    const length = markerIn(ready)
    if (length > 0) yield await input.take(length)
    if (length < ready.length - 1) return
  }
}

/** The offset of a marker, or of a last byte that may begin one; the length when there is none. */
function markerIn(bytes: Buffer): number {
  let at = bytes.indexOf(0xff)
  while (at !== -1 && at < bytes.length - 1 && !isMarker(bytes[at + 1] as number)) {
    at = bytes.indexOf(0xff, at + 1)
  }
  return at === -1 ? bytes.length : at
}

/** Markers that begin a segment: not restarts, and not others without a segment. */
function isMarker(number: number): boolean {
  return number > 0x01 && number !== 0xff && (number < 0xd0 || number > SOI)
}

function exifSegment(orientation: number): Buffer {
  const content = Buffer.concat([EXIF_NAME, tiffOf(orientation)])
  return Buffer.concat([Buffer.from([0xff, APP1, 0, content.length + 2]), content])
}

// PNG: chunks of a length, a type, data and a checksum.

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
const PNG_LENGTH_MAX = 2 ** 31 - 1
const CHECKSUM_BYTES = 4
const PNG_CHUNKS = (
  'IHDR PLTE IDAT IEND acTL fcTL fdAT ' +
  'tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI bKGD hIST pHYs sPLT'
).split(' ')

async function* cleanPng(input: ByteStream): Cleaned {
  yield await input.take(PNG_SIGNATURE.length)
  for (let part = 0; part < limits.imageParts.max; part += 1) {
    const head = await input.take(8)
    if (head.length < 8) return
    const length = head.readUInt32BE()
    const type = head.toString('latin1', 4)
    if (length > PNG_LENGTH_MAX) return
    if (type === 'eXIf' && length <= EXIF_BYTES_MAX) {
      const orientation = orientationOf(await input.take(length))
      await input.skip(CHECKSUM_BYTES)
      if (orientation !== undefined) yield pngChunk(type, tiffOf(orientation))
    } else if (PNG_CHUNKS.includes(type)) {
      yield head
      yield* input.pass(length + CHECKSUM_BYTES)
    } else {
      await input.skip(length + CHECKSUM_BYTES)
    }
    if (type === 'IEND') return
  }
  return tooManyParts()
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(8 + data.length + CHECKSUM_BYTES)
  chunk.writeUInt32BE(data.length)
  chunk.write(type, 4, 'latin1')
  data.copy(chunk, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length)
  return chunk
}

/** node:zlib has crc32 only since Node 20.15; this one serves forty bytes. */
function crc32(bytes: Buffer): number {
  let sum = -1
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

// WebP: chunks of a type, a length and data, in one whose length, at the front, covers all. It is
// sent before the metadata at the end is parsed: so such chunks keep their length, and lose their
// content.

const WEBP_CHUNKS = ['VP8X', 'VP8 ', 'VP8L', 'ALPH', 'ANIM', 'ANMF', 'ICCP']
const VP8X_XMP = 0x04
/** An unknown type, which decoders must skip. */
const BLANK = Buffer.from('JUNK')

async function* cleanWebp(input: ByteStream): Cleaned {
  const riff = await input.take(RIFF_HEAD_BYTES)
  yield riff
  let left = riff.length < RIFF_HEAD_BYTES ? 0 : riff.readUInt32LE(4) - 4
  for (let part = 0; part < limits.imageParts.max; part += 1) {
    if (left < 8) return
    const head = await input.take(8)
    if (head.length < 8) return
    const type = head.toString('latin1', 0, 4)
    const length = head.readUInt32LE(4)
    const padded = Math.min(length + (length % 2), left - head.length)
    left -= head.length + padded
    if (type === 'EXIF') yield* withoutPlace(head, padded, input)
    else if (WEBP_CHUNKS.includes(type)) yield* unchanged(head, padded, input)
    else yield* blanked(head, padded, input)
  }
  return tooManyParts()
}

async function* unchanged(head: Buffer, length: number, input: ByteStream): AsyncGenerator<Buffer> {
  yield head
  if (head.toString('latin1', 0, 4) !== 'VP8X') return yield* input.pass(length)
  const flags = await input.take(Math.min(length, 1))
  yield Buffer.from(flags.map((flag) => flag & ~VP8X_XMP))
  yield* input.pass(length - 1)
}

async function* blanked(head: Buffer, length: number, input: ByteStream): AsyncGenerator<Buffer> {
  yield Buffer.concat([BLANK, head.subarray(4)])
  yield* zeros(length, input)
}

async function* withoutPlace(
  head: Buffer,
  length: number,
  input: ByteStream,
): AsyncGenerator<Buffer> {
  const exif = await input.take(Math.min(length, EXIF_BYTES_MAX))
  const tiff = tiffOf(orientationOf(exif) ?? UPRIGHT)
  const hasRoom = tiff.length <= exif.length
  yield hasRoom ? head : Buffer.concat([BLANK, head.subarray(4)])
  const padding = Buffer.alloc(Math.max(exif.length - tiff.length, 0))
  yield hasRoom ? Buffer.concat([tiff, padding]) : Buffer.alloc(exif.length)
  yield* zeros(length - exif.length, input)
}

/** Yields as many as arrive: a file may claim to be longer than it is. */
async function* zeros(length: number, input: ByteStream): AsyncGenerator<Buffer> {
  for await (const piece of input.pass(length)) yield Buffer.alloc(piece.length)
}
