import { isIPv4 } from 'node:net'
import { ChatError, messageOf } from '../errors.ts'
import type { LogFormat } from '../log.ts'
import {
  choice,
  database,
  integer,
  list,
  password,
  path,
  port,
  type Setting,
  secret,
  text,
  timezone,
  toggle,
  umask,
  url,
  webhookSecret,
} from './setting.ts'

/** Longer messages would not fit into pending_events.data, whatever their characters. */
const MESSAGE_LENGTH_SETTING_MAX = 100_000

/** A hundred years. */
const RETENTION_DAYS_SETTING_MAX = 36_500

/** The receivers of a user's presence: all users, those with a conversation, or none. */
export type Presence = 'all' | 'contacts' | 'off'

/** How callers prove who they are. */
type AuthMode = 'none' | 'jwt' | 'callback'

export const settings = {
  database: database(
    'CHAT_DATABASE',
    'data/chat.db',
    'the SQLite file, or mysql://user@host:3306/database on MariaDB or MySQL, which many hosts may share',
  ),
  databasePassword: password('CHAT_DATABASE_PASSWORD', 'the password of the user in CHAT_DATABASE'),
  databaseCa: text(
    'CHAT_DATABASE_CA',
    '',
    'to reach the database server by TLS: a file with the certificate that signed its own',
  ),
  importPassword: password(
    'CHAT_IMPORT_PASSWORD',
    'for chat-api import: the password of the user in --from',
  ),
  host: text('CHAT_HOST', '127.0.0.1', 'address that both servers bind'),
  apiPort: port('CHAT_API_PORT', '8080', 'port of chat-api; 0 picks a free one and prints it'),
  wsPort: port('CHAT_WS_PORT', '8089', 'port of chat-websocket; 0 picks a free one and prints it'),
  publicUrl: url('CHAT_PUBLIC_URL', 'http://localhost:8080', 'prefix of media and profile URLs'),
  publicWsUrl: url(
    'CHAT_PUBLIC_WS_URL',
    '',
    'where the pages connect: wss://shop.example/ws; empty: the host of the page, the port of the daemon',
    ['ws', 'wss'],
  ),
  uploadsDir: path('CHAT_UPLOADS_DIR', 'public/uploads', 'where media is kept; served at /uploads'),
  s3Bucket: text(
    'CHAT_S3_BUCKET',
    '',
    'for several hosts: the bucket where media is kept; it arrives in CHAT_UPLOADS_DIR first',
  ),
  s3Endpoint: url('CHAT_S3_ENDPOINT', '', 'its S3 server; empty: Amazon, in CHAT_S3_REGION'),
  s3Region: text('CHAT_S3_REGION', 'us-east-1', 'its region'),
  s3AccessKeyId: password('AWS_ACCESS_KEY_ID', 'for the bucket'),
  s3SecretAccessKey: password('AWS_SECRET_ACCESS_KEY', 'for the bucket'),
  s3SessionToken: password('AWS_SESSION_TOKEN', 'for the bucket, where credentials are temporary'),
  pollIntervalMs: integer('CHAT_POLL_INTERVAL_MS', '10', 'the tick, in ms', 1, 60_000),
  wake: toggle('CHAT_WAKE', 'on', 'also poll as soon as the chat itself has written: on, off'),
  auth: choice<AuthMode>(
    'CHAT_AUTH',
    'none',
    'who may connect: none, jwt, callback; to be chosen before binding any address but loopback',
    ['none', 'jwt', 'callback'],
  ),
  jwtSecret: secret('CHAT_JWT_SECRET', 'for jwt: the HS256 secret'),
  jwtPublicKeyFile: text('CHAT_JWT_PUBLIC_KEY_FILE', '', 'for jwt: a public key in PEM, instead'),
  jwksUrl: url('CHAT_JWKS_URL', '', 'for jwt: where the public keys are published, instead'),
  jwtAudience: text('CHAT_JWT_AUDIENCE', '', 'for jwt: what aud must be; empty: anything'),
  jwtIssuer: text('CHAT_JWT_ISSUER', '', 'for jwt: what iss must be; empty: anything'),
  jwtRequireExp: toggle(
    'CHAT_JWT_REQUIRE_EXP',
    'on',
    'for jwt: refuse tokens that never end, having no exp: on, off',
  ),
  authCallbackUrl: url(
    'CHAT_AUTH_CALLBACK_URL',
    '',
    'for callback: where the existing application says who the visitor is',
  ),
  webhookUrl: url('CHAT_WEBHOOK_URL', '', 'where messages are posted whose receiver is absent'),
  webhookSecret: webhookSecret('CHAT_WEBHOOK_SECRET', 'signs those posts: whsec_ and base64'),
  webhookDelayMs: integer(
    'CHAT_WEBHOOK_DELAY_MS',
    '5000',
    'a receiver who is back within so many ms is not pushed; to the next full second',
    0,
    600_000,
  ),
  mediaAuth: toggle(
    'CHAT_MEDIA_AUTH',
    'off',
    'only the two people of a conversation may fetch its media: on, off',
  ),
  broadcastSecret: secret(
    'CHAT_BROADCAST_SECRET',
    'who may call chat_websocket_broadcast.php: those who send it; empty: programs on this machine',
  ),
  metricsSecret: secret(
    'CHAT_METRICS_SECRET',
    'who may read /metrics and /status.json: those who send it; empty: programs on this machine',
  ),
  allowedOrigins: list(
    'CHAT_ALLOWED_ORIGINS',
    '*',
    'CORS and WebSocket Origin allow-list; * only with jwt, or on loopback',
  ),
  trustProxy: toggle('CHAT_TRUST_PROXY', 'off', "client's address from X-Forwarded-For: on, off"),
  tlsCert: text('CHAT_TLS_CERT', '', 'certificate file, for https and wss without a proxy'),
  tlsKey: text('CHAT_TLS_KEY', '', 'its key file; SIGHUP reads both again'),
  rateLimit: integer('CHAT_RATE_LIMIT', '120', 'messages a user may send per minute; 0 = off', 0),
  uploadRateLimit: integer('CHAT_UPLOAD_RATE_LIMIT', '30', 'of them with a file; 0 = off', 0),
  connectRateLimit: integer(
    'CHAT_CONNECT_RATE_LIMIT',
    '200',
    'sockets an address may open per second; 0 = off',
    0,
  ),
  requestRateLimit: integer(
    'CHAT_REQUEST_RATE_LIMIT',
    '600',
    'reads, receipts and status requests a user may make per minute; 0 = off',
    0,
  ),
  uploadBytesPerDay: integer(
    'CHAT_UPLOAD_BYTES_PER_DAY',
    '1073741824',
    'bytes of files a user may send in a day (1 GB); 0 = off',
    0,
  ),
  messageLengthMax: integer(
    'CHAT_MAX_MESSAGE_LENGTH',
    '5000',
    'characters in a message',
    1,
    MESSAGE_LENGTH_SETTING_MAX,
  ),
  retentionDays: integer(
    'CHAT_RETENTION_DAYS',
    '0',
    'days after which messages lose their text and media; 0 = never',
    0,
    RETENTION_DAYS_SETTING_MAX,
  ),
  imageBytesMax: integer('CHAT_MAX_IMAGE_BYTES', '10485760', 'bytes in an image (10 MB)', 1),
  voiceBytesMax: integer('CHAT_MAX_VOICE_BYTES', '20971520', 'bytes in a voice file (20 MB)', 1),
  connectionsMax: integer('CHAT_MAX_CONNECTIONS', '20000', 'sockets in all', 1),
  connectionsPerAddressMax: integer(
    'CHAT_MAX_CONNECTIONS_PER_ADDRESS',
    '1000',
    'sockets of one address; 0 = off',
    0,
  ),
  connectionsPerUserMax: integer('CHAT_MAX_CONNECTIONS_PER_USER', '20', 'sockets of one user', 1),
  presence: choice<Presence>(
    'CHAT_PRESENCE',
    'all',
    'who hears chat:user_status: all, contacts, off',
    ['all', 'contacts', 'off'],
  ),
  offlineDelayMs: integer(
    'CHAT_OFFLINE_DELAY_MS',
    '3000',
    'how long after the last socket a user counts as online, in ms',
    0,
    60_000,
  ),
  pingIntervalMs: integer(
    'CHAT_PING_INTERVAL_MS',
    '25000',
    'how often each socket is pinged, in ms; one that does not answer until the next is cut',
    1_000,
    600_000,
  ),
  replayedMessagesMax: integer(
    'CHAT_MAX_REPLAY',
    '500',
    'missed messages that a reconnecting client is told; more, and it is to refetch',
    1,
    10_000,
  ),
  echoesToSender: toggle(
    'CHAT_ECHO_TO_SENDER',
    'off',
    "also send a message to the sender's own devices: on, off",
  ),
  timezone: timezone('CHAT_TIMEZONE', 'UTC', 'how times are shown: an IANA name'),
  logFormat: choice<LogFormat>('CHAT_LOG_FORMAT', 'text', 'text or json', ['text', 'json']),
  pidDir: path('CHAT_PID_DIR', 'data', 'where pid and log files of the background services are'),
  umask: umask(
    'CHAT_UMASK',
    '0077',
    'rights that new files do not get; 0027 where nginx reads uploads itself, 0007 where programs of the group write to the database',
  ),
}

export type Config = {
  [Key in keyof typeof settings]: ReturnType<(typeof settings)[Key]['parse']>
}

/**
 * Reads every setting.
 *
 * @param values texts by variable name, the strongest source first; '' counts as not set
 * @throws ChatError `setup` that names the variable and what it takes
 */
export function readConfig(...values: Record<string, string | undefined>[]): Config {
  const given = (name: string) => values.map((source) => source[name]).find((value) => value)
  const config: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries<Setting<unknown>>(settings)) {
    config[key] = parseSetting(setting, given(setting.variable))
  }
  refuseOpenDoor(config as Config, given(settings.auth.variable) !== undefined)
  refuseContradictions(config as Config)
  return config as Config
}

/** Whether only programs on this machine can reach a server that binds this address. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  return plain === 'localhost' || plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))
}

function parseSetting(setting: Setting<unknown>, given: string | undefined): unknown {
  try {
    return setting.parse(given ?? setting.fallback)
  } catch (error) {
    const shown = setting.isSecret || mayHoldPassword(given) ? '' : `, not "${given}"`
    throw new ChatError('setup', `${setting.variable} ${messageOf(error)}${shown}`)
  }
}

/** https://user:password@host or …?password=…, however it is misspelt. */
function mayHoldPassword(text = ''): boolean {
  return /[@?]/.test(text)
}

/** The documented protocol trusts every user_id: safe on one machine only. */
function refuseOpenDoor(config: Config, isAuthChosen: boolean): void {
  if (isLoopback(config.host) || isAuthChosen) return
  throw new ChatError(
    'setup',
    `CHAT_HOST=${config.host} lets other machines in, and without authentication anyone may act as ` +
      'anyone. If that is what you want (say, behind a firewall), set CHAT_AUTH=none as well.',
  )
}

function refuseContradictions(config: Config): void {
  const keys = [config.jwtSecret, config.jwtPublicKeyFile, config.jwksUrl].filter(Boolean)
  const isAnonymous = config.auth === 'none'
  const rules: [boolean, string][] = [
    [
      config.auth === 'jwt' && keys.length !== 1,
      'CHAT_AUTH=jwt takes one of CHAT_JWT_SECRET, CHAT_JWT_PUBLIC_KEY_FILE and CHAT_JWKS_URL',
    ],
    [
      config.auth === 'callback' && config.authCallbackUrl === '',
      'CHAT_AUTH=callback needs CHAT_AUTH_CALLBACK_URL: where to ask who a visitor is',
    ],
    [
      config.auth === 'callback' && config.allowedOrigins.includes('*'),
      "CHAT_AUTH=callback believes cookies, which any page's requests carry: list the pages that may " +
        'use the chat in CHAT_ALLOWED_ORIGINS, such as https://shop.example',
    ],
    [
      isAnonymous && !isLoopback(config.host) && config.allowedOrigins.includes('*'),
      `CHAT_AUTH=none on CHAT_HOST=${config.host} lets any page in any browser that reaches it act as ` +
        'anyone: list the pages that may use the chat in CHAT_ALLOWED_ORIGINS, such as https://shop.example',
    ],
    [
      config.webhookUrl !== '' && config.webhookSecret === '',
      'CHAT_WEBHOOK_URL needs CHAT_WEBHOOK_SECRET: what the application checks signatures with',
    ],
    [config.mediaAuth && isAnonymous, 'CHAT_MEDIA_AUTH=on needs CHAT_AUTH=jwt or callback'],
    [
      config.s3Bucket !== '' && !(config.s3AccessKeyId && config.s3SecretAccessKey),
      'CHAT_S3_BUCKET needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: those of who may use it',
    ],
    [
      (config.tlsCert === '') !== (config.tlsKey === ''),
      'CHAT_TLS_CERT and CHAT_TLS_KEY go together: set both, or neither',
    ],
  ]
  for (const [isBroken, message] of rules) if (isBroken) throw new ChatError('setup', message)
}
