import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { isLoopback, readConfig, settings } from '../src/config/config.ts'
import { homeFolder } from '../src/config/home.ts'
import { flagOf, SECRET_LENGTH_MIN, type Setting } from '../src/config/setting.ts'
import { refusal } from './support/config.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

test('every setting has its documented default', () => {
  expect(readConfig({})).toEqual({
    database: `${ROOT}data/chat.db`,
    databasePassword: '',
    databaseCa: '',
    importPassword: '',
    host: '127.0.0.1',
    apiPort: 8080,
    wsPort: 8089,
    publicUrl: 'http://localhost:8080',
    publicWsUrl: '',
    uploadsDir: `${ROOT}public/uploads`,
    s3Bucket: '',
    s3Endpoint: '',
    s3Region: 'us-east-1',
    s3AccessKeyId: '',
    s3SecretAccessKey: '',
    s3SessionToken: '',
    pollIntervalMs: 10,
    wake: true,
    auth: 'none',
    jwtSecret: '',
    jwtPublicKeyFile: '',
    jwksUrl: '',
    jwtAudience: '',
    jwtIssuer: '',
    jwtRequireExp: true,
    authCallbackUrl: '',
    webhookUrl: '',
    webhookSecret: '',
    webhookDelayMs: 5_000,
    mediaAuth: false,
    broadcastSecret: '',
    metricsSecret: '',
    allowedOrigins: ['*'],
    trustProxy: false,
    tlsCert: '',
    tlsKey: '',
    rateLimit: 120,
    uploadRateLimit: 30,
    connectRateLimit: 200,
    requestRateLimit: 600,
    uploadBytesPerDay: 1_073_741_824,
    messageLengthMax: 5_000,
    retentionDays: 0,
    imageBytesMax: 10 * 1024 * 1024,
    voiceBytesMax: 20 * 1024 * 1024,
    connectionsMax: 20_000,
    connectionsPerAddressMax: 1_000,
    connectionsPerUserMax: 20,
    presence: 'all',
    pingIntervalMs: 25_000,
    offlineDelayMs: 3_000,
    replayedMessagesMax: 500,
    echoesToSender: false,
    timezone: 'UTC',
    logFormat: 'text',
    pidDir: `${ROOT}data`,
    umask: 0o077,
  })
})

test('as a package in node_modules the defaults of paths are in the current folder', () => {
  const home = (programFolder: string) => homeFolder(programFolder, '/shop')
  expect(home('/shop/node_modules/chat-websocket/')).toBe('/shop')
  expect(home('/usr/lib/node_modules/chat-websocket/')).toBe('/shop')
  expect(home('/opt/chat-websocket/')).toBe('/opt/chat-websocket/')
  expect(home('/opt/old_node_modules/')).toBe('/opt/old_node_modules/')
})

test('a flag is called as its variable is', () => {
  expect(flagOf(settings.apiPort)).toBe('--api-port')
  expect(flagOf(settings.connectionsPerUserMax)).toBe('--max-connections-per-user')
  const all = Object.values<Setting<unknown>>(settings)
  for (const setting of all.filter(({ isSecret }) => !isSecret)) {
    const variable = flagOf(setting).toUpperCase().replace('--', 'CHAT_').replaceAll('-', '_')
    expect(variable).toBe(setting.variable)
  }
})

test('the first source that gives a value wins, and an empty value is none', () => {
  const name = 'CHAT_API_PORT'
  expect(readConfig({ [name]: '1' }, { [name]: '2' }, { [name]: '3' }).apiPort).toBe(1)
  expect(readConfig({}, { [name]: '2' }, { [name]: '3' }).apiPort).toBe(2)
  expect(readConfig({ [name]: '' }, {}, { [name]: '3' }).apiPort).toBe(3)
  expect(readConfig({ [name]: '' }).apiPort).toBe(8080)
})

test.for([
  ['CHAT_API_PORT', 'apiPort', 0, 65_535],
  ['CHAT_WS_PORT', 'wsPort', 0, 65_535],
  ['CHAT_POLL_INTERVAL_MS', 'pollIntervalMs', 1, 60_000],
  ['CHAT_MAX_MESSAGE_LENGTH', 'messageLengthMax', 1, 100_000],
  ['CHAT_RETENTION_DAYS', 'retentionDays', 0, 36_500],
  ['CHAT_OFFLINE_DELAY_MS', 'offlineDelayMs', 0, 60_000],
  ['CHAT_PING_INTERVAL_MS', 'pingIntervalMs', 1_000, 600_000],
  ['CHAT_MAX_REPLAY', 'replayedMessagesMax', 1, 10_000],
  ['CHAT_WEBHOOK_DELAY_MS', 'webhookDelayMs', 0, 600_000],
] as const)('%s takes its limits and nothing past them', ([variable, key, min, max]) => {
  expect(readConfig({ [variable]: `${min}` })[key]).toBe(min)
  expect(readConfig({ [variable]: `${max}` })[key]).toBe(max)
  for (const value of [`${min - 1}`, `${max + 1}`, '1.5', '1e3', '0x10', ' 5', 'ten']) {
    expect(refusal({ [variable]: value })).toBe(
      `${variable} must be a whole number from ${min} to ${max}, not "${value}"`,
    )
  }
})

test.for([
  ['CHAT_MAX_IMAGE_BYTES', 'imageBytesMax', 1],
  ['CHAT_MAX_VOICE_BYTES', 'voiceBytesMax', 1],
  ['CHAT_MAX_CONNECTIONS', 'connectionsMax', 1],
  ['CHAT_MAX_CONNECTIONS_PER_USER', 'connectionsPerUserMax', 1],
  ['CHAT_MAX_CONNECTIONS_PER_ADDRESS', 'connectionsPerAddressMax', 0],
  ['CHAT_RATE_LIMIT', 'rateLimit', 0],
  ['CHAT_REQUEST_RATE_LIMIT', 'requestRateLimit', 0],
  ['CHAT_UPLOAD_BYTES_PER_DAY', 'uploadBytesPerDay', 0],
  ['CHAT_UPLOAD_RATE_LIMIT', 'uploadRateLimit', 0],
  ['CHAT_CONNECT_RATE_LIMIT', 'connectRateLimit', 0],
] as const)('%s has a lower limit only', ([variable, key, min]) => {
  expect(readConfig({ [variable]: `${min}` })[key]).toBe(min)
  expect(readConfig({ [variable]: '9007199254740991' })[key]).toBe(Number.MAX_SAFE_INTEGER)
  for (const value of [`${min - 1}`, '-0', '9007199254740992']) {
    expect(refusal({ [variable]: value })).toBe(
      `${variable} must be a whole number of at least ${min}, not "${value}"`,
    )
  }
})

test('every number among the settings is tested at its limits here', () => {
  const numbers = Object.entries(readConfig({})).filter(([, value]) => typeof value === 'number')
  expect(numbers).toHaveLength(9 + 10 + 1)
})

test.for([
  ['CHAT_WAKE', 'wake'],
  ['CHAT_TRUST_PROXY', 'trustProxy'],
  ['CHAT_ECHO_TO_SENDER', 'echoesToSender'],
  ['CHAT_JWT_REQUIRE_EXP', 'jwtRequireExp'],
] as const)('%s is on or off', ([variable, key]) => {
  expect(readConfig({ [variable]: 'on' })[key]).toBe(true)
  expect(readConfig({ [variable]: 'off' })[key]).toBe(false)
  for (const value of ['true', '1', 'ON']) {
    expect(refusal({ [variable]: value })).toBe(`${variable} must be on or off, not "${value}"`)
  }
})

test.for([
  ['CHAT_PRESENCE', 'presence', ['all', 'contacts', 'off']],
  ['CHAT_LOG_FORMAT', 'logFormat', ['text', 'json']],
] as const)('%s is one of its words', ([variable, key, words]) => {
  for (const word of words) expect(readConfig({ [variable]: word })[key]).toBe(word)
  expect(refusal({ [variable]: 'some' })).toBe(
    `${variable} must be ${words.join(' or ')}, not "some"`,
  )
})

test('CHAT_PUBLIC_URL is a web address, kept without a slash at its end', () => {
  const publicUrl = (value: string) => readConfig({ CHAT_PUBLIC_URL: value }).publicUrl
  expect(publicUrl('https://chat.example/shop//')).toBe('https://chat.example/shop')
  for (const value of ['chat.example', 'ftp://chat.example', 'https://', '/chat']) {
    expect(refusal({ CHAT_PUBLIC_URL: value })).toBe(
      `CHAT_PUBLIC_URL must be a URL that starts with http:// or https://, not "${value}"`,
    )
  }
})

test.for([
  ['CHAT_PUBLIC_URL', 'https', 'http:// or https://'],
  ['CHAT_JWKS_URL', 'https', 'http:// or https://'],
  ['CHAT_S3_ENDPOINT', 'https', 'http:// or https://'],
  ['CHAT_AUTH_CALLBACK_URL', 'http', 'http:// or https://'],
  ['CHAT_PUBLIC_WS_URL', 'wss', 'ws:// or wss://'],
] as const)(
  '%s takes no user and password, and does not show them',
  ([variable, scheme, starts]) => {
    const takes = `${variable} must be a URL`
    for (const userInfo of ['root:hunter2', ':hunter2', 'hunter2', 'root:hunter2%40']) {
      expect(refusal({ [variable]: `${scheme}://${userInfo}@shop.example/who.php` })).toBe(
        `${takes} without user and password: those end up in logs`,
      )
    }
    // Nor where it is no such URL at all.
    for (const value of [
      'ftp://root:hunter2@shop.example',
      'root:hunter2@shop.example',
      'http//r:hunter2@',
    ]) {
      expect(refusal({ [variable]: value })).toBe(`${takes} that starts with ${starts}`)
    }
    const page = `${scheme}://shop.example/@shop`
    expect(Object.values(readConfig({ [variable]: page }))).toContain(page)
  },
)

test('CHAT_TIMEZONE is the name of a time zone', () => {
  expect(readConfig({ CHAT_TIMEZONE: 'Asia/Riyadh' }).timezone).toBe('Asia/Riyadh')
  expect(readConfig({ CHAT_TIMEZONE: 'asia/riyadh' }).timezone).toBe('Asia/Riyadh')
  for (const value of ['Riyadh', 'Mars/Olympus']) {
    expect(refusal({ CHAT_TIMEZONE: value })).toBe(
      `CHAT_TIMEZONE must be the IANA name of a time zone, such as Asia/Riyadh, not "${value}"`,
    )
  }
})

test('the umask is octal and leaves others nothing', () => {
  for (const value of ['0077', '077', '0027', '0007', '0037']) {
    expect(readConfig({ CHAT_UMASK: value }).umask).toBe(Number.parseInt(value, 8))
  }
  // Nothing for others, and everything for the user itself: without that it could not read its own.
  for (const value of [
    '0022',
    '0026',
    '0000',
    '0777',
    '0177',
    '77',
    '0o077',
    '63',
    '0078',
    'off',
  ]) {
    expect(refusal({ CHAT_UMASK: value })).toBe(
      `CHAT_UMASK must be octal and leave nothing for others, such as 0077, 0027 or 0007, not "${value}"`,
    )
  }
})

test('CHAT_ALLOWED_ORIGINS is a list', () => {
  const origins = (value: string) => readConfig({ CHAT_ALLOWED_ORIGINS: value }).allowedOrigins
  expect(origins('https://shop.example')).toEqual(['https://shop.example'])
  expect(origins(' https://a.example, https://b.example,')).toEqual([
    'https://a.example',
    'https://b.example',
  ])
})

test('a given path is taken as it is, relative to the current folder', () => {
  expect(readConfig({ CHAT_DATABASE: 'chat.db' }).database).toBe('chat.db')
  expect(readConfig({ CHAT_UPLOADS_DIR: '/srv/media' }).uploadsDir).toBe('/srv/media')
  expect(readConfig({ CHAT_PID_DIR: '/run/chat' }).pidDir).toBe('/run/chat')
})

const ORIGINS = { CHAT_ALLOWED_ORIGINS: 'https://shop.example' }
const PUBLIC_HOSTS = ['0.0.0.0', '::', '192.0.2.1', 'chat.example', '128.0.0.1', '127.example']

test.for(PUBLIC_HOSTS)('binding %s is refused until CHAT_AUTH says that this is meant', (host) => {
  expect(refusal({ CHAT_HOST: host })).toBe(
    `CHAT_HOST=${host} lets other machines in, and without authentication anyone may act as ` +
      'anyone. If that is what you want (say, behind a firewall), set CHAT_AUTH=none as well.',
  )
  const given = { CHAT_HOST: host, ...ORIGINS }
  expect(readConfig({ ...given, CHAT_AUTH: 'none' }).host).toBe(host)
  expect(readConfig(given, { CHAT_AUTH: 'none' }).host).toBe(host)
  expect(refusal({ ...given, CHAT_AUTH: '' })).toContain('CHAT_AUTH=none')
})

test.for(PUBLIC_HOSTS)('whoever may be anyone on %s comes from a listed page', (host) => {
  const given = { CHAT_HOST: host, CHAT_AUTH: 'none' }
  for (const CHAT_ALLOWED_ORIGINS of ['', '*', 'https://shop.example,*']) {
    expect(refusal({ ...given, CHAT_ALLOWED_ORIGINS })).toBe(
      `CHAT_AUTH=none on CHAT_HOST=${host} lets any page in any browser that reaches it act as ` +
        'anyone: list the pages that may use the chat in CHAT_ALLOWED_ORIGINS, such as https://shop.example',
    )
  }
  expect(readConfig({ ...given, ...ORIGINS }).allowedOrigins).toEqual(['https://shop.example'])
})

test.for(['127.0.0.1', '127.255.255.254', '::1', 'localhost', '::ffff:127.0.0.1'])(
  '%s is this machine only, and needs no CHAT_AUTH',
  (host) => {
    expect(isLoopback(host)).toBe(true)
    expect(readConfig({ CHAT_HOST: host }).host).toBe(host)
  },
)

const secret = 's'.repeat(SECRET_LENGTH_MIN)
const jwt = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: secret }
const callback = {
  CHAT_AUTH: 'callback',
  CHAT_AUTH_CALLBACK_URL: 'https://shop.example/who.php',
  CHAT_ALLOWED_ORIGINS: 'https://shop.example',
}

test('CHAT_AUTH is one of its words', () => {
  expect(readConfig({ CHAT_AUTH: 'none' }).auth).toBe('none')
  expect(readConfig(jwt).auth).toBe('jwt')
  expect(readConfig(callback).auth).toBe('callback')
  expect(refusal({ CHAT_AUTH: 'some' })).toBe(
    'CHAT_AUTH must be none or jwt or callback, not "some"',
  )
})

test.for([jwt, callback])('with $CHAT_AUTH any address may be bound', (authentication) => {
  expect(readConfig({ CHAT_HOST: '0.0.0.0', ...authentication }).host).toBe('0.0.0.0')
})

test.for(['CHAT_JWT_SECRET', 'CHAT_BROADCAST_SECRET'])(
  '%s has at least 32 characters, is never shown and has no flag',
  (variable) => {
    expect(SECRET_LENGTH_MIN).toBe(32)
    expect(() => readConfig({ [variable]: secret })).not.toThrow()
    expect(refusal({ [variable]: 'hunter2'.padEnd(31) })).toBe(
      `${variable} must be at least 32 characters long (openssl rand -hex 32 makes one)`,
    )
    const all = Object.values<Setting<unknown>>(settings)
    expect(all.find((setting) => setting.variable === variable)?.isSecret).toBe(true)
  },
)

test('CHAT_AUTH=jwt takes exactly one source of keys', () => {
  const sources: Record<string, string>[] = [
    { CHAT_JWT_SECRET: secret },
    { CHAT_JWT_PUBLIC_KEY_FILE: 'key.pem' },
    { CHAT_JWKS_URL: 'https://shop.example/jwks.json' },
  ]
  const message =
    'CHAT_AUTH=jwt takes one of CHAT_JWT_SECRET, CHAT_JWT_PUBLIC_KEY_FILE and CHAT_JWKS_URL'
  expect(refusal({ CHAT_AUTH: 'jwt' })).toBe(message)
  for (const source of sources) {
    expect(readConfig({ CHAT_AUTH: 'jwt', ...source }).auth).toBe('jwt')
    for (const other of sources.filter((one) => one !== source)) {
      expect(refusal({ CHAT_AUTH: 'jwt', ...source, ...other })).toBe(message)
    }
  }
})

test('CHAT_AUTH=callback needs an address to ask, and the pages that may', () => {
  expect(refusal({ ...callback, CHAT_AUTH_CALLBACK_URL: '' })).toBe(
    'CHAT_AUTH=callback needs CHAT_AUTH_CALLBACK_URL: where to ask who a visitor is',
  )
  for (const CHAT_ALLOWED_ORIGINS of ['', '*', 'https://shop.example,*']) {
    expect(refusal({ ...callback, CHAT_ALLOWED_ORIGINS })).toContain(
      'list the pages that may use the chat in CHAT_ALLOWED_ORIGINS',
    )
  }
  expect(refusal({ ...callback, CHAT_AUTH_CALLBACK_URL: 'shop.example' })).toContain(
    'CHAT_AUTH_CALLBACK_URL must be a URL',
  )
})

test('CHAT_WEBHOOK_SECRET is a key as Standard Webhooks has it, and is not shown', () => {
  const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 0xfb).toString('base64')}`
  for (const bytes of [24, 32, 64]) {
    const secret = secretOf(bytes)
    expect(readConfig({ CHAT_WEBHOOK_SECRET: secret }).webhookSecret).toBe(secret)
  }
  const key = secretOf(32).replace('whsec_', '')
  const odd = [secretOf(23), secretOf(65), key, `whsec-${key}`, `whsec_${key.slice(0, -1)}`]
  for (const secret of [...odd, `whsec_${key.replace('+', '!')}`, 'whsec_']) {
    expect(refusal({ CHAT_WEBHOOK_SECRET: secret })).toBe(
      'CHAT_WEBHOOK_SECRET must be whsec_ and the base64 of 24 to 64 bytes ' +
        '(echo whsec_$(openssl rand -base64 32) makes one)',
    )
  }
})

test('CHAT_WEBHOOK_URL is a web address, and needs a secret', () => {
  const url = { CHAT_WEBHOOK_URL: 'https://shop.example/push' }
  expect(refusal(url)).toMatch(/^CHAT_WEBHOOK_URL needs CHAT_WEBHOOK_SECRET: /)
  const secret = { CHAT_WEBHOOK_SECRET: `whsec_${'a'.repeat(32)}` }
  expect(readConfig(url, secret).webhookUrl).toBe('https://shop.example/push')
  expect(refusal({ CHAT_WEBHOOK_URL: 'shop.example/push' }, secret)).toMatch(
    /^CHAT_WEBHOOK_URL must be a URL that starts with http:\/\/ or https:\/\//,
  )
})

test('CHAT_MEDIA_AUTH needs somebody who is known', () => {
  expect(refusal({ CHAT_MEDIA_AUTH: 'on' })).toBe(
    'CHAT_MEDIA_AUTH=on needs CHAT_AUTH=jwt or callback',
  )
  expect(readConfig({ CHAT_MEDIA_AUTH: 'on', ...jwt }).mediaAuth).toBe(true)
})

test('a bucket needs credentials, which have no flag and are never shown', () => {
  const credentials = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
  expect(readConfig({ CHAT_S3_BUCKET: 'chat', ...credentials })).toMatchObject({
    s3Bucket: 'chat',
    s3AccessKeyId: 'id',
    s3SecretAccessKey: 'secret',
  })
  for (const [variable, value] of Object.entries(credentials)) {
    expect(refusal({ CHAT_S3_BUCKET: 'chat', [variable]: value })).toBe(
      'CHAT_S3_BUCKET needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: those of who may use it',
    )
  }
  // Machines have them for other programs too.
  expect(readConfig(credentials).s3Bucket).toBe('')
  const all = Object.values<Setting<unknown>>(settings)
  const own = all.filter(({ variable }) => variable.startsWith('AWS_'))
  expect(own.map(({ isSecret }) => isSecret)).toEqual([true, true, true])
})

test('a certificate and its key go together', () => {
  const cert = { CHAT_TLS_CERT: 'cert.pem' }
  const key = { CHAT_TLS_KEY: 'key.pem' }
  for (const half of [cert, key]) {
    expect(refusal(half)).toBe('CHAT_TLS_CERT and CHAT_TLS_KEY go together: set both, or neither')
  }
  expect(readConfig({ ...cert, ...key })).toMatchObject({ tlsCert: 'cert.pem', tlsKey: 'key.pem' })
})
