/**
 * Puts into pictures what cameras and phones put there: where they were taken, by whom and with what,
 * and which side is up. Each of these texts tells, wherever it is found.
 */
import { crc32, deflateSync } from 'node:zlib'

/** What must not be found in a file that others get. */
export const SECRETS = ['SecretCamera', 'SecretCity', 'SecretNote', 'SecretOwner'] as const
/** The latitude, in degrees, as EXIF writes it: not found in any other place of such a file. */
export const LATITUDE = 24_713_551
/** What decides how a picture looks, and must be found again. */
export const COLOUR_PROFILE = 'a colour profile'

/** A JPEG with what phones write into it, in front of the given one's own segments and behind its end. */
export function taggedJpeg(jpeg: Buffer, orientation: number, order: 'II' | 'MM' = 'MM'): Buffer {
  const xmp = xmpOf('SecretCity')
  return Buffer.concat([
    jpeg.subarray(0, 2),
    segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), exif(orientation, order)])),
    segment(0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0${xmp}`)),
    segment(0xe1, Buffer.from(`http://ns.adobe.com/xmp/extension/\0${xmp}`)),
    segment(0xe2, Buffer.from(`ICC_PROFILE\0\x01\x01${COLOUR_PROFILE}`)),
    segment(0xe2, Buffer.from('MPF\0SecretOwner')),
    segment(0xed, Buffer.from('Photoshop 3.0\x008BIM\x04\x04SecretCity')),
    segment(0xfe, Buffer.from('SecretNote')),
    jpeg.subarray(2),
    // The second picture of a depth or motion photo, with an EXIF of its own.
    Buffer.from([0xff, 0xd8]),
    segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), exif(orientation, order)])),
    Buffer.from([0xff, 0xd9]),
  ])
}

/** @param png whose first chunk is its header, of 25 bytes after the signature */
export function taggedPng(png: Buffer, orientation: number): Buffer {
  return Buffer.concat([
    png.subarray(0, 33),
    pngChunk('pHYs', Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 0])),
    pngChunk('eXIf', exif(orientation, 'II')),
    pngChunk('tIME', Buffer.from([7, 0xea, 1, 23, 20, 30, 45])),
    pngChunk('tEXt', Buffer.from('Comment\0SecretNote')),
    pngChunk('iTXt', Buffer.from(`XML:com.adobe.xmp\0\0\0\0\0${xmpOf('SecretCity')}`)),
    png.subarray(33),
    Buffer.from('SecretOwner'),
  ])
}

/** @param webp whose last chunk is the picture, of so many pixels */
export function taggedWebp(
  webp: Buffer,
  orientation: number,
  { width, height }: { width: number; height: number },
): Buffer {
  const size = Buffer.alloc(10)
  // It has a profile, EXIF and XMP.
  size[0] = 0x20 | 0x08 | 0x04
  size.writeUIntLE(width - 1, 4, 3)
  size.writeUIntLE(height - 1, 7, 3)
  const chunks = Buffer.concat([
    Buffer.from('WEBP'),
    riffChunk('VP8X', size),
    riffChunk('ICCP', Buffer.from(COLOUR_PROFILE)),
    webp.subarray(Math.max(webp.indexOf('VP8 '), webp.indexOf('VP8L'))),
    riffChunk('EXIF', exif(orientation, 'II')),
    riffChunk('XMP ', Buffer.from(xmpOf('SecretCity'))),
  ])
  return Buffer.concat([riffChunk('RIFF', chunks), Buffer.from('SecretOwner')])
}

/** The make of a camera, which side is up, and a place on earth. */
function exif(orientation: number, order: 'II' | 'MM'): Buffer {
  const make = Buffer.from('SecretCamera\0\0')
  const lists = 8 + 2 + 3 * 12 + 4
  const gps = lists + make.length
  const latitude = gps + 2 + 12 + 4
  const tiff = Buffer.alloc(latitude + 24)
  const write = (value: number, at: number, bytes: number) =>
    order === 'II' ? tiff.writeUIntLE(value, at, bytes) : tiff.writeUIntBE(value, at, bytes)
  const entry = (at: number, tag: number, type: number, count: number, value: number) => {
    write(tag, at, 2)
    write(type, at + 2, 2)
    write(count, at + 4, 4)
    write(value, at + 8, type === 3 ? 2 : 4)
  }
  tiff.write(order)
  write(42, 2, 2)
  write(8, 4, 4)
  write(3, 8, 2)
  entry(10, 0x010f, 2, make.length, lists)
  entry(22, 0x0112, 3, 1, orientation)
  entry(34, 0x8825, 4, 1, gps)
  make.copy(tiff, lists)
  write(1, gps, 2)
  entry(gps + 2, 0x0002, 5, 3, latitude)
  write(LATITUDE, latitude, 4)
  return tiff
}

function xmpOf(city: string): string {
  return `<x:xmpmeta><rdf:Description photoshop:City="${city}" dc:creator="SecretOwner"/></x:xmpmeta>`
}

function segment(marker: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(content.length + 2, 2)
  return Buffer.concat([head, content])
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const chunk = Buffer.alloc(4 + body.length + 4)
  chunk.writeUInt32BE(data.length)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), 4 + body.length)
  return chunk
}

function riffChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeUInt32LE(data.length, 4)
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)])
}

/** A real PNG of an evening over hills, to be sent and looked at. */
export function landscape(width = 640, height = 480): Buffer {
  const rows = Array.from({ length: height }, (_, y) => {
    const row = Buffer.alloc(1 + width * 3)
    for (let x = 0; x < width; x += 1) row.set(colourAt(x / width, y / height), 1 + x * 3)
    return row
  })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.concat(rows))),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

function colourAt(x: number, y: number): [number, number, number] {
  const far = 0.62 + 0.06 * Math.sin(x * 7 + 1)
  const near = 0.78 + 0.08 * Math.sin(x * 4 + 3)
  if (y > near) return [28, 66, 62]
  if (y > far) return [58, 104, 100]
  if (Math.hypot((x - 0.7) * 1.33, y - 0.42) < 0.09) return [255, 236, 190]
  return [250 - 60 * (1 - y), 170 + 50 * y, 150 + 40 * (1 - y)]
}
