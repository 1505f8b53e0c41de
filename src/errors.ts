/**
 * The one error that is meant for the caller: clients see its message word for word, so it says
 * what is wrong and what to do, and names no path, SQL or stack. Any other error is a bug, and
 * clients see "Internal error".
 *
 * The thrower picks a code, which is translated once: by http/response.ts to a status, by
 * websocket/close-codes.ts to a close code, by cli/ to one line and exit code 1.
 */
export class ChatError extends Error {
  readonly code: ErrorCode
  /** How long the caller should wait before trying again. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'ChatError'
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

export type ErrorCode =
  | 'invalid' // the request makes no sense as it stands
  | 'unauthenticated' // the caller is not known
  | 'forbidden' // they may not
  | 'not_found'
  | 'method_not_allowed'
  | 'too_large' // a body or file beyond its limit
  | 'unsupported_type' // a body or file of a kind that is not taken
  | 'too_many' // slow down
  | 'busy' // not now, though the service works: too much at once, or one part of it is away
  | 'unavailable' // not now: retrying the same thing later can succeed
  | 'uncertain' // it may have been done, or not: only what is idempotent may be retried
  | 'setup' // the operator has to change something before this can run

export function hasCode(error: unknown, code: ErrorCode): error is ChatError {
  return error instanceof ChatError && error.code === code
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code Node or SQLite gave an error ("EADDRINUSE", "SQLITE_BUSY"), or '' if it has none. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** The system's errors when no file descriptor is left. */
export const TOO_MANY_FILES = ['EMFILE', 'ENFILE']
