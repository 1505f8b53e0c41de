import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  askApi,
  askDaemon,
  type Claims,
  claimsOf,
  inSeconds,
  JWT_SECRET,
  keySet,
  LISTED,
  publicKeyPem,
  signedByNobody,
  signedWithKey,
  signedWithSecret,
  startPhpApplication,
  startWebApplication,
  stranger,
} from '../support/auth.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startChat } from '../support/in-process.ts'

/** Everybody here asks to be let in as this user. */
const SELF = 5
const OTHER = 6

const CONNECTED = `connected as ${SELF}`
const INVALID = 'The token is not valid'
const EXPIRED = 'The token has expired: get a new one'
const NO_USER = 'The token\'s "sub" must be a user id'
const ENDLESS = 'The token has no exp: it must say when it ends'
const NO_TOKEN = 'Send a token: Authorization: Bearer …, or ?token=…'
const NOT_YOU = `You are user ${OTHER}, not ${SELF}`
const NOT_LOGGED_IN = 'Log in first'
const UNCHECKED = 'Logins cannot be checked at the moment. Please try again.'
const FAILED = 'Something went wrong here; reconnect in a few seconds'

type Callers = Record<string, Record<string, string>>

/** Tokens of every kind, signed with the right key by `sign` and with another by `signAsStranger`. */
function tokenCallers(
  sign: (claims: Claims) => string,
  signAsStranger: (claims: Claims) => string,
  forged: string,
): Callers {
  const { exp: _, ...endless } = claimsOf(SELF)
  const tokens = {
    self: sign(claimsOf(SELF)),
    other: sign(claimsOf(OTHER)),
    expired: sign(claimsOf(SELF, { exp: inSeconds(-60) })),
    'forged alg': forged,
    'wrong key': signAsStranger(claimsOf(SELF)),
    'alg none': signedByNobody(claimsOf(SELF)),
    garbage: 'not.a.token',
    'sub not an id': sign({ sub: 'five', exp: inSeconds(60) }),
    'missing sub': sign({ exp: inSeconds(60) }),
    'missing exp': sign(endless),
    'not yet valid': sign(claimsOf(SELF, { nbf: inSeconds(60) })),
    'altered after signing': altered(sign(claimsOf(OTHER))),
  }
  const callers = Object.entries(tokens).map(([caller, token]) => [
    caller,
    { authorization: `Bearer ${token}` },
  ])
  return { nobody: {}, ...Object.fromEntries(callers) }
}

/** The other user's token, with the claims of oneself put in. */
function altered(token: string): string {
  const [header, , signature] = token.split('.')
  return [header, signedWithSecret(claimsOf(SELF)).split('.')[1], signature].join('.')
}

const keyCallers = () =>
  tokenCallers(
    signedWithKey,
    (claims) => signedWithKey(claims, stranger.privateKey),
    signedWithSecret(claimsOf(SELF), publicKeyPem()),
  )

/** What each of them hears at both doors. */
async function ask(callers: Callers, settings: Record<string, string>) {
  const { api, daemon } = await startChat(settings)
  const heard: Record<string, [api: string, daemon: string]> = {}
  for (const [caller, headers] of Object.entries(callers)) {
    heard[caller] = [
      await askApi(api.url, SELF, headers),
      await askDaemon(daemon.url, SELF, headers),
    ]
  }
  return heard
}

const welcome = [LISTED, CONNECTED]
const stranded = (reason: string) => [`401 ${reason}`, `4401 ${reason}`]
const forbidden = (reason: string) => [`403 ${reason}`, `4403 ${reason}`]

const TOKEN_ANSWERS = {
  nobody: stranded(NO_TOKEN),
  self: welcome,
  other: forbidden(NOT_YOU),
  expired: stranded(EXPIRED),
  'forged alg': stranded(INVALID),
  'wrong key': stranded(INVALID),
  'alg none': stranded(INVALID),
  garbage: stranded(INVALID),
  'sub not an id': stranded(NO_USER),
  'missing sub': stranded(NO_USER),
  'missing exp': stranded(ENDLESS),
  'not yet valid': stranded(INVALID),
  'altered after signing': stranded(INVALID),
}

test('under none everybody is who they say they are, whatever they show', async () => {
  const callers = keyCallers()

  const heard = await ask(callers, { CHAT_AUTH: 'none' })

  expect(heard).toEqual(Object.fromEntries(Object.keys(callers).map((one) => [one, welcome])))
})

test('under jwt with a secret only its tokens let in, and only as their own user', async () => {
  const forged = signedWithKey(claimsOf(SELF))
  const callers = tokenCallers(
    signedWithSecret,
    (claims) => signedWithSecret(claims, 'another secret of nearly the same length'),
    forged,
  )

  const heard = await ask(callers, { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET })

  expect(heard).toEqual(TOKEN_ANSWERS)
})

test('under jwt with a public key only tokens of its private key let in', async () => {
  const keyFile = join(temporaryFolder(), 'public.pem')
  writeFileSync(keyFile, publicKeyPem())

  const heard = await ask(
    { ...keyCallers(), ...mislabelled() },
    { CHAT_AUTH: 'jwt', CHAT_JWT_PUBLIC_KEY_FILE: keyFile },
  )

  expect(heard).toEqual({ ...TOKEN_ANSWERS, ...MISLABELLED_ANSWERS })
})

test('under jwt with a JWKS only tokens of the published key let in', async () => {
  const url = await startWebApplication((_request, response) => {
    response.end(JSON.stringify(keySet()))
  })
  const unpublished = signedWithKey(claimsOf(SELF), undefined, { kid: 'nobody knows it' })
  const callers = { ...keyCallers(), ...mislabelled(), unpublished: bearer(unpublished) }

  const heard = await ask(callers, { CHAT_AUTH: 'jwt', CHAT_JWKS_URL: url })

  const unknown = { unpublished: stranded(INVALID) }
  expect(heard).toEqual({ ...TOKEN_ANSWERS, ...MISLABELLED_ANSWERS, ...unknown })
})

test.each([
  ['answers 500', 500, '{}'],
  ['publishes no keys', 200, '{"keys": "none"}'],
  ['publishes no JSON', 200, '<html>'],
])('a JWKS that %s is our trouble, and not held against the visitor', async (_, status, body) => {
  const url = await startWebApplication((_request, response) => {
    response.writeHead(status).end(body)
  })
  const callers = { self: bearer(signedWithKey(claimsOf(SELF))) }

  const heard = await ask(callers, { CHAT_AUTH: 'jwt', CHAT_JWKS_URL: url })

  expect(heard).toEqual({ self: [`503 ${UNCHECKED}`, `1011 ${FAILED}`] })
})

test('a JWKS that nobody serves is our trouble too', async () => {
  const callers = { self: bearer(signedWithKey(claimsOf(SELF))) }
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWKS_URL: 'http://127.0.0.1:1/keys' }

  expect(await ask(callers, settings)).toEqual({ self: [`503 ${UNCHECKED}`, `1011 ${FAILED}`] })
})

test('under callback the application says who comes in, by cookie or by Authorization', async () => {
  const sessions = {
    five: { user_id: SELF },
    digits: { user_id: String(SELF) },
    six: { user_id: OTHER },
    word: { user_id: 'five' },
    truth: { user_id: true },
    list: { user_id: [SELF] },
    exponent: { user_id: '5e0' },
    nothing: {},
    null: { user_id: null },
    zero: { user_id: 0 },
    no: { user_id: false },
    'Bearer key-of-five': { user_id: SELF },
  }
  const application = await startPhpApplication(sessions)
  const { self, other, ...tokens } = keyCallers()
  const callers = {
    ...tokens,
    self: session('five'),
    'self by Authorization': bearer('key-of-five'),
    'self in digits': session('digits'),
    other: session('six'),
    'logged out': session('gone'),
    'a word as user_id': session('word'),
    'true as user_id': session('truth'),
    'a list as user_id': session('list'),
    'an exponent in user_id': session('exponent'),
    'no user_id': session('nothing'),
    'null as user_id': session('null'),
    '0 as user_id': session('zero'),
    'false as user_id': session('no'),
  }

  const heard = await ask(callers, {
    CHAT_AUTH: 'callback',
    CHAT_AUTH_CALLBACK_URL: application.url,
    CHAT_ALLOWED_ORIGINS: 'https://shop.example',
  })

  const unusable = [`503 ${UNCHECKED}`, `1011 ${FAILED}`]
  expect(heard).toEqual({
    ...Object.fromEntries(Object.keys(tokens).map((one) => [one, stranded(NOT_LOGGED_IN)])),
    self: welcome,
    'self by Authorization': welcome,
    'self in digits': welcome,
    other: forbidden(NOT_YOU),
    'logged out': stranded(NOT_LOGGED_IN),
    'a word as user_id': unusable,
    'true as user_id': unusable,
    'a list as user_id': unusable,
    'an exponent in user_id': unusable,
    'no user_id': unusable,
    'null as user_id': stranded(NOT_LOGGED_IN),
    '0 as user_id': stranded(NOT_LOGGED_IN),
    'false as user_id': stranded(NOT_LOGGED_IN),
  })
})

/** Tokens whose header names another kind of key than the one that we have. */
function mislabelled(): Callers {
  const algorithms = ['ES256', 'PS256', 'EdDSA', 'RS1', 'constructor']
  return Object.fromEntries(
    algorithms.map((alg) => [
      `labelled ${alg}`,
      bearer(signedWithKey(claimsOf(SELF), undefined, { alg })),
    ]),
  )
}

const MISLABELLED_ANSWERS = Object.fromEntries(
  Object.keys(mislabelled()).map((caller) => [caller, stranded(INVALID)]),
)

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

function session(id: string): Record<string, string> {
  return { cookie: `theme=dark; PHPSESSID=${id}` }
}
