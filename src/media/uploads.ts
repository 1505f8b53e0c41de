import { randomBytes } from 'node:crypto'
import { access, constants, link, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileTypeFromFile } from 'file-type'
import type { Config } from '../config/config.ts'
import { ChatError, systemCode, TOO_MANY_FILES } from '../errors.ts'
import { withoutMetadata } from './image-metadata.ts'

export type MediaKind = 'image' | 'voice'

/** A received file: complete, on the disk, of an accepted type, and not yet part of a message. */
export interface Upload {
  kind: MediaKind
  /** Random; the file's name before and after it is kept. */
  name: string
  /** Detected from its bytes, whatever name the client gave. */
  extension: string
  /** The size on the disk, without the metadata of a picture. */
  bytes: number
}

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

const FOLDERS: Record<MediaKind, string> = { image: 'chat/images', voice: 'chat/voice' }
const PARENT = 'chat'
const TAKEN: Record<MediaKind, string> = {
  image: 'JPEG, PNG, GIF or WebP',
  voice: 'MP3, M4A, AAC, OGG, Opus, WebM, WAV, AMR or 3GP',
}
/** Where uploads arrive. The dot keeps it from being served. */
const INCOMING = '.incoming'
/** 128 bits: the URL of another user's picture cannot be guessed. */
const NAME_BYTES = 16
/** An upload that takes longer than this was abandoned. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000
/** The system's errors for a full disk or quota. */
const FULL_DISK = ['ENOSPC', 'EDQUOT']

/**
 * The uploads folder. A file passes through three states, and `sweep` removes what a crash leaves
 * in any of them:
 *
 * - incoming: written to `.incoming/<name>` while it arrives, and flushed to the disk;
 * - kept: linked to `chat/<kind>s/<name>.<extension>`, before its message is committed. The
 *   incoming name stays until after the commit: it makes the sweeper check whether the message
 *   exists;
 * - settled: the incoming name is removed.
 */
export class Uploads {
  /** The largest file of any kind, in bytes. */
  readonly bytesMax: number
  readonly #folder: string
  readonly #bytesMax: Record<MediaKind, number>

  constructor(config: Pick<Config, 'uploadsDir' | 'imageBytesMax' | 'voiceBytesMax'>) {
    const { uploadsDir, imageBytesMax: image, voiceBytesMax: voice } = config
    this.#folder = uploadsDir
    this.#bytesMax = { image, voice }
    this.bytesMax = Math.max(image, voice)
  }

  /** @throws ChatError `setup` when the folder cannot be written to, or leads elsewhere */
  async prepare(): Promise<void> {
    try {
      for (const folder of [INCOMING, PARENT, ...Object.values(FOLDERS)]) {
        await assertNoLink(join(this.#folder, folder))
        await mkdir(join(this.#folder, folder), { recursive: true })
        await access(join(this.#folder, folder), constants.W_OK)
      }
    } catch (error) {
      if (error instanceof ChatError) throw error
      const advice = `Make it writable for this user, or set CHAT_UPLOADS_DIR. (${systemCode(error)})`
      const message = `The uploads folder ${this.#folder} cannot be written to. ${advice}`
      throw new ChatError('setup', message, { cause: error })
    }
  }

  /**
   * Receives one file; always reads `stream` to its end.
   *
   * @throws ChatError `too_large`, `unsupported_type`, `invalid` for an empty file or one cut
   *   short, or `unavailable` as `keep` does; it removes the file then
   */
  async receive(kind: MediaKind, stream: Readable): Promise<Upload> {
    const name = randomBytes(NAME_BYTES).toString('hex')
    const path = this.#incomingPath(name)
    try {
      const bytes = await this.#write(kind, stream, path)
      return { kind, name, bytes, extension: await extensionOf(kind, path) }
    } catch (error) {
      await rm(path, { force: true })
      throw uploadError(error)
    }
  }

  /**
   * Links an upload at its final path, durably, and returns that path below the uploads folder.
   * Call `discard` when the message is committed, `remove` when it is not.
   *
   * @throws ChatError `unavailable` when the disk is full, or too many files are open
   */
  async keep(upload: Upload): Promise<string> {
    const folder = FOLDERS[upload.kind]
    const path = `${folder}/${upload.name}.${upload.extension}`
    try {
      await link(this.#incomingPath(upload.name), join(this.#folder, path))
      await syncFolder(join(this.#folder, folder))
      return path
    } catch (error) {
      await this.remove(path)
      throw uploadError(error)
    }
  }

  /** Reverts a `keep`. Idempotent. */
  async remove(path: string): Promise<void> {
    await rm(join(this.#folder, path), { force: true })
  }

  /** Removes the incoming name of an upload; the kept file stays. Idempotent. */
  async discard(upload: Upload | undefined): Promise<void> {
    if (upload !== undefined) await rm(this.#incomingPath(upload.name), { force: true })
  }

  /**
   * Recovery after a crash: removes files that stopped arriving, and files whose message was never
   * committed.
   *
   * @param isPosted whether a message has this path
   */
  async sweep(isPosted: (path: string) => Promise<boolean>, now = Date.now()): Promise<void> {
    for (const name of await readdir(join(this.#folder, INCOMING))) {
      const path = this.#incomingPath(name)
      const stats = await stat(path).catch(() => undefined)
      if (stats === undefined || now - stats.mtimeMs < ABANDONED_AFTER_MS) continue
      for (const kept of keptPaths(name)) {
        if (!(await isPosted(kept))) await this.remove(kept)
      }
      await rm(path, { force: true })
    }
  }

  #incomingPath(name: string): string {
    return join(this.#folder, INCOMING, name)
  }

  async #write(kind: MediaKind, stream: Readable, path: string): Promise<number> {
    const bytesMax = this.#bytesMax[kind]
    let bytes = 0
    // Bytes beyond the limit are read, so that the parser reaches the end, but not written.
    async function* withinLimit(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes <= bytesMax) yield chunk
      }
    }
    // Open before the first byte: a file that is created later would outlive the removal of its name.
    const handle = await open(path, 'wx')
    const file = handle.createWriteStream({ flush: true })
    if (kind === 'image') await pipeline(stream, withinLimit, withoutMetadata, file)
    else await pipeline(stream, withinLimit, file)
    if (bytes > bytesMax) {
      throw new ChatError('too_large', `${kind} must be at most ${megabytes(bytesMax)} in size`)
    }
    if (bytes === 0) throw new ChatError('invalid', `${kind} is an empty file`)
    return file.bytesWritten
  }
}

/** The uploads folder itself may be a link; below it, a link could lead files anywhere. */
async function assertNoLink(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats?.isSymbolicLink() !== true) return
  const advice = 'Replace it by a folder, or set CHAT_UPLOADS_DIR to where files are to be kept'
  throw new ChatError('setup', `${path} is a symbolic link, and is not followed. ${advice}.`)
}

async function extensionOf(kind: MediaKind, path: string): Promise<string> {
  const type = await fileTypeFromFile(path)
  const extension = type && EXTENSIONS[kind][type.ext]
  if (extension !== undefined) return extension
  throw new ChatError('unsupported_type', `${kind} must be a ${TAKEN[kind]} file`)
}

/** Every path that an upload of this name may have been kept at. */
function keptPaths(name: string): string[] {
  return Object.entries(FOLDERS).flatMap(([kind, folder]) => {
    const extensions = new Set(Object.values(EXTENSIONS[kind as MediaKind]))
    return [...extensions].map((extension) => `${folder}/${name}.${extension}`)
  })
}

/** A new name in a folder is durable only after an fsync of the folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function uploadError(error: unknown): unknown {
  const code = systemCode(error)
  if (FULL_DISK.includes(code)) {
    const message = 'The server has no room for this file. Please try again later.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 30 })
  }
  if (TOO_MANY_FILES.includes(code)) {
    const message = 'The server cannot take a file right now. Please try again in a moment.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 5 })
  }
  return error
}

function megabytes(bytes: number): string {
  return bytes % (1024 * 1024) === 0 ? `${bytes / 1024 / 1024} MB` : `${bytes} bytes`
}
