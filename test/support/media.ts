/**
 * Files of every type that matters to uploads, as small as they come but genuine: each holds what a
 * decoder needs to recognise it, not just the few bytes that a type check looks at.
 */
import { deflateSync } from 'node:zlib'
import { pngChunk } from './pictures.ts'

const WAV_HEADER_BYTES = 44
const HTML = '<!doctype html><html><body><script>alert(document.cookie)</script></body></html>\n'
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(document.cookie)"/>\n'

/** A file that is taken, and what becomes of it. */
export interface Sample {
  label: string
  content: Buffer
  extension: string
  contentType: string
}

export const IMAGES: Sample[] = [
  sample('JPEG', jpeg(), 'jpg', 'image/jpeg'),
  sample('PNG', png(), 'png', 'image/png'),
  sample('animated PNG', animatedPng(), 'png', 'image/png'),
  sample('GIF', gif(), 'gif', 'image/gif'),
  sample('WebP', webp(), 'webp', 'image/webp'),
]

export const VOICES: Sample[] = [
  sample('MP3', mp3(), 'mp3', 'audio/mpeg'),
  sample('MP3 with ID3', Buffer.concat([id3(), mp3()]), 'mp3', 'audio/mpeg'),
  sample('M4A', mp4('M4A ', 'isom', 'mp42'), 'm4a', 'audio/mp4'),
  sample('MP4 audio as Android records it', mp4('mp42', 'isom', 'mp42'), 'm4a', 'audio/mp4'),
  sample('MP4 audio as Safari records it', mp4('iso5', 'isom', 'hlsf'), 'm4a', 'audio/mp4'),
  sample('AAC in ADTS, MPEG-4', adts(0xf1), 'aac', 'audio/aac'),
  sample('AAC in ADTS, MPEG-2', adts(0xf9), 'aac', 'audio/aac'),
  sample('OGG with Vorbis', ogg(vorbisHead()), 'ogg', 'audio/ogg'),
  sample('OGG with Opus', ogg(opusHead()), 'opus', 'audio/ogg'),
  sample('WebM', webm('webm'), 'webm', 'audio/webm'),
  sample('WAV', wav(64), 'wav', 'audio/wav'),
  sample('AMR', amr('#!AMR\n'), 'amr', 'audio/amr'),
  sample('AMR wideband', amr('#!AMR-WB\n'), 'amr', 'audio/amr'),
  sample('3GP', mp4('3gp4', 'isom', '3gp4'), '3gp', 'audio/3gpp'),
]

/** Samples for tests that need just one. */
export const JPEG = Buffer.from(jpeg())
export const MP3 = Buffer.from(mp3())
export const OGG = Buffer.from(ogg(opusHead()))

/** What is taken neither as an image nor as a voice. */
export const REFUSED: { label: string; content: Buffer }[] = [
  { label: 'SVG', content: Buffer.from(SVG) },
  { label: 'SVG with an XML declaration', content: Buffer.from(`<?xml version="1.0"?>\n${SVG}`) },
  { label: 'HTML', content: Buffer.from(HTML) },
  { label: 'PDF', content: pdf() },
  { label: 'ZIP', content: zip() },
  { label: 'Windows program', content: windowsProgram() },
  { label: 'Linux program', content: linuxProgram() },
  { label: 'shell script', content: Buffer.from('#!/bin/sh\nrm -rf "$HOME"\n') },
  { label: 'PHP script', content: Buffer.from('<?php system($_GET["c"]);\n') },
  { label: 'text', content: Buffer.from('Just a note, and nothing to look at or listen to.\n') },
  { label: 'single byte', content: Buffer.from([0xff]) },
  { label: 'Matroska video', content: webm('matroska') },
  { label: 'QuickTime video', content: mp4('qt  ', 'qt  ') },
  { label: 'HEIC', content: mp4('heic', 'mif1', 'heic') },
]

/** A picture of one pixel, as a client sends it. */
export function picture(): Blob {
  return new Blob([new Uint8Array(png())])
}

/** A recording of two samples. */
export function recording(): Blob {
  return new Blob([wav(2)])
}

export function html(): Buffer {
  return Buffer.from(HTML)
}

export function svg(): Buffer {
  return Buffer.from(SVG)
}

/** A picture of `bytes` bytes: more data before its end than its one pixel needs, which decoders skip. */
export function jpegOf(bytes: number): Buffer {
  const picture = jpeg()
  const end = picture.length - 2
  const padding = Buffer.alloc(bytes - picture.length)
  return Buffer.concat([picture.subarray(0, end), padding, picture.subarray(end)])
}

/** A recording of `bytes` bytes. */
export function wavOf(bytes: number): Buffer<ArrayBuffer> {
  return wav(bytes - WAV_HEADER_BYTES)
}

/** One grey pixel; each Huffman table has one code, and the picture takes two of them. */
export function jpeg(): Buffer {
  const oneCode = [1, ...Array<number>(15).fill(0), 0]
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    jpegSegment(0xe0, [...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    jpegSegment(0xdb, [0, ...Array<number>(64).fill(1)]),
    jpegSegment(0xc0, [8, 0, 1, 0, 1, 1, 1, 0x11, 0]),
    jpegSegment(0xc4, [0x00, ...oneCode, 0x10, ...oneCode]),
    jpegSegment(0xda, [1, 1, 0, 0, 63, 0]),
    Buffer.from([0x3f, 0xff, 0xd9]),
  ])
}

function jpegSegment(marker: number, content: number[]): Buffer {
  return Buffer.from([0xff, marker, 0, content.length + 2, ...content])
}

function sample(label: string, content: Buffer, extension: string, contentType: string): Sample {
  return { label, content, extension, contentType }
}

function png(): Buffer {
  return pngOf()
}

function animatedPng(): Buffer {
  const oneFrameForEver = pngChunk('acTL', uint32(1, 0))
  const frame = pngChunk(
    'fcTL',
    Buffer.concat([uint32(0, 1, 1, 0, 0), Buffer.from([0, 1, 0, 1, 0, 0])]),
  )
  return pngOf(oneFrameForEver, frame)
}

/** One by one pixel, 8-bit greyscale. */
function pngOf(...extraChunks: Buffer[]): Buffer {
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])),
    ...extraChunks,
    pngChunk('IDAT', deflateSync(Buffer.from([0, 0]))),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

function gif(): Buffer {
  return Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
}

function webp(): Buffer {
  return Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64')
}

/** Two silent frames: MPEG 1, layer 3, 128 kbit/s, 44.1 kHz. */
function mp3(): Buffer {
  const frame = Buffer.alloc(417)
  frame.set([0xff, 0xfb, 0x90, 0x00])
  return Buffer.concat([frame, frame])
}

/** A tag with a title, and the padding that encoders leave for later edits. */
function id3(): Buffer {
  const title = Buffer.concat([Buffer.from('TIT2'), uint32(6), Buffer.from('\0\0\0Voice')])
  const padding = Buffer.alloc(100)
  const bytes = title.length + padding.length
  const header = [0x49, 0x44, 0x33, 4, 0, 0, 0, 0, bytes >> 7, bytes & 0x7f]
  return Buffer.concat([Buffer.from(header), title, padding])
}

/** An ISO media file: its brand, an empty movie, and some data. */
function mp4(brand: string, ...compatible: string[]): Buffer {
  const brands = Buffer.from(`${brand}\0\0\0\0${compatible.join('')}`, 'latin1')
  return Buffer.concat([
    mp4Box('ftyp', brands),
    mp4Box('moov', mp4Box('mvhd', Buffer.concat([uint32(0, 0, 0, 1_000), Buffer.alloc(84)]))),
    mp4Box('mdat', Buffer.alloc(64)),
  ])
}

function mp4Box(type: string, content: Buffer): Buffer {
  return Buffer.concat([uint32(content.length + 8), Buffer.from(type), content])
}

/** Two frames of AAC-LC, 44.1 kHz, stereo. The second byte says which MPEG: 0xf1 4, 0xf9 2. */
function adts(version: number): Buffer {
  const frame = Buffer.alloc(32)
  frame.set([0xff, version, 0x50, 0x80, frame.length >> 3, ((frame.length & 7) << 5) | 0x1f, 0xfc])
  return Buffer.concat([frame, frame])
}

/** The first page of an Ogg stream. */
function ogg(packet: Buffer): Buffer {
  const header = Buffer.alloc(28)
  header.write('OggS')
  header[5] = 2
  header.writeUInt32LE(0x1234, 14)
  header.set([1, packet.length], 26)
  const page = Buffer.concat([header, packet])
  page.writeUInt32LE(oggChecksum(page), 22)
  return page
}

/** CRC-32 as Ogg has it: not reflected, starting from zero. */
function oggChecksum(page: Buffer): number {
  let sum = 0
  for (const byte of page) {
    sum ^= byte << 24
    for (let bit = 0; bit < 8; bit += 1) sum = sum < 0 ? (sum << 1) ^ 0x04c11db7 : sum << 1
  }
  return sum >>> 0
}

function opusHead(): Buffer {
  const head = Buffer.alloc(19)
  head.write('OpusHead')
  head.set([1, 1], 8)
  head.writeUInt32LE(48_000, 12)
  return head
}

function vorbisHead(): Buffer {
  const head = Buffer.alloc(30)
  head.write('\x01vorbis')
  head[11] = 1
  head.writeUInt32LE(44_100, 12)
  head.set([0xb8, 1], 28)
  return head
}

/** An EBML header that names its document type, and an empty segment. */
function webm(documentType: string): Buffer {
  const header = Buffer.concat([
    Buffer.from([0x42, 0x86, 0x81, 1, 0x42, 0xf7, 0x81, 1, 0x42, 0xf2, 0x81, 4]),
    Buffer.from([0x42, 0xf3, 0x81, 8, 0x42, 0x82, 0x80 | documentType.length]),
    Buffer.from(documentType),
    Buffer.from([0x42, 0x87, 0x81, 4, 0x42, 0x85, 0x81, 2]),
  ])
  const segment = Buffer.from([0x18, 0x53, 0x80, 0x67, 0x80])
  return Buffer.concat([
    Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80 | header.length]),
    header,
    segment,
  ])
}

/** Silence: 8 bits, 8 kHz, mono. */
function wav(soundBytes: number): Buffer<ArrayBuffer> {
  const content = Buffer.alloc(WAV_HEADER_BYTES + soundBytes)
  content.write('RIFF')
  content.writeUInt32LE(content.length - 8, 4)
  content.write('WAVEfmt ', 8)
  content.writeUInt32LE(16, 16)
  content.writeUInt16LE(1, 20)
  content.writeUInt16LE(1, 22)
  content.writeUInt32LE(8_000, 24)
  content.writeUInt32LE(8_000, 28)
  content.writeUInt16LE(1, 32)
  content.writeUInt16LE(8, 34)
  content.write('data', 36)
  content.writeUInt32LE(soundBytes, 40)
  return content
}

/** The magic line and one frame that says "no data". */
function amr(magic: string): Buffer {
  return Buffer.concat([Buffer.from(magic), Buffer.from([0x7c])])
}

function pdf(): Buffer {
  return Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n')
}

/** An archive of one empty file called "a". */
function zip(): Buffer {
  const entry = Buffer.alloc(31)
  entry.set([0x50, 0x4b, 3, 4, 10])
  entry.set([1, 0, 0, 0, 0x61], 26)
  const directory = Buffer.alloc(47)
  directory.set([0x50, 0x4b, 1, 2, 20, 0, 10])
  directory[28] = 1
  directory[46] = 0x61
  const end = Buffer.alloc(22)
  end.set([0x50, 0x4b, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, directory.length, 0, 0, 0, entry.length])
  return Buffer.concat([entry, directory, end])
}

function windowsProgram(): Buffer {
  const content = Buffer.alloc(128)
  content.write('MZ')
  content.writeUInt32LE(64, 60)
  content.write('PE\0\0', 64, 'latin1')
  return content
}

function linuxProgram(): Buffer {
  const content = Buffer.alloc(64)
  content.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  return content
}

function uint32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => {
    buffer.writeUInt32BE(value, 4 * index)
  })
  return buffer
}
