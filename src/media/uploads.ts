import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Config } from '../config/config.ts'
import { ChatError, hasCode } from '../errors.ts'
import { namesBefore, prepareFolders, SPOOL, writeError } from './folder.ts'
import { withoutMetadata } from './image-metadata.ts'
import { extensionOf, FOLDERS, type MediaKind, randomName } from './kinds.ts'
import type { IsPosted, MediaStore } from './media-store.ts'

/** A received file: complete, in the spool, of an accepted type, and not yet part of a message. */
export interface Upload {
  kind: MediaKind
  /** Random; the file's name before and after it is kept. */
  name: string
  /** Detected from its bytes, whatever name the client gave. */
  extension: string
  /** The size on the disk, without the metadata of a picture. */
  bytes: number
}

/** An upload that takes longer than this was abandoned. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000

/**
 * Files from their first byte to their message. A file passes through three states, and `sweep`
 * removes what a crash leaves in any of them:
 *
 * - received: in the spool, a folder of this machine, under a random name;
 * - kept: durable in the store at its final path, before its message is committed, and marked;
 * - settled: the message is committed, and the mark removed.
 */
export class Uploads {
  /** The largest file of any kind, in bytes. */
  readonly bytesMax: number
  readonly #folder: string
  readonly #bytesMax: Record<MediaKind, number>
  readonly #store: MediaStore

  constructor(
    config: Pick<Config, 'uploadsDir' | 'imageBytesMax' | 'voiceBytesMax'>,
    store: MediaStore,
  ) {
    const { uploadsDir, imageBytesMax: image, voiceBytesMax: voice } = config
    this.#folder = uploadsDir
    this.#bytesMax = { image, voice }
    this.bytesMax = Math.max(image, voice)
    this.#store = store
  }

  /** @throws ChatError `setup` when the spool or the store cannot be used */
  async prepare(): Promise<void> {
    await prepareFolders(this.#folder, [SPOOL])
    await this.#store.prepare()
  }

  /**
   * Receives one file; always reads `stream` to its end.
   *
   * @throws ChatError `too_large`, `unsupported_type`, `invalid` for an empty file or one cut
   *   short, or `unavailable` when the disk is full, or too many files are open; it removes the
   *   file then
   */
  async receive(kind: MediaKind, stream: Readable): Promise<Upload> {
    const name = randomName()
    const path = this.#spooled(name)
    try {
      const bytes = await this.#write(kind, stream, path)
      return { kind, name, bytes, extension: await extensionOf(kind, path) }
    } catch (error) {
      await rm(path, { force: true })
      throw writeError(error)
    }
  }

  /** Removes an upload that is not to be kept. Idempotent. */
  async discard(upload: Upload | undefined): Promise<void> {
    if (upload !== undefined) await rm(this.#spooled(upload.name), { force: true })
  }

  /**
   * Keeps an upload, then posts its message. A message that is not stored, or that was stored with
   * another file by an earlier try, leaves no file.
   *
   * @param post stores the message with this path
   * @throws ChatError as `MediaStore.put`; whatever `post` throws
   */
  async keep<Posted extends { message: { mediaPath: string | null } }>(
    { kind, name, extension }: Upload,
    post: (path: string) => Promise<Posted>,
  ): Promise<Posted> {
    const path = `${FOLDERS[kind]}/${name}.${extension}`
    await this.#store.put(path, this.#spooled(name))
    try {
      const posted = await post(path)
      const isUsed = posted.message.mediaPath === path
      // After the answer: the sweep does what fails here.
      const ending = isUsed ? this.#store.settle(path) : this.#store.remove(path)
      ending.catch(() => {})
      return posted
    } catch (error) {
      // Of a message that may be stored all the same, the sweep finds out.
      if (isRefusal(error)) await this.#store.remove(path).catch(() => {})
      throw error
    }
  }

  /** Recovery after a crash: removes what was abandoned in the store and in the spool. */
  async sweep(isPosted: IsPosted, now = Date.now()): Promise<void> {
    const before = now - ABANDONED_AFTER_MS
    await this.#store.sweep(isPosted, before)
    for (const name of await namesBefore(join(this.#folder, SPOOL), before)) {
      await rm(this.#spooled(name), { force: true })
    }
  }

  #spooled(name: string): string {
    return join(this.#folder, SPOOL, name)
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

/** Whether nothing was stored, for certain. */
function isRefusal(error: unknown): boolean {
  return error instanceof ChatError && !hasCode(error, 'uncertain')
}

function megabytes(bytes: number): string {
  return bytes % (1024 * 1024) === 0 ? `${bytes / 1024 / 1024} MB` : `${bytes} bytes`
}
