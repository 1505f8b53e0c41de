import type { IncomingMessage, ServerResponse } from 'node:http'
import { posix } from 'node:path'
import type { Authenticate } from '../auth/authenticate.ts'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config/config.ts'
import type { MediaStore } from '../media/media-store.ts'
import type { ClientConfig } from './endpoint.ts'
import { isPagePath, mediaFolder, notFound, pagesFolder, sendFile } from './static.ts'
import { websocketUrls } from './websocket-url.ts'

const UPLOADS_PREFIX = '/uploads/'
/** The part of the uploads folder that CHAT_MEDIA_AUTH protects. Profile pictures are for everybody. */
const PRIVATE_MEDIA = 'chat/'

export interface FilesParts {
  chat: Chat
  authenticate: Authenticate
  mediaStore: MediaStore
  /** The folder of the pages. */
  pagesDir: string
}

export type FilesOptions = ClientConfig & Pick<Config, 'uploadsDir' | 'mediaAuth'>

/** What is served beside the endpoints: media, and the pages. */
export class Files {
  readonly #parts: FilesParts
  readonly #options: FilesOptions
  readonly #media: ReturnType<typeof mediaFolder>

  constructor(parts: FilesParts, options: FilesOptions) {
    this.#parts = parts
    this.#options = options
    const { uploadsDir, mediaAuth } = options
    this.#media = mediaFolder(uploadsDir, mediaAuth, parts.mediaStore.get)
  }

  /** @throws ChatError `not_found`, or as the authenticator does for media of others */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (isMediaPath(path)) {
      const mediaPath = path.slice(UPLOADS_PREFIX.length)
      await this.#requireMedia(request, mediaPath)
      return sendFile(request, response, this.#media, `/${mediaPath}`)
    }
    const { chat, pagesDir } = this.#parts
    if (!isPagePath(path, pagesDir, this.#options.uploadsDir)) throw notFound()
    const socketUrls = await websocketUrls(chat, request, this.#options)
    return sendFile(request, response, pagesFolder(pagesDir, socketUrls), path)
  }

  async #requireMedia(request: IncomingMessage, path: string): Promise<void> {
    if (!this.#options.mediaAuth) return
    const mediaPath = normalizedPath(path)
    if (!mediaPath.toLowerCase().startsWith(PRIVATE_MEDIA)) return
    const caller = await this.#parts.authenticate(request)
    caller.assertActsAsOneOf(await this.#parts.chat.messages.peopleOfMedia(mediaPath))
  }
}

export function isMediaPath(path: string): boolean {
  return path.startsWith(UPLOADS_PREFIX)
}

/** The one spelling of a path: what `send` would make of it too. */
function normalizedPath(path: string): string {
  try {
    return posix.normalize(decodeURIComponent(path)).replace(/^\/+/, '')
  } catch {
    throw notFound()
  }
}
