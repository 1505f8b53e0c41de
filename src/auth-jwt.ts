import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
  SignJWT,
} from 'jose'
import type { Identity } from './auth.ts'
import { profileFrom } from './chat/users.ts'
import { ChatError, systemCode } from './errors.ts'
import { integerFrom } from './integers.ts'

/** Never `none`, and never HS256 with a public key as its secret: the kind of key decides. */
const SECRET_ALGORITHMS = ['HS256']
const PUBLIC_KEY_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const CURVE_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA']
/** Clocks of two servers differ a little. */
const CLOCK_TOLERANCE_SECONDS = 5

export interface KeyOptions {
  /** Exactly one of the three; '' = not set. */
  jwtSecret: string
  jwtPublicKeyFile: string
  jwksUrl: string
}

/**
 * Returns a function that verifies a token and says whose it is: `sub` is the user id; `username`,
 * `name` and `profile_url` fill the profile. It throws a ChatError `unauthenticated` for any token
 * that is not valid now, and `unavailable` when the JWKS cannot be fetched.
 *
 * @throws ChatError `setup` for a key that cannot be used
 */
export function createTokenVerifier(options: KeyOptions): (token: string) => Promise<Identity> {
  const algorithms =
    options.jwtSecret === '' ? [...PUBLIC_KEY_ALGORITHMS, ...CURVE_ALGORITHMS] : SECRET_ALGORITHMS
  const key = loadKey(options)
  return async (token) => {
    try {
      const verified = await jwtVerify(token, key, {
        algorithms,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      })
      return identityFrom(verified.payload)
    } catch (error) {
      throw tokenError(error)
    }
  }
}

/** A token for trying things out: HS256, for `userId`, valid for `validSeconds`. */
export async function mintToken(
  secret: string,
  userId: number,
  validSeconds: number,
): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(String(userId))
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + validSeconds)
    .sign(new TextEncoder().encode(secret))
}

function loadKey({ jwtSecret, jwtPublicKeyFile, jwksUrl }: KeyOptions): JWTVerifyGetKey {
  if (jwtSecret !== '') {
    const secret = new TextEncoder().encode(jwtSecret)
    return async () => secret
  }
  if (jwksUrl !== '') return publishedKeys(jwksUrl)
  try {
    const publicKey = createPublicKey(readFileSync(jwtPublicKeyFile))
    return async () => publicKey
  } catch (error) {
    const reason = systemCode(error) || 'not a public key in PEM'
    const message = `CHAT_JWT_PUBLIC_KEY_FILE ${jwtPublicKeyFile} cannot be used (${reason})`
    throw new ChatError('setup', message, { cause: error })
  }
}

/** Tells a token that names no published key, which is its own fault, from keys that cannot be had. */
function publishedKeys(jwksUrl: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(jwksUrl))
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (error) {
      if (TOKEN_FAULTS.some((fault) => error instanceof fault)) throw error
      const message = 'Logins cannot be checked at the moment. Please try again.'
      throw new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 5 })
    }
  }
}

const TOKEN_FAULTS = [
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
  errors.JOSENotSupported,
]

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

function tokenError(error: unknown): unknown {
  if (error instanceof ChatError) return error
  if (error instanceof errors.JWTExpired) {
    return new ChatError('unauthenticated', 'The token has expired: get a new one', {
      cause: error,
    })
  }
  return new ChatError('unauthenticated', 'The token is not valid', { cause: error })
}
