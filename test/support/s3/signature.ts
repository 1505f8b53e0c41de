import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  region: string
}

/** What a server answers a request that it does not accept. */
export interface Refusal {
  status: number
  code: string
}

const SKEW_MS_MAX = 15 * 60 * 1000
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(.+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/

/**
 * Checks a signature (SigV4) as Amazon documents it; undefined when it is right. Written anew, so
 * that a mistake of the library that signs is none here too.
 */
export function refusalOf(request: IncomingMessage, own: Credentials): Refusal | undefined {
  const [, keyId, day = '', region, names = '', given = ''] =
    AUTHORIZATION.exec(request.headers.authorization ?? '') ?? []
  if (keyId === undefined) return { status: 403, code: 'AccessDenied' }
  if (keyId !== own.accessKeyId) return { status: 403, code: 'InvalidAccessKeyId' }
  if (region !== own.region) return { status: 400, code: 'AuthorizationHeaderMalformed' }
  const signedAt = String(request.headers['x-amz-date'])
  const skewMs = Math.abs(timeOf(signedAt) - realNow())
  if (!(skewMs <= SKEW_MS_MAX)) return { status: 403, code: 'RequestTimeTooSkewed' }
  const scope = `${day}/${region}/s3/aws4_request`
  const canonical = createHash('sha256').update(canonicalRequest(request, names)).digest('hex')
  const text = ['AWS4-HMAC-SHA256', signedAt, scope, canonical].join('\n')
  const keys = [day, region, 's3', 'aws4_request']
  const start: string | Buffer = `AWS4${own.secretAccessKey}`
  const key = keys.reduce<string | Buffer>((by, part) => hmac(by, part), start)
  const isRight = timingSafeEqual(hmac(key, text), Buffer.from(given, 'hex'))
  const isComplete = ['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) =>
    names.split(';').includes(name),
  )
  return isRight && isComplete ? undefined : { status: 403, code: 'SignatureDoesNotMatch' }
}

/** By a clock that no test sets. */
export function realNow(): number {
  return performance.timeOrigin + performance.now()
}

function canonicalRequest({ method, url = '', headers }: IncomingMessage, names: string): string {
  const { pathname, searchParams } = new URL(url, 'http://any')
  const path = pathname.split('/').map((part) => encode(decodeURIComponent(part)))
  const query = [...searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort()
  const lines = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const sha256 = headers['x-amz-content-sha256']
  return [method, path.join('/'), query.join('&'), lines.join(''), names, sha256].join('\n')
}

function encode(text: string): string {
  const code = (letter: string) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text).replace(/[!'()*]/g, code)
}

/** 20260123T203045Z */
function timeOf(text: string): number {
  return Date.parse(text.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
