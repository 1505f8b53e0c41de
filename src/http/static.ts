import { realpath } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, resolve as resolvePath, sep } from 'node:path'
import send from 'send'
import { ChatError, systemCode, TOO_MANY_FILES } from '../errors.ts'
import type { MediaStore } from '../media/media-store.ts'
import { readFrom } from './remote-file.ts'

/** Media is immutable: its content never changes under its name. */
const MEDIA_MAX_AGE_SECONDS = 365 * 24 * 60 * 60

/**
 * Content types of the uploads folder, by extension. Any other file (from a shop's older program)
 * is a download: HTML or SVG opened from here would run in the chat's origin.
 */
const MEDIA_TYPES: Record<string, string> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.mp3': 'audio/mpeg',
  '.m4a': 'audio/mp4',
  '.aac': 'audio/aac',
  '.ogg': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.webm': 'audio/webm',
  '.wav': 'audio/wav',
  '.amr': 'audio/amr',
  '.3gp': 'audio/3gpp',
}

/**
 * Other spellings (//page, /%70age, /./page) would lead to the same files past any check of the
 * path.
 */
const PAGE_PATH = /^(\/\w[\w.-]*)*\/?$/

/** Statuses of an existing file: a version or range of it is not available. */
const CONDITION_FAILED = [412, 416]

/** The system's errors for a path without a file. */
const NO_FILE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE']

interface Folder {
  root: string
  /** Whether symbolic links in it are followed. */
  followsLinks: boolean
  options: send.SendOptions
  headers: (response: ServerResponse, path: string) => void
  /** Where its files are, if not on this machine. */
  get?: MediaStore['get'] | undefined
}

/**
 * The uploads folder, or what is in its place: cached as immutable, and never run as a page.
 *
 * @param isPrivate whether shared caches, which do not authenticate, must not keep it
 */
export function mediaFolder(root: string, isPrivate: boolean, get: MediaStore['get']): Folder {
  const scope = isPrivate ? 'private' : 'public'
  const headers = (response: ServerResponse, path: string) => {
    response.setHeader('Cache-Control', `${scope}, max-age=${MEDIA_MAX_AGE_SECONDS}, immutable`)
    setMediaHeaders(response, path)
  }
  const options = { root: get ? sep : root, index: false as const, cacheControl: false }
  // A bucket has none.
  const followsLinks = get !== undefined
  return { root, followsLinks, options, headers, get }
}

/**
 * Whether a path is that of a page. Pages have plain names, and the uploads folder, which may lie
 * among them, has none: its files are media at any path.
 */
export function isPagePath(path: string, pagesDir: string, uploadsDir: string): boolean {
  const file = join(resolvePath(pagesDir), path, sep)
  return PAGE_PATH.test(path) && !file.startsWith(join(resolvePath(uploadsDir), sep))
}

/**
 * The pages.
 *
 * @param websocketUrls the only WebSockets that the pages may connect to
 */
export function pagesFolder(root: string, websocketUrls: string[]): Folder {
  const headers = (response: ServerResponse) => setPageHeaders(response, websocketUrls)
  const options = { root, index: 'index.html', maxAge: 0 }
  return { root, followsLinks: true, options, headers }
}

/**
 * Answers with a file; `send` handles ranges, conditional requests and caching.
 *
 * @param path of the file below the folder, as it stands in the URL
 * @throws ChatError `not_found`, also for dot files, files outside the folder and the targets of
 *   symbolic links; the system's error for a file that is there and cannot be read, or `busy`
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  folder: Folder,
  path: string,
): Promise<void> {
  if (!folder.followsLinks) await assertNoLinks(folder.root, path)
  return new Promise((resolve, reject) => {
    const stream = send(request, path, { ...folder.options, dotfiles: 'ignore' })
    stream.on('headers', folder.headers)
    if (folder.get !== undefined) readFrom(folder.get, stream, { request, response }, reject)
    stream.on('directory', () => reject(notFound()))
    stream.on('error', (error: Error & { status: number }) => {
      if (CONDITION_FAILED.includes(error.status)) answerWithoutBody(response, error.status)
      else reject(error.status < 500 ? notFound() : fileError(error))
    })
    // Closes the file when its client disconnects.
    const socketOnClose = () => response.destroy()
    request.socket.once('close', socketOnClose)
    response.once('close', () => {
      request.socket.off('close', socketOnClose)
      resolve()
    })
    stream.pipe(response)
  })
}

/** The folder itself may be a link, made by the operator. */
async function assertNoLinks(root: string, path: string): Promise<void> {
  try {
    const plainPath = join(sep, decodeURIComponent(path))
    const [realRoot, realFile] = await Promise.all([
      realpath(root),
      realpath(join(root, plainPath)),
    ])
    if (join(realFile, sep) === join(realRoot, plainPath, sep)) return
  } catch (error) {
    if (!(error instanceof URIError) && !NO_FILE.includes(systemCode(error))) throw error
  }
  throw notFound()
}

export function notFound(): ChatError {
  return new ChatError('not_found', 'There is nothing at this address')
}

function fileError(error: unknown): unknown {
  if (!TOO_MANY_FILES.includes(systemCode(error))) return error
  const message = 'The server cannot open a file right now. Please try again in a moment.'
  return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 5 })
}

/** The headers of the file do not apply to this answer: it must not be cached for a year. */
function answerWithoutBody(response: ServerResponse, status: number): void {
  response.removeHeader('Content-Type')
  response.writeHead(status, { 'Cache-Control': 'no-store', 'Content-Length': 0 }).end()
}

function setMediaHeaders(response: ServerResponse, path: string): void {
  const type = MEDIA_TYPES[extname(path).toLowerCase()]
  response.setHeader('Content-Type', type ?? 'application/octet-stream')
  if (type === undefined) response.setHeader('Content-Disposition', 'attachment')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox")
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
}

function setPageHeaders(response: ServerResponse, websocketUrls: string[]): void {
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Content-Security-Policy', pagePolicy(websocketUrls))
  response.setHeader('Referrer-Policy', 'no-referrer')
}

/**
 * The Content-Security-Policy of a page: it loads from its own origin only, and connects to the
 * sockets. The page itself may create pictures and recordings.
 */
function pagePolicy(websocketUrls: string[]): string {
  const sockets = [...new Set(websocketUrls.map(policySource))]
  return [
    "default-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self' blob:",
    `connect-src 'self' blob: ${sockets.join(' ')}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join('; ')
}

/** Scheme, host and port. A policy cannot name an IPv6 address, so that permits every host. */
function policySource(websocketUrl: string): string {
  const { origin, protocol, hostname } = new URL(websocketUrl)
  return hostname.startsWith('[') ? protocol : origin
}
