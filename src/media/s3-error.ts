import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/config.ts'
import { ChatError, messageOf, systemCode } from '../errors.ts'

type Place = Pick<Config, 's3Bucket' | 's3Endpoint' | 's3Region'>

/** An error as XML is short: what is longer comes from something else. */
const ERROR_BYTES_MAX = 64 * 1024
/** The server has too much to do, has no room, or breaks: the same may work in a moment. */
const RETRIED_STATUSES = [408, 429, 500, 502, 503, 504, 507]
const NO_BUCKET = ['NoSuchBucket', 'InvalidBucketName']
const WRONG_KEYS = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'ExpiredToken']
const WRONG_REGION = ['AuthorizationHeaderMalformed', 'PermanentRedirect', 'TemporaryRedirect']

/**
 * An answer that is no success. Its message names the status and S3's code, and nothing else of the
 * answer, which repeats the access key and what was signed.
 */
export class S3Error extends Error {
  readonly status: number
  /** 'NoSuchKey'; '' where the answer has none, as that to a HEAD. */
  readonly code: string
  /** The bucket's region, where the answer names it. */
  readonly region: string | undefined
  /** The server's time; NaN where the answer has none. */
  readonly time: number

  constructor({ statusCode = 0, headers }: IncomingMessage, method: string, body: string) {
    const code = textOf(body, 'Code') ?? ''
    super(`${method} was answered ${statusCode} ${code}`.trimEnd())
    this.name = 'S3Error'
    this.status = statusCode
    this.code = code
    this.region = headers['x-amz-bucket-region']?.toString() ?? textOf(body, 'Region')
    this.time = Date.parse(headers.date ?? '')
  }
}

/** Reads the rest of an answer that is no success. */
export async function errorFrom(answer: IncomingMessage, method: string): Promise<S3Error> {
  let body = ''
  try {
    for await (const chunk of answer) {
      body += chunk
      if (body.length > ERROR_BYTES_MAX) break
    }
  } catch {
    // The status says enough.
  }
  return new S3Error(answer, method, body)
}

/** The text of the first element of this name. */
export function textOf(xml: string, element: string): string | undefined {
  return new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1]
}

/** Whether a request may be tried again: not when it is refused, nor when its client has gone. */
export function isRetried(error: unknown): boolean {
  if (error instanceof S3Error) return RETRIED_STATUSES.includes(error.status)
  return !isAborted(error)
}

export function isAborted(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** The error for the operator of a bucket that cannot be used: what is wrong, in one line. */
export function setupError(error: unknown, config: Place): ChatError {
  const { s3Bucket: bucket } = config
  const endpoint = config.s3Endpoint || `Amazon S3 in ${config.s3Region}`
  const reason = error instanceof S3Error ? reasonOf(error, config) : networkReason(error)
  const message = `Media cannot be kept in the bucket ${bucket} of ${endpoint}: ${reason}.`
  return new ChatError('setup', message, { cause: error })
}

function networkReason(error: unknown): string {
  const code = systemCode(error)
  const what = code === '' ? 'it does not answer as S3 does' : 'it cannot be reached'
  return `${what} (${code || messageOf(error)}). See CHAT_S3_ENDPOINT`
}

function reasonOf({ status, code, region, time }: S3Error, { s3Region }: Place): string {
  const answered = `(${`${status} ${code}`.trimEnd()})`
  if (NO_BUCKET.includes(code)) return `there is no such bucket ${answered}. See CHAT_S3_BUCKET`
  if (code === 'RequestTimeTooSkewed') {
    const minutes = Math.round(Math.abs(Date.now() - time) / 60_000)
    const apart = Number.isNaN(minutes) ? 'too far' : `${minutes} min`
    const advice = 'Set this one: timedatectl set-ntp true'
    return `the clocks of this host and of the server are ${apart} apart ${answered}. ${advice}`
  }
  if (WRONG_KEYS.includes(code)) {
    const variables = 'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN'
    return `the credentials are not accepted ${answered}. See ${variables}`
  }
  if (WRONG_REGION.includes(code) || status === 301) {
    const right = region === undefined ? '' : `, but ${region}`
    return `its region is not CHAT_S3_REGION=${s3Region}${right} ${answered}`
  }
  if (status === 403) {
    const rights = 's3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject'
    return `the credentials lack rights ${answered}. Give them ${rights}`
  }
  return `the server answers ${answered.slice(1, -1)}`
}
