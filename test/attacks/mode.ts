import {
  claimsOf,
  inSeconds,
  JWT_SECRET,
  keySet,
  signedWithKey,
  signedWithSecret,
} from '../support/auth.ts'
import { makeCertificate } from '../support/certificate.ts'
import { openWebServer, type WebServer } from '../support/network.ts'
import type { Environment } from '../support/running-program.ts'

/** Longer than any run. */
const TOKEN_SECONDS = 24 * 60 * 60
const SECRET = 'of the operator alone, who takes no part in this'
/** An empty text is a setting's default: it is the limits that are attacked. */
const DEFAULT_LIMITS = {
  CHAT_RATE_LIMIT: '',
  CHAT_REQUEST_RATE_LIMIT: '',
  CHAT_UPLOAD_RATE_LIMIT: '',
  CHAT_UPLOAD_BYTES_PER_DAY: '',
  CHAT_CONNECT_RATE_LIMIT: '',
  CHAT_MAX_CONNECTIONS_PER_ADDRESS: '',
}
const SETTINGS: Environment = {
  ...DEFAULT_LIMITS,
  CHAT_BROADCAST_SECRET: SECRET,
  CHAT_METRICS_SECRET: SECRET,
  // Little room for garbage: what is measured is what is held.
  NODE_OPTIONS: '--max-semi-space-size=2',
}

export type Headers = Record<string, string>

/** One way to run the service: how it knows its users, and what it speaks. */
export interface Mode {
  settings(folder: string): Environment
  isEncrypted: boolean
  /** What a user proves with who they are; undefined where everybody is believed. */
  headersOf: ((userId: number) => Headers) | undefined
  /** Ends what runs beside the service. */
  close(): void
}

const MODES = {
  none: () => mode({}),
  jwt: () =>
    mode(
      { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET },
      { headersOf: (userId) => bearer(signedWithSecret(claims(userId))) },
    ),
  jwks: async () => {
    const keyServer = await openWebServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(keySet()))
    })
    const settings = { CHAT_AUTH: 'jwt', CHAT_JWKS_URL: `${keyServer.url}/jwks.json` }
    const headersOf = (userId: number) => bearer(signedWithKey(claims(userId)))
    return mode(settings, { headersOf, beside: keyServer })
  },
  callback: async () => {
    const shop = await openShop()
    const settings = {
      CHAT_AUTH: 'callback',
      CHAT_AUTH_CALLBACK_URL: `${shop.url}/chat_whoami.php`,
      CHAT_ALLOWED_ORIGINS: 'https://shop.example',
    }
    const headersOf = (userId: number) => ({ Cookie: `PHPSESSID=session${userId}` })
    return mode(settings, { headersOf, beside: shop })
  },
  tls: () => mode({}, { isEncrypted: true }),
} satisfies Record<string, () => Mode | Promise<Mode>>

export type ModeName = keyof typeof MODES
export const MODE_NAMES = Object.keys(MODES) as ModeName[]

/** Starts what the service of a mode needs beside it. */
export async function openMode(name: ModeName): Promise<Mode> {
  return MODES[name]()
}

interface Traits {
  headersOf?: (userId: number) => Headers
  isEncrypted?: boolean
  beside?: WebServer
}

function mode(
  settings: Environment,
  { headersOf, isEncrypted = false, beside }: Traits = {},
): Mode {
  return {
    settings: (folder) => ({
      ...SETTINGS,
      ...settings,
      ...(isEncrypted ? certificateSettings(folder) : {}),
    }),
    headersOf,
    isEncrypted,
    close: () => beside?.close(),
  }
}

function certificateSettings(folder: string): Environment {
  const { cert, key } = makeCertificate(folder, 'localhost')
  return { CHAT_TLS_CERT: cert, CHAT_TLS_KEY: key }
}

function claims(userId: number) {
  return claimsOf(userId, { exp: inSeconds(TOKEN_SECONDS) })
}

function bearer(token: string): Headers {
  return { Authorization: `Bearer ${token}` }
}

/** An application with sessions; cookies that are none of its own it refuses, the longest with 431. */
function openShop(): Promise<WebServer> {
  return openWebServer((request, response) => {
    const userId = Number(/PHPSESSID=session(\d+)/.exec(request.headers.cookie ?? '')?.[1])
    const isKnown = Number.isSafeInteger(userId)
    response.writeHead(isKnown ? 200 : 401, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(isKnown ? { user_id: userId } : {}))
  })
}
