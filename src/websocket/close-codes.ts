import type { WebSocket } from 'ws'
import type { ChatError } from '../errors.ts'

/** Close codes, each with what the client should do; the README has the same table. */
export const CLOSE = {
  stopping: { code: 1001, reason: 'Server is stopping; reconnect in a few seconds' },
  failed: { code: 1011, reason: 'Something went wrong here; reconnect in a few seconds' },
  restarting: { code: 1012, reason: 'Server is restarting; reconnect in a few seconds' },
  eventsLost: { code: 1012, reason: 'Events were lost; reconnect and ask for what you missed' },
  expired: { code: 4401, reason: 'The token has expired: get a new one, then reconnect' },
  signedOut: { code: 4401, reason: 'You were signed out: log in again' },
  slowConsumer: { code: 4408, reason: 'Too slow to read; reconnect and ask for what you missed' },
  tooManyConnections: { code: 4409, reason: 'Too many connections; close one, then reconnect' },
  tooManyFrames: { code: 4429, reason: 'Too many frames; send fewer' },
} as const

export interface Close {
  code: number
  reason: string
}

/** The close code for a user without the permission. */
export const FORBIDDEN = 4403

/** The room of a close frame for its reason (RFC 6455, section 5.5). */
const REASON_BYTES_MAX = 123

/** The one place where an error becomes a close code. */
export function closeFor(error: ChatError): Close {
  switch (error.code) {
    case 'invalid':
      return { code: 4400, reason: error.message }
    case 'unauthenticated':
      return { code: 4401, reason: error.message }
    case 'forbidden':
      return { code: FORBIDDEN, reason: error.message }
    default:
      return CLOSE.failed
  }
}

/** Closes with a code. Idempotent: does nothing to a socket that is closing already. */
export function closeSocket(socket: WebSocket, { code, reason }: Close): void {
  if (socket.readyState === socket.OPEN) socket.close(code, closeReason(reason))
}

/** As much of a reason as fits, in whole characters: a peer takes half a one for a broken frame. */
function closeReason(reason: string): Buffer {
  const bytes = Buffer.alloc(REASON_BYTES_MAX)
  const { written } = new TextEncoder().encodeInto(reason, bytes)
  return bytes.subarray(0, written)
}
