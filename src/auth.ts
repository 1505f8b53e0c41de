import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLoopback } from './config.ts'
import { ChatError } from './errors.ts'

/** Whoever makes a request or opens a socket. */
export interface Caller {
  /** Returns `userId` if the caller may act as that user. */
  mustBe(userId: number): number
}

/** CHAT_AUTH=none, the documented protocol: callers are who they say they are. */
export const anyone: Caller = { mustBe: (userId) => userId }

/**
 * Where a request came from. Behind a proxy that is the last address of X-Forwarded-For, the one the
 * proxy itself saw: those before it are the client's word.
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? forwardedFor(request)?.split(',').at(-1)?.trim() : undefined
  return forwarded || (request.socket.remoteAddress ?? '')
}

/**
 * Lets programs on this machine push events, and others only with CHAT_BROADCAST_SECRET. A proxy on
 * this machine speaks for the whole world, so what it forwards does not count as local.
 *
 * @throws ChatError `forbidden`
 */
export function requireBroadcaster(request: IncomingMessage, secret: string): void {
  const isForwarded = forwardedFor(request) !== undefined || request.headers.forwarded !== undefined
  if (!isForwarded && isLoopback(request.socket.remoteAddress ?? '')) return
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (secret !== '' && given !== undefined && isSameSecret(given, secret)) return
  throw new ChatError(
    'forbidden',
    'Only programs on the server may broadcast, or those that send Authorization: Bearer with the ' +
      'broadcast secret',
  )
}

function forwardedFor(request: IncomingMessage): string | undefined {
  const header = request.headers['x-forwarded-for']
  return Array.isArray(header) ? header.join(',') : header
}

/** Compares digests, which have one length, in a time that does not tell where they differ. */
function isSameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
