import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Audit } from './audit.ts'
import { Callback } from './auth-callback.ts'
import { createTokenVerifier, type TokenOptions } from './auth-jwt.ts'
import type { Profile } from './chat/users.ts'
import { isLoopback } from './config.ts'
import { ChatError, hasCode } from './errors.ts'
import { limits } from './limits.ts'
import type { Log } from './log.ts'
import { RateLimit } from './rate-limits.ts'

/** What is known of whoever makes a request or opens a socket, once they have proved it. */
export interface Identity {
  userId: number
  /** The parts of the profile that the proof gives. */
  profile: Partial<Profile>
  /** When the proof ends, in ms since 1970; undefined when it does not say. */
  expiresAt?: number | undefined
  /** Asks once more, later, for the same credentials; undefined where a proof ends by itself. */
  verifyAgain?: () => Promise<Identity>
}

/** Finds out who asks; throws a ChatError `unauthenticated` when they cannot prove it. */
export type Authenticate = (request: IncomingMessage) => Promise<Caller>

/** For jwt, the token options say with which key. */
export interface AuthOptions extends TokenOptions {
  auth: 'none' | 'jwt' | 'callback'
  /** For callback. */
  authCallbackUrl: string
  /** Whether the client's address is taken from X-Forwarded-For. */
  trustProxy: boolean
}

/** Whoever makes a request or opens a socket, and what they may do. */
export class Caller {
  /** Undefined under CHAT_AUTH=none, where callers are whoever they say they are. */
  readonly identity: Identity | undefined

  constructor(identity?: Identity) {
    this.identity = identity
  }

  /**
   * Returns `userId` if the caller may act as that user.
   *
   * @throws ChatError `forbidden` for anybody but themselves
   */
  mustBe(userId: number): number {
    if (this.identity === undefined || this.identity.userId === userId) return userId
    throw new ChatError('forbidden', `You are user ${this.identity.userId}, not ${userId}`)
  }

  /** @throws ChatError `forbidden` unless the caller is one of these users */
  mustBeOneOf(userIds: number[]): void {
    if (this.identity === undefined || userIds.includes(this.identity.userId)) return
    throw new ChatError('forbidden', 'You take no part in this conversation')
  }
}

/**
 * The one way in, for both doors. Besides, it refuses, with `too_many`, addresses that keep failing,
 * but for those who prove who they are: an office is not locked out by one of its clients.
 *
 * @throws ChatError `setup` for a key that cannot be used
 */
export function createAuthenticator(
  options: AuthOptions,
  { log, audit }: { log: Log; audit: Audit },
): Authenticate {
  if (options.auth === 'none') return async () => new Caller()
  const identify = createIdentifier(options, log)
  return async (request) => {
    const address = clientAddress(request, options.trustProxy)
    try {
      return new Caller(await identify(request, address))
    } catch (error) {
      const isFailed = hasCode(error, 'unauthenticated')
      if (isFailed) await audit.note('login failed', address, error.message)
      throw error
    }
  }
}

type Identify = (request: IncomingMessage, address: string) => Promise<Identity>

function createIdentifier(options: AuthOptions, log: Log): Identify {
  const failures = new RateLimit(limits.failedLogins)
  if (options.auth === 'callback') {
    const callback = new Callback(options.authCallbackUrl, failures, log)
    return async ({ headers: { cookie, authorization } }, address) => {
      const verifyAgain = () => callback.identify({ cookie, authorization }, address)
      return { ...(await verifyAgain()), verifyAgain }
    }
  }
  const verify = createTokenVerifier(options, log)
  return async (request, address) => {
    const token = requireToken(request)
    try {
      return await verify(token)
    } catch (error) {
      // To verify costs little and tells a guesser nothing: so a good token always passes.
      if (hasCode(error, 'unauthenticated')) await failures.count(address)
      throw error
    }
  }
}

/** How a browser names its token as a WebSocket subprotocol: `new WebSocket(url, ['chat', 'bearer.…'])`. */
export const TOKEN_PROTOCOL = 'bearer.'

function requireToken(request: IncomingMessage): string {
  const token = bearerToken(request) ?? protocolToken(request) ?? queryToken(request)
  if (token !== undefined) return token
  throw new ChatError('unauthenticated', 'Send a token: Authorization: Bearer …, or ?token=…')
}

function bearerToken(request: IncomingMessage): string | undefined {
  return /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
}

function protocolToken(request: IncomingMessage): string | undefined {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',')
  const protocol = offered.map((one) => one.trim()).find((one) => one.startsWith(TOKEN_PROTOCOL))
  return protocol?.slice(TOKEN_PROTOCOL.length)
}

function queryToken(request: IncomingMessage): string | undefined {
  const url = request.url ?? ''
  const start = url.indexOf('?')
  const query = start === -1 ? '' : url.slice(start + 1)
  return new URLSearchParams(query).get('token') ?? undefined
}

/**
 * Where a request came from. Behind a proxy that is the last address of X-Forwarded-For, the one the
 * proxy itself saw: those before it are the client's word. A proxy that names no address there
 * ('unknown') speaks for itself.
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? forwardedFor(request)?.split(',').at(-1) : undefined
  return addressIn(forwarded?.trim() ?? '') ?? request.socket.remoteAddress ?? ''
}

/** Some proxies add the port: '203.0.113.1:50000', '[2001:db8::1]:50000'. */
function addressIn(entry: string): string | undefined {
  const [, ipv6, ipv4] = /^(?:\[(.*)\]|([\d.]+))(?::\d+)?$/.exec(entry) ?? []
  const address = (ipv6 ?? ipv4 ?? entry).replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : address
}

/**
 * Whether a page of this origin may use the chat. Programs other than browsers send no Origin, and
 * are not whom it protects from; a page that was served from the very address it talks to is at home.
 */
export function isAllowedOrigin(request: IncomingMessage, allowedOrigins: string[]): boolean {
  const { origin, host } = request.headers
  if (origin === undefined || allowedOrigins.includes('*')) return true
  const isAtHome = URL.canParse(origin) && new URL(origin).host === host
  return isAtHome || allowedOrigins.includes(origin)
}

/** What proxies say of whom they speak for, each according to its configuration; and browsers. */
const ON_BEHALF_HEADERS = [
  'forwarded',
  'origin',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
]

/**
 * Whether a request comes from the operator or a program of theirs: it carries the secret, or, where
 * none is set, comes from this machine.
 */
export function isOperator(request: IncomingMessage, secret: string): boolean {
  if (secret !== '') return carriesSecret(request, secret)
  return isLocalProgram(request) && asksForLoopback(request)
}

/** Refuses those who are no operators: counts the secrets that they try, and notes it for the audit. */
export class Refusals {
  readonly #audit: Audit
  readonly #trustProxy: boolean
  readonly #guesses = new RateLimit(limits.failedLogins)

  /** @param trustProxy whether the client's address is taken from X-Forwarded-For */
  constructor(audit: Audit, trustProxy: boolean) {
    this.#audit = audit
    this.#trustProxy = trustProxy
  }

  /** @throws ChatError `forbidden`, or `too_many` for an address that tries one secret after another */
  async refuse(request: IncomingMessage, message: string): Promise<never> {
    const address = clientAddress(request, this.#trustProxy)
    await this.#audit.note('refused', address, message)
    if (request.headers.authorization !== undefined) await this.#guesses.count(address)
    throw new ChatError('forbidden', message)
  }
}

/**
 * Lets operators push events: by CHAT_BROADCAST_SECRET, or from this machine while that is not set.
 *
 * @throws ChatError as Refusals
 */
export async function requireBroadcaster(
  request: IncomingMessage,
  secret: string,
  refusals: Refusals,
): Promise<void> {
  if (isOperator(request, secret)) return
  await refusals.refuse(request, refusal('broadcast', 'broadcast', secret))
}

/**
 * Lets operators see how the chat does: by CHAT_METRICS_SECRET, or from this machine while that is not
 * set.
 *
 * @throws ChatError as Refusals
 */
export async function requireOperator(
  request: IncomingMessage,
  secret: string,
  refusals: Refusals,
): Promise<void> {
  if (isOperator(request, secret)) return
  await refusals.refuse(request, refusal('see this', 'metrics', secret))
}

function refusal(act: string, name: string, secret: string): string {
  const proof = `send Authorization: Bearer with the ${name} secret`
  if (secret !== '') return `Only programs that ${proof} may ${act}`
  return `Only programs on the server may ${act}, or those that ${proof}`
}

/** A proxy on this machine speaks for the whole world, and so does a page in a browser. */
function isLocalProgram(request: IncomingMessage): boolean {
  const isOnBehalf = ON_BEHALF_HEADERS.some((header) => request.headers[header] !== undefined)
  return !isOnBehalf && isLoopback(request.socket.remoteAddress ?? '')
}

/**
 * A page may have its own name resolve to 127.0.0.1; then it is at home here, and its browser sends no
 * Origin. But it still says the name.
 */
function asksForLoopback(request: IncomingMessage): boolean {
  const url = `http://${request.headers.host ?? 'localhost'}`
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
}

function carriesSecret(request: IncomingMessage, secret: string): boolean {
  const given = bearerToken(request)
  return given !== undefined && isSameSecret(given, secret)
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
