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

/** The application behind the callback answers from a session store: slower than this, it is down. */
const TIMEOUT_MS = 3_000
/** How long an answer is believed without asking again: a logout takes effect after this. */
const BELIEVED_MS = 10_000
/** How long those who were answered yes are known: they may be asked about whatever others guess. */
const KNOWN_MS = 60 * 60_000
/** Answers remembered at once. */
const KNOWN_MAX = 10_000
/** How long a question waits for a place: all clients come back at once after a restart. */
const PLACE_WAIT_MS = 1_000
/** What fails for one client and works for another is over when nothing has failed for so long. */
const QUIET_MS = 5_000
/** When the application says "too many" without saying until when. */
const RETRY_AFTER_SECONDS = 5
const RETRY_AFTER_SECONDS_MAX = 3_600

/** How an application says "nobody" that should have said 401. */
const NOBODY: unknown[] = [null, false, 0, '0', '']
/** What answers speak of the URL that was asked, not of the client: it is mistyped. */
const MISTYPED = [404, 405, 410]
/** Nobody was there to be upset by what a client sent. */
const UNREACHABLE = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']
/** An odd cookie may bring the application down, for that client; with so many it is the application. */
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
 * Asks the shop's own application who a client is: a GET with the client's Cookie and Authorization
 * headers, so that its sessions (PHPSESSID) work here unchanged. It answers 200 with
 * `{"user_id": …, "username": …, "name": …, "profile_url": …}`, or 401 or 403 for a stranger.
 *
 * Strangers can make cookies up. So each question about an unknown one is a failed login until it is
 * answered yes, an address has few under way at a time, and all addresses together not many more. What
 * was answered yes of late is known: it is asked about again whatever its address has guessed.
 */
export class Callback {
  readonly #url: string
  readonly #failures: RateLimit
  readonly #outage: Outage
  readonly #now: () => number
  readonly #turns = new Turns(limits.callbackQuestionsPerAddress, TIMEOUT_MS)
  readonly #places = new Turns(limits.callbackQuestions, PLACE_WAIT_MS)
  /** By the hash of the credentials; the one that was answered longest ago first. */
  readonly #known = new Map<string, Answer>()
  readonly #underWay = new Map<string, Promise<Identity>>()
  /** For whom it has failed since it worked for anybody. */
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
   * @throws ChatError `unauthenticated` for a stranger, `too_many` for an address that fails too often
   * or when the application says so, `busy` while too many are asked about, and `unavailable` when the
   * application does not answer as it should
   */
  async identify(headers: IncomingHttpHeaders, address: string): Promise<Identity> {
    const { cookie = '', authorization = '' } = headers
    if (cookie === '' && authorization === '') throw stranger()
    const key = createHash('sha256').update(`${cookie}\0${authorization}`).digest('base64')
    const known = this.#knownAnswer(key)
    if (known !== undefined && this.#now() - known.givenAt < BELIEVED_MS) {
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

  /** Remembers only good news: who logs in a moment later is not to be turned away. */
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
      return await this.#inPlace('unknown', async () => {
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
      return await this.#inPlace('known', () => this.#ask(credentials, address))
    } catch (error) {
      // Somebody has logged out, which they are told however often their address has failed.
      if (hasCode(error, 'unauthenticated')) await this.#failures.tryCount(address)
      throw error
    }
  }

  /** Those who are known have places of their own, which no stranger takes. */
  async #inPlace(place: 'known' | 'unknown', question: () => Promise<Identity>): Promise<Identity> {
    await this.#places.take(place)
    try {
      return await question()
    } finally {
      this.#places.release(place)
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

  /** The service is ill when the application is, not when it fails for one client. */
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
  // An odd cookie is answered 400 or 431, a stranger's 401 or 403 or with a way to the login page.
  const isOfClient = status >= 300 && status < 500 && !MISTYPED.includes(status)
  throw isOfClient ? stranger() : unreachable(`answered ${status}`)
}

async function get(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; retryAfter: string | null; body: string }> {
  try {
    // For the whole answer, to the last byte of its body.
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    // A redirect is what a login page answers to a stranger; it must not count as a yes.
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
  if (NOBODY.includes(answer.user_id)) throw stranger()
  const userId = integerFrom(answer.user_id)
  if (userId === undefined || userId === 0) throw unreachable('named no user_id')
  return { userId, profile: profileFrom(answer) }
}

function stranger(): ChatError {
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

/** `why` is for the log, by way of the cause; the client can only wait. */
function unreachable(why: string, cause?: unknown): ChatError {
  const message = 'Logins cannot be checked at the moment. Please try again.'
  const reason = new ChatError('unavailable', `The authentication callback ${why}`, { cause })
  return new ChatError('unavailable', message, { cause: reason, retryAfterSeconds: 5 })
}
