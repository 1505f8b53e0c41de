import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import { onTestFinished } from 'vitest'
import { get, type SocketOptions, TestSocket } from './clients.ts'
import { openWebServer } from './network.ts'

/** A CHAT_JWT_SECRET. */
export const JWT_SECRET = 'a secret of the tests, long enough to be one'

/** The key pair of whoever gives out tokens. */
export const issuer = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** Somebody else's. */
export const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })

export type Claims = Record<string, unknown>

/** Claims of a user's token that is good for an hour. */
export function claimsOf(userId: number, more: Claims = {}): Claims {
  return { sub: String(userId), exp: inSeconds(3_600), ...more }
}

/** A time as tokens tell it. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds
}

/**
 * Tokens are put together by hand here, by RFC 7515: the ones that a library refuses to make are the
 * ones that matter.
 */
export function signedWithSecret(
  claims: Claims,
  secret: string = JWT_SECRET,
  header: object = {},
): string {
  const signed = unsigned({ alg: 'HS256', typ: 'JWT', ...header }, claims)
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

export function signedWithKey(
  claims: Claims,
  privateKey: KeyObject = issuer.privateKey,
  header: object = {},
): string {
  const signed = unsigned({ alg: 'RS256', typ: 'JWT', kid: 'issuer', ...header }, claims)
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
}

/** `alg: none`, which says of itself that nobody has signed it. */
export function signedByNobody(claims: Claims): string {
  return `${unsigned({ alg: 'none' }, claims)}.`
}

export function publicKeyPem({ publicKey } = issuer): string {
  return publicKey.export({ type: 'spki', format: 'pem' }) as string
}

/** What is published at CHAT_JWKS_URL. */
export function keySet(): object {
  const jwk = issuer.publicKey.export({ format: 'jwk' })
  return { keys: [{ ...jwk, kid: 'issuer', alg: 'RS256', use: 'sig' }] }
}

function unsigned(header: object, claims: Claims): string {
  return [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
}

/** What the API says to somebody who wants to read as `userId`: '200 …' or the refusal. */
export async function askApi(apiUrl: string, userId: number, headers: Record<string, string> = {}) {
  const answer = await get(`${apiUrl}/get_conversations.php?user_id=${userId}`, headers)
  return `${answer.status} ${answer.body.message}`
}

/** What the daemon says to somebody who wants to connect as `userId`: connected, or the close. */
export async function askDaemon(
  daemonUrl: string,
  userId: number,
  headers: Record<string, string> = {},
) {
  return askSocket(`${daemonUrl}/?user_id=${userId}`, { headers })
}

export async function askSocket(url: string, options: SocketOptions = {}): Promise<string> {
  const socket = new TestSocket(url, options)
  try {
    const { user_id } = await socket.event('chat:connected')
    await socket.close()
    return `connected as ${user_id}`
  } catch {
    const { code, reason } = await socket.whenClosed()
    return `${code} ${reason}`
  }
}

export const LISTED = '200 Conversations retrieved successfully'

/** A program of the shop's own beside the chat, on a port of its own; returns its URL. */
export async function startWebApplication(listener: RequestListener): Promise<string> {
  const { url, close } = await openWebServer(listener)
  onTestFinished(close)
  return url
}

type Session = Record<string, unknown>

/**
 * Stands in for a PHP application with sessions: `chat_whoami.php` knows visitors by their PHPSESSID
 * cookie or their Authorization header. `asked` are the requests that it got.
 */
export async function startPhpApplication(sessions: Record<string, Session>) {
  const asked: IncomingMessage[] = []
  const url = await startWebApplication((request, response) => {
    asked.push(request)
    const { cookie = '', authorization = '' } = request.headers
    const sessionId = /PHPSESSID=(\w+)/.exec(cookie)?.[1] ?? authorization
    const session = sessions[sessionId]
    response.writeHead(session === undefined ? 401 : 200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(session ?? {}))
  })
  return { url: `${url}/chat_whoami.php`, asked }
}
