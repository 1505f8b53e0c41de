import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/config.ts'
import { hasCode } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { Log } from '../log.ts'
import { clientAddress } from './address.ts'
import type { Audit } from './audit.ts'
import { requireToken } from './bearer.ts'
import { Callback } from './callback.ts'
import { Caller, type Identity } from './caller.ts'
import { createTokenVerifier, type TokenOptions } from './tokens.ts'

/** Authenticates the caller; throws a ChatError `unauthenticated` without valid credentials. */
export type Authenticate = (request: IncomingMessage) => Promise<Caller>

/** For jwt, the token options say with which key. */
type AuthOptions = TokenOptions & Pick<Config, 'auth' | 'authCallbackUrl' | 'trustProxy'>

/**
 * Authenticates HTTP requests and upgrades alike. It rejects addresses with many failed logins with
 * `too_many`, except valid credentials: one client does not lock out an office.
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
      // A verification is cheap and helps no guesser: so a valid token always passes.
      if (hasCode(error, 'unauthenticated')) await failures.count(address)
      throw error
    }
  }
}
