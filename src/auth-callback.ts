import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Identity } from './auth.ts'
import { profileFrom } from './chat/users.ts'
import { ChatError } from './errors.ts'
import { integerFrom } from './integers.ts'

/** The application behind the callback answers from a session store: slower than this, it is down. */
const TIMEOUT_MS = 3_000
/** How long an answer is believed without asking again: a logout takes effect after this. */
const CACHE_MS = 10_000
/** Answers remembered at once. */
const CACHED_MAX = 10_000
/** An answer is a few names and a number. */
const ANSWER_BYTES_MAX = 64 * 1024

interface Cached {
  identity: Promise<Identity>
  until: number
}

/**
 * Asks the shop's own application who a visitor is: a GET with the visitor's Cookie and Authorization
 * headers, so that its sessions (PHPSESSID) work here unchanged. It answers 200 with
 * `{"user_id": …, "username": …, "name": …, "profile_url": …}`, or 401 or 403 for a stranger.
 *
 * The returned function throws a ChatError `unauthenticated` for a stranger and `unavailable` when the
 * application does not answer as it should.
 */
export function askCallback(url: string): (headers: IncomingHttpHeaders) => Promise<Identity> {
  const cache = new Map<string, Cached>()
  return async ({ cookie = '', authorization = '' }) => {
    if (cookie === '' && authorization === '') {
      throw new ChatError('unauthenticated', 'Log in first')
    }
    const key = createHash('sha256').update(`${cookie}\0${authorization}`).digest('base64')
    const known = cache.get(key)
    if (known !== undefined && known.until > performance.now()) return known.identity
    const identity = ask(url, { cookie, authorization })
    remember(cache, key, identity)
    // Only good news is kept: who logs in a moment later is not to be turned away.
    identity.catch(() => cache.delete(key))
    return identity
  }
}

function remember(cache: Map<string, Cached>, key: string, identity: Promise<Identity>): void {
  cache.delete(key)
  cache.set(key, { identity, until: performance.now() + CACHE_MS })
  const [oldest] = cache.keys()
  if (cache.size > CACHED_MAX && oldest !== undefined) cache.delete(oldest)
}

async function ask(
  url: string,
  { cookie, authorization }: { cookie: string; authorization: string },
): Promise<Identity> {
  const response = await get(url, {
    accept: 'application/json',
    ...(cookie === '' ? {} : { cookie }),
    ...(authorization === '' ? {} : { authorization }),
  })
  if (response.status === 401 || response.status === 403) {
    throw new ChatError('unauthenticated', 'Log in first')
  }
  if (response.status !== 200) throw unreachable(`answered ${response.status}`)
  return identityFrom(response.body)
}

async function get(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    // A redirect is what a login page answers to a stranger; it must not count as a yes.
    const response = await fetch(url, { headers, signal, redirect: 'manual' })
    if (response.type === 'opaqueredirect' || response.status >= 300) {
      await response.body?.cancel()
      const isRedirect = response.status >= 300 && response.status < 400
      return { status: isRedirect ? 401 : response.status, body: '' }
    }
    return { status: response.status, body: await readBody(response) }
  } catch (error) {
    throw unreachable('did not answer', error)
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error('The answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function identityFrom(body: string): Identity {
  const answer = parsed(body)
  const userId = integerFrom(answer.user_id)
  if (userId === undefined || userId === 0) throw unreachable('named no user_id')
  return { userId, profile: profileFrom(answer) }
}

function parsed(body: string): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(body)
    if (typeof answer === 'object' && answer !== null) return answer as Record<string, unknown>
  } catch (error) {
    throw unreachable('did not answer in JSON', error)
  }
  throw unreachable('did not answer with an object')
}

/** `why` is for the log, by way of the cause; the visitor can only wait. */
function unreachable(why: string, cause?: unknown): ChatError {
  const message = 'Logins cannot be checked at the moment. Please try again.'
  const reason = new Error(`The authentication callback ${why}`, { cause })
  return new ChatError('unavailable', message, { cause: reason, retryAfterSeconds: 5 })
}
