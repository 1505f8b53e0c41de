import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose'
import { integerFrom } from '../chat/integers.ts'
import { profileFrom } from '../chat/wire.ts'
import type { Config } from '../config/config.ts'
import { ChatError, systemCode } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import type { Log } from '../log.ts'
import type { Identity } from './caller.ts'
import { PublishedKeys } from './jwks.ts'

/** The kind of key decides: never `none`, and never HS256 with a public key as its secret. */
const SECRET_ALGORITHMS = ['HS256']
const PUBLIC_KEY_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const CURVE_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA']
/** Clocks of two servers differ a little. */
const CLOCK_TOLERANCE_SECONDS = 5

/** The `typ` of an access token: the same key may sign tokens for other purposes. */
const TYPES = [undefined, 'jwt', 'at+jwt']

/** Exactly one of the first three is set. */
export type TokenOptions = Pick<
  Config,
  'jwtSecret' | 'jwtPublicKeyFile' | 'jwksUrl' | 'jwtAudience' | 'jwtIssuer' | 'jwtRequireExp'
>

/**
 * Returns a function that verifies a token and returns its identity: `sub` is the user id;
 * `username`, `name` and `profile_url` fill the profile. It throws a ChatError `unauthenticated`
 * for an invalid or expired token, and `unavailable` while there are no keys to verify it with.
 *
 * @throws ChatError `setup` for a key that cannot be used
 */
export function createTokenVerifier(
  options: TokenOptions,
  log: Log,
): (token: string) => Promise<Identity> {
  const verifyOptions = verifyOptionsFrom(options)
  const key = loadKey(options, log)
  return async (token) => {
    if (Buffer.byteLength(token) > limits.tokenBytes.max) {
      throw new ChatError('unauthenticated', 'The token is too long')
    }
    try {
      const { payload, protectedHeader } = await jwtVerify(token, key, verifyOptions)
      assertType(protectedHeader.typ)
      return identityFrom(payload)
    } catch (error) {
      throw tokenError(error)
    }
  }
}

function verifyOptionsFrom(options: TokenOptions): JWTVerifyOptions {
  const { jwtSecret, jwtAudience, jwtIssuer, jwtRequireExp } = options
  return {
    algorithms:
      jwtSecret === '' ? [...PUBLIC_KEY_ALGORITHMS, ...CURVE_ALGORITHMS] : SECRET_ALGORITHMS,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: jwtRequireExp ? ['exp'] : [],
    ...(jwtAudience === '' ? {} : { audience: jwtAudience }),
    ...(jwtIssuer === '' ? {} : { issuer: jwtIssuer }),
  }
}

/** Signs a token for tests and trials: HS256, for `userId`, valid for `validSeconds`. */
export async function mintToken(
  { jwtSecret, jwtAudience, jwtIssuer }: TokenOptions,
  userId: number,
  validSeconds: number,
): Promise<string> {
  const claims = {
    ...(jwtAudience === '' ? {} : { aud: jwtAudience }),
    ...(jwtIssuer === '' ? {} : { iss: jwtIssuer }),
  }
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(String(userId))
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + validSeconds)
    .sign(new TextEncoder().encode(jwtSecret))
}

function loadKey(
  { jwtSecret, jwtPublicKeyFile, jwksUrl }: TokenOptions,
  log: Log,
): JWTVerifyGetKey {
  if (jwtSecret !== '') {
    const secret = new TextEncoder().encode(jwtSecret)
    return async () => secret
  }
  if (jwksUrl !== '') return new PublishedKeys(jwksUrl, log).find
  try {
    const publicKey = createPublicKey(readFileSync(jwtPublicKeyFile))
    return async () => publicKey
  } catch (error) {
    const reason = systemCode(error) || 'not a public key in PEM'
    const message = `CHAT_JWT_PUBLIC_KEY_FILE ${jwtPublicKeyFile} cannot be used (${reason})`
    throw new ChatError('setup', message, { cause: error })
  }
}

function assertType(type: unknown): void {
  const name = typeof type === 'string' ? type.toLowerCase().replace(/^application\//, '') : type
  if (TYPES.some((taken) => taken === name)) return
  throw new ChatError('unauthenticated', 'The token\'s "typ" must be JWT or at+jwt')
}

function identityFrom(payload: JWTPayload): Identity {
  const { sub, exp } = payload
  const userId = integerFrom(sub)
  if (userId === undefined || userId === 0) {
    throw new ChatError('unauthenticated', 'The token\'s "sub" must be a user id')
  }
  return {
    userId,
    profile: profileFrom(payload),
    expiresAt: exp === undefined ? undefined : exp * 1000,
  }
}

function tokenError(error: unknown): ChatError {
  if (error instanceof ChatError) return error
  return new ChatError('unauthenticated', faultOf(error), { cause: error })
}

function faultOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired: get a new one'
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error
    if (claim === 'exp' && reason === 'missing')
      return 'The token has no exp: it must say when it ends'
    if (claim === 'aud' || claim === 'iss')
      return `The token's "${claim}" is not what this chat takes`
  }
  return 'The token is not valid'
}
