import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../config/config.ts'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import { clientAddress } from './address.ts'
import type { Audit } from './audit.ts'
import { bearerToken } from './bearer.ts'

/** Headers of requests that a proxy or a browser sends on behalf of another client. */
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
 * Whether a request comes from the operator or a program of theirs: it has the secret or, where
 * none is set, comes from this machine.
 */
export function isOperator(request: IncomingMessage, secret: string): boolean {
  if (secret !== '') return carriesSecret(request, secret)
  return isLocalProgram(request) && asksForLoopback(request)
}

/**
 * Rejects clients that are no operators: counts their wrong secrets, and notes them in the audit.
 */
export class Refusals {
  readonly #audit: Audit
  readonly #trustProxy: boolean
  readonly #guesses = new RateLimit(limits.failedLogins)

  /** @param trustProxy whether the client's address is taken from X-Forwarded-For */
  constructor(audit: Audit, trustProxy: boolean) {
    this.#audit = audit
    this.#trustProxy = trustProxy
  }

  /** @throws ChatError `forbidden`, or `too_many` for an address with many wrong secrets */
  async refuse(request: IncomingMessage, message: string): Promise<never> {
    const address = clientAddress(request, this.#trustProxy)
    await this.#audit.note('refused', address, message)
    if (request.headers.authorization !== undefined) await this.#guesses.count(address)
    throw new ChatError('forbidden', message)
  }
}

/** The acts of operators, by the name of the secret that permits them. */
const ACTS = { broadcast: 'broadcast', metrics: 'see this' }

/**
 * Permits operators to push events (`broadcast`) or to read the metrics (`metrics`): by
 * CHAT_BROADCAST_SECRET or CHAT_METRICS_SECRET, or from this machine while that is not set.
 *
 * @throws ChatError as Refusals
 */
export async function requireOperator(
  request: IncomingMessage,
  name: keyof typeof ACTS,
  secret: string,
  refusals: Refusals,
): Promise<void> {
  if (isOperator(request, secret)) return
  const proof = `send Authorization: Bearer with the ${name} secret`
  const message =
    secret === ''
      ? `Only programs on the server may ${ACTS[name]}, or those that ${proof}`
      : `Only programs that ${proof} may ${ACTS[name]}`
  await refusals.refuse(request, message)
}

/** A proxy on this machine forwards requests from anywhere, and so does a page in a browser. */
function isLocalProgram(request: IncomingMessage): boolean {
  const isOnBehalf = ON_BEHALF_HEADERS.some((header) => request.headers[header] !== undefined)
  return !isOnBehalf && isLoopback(request.socket.remoteAddress ?? '')
}

/**
 * DNS rebinding: a page may resolve its own name to 127.0.0.1, and its browser then sends no
 * Origin. But the Host header still has that name.
 */
function asksForLoopback(request: IncomingMessage): boolean {
  const url = `http://${request.headers.host ?? 'localhost'}`
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
}

function carriesSecret(request: IncomingMessage, secret: string): boolean {
  const given = bearerToken(request)
  return given !== undefined && isSameSecret(given, secret)
}

/** Compares digests, which have one length, in constant time. */
function isSameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
