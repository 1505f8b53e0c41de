import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

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
