import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { integerFrom } from '../chat/integers.ts'
import { parseObject } from '../chat/json.ts'
import { profileFrom } from '../chat/wire.ts'
import { ChatError, hasCode, systemCode } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { Turns } from '../limits/quota.ts'
import type { RateLimit } from '../limits/rate-limit.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import type { Identity } from './caller.ts'

/**
 * The application behind the callback answers from a session store: slower than this, it is down.
 */
const TIMEOUT_MS = 3_000
/** An answer is cached for so long: a logout takes effect after it. */
const CACHED_MS = 10_000
/** Credentials stay known for so long after a positive answer: see Callback. */
const KNOWN_MS = 60 * 60_000
/** Credentials known at once. */
const KNOWN_MAX = 10_000
/** A request to the callback waits so long for its turn: all clients reconnect after a restart. */
const TURN_WAIT_MS = 1_000
/** An outage for some clients is over when no request has failed for so long. */
const QUIET_MS = 5_000
/** For a 429 of the application without Retry-After. */
const RETRY_AFTER_SECONDS = 5
const RETRY_AFTER_SECONDS_MAX = 3_600

/** The user_id of applications that answer 200 instead of 401. */
const NO_USER: unknown[] = [null, false, 0, '0', '']
/** Statuses that are about the URL, not about the client: it is mistyped. */
const MISTYPED = [404, 405, 410]
/** The application received no request: the client cannot be the cause. */
const UNREACHABLE = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']
/** An odd cookie may make the application fail for one client; for so many, it is an outage. */
const FAILING_ADDRESSES_MIN = 3

interface Credentials {
  cookie: string
  authorization: string
}

interface Answer {
  identity: Identity
  givenAt: number
}

/**
 * Authenticates a client by the shop's own application: a GET with the client's Cookie and
 * Authorization headers, so that its sessions (PHPSESSID) work here unchanged. It answers 200 with
 * `{"user_id": …, "username": …, "name": …, "profile_url": …}`, or 401 or 403 for no session.
 *
 * An attacker can invent cookies. So a request for unknown credentials counts as a failed login
 * until it succeeds, and an address has few concurrent requests, all addresses together not many
 * more. Known credentials, with a recent positive answer, are verified whatever their address has
 * guessed.
 */
export class Callback {
  readonly #url: string
  readonly #failures: RateLimit
  readonly #outage: Outage
  readonly #now: () => number
  readonly #turns = new Turns(limits.callbackQuestionsPerAddress, TIMEOUT_MS)
  readonly #turnsOfAll = new Turns(limits.callbackQuestions, TURN_WAIT_MS)
  /** By the hash of the credentials; the oldest answer first. */
  readonly #known = new Map<string, Answer>()
  readonly #underWay = new Map<string, Promise<Identity>>()
  /** Addresses for which it has failed since the last success. */
  readonly #failing = new Set<string>()

  /**
   * @param failures counts the failed logins of each address
   * @param now ms that only ever grow
   */
  constructor(
    url: string,
    failures: RateLimit,
    log: Log,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now
    this.#url = url
    this.#failures = failures
    this.#outage = new Outage(
      log,
      'Logins cannot be checked',
      'Logins can be checked again',
      QUIET_MS,
    )
  }

  /**
   * @throws ChatError `unauthenticated` without a session; `too_many` for an address with many
   *   failed logins, or for a 429 of the application; `busy` beyond the limits of concurrent
   *   requests; `unavailable` when the application does not answer as documented
   */
  async identify(headers: IncomingHttpHeaders, address: string): Promise<Identity> {
    const { cookie = '', authorization = '' } = headers
    if (cookie === '' && authorization === '') throw unauthenticated()
    const key = createHash('sha256').update(`${cookie}\0${authorization}`).digest('base64')
    const known = this.#knownAnswer(key)
    if (known !== undefined && this.#now() - known.givenAt < CACHED_MS) {
      return known.identity
    }
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return underWay
    const credentials = { cookie, authorization }
    const asked =
      known === undefined
        ? this.#askOfUnknown(credentials, address)
        : this.#askOfKnown(credentials, address)
    const remembered = this.#remember(key, asked)
    this.#underWay.set(key, remembered)
    return remembered
  }

  #knownAnswer(key: string): Answer | undefined {
    const answer = this.#known.get(key)
    if (answer === undefined || this.#now() - answer.givenAt < KNOWN_MS) return answer
    this.#known.delete(key)
    return undefined
  }

  /** Caches positive answers only: a client that logs in a moment later must be accepted. */
  async #remember(key: string, asked: Promise<Identity>): Promise<Identity> {
    try {
      const identity = await asked
      this.#known.delete(key)
      this.#known.set(key, { identity, givenAt: this.#now() })
      const [oldest] = this.#known.keys()
      if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest)
      return identity
    } catch (error) {
      if (hasCode(error, 'unauthenticated')) this.#known.delete(key)
      throw error
    } finally {
      this.#underWay.delete(key)
    }
  }

  async #askOfUnknown(credentials: Credentials, address: string): Promise<Identity> {
    await this.#failures.check(address)
    await this.#turns.take(address)
    try {
      return await this.#inTurn('unknown', async () => {
        await this.#failures.count(address)
        const identity = await this.#ask(credentials, address)
        await this.#failures.giveBack(address)
        return identity
      })
    } finally {
      this.#turns.release(address)
    }
  }

  async #askOfKnown(credentials: Credentials, address: string): Promise<Identity> {
    try {
      return await this.#inTurn('known', () => this.#ask(credentials, address))
    } catch (error) {
      // The user has logged out: `tryCount`, as the answer is 401 however often the address failed.
      if (hasCode(error, 'unauthenticated')) await this.#failures.tryCount(address)
      throw error
    }
  }

  /** Known credentials have turns of their own, which unknown ones cannot use up. */
  async #inTurn(kind: 'known' | 'unknown', request: () => Promise<Identity>): Promise<Identity> {
    await this.#turnsOfAll.take(kind)
    try {
      return await request()
    } finally {
      this.#turnsOfAll.release(kind)
    }
  }

  async #ask(credentials: Credentials, address: string): Promise<Identity> {
    try {
      const identity = await ask(this.#url, credentials)
      this.#worked()
      return identity
    } catch (error) {
      if (hasCode(error, 'unavailable')) throw this.#failed(error, address)
      this.#worked()
      throw error
    }
  }

  #worked(): void {
    this.#failing.clear()
    this.#outage.worked()
  }

  /** `unavailable` when the application is down, `busy` when it fails for a few clients. */
  #failed(error: ChatError, address: string): ChatError {
    this.#outage.failed(error.cause)
    if (this.#failing.size < FAILING_ADDRESSES_MIN) this.#failing.add(address)
    if (this.#failing.size >= FAILING_ADDRESSES_MIN || isUnreachable(error)) return error
    const { message, cause, retryAfterSeconds = RETRY_AFTER_SECONDS } = error
    return new ChatError('busy', message, { cause, retryAfterSeconds })
  }
}

async function ask(url: string, { cookie, authorization }: Credentials): Promise<Identity> {
  const { status, retryAfter, body } = await get(url, {
    accept: 'application/json',
    ...(cookie === '' ? {} : { cookie }),
    ...(authorization === '' ? {} : { authorization }),
  })
  if (status === 200) return identityFrom(body)
  if (status === 429) throw tooMany(retryAfter)
  // 400 or 431 for an odd cookie; 401, 403 or a redirect to the login page without a session.
  const isOfClient = status >= 300 && status < 500 && !MISTYPED.includes(status)
  throw isOfClient ? unauthenticated() : unreachable(`answered ${status}`)
}

async function get(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; retryAfter: string | null; body: string }> {
  try {
    // Covers the whole answer, to the last byte of its body.
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    // A redirect leads to a login page, whose 200 must not count as success.
    const response = await fetch(url, { headers, signal, redirect: 'manual' })
    const { status } = response
    const retryAfter = response.headers.get('retry-after')
    if (status === 200) return { status, retryAfter, body: await readBody(response) }
    await response.body?.cancel()
    return { status, retryAfter, body: '' }
  } catch (error) {
    throw unreachable('did not answer', error)
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > limits.callbackAnswerBytes.max) throw new Error('The answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function identityFrom(body: string): Identity {
  const answer = parseObject(body)
  // Without the text: that would show what was answered.
  if (answer === undefined) throw unreachable('did not answer with a JSON object')
  if (NO_USER.includes(answer.user_id)) throw unauthenticated()
  const userId = integerFrom(answer.user_id)
  if (userId === undefined || userId === 0) throw unreachable('named no user_id')
  return { userId, profile: profileFrom(answer) }
}

function unauthenticated(): ChatError {
  return new ChatError('unauthenticated', 'Log in first')
}

function tooMany(retryAfter: string | null): ChatError {
  const seconds = integerFrom(retryAfter) ?? RETRY_AFTER_SECONDS
  const retryAfterSeconds = Math.min(Math.max(1, seconds), RETRY_AFTER_SECONDS_MAX)
  return new ChatError('too_many', 'Too many logins. Please try again later.', {
    retryAfterSeconds,
  })
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof Error &&
    (UNREACHABLE.includes(systemCode(error)) || isUnreachable(error.cause))
  )
}

/** `why` reaches the log as the cause; the client can only retry. */
function unreachable(why: string, cause?: unknown): ChatError {
  const message = 'Logins cannot be checked at the moment. Please try again.'
  const reason = new ChatError('unavailable', `The authentication callback ${why}`, { cause })
  return new ChatError('unavailable', message, { cause: reason, retryAfterSeconds: 5 })
}
