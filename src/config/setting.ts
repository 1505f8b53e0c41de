import { inHome } from './home.ts'

/** A secret that can be guessed is none. */
export const SECRET_LENGTH_MIN = 32
const WEBHOOK_KEY_BYTES_MIN = 24
const WEBHOOK_KEY_BYTES_MAX = 64
const WEBHOOK_SECRET_PREFIX = 'whsec_'

/**
 * One thing an operator can set: by the environment variable, by a line in a `.env` file, or by the flag of
 * the same name (CHAT_API_PORT → --api-port), which wins.
 */
export interface Setting<Value> {
  variable: string
  /** As it would be written in the environment; '' = not set. */
  fallback: string
  meaning: string
  /** Has no flag, and is never shown: the arguments of a process are everybody's to read. */
  isSecret?: boolean
  /** Returns the value, or throws with the words that follow "CHAT_… ". */
  parse: (text: string) => Value
}

/** --api-port for CHAT_API_PORT. */
export function flagOf(setting: Setting<unknown>): string {
  return `--${setting.variable.replace('CHAT_', '').toLowerCase().replaceAll('_', '-')}`
}

export function secret(variable: string, meaning: string): Setting<string> {
  const parse = (value: string) => {
    if (value === '' || value.length >= SECRET_LENGTH_MIN) return value
    const way = 'openssl rand -hex 32 makes one'
    throw new Error(`must be at least ${SECRET_LENGTH_MIN} characters long (${way})`)
  }
  return { ...setting(variable, '', meaning, parse), isSecret: true }
}

/** A key as Standard Webhooks has it. */
export function webhookSecret(variable: string, meaning: string): Setting<string> {
  const parse = (value: string) => {
    const key = Buffer.from(value.slice(WEBHOOK_SECRET_PREFIX.length), 'base64')
    const [min, max] = [WEBHOOK_KEY_BYTES_MIN, WEBHOOK_KEY_BYTES_MAX]
    const isSpeltSo = WEBHOOK_SECRET_PREFIX + key.toString('base64') === value
    if (value === '' || (isSpeltSo && key.length >= min && key.length <= max)) return value
    const way = 'echo whsec_$(openssl rand -base64 32) makes one'
    throw new Error(`must be whsec_ and the base64 of ${min} to ${max} bytes (${way})`)
  }
  return { ...setting(variable, '', meaning, parse), isSecret: true }
}

/** A secret that another server has given: it may be as short as they like. */
export function password(variable: string, meaning: string): Setting<string> {
  return { ...text(variable, '', meaning), isSecret: true }
}

function setting<Value>(
  variable: string,
  fallback: string,
  meaning: string,
  parse: (text: string) => Value,
): Setting<Value> {
  return { variable, fallback, meaning, parse }
}

export function text(variable: string, fallback: string, meaning: string): Setting<string> {
  return setting(variable, fallback, meaning, (value) => value)
}

/** Given paths are relative to the current folder, the defaults to the home folder. */
export function path(variable: string, fallback: string, meaning: string): Setting<string> {
  const fallbackPath = inHome(fallback)
  return setting(variable, fallback, meaning, (value) =>
    value === fallback ? fallbackPath : value,
  )
}

/** The database: a path as above, or the URL of one on a server. */
export function database(variable: string, fallback: string, meaning: string): Setting<string> {
  const { parse } = path(variable, fallback, meaning)
  return setting(variable, fallback, meaning, (value) => {
    if (!/^(mysql:|\w+:\/\/)/i.test(value)) return parse(value)
    const url = value.startsWith('mysql://') && URL.canParse(value) ? new URL(value) : undefined
    if (url?.password) throw new Error('must not hold the password: set CHAT_DATABASE_PASSWORD')
    if (url === undefined || !namesDatabase(url)) {
      throw new Error('must be a path, or a URL such as mysql://user@host:3306/database')
    }
    return value
  })
}

function namesDatabase({ username, hostname, pathname, search, hash }: URL): boolean {
  const isWhole = username !== '' && hostname !== '' && /^\/[^/]+$/.test(pathname)
  return isWhole && search === '' && hash === '' && isDecodable(username + pathname)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

export function integer(
  variable: string,
  fallback: string,
  meaning: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): Setting<number> {
  return setting(variable, fallback, meaning, (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new Error(`must be a whole number ${range}`)
  })
}

export function port(variable: string, fallback: string, meaning: string): Setting<number> {
  return integer(variable, fallback, meaning, 0, 65_535)
}

export function choice<Value extends string>(
  variable: string,
  fallback: Value,
  meaning: string,
  values: readonly Value[],
): Setting<Value> {
  return setting(variable, fallback, meaning, (value) => {
    const chosen = values.find((one) => one === value)
    if (chosen === undefined) throw new Error(`must be ${values.join(' or ')}`)
    return chosen
  })
}

export function toggle(
  variable: string,
  fallback: 'on' | 'off',
  meaning: string,
): Setting<boolean> {
  const { parse } = choice(variable, fallback, meaning, ['on', 'off'])
  return setting(variable, fallback, meaning, (value) => parse(value) === 'on')
}

export function list(variable: string, fallback: string, meaning: string): Setting<string[]> {
  return setting(variable, fallback, meaning, (value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  )
}

export function url(
  variable: string,
  fallback: string,
  meaning: string,
  schemes: readonly string[] = ['http', 'https'],
): Setting<string> {
  return setting(variable, fallback, meaning, (value) => {
    if (value === '' && fallback === '') return value
    const isTaken = schemes.some((scheme) => value.startsWith(`${scheme}://`))
    if (!isTaken || !URL.canParse(value)) {
      const starts = schemes.map((scheme) => `${scheme}://`).join(' or ')
      throw new Error(`must be a URL that starts with ${starts}`)
    }
    const { username, password } = new URL(value)
    if (username !== '' || password !== '') {
      throw new Error('must be a URL without user and password: those end up in logs')
    }
    return value.replace(/\/+$/, '')
  })
}

/** Nothing that the chat keeps is for everybody on the machine. */
export function umask(variable: string, fallback: string, meaning: string): Setting<number> {
  return setting(variable, fallback, meaning, (value) => {
    if (/^0?0[0-7]7$/.test(value)) return Number.parseInt(value, 8)
    throw new Error('must be octal and leave nothing for others, such as 0077, 0027 or 0007')
  })
}

export function timezone(variable: string, fallback: string, meaning: string): Setting<string> {
  return setting(variable, fallback, meaning, (value) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone
    } catch {
      throw new Error('must be the IANA name of a time zone, such as Asia/Riyadh')
    }
  })
}
