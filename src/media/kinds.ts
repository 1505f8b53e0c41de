import { randomBytes } from 'node:crypto'
import { parse } from 'node:path'
import { fileTypeFromFile } from 'file-type'
import { ChatError } from '../errors.ts'

/** A random name: 128 bits, so that the URL of another user's picture cannot be guessed. */
const NAME = /^[0-9a-f]{32}$/

export function randomName(): string {
  return randomBytes(16).toString('hex')
}

export type MediaKind = 'image' | 'voice'

/** Our extensions by those of file-type. Android and Safari record voice as MP4. */
const EXTENSIONS: Record<MediaKind, Record<string, string>> = {
  image: { jpg: 'jpg', png: 'png', apng: 'png', gif: 'gif', webp: 'webp' },
  voice: {
    mp3: 'mp3',
    m4a: 'm4a',
    mp4: 'm4a',
    aac: 'aac',
    ogg: 'ogg',
    oga: 'ogg',
    opus: 'opus',
    webm: 'webm',
    wav: 'wav',
    amr: 'amr',
    '3gp': '3gp',
  },
}

/** Where each kind is kept. */
export const FOLDERS: Record<MediaKind, string> = { image: 'chat/images', voice: 'chat/voice' }
const TAKEN: Record<MediaKind, string> = {
  image: 'JPEG, PNG, GIF or WebP',
  voice: 'MP3, M4A, AAC, OGG, Opus, WebM, WAV, AMR or 3GP',
}

/** Detects the type of a file from its bytes. @throws ChatError `unsupported_type` */
export async function extensionOf(kind: MediaKind, file: string): Promise<string> {
  const type = await fileTypeFromFile(file)
  const extension = type && EXTENSIONS[kind][type.ext]
  if (extension !== undefined) return extension
  throw new ChatError('unsupported_type', `${kind} must be a ${TAKEN[kind]} file`)
}

/** Whether a path is one that files are kept at. */
export function isPath(path: string): boolean {
  const { name } = parse(path)
  return NAME.test(name) && pathsOf(name).includes(path)
}

/** Every path that a file of this name may have been kept at. */
export function pathsOf(name: string): string[] {
  return Object.entries(FOLDERS).flatMap(([kind, folder]) => {
    const extensions = new Set(Object.values(EXTENSIONS[kind as MediaKind]))
    return [...extensions].map((extension) => `${folder}/${name}.${extension}`)
  })
}
