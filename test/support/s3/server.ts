import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { filesBelow } from '../folders.ts'
import { openWebServer, type WebServer } from '../network.ts'
import { type Credentials, type Refusal, realNow, refusalOf } from './signature.ts'

/** So few that tests see several pages. */
const PAGE_KEYS = 3

/**
 * A small S3 server with one bucket, whose objects are files of a folder. It is strict: signatures,
 * clocks, regions, checksums and lengths have to be right. What it answers is held to a real
 * server by the tests that run on both.
 */
export function openS3Server(
  folder: string,
  bucket: string,
  credentials: Credentials,
): Promise<WebServer> {
  mkdirSync(folder, { recursive: true })
  return openWebServer(async (request, response) => {
    // A client that breaks off breaks the request off, whose object is not there then.
    await answer(request, response, { folder, bucket, credentials }).catch(() => request.destroy())
  })
}

interface Bucket {
  folder: string
  bucket: string
  credentials: Credentials
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { folder, bucket, credentials }: Bucket,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://any')
  const [, named, ...parts] = decodeURIComponent(pathname).split('/')
  const refusal = refusalOf(request, credentials)
  if (refusal !== undefined) return refuse(response, refusal)
  if (named !== bucket) return refuse(response, { status: 404, code: 'NoSuchBucket' })
  const key = parts.join('/')
  if (key === '') return list(response, folder, searchParams)
  const path = join(folder, key)
  if (request.method === 'PUT') return put(request, response, path)
  if (request.method === 'GET' || request.method === 'HEAD') return get(request, response, path)
  rmSync(path, { force: true })
  response.writeHead(204).end()
}

async function put(request: IncomingMessage, response: ServerResponse, path: string) {
  if (request.headers['content-length'] === undefined) {
    return refuse(response, { status: 411, code: 'MissingContentLength' })
  }
  const content = await buffer(request)
  const sha256 = createHash('sha256').update(content).digest('hex')
  if (sha256 !== request.headers['x-amz-content-sha256']) {
    return refuse(response, { status: 400, code: 'XAmzContentSHA256Mismatch' })
  }
  const temporary = join(tmpdir(), randomUUID())
  await writeFile(temporary, content)
  mkdirSync(dirname(path), { recursive: true })
  renameSync(temporary, path)
  response.writeHead(200, { ETag: etagOf(content), 'Content-Length': 0 }).end()
}

function get(request: IncomingMessage, response: ServerResponse, path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats?.isFile() !== true) return void refuse(response, { status: 404, code: 'NoSuchKey' })
  const { size } = stats
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  const start = Number(range?.[1] ?? 0)
  const end = Math.min(Number(range?.[2] ?? size - 1), size - 1)
  const isBeyond = range !== null && start > end
  if (isBeyond) return void refuse(response, { status: 416, code: 'InvalidRange' })
  response.writeHead(range === null ? 200 : 206, {
    'Content-Type': 'binary/octet-stream',
    'Content-Length': end - start + 1,
    'Last-Modified': stats.mtime.toUTCString(),
    ETag: etagOf(readFileSync(path)),
    ...(range !== null && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  })
  if (request.method === 'HEAD' || size === 0) return void response.end()
  createReadStream(path, { start, end }).pipe(response)
}

function list(response: ServerResponse, folder: string, query: URLSearchParams): void {
  const prefix = query.get('prefix') ?? ''
  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString()
  const keys = filesBelow(folder).filter((key) => key.startsWith(prefix) && key > after)
  const page = keys.slice(0, PAGE_KEYS)
  const contents = page.map((key) => {
    const modified = statSync(join(folder, key)).mtime.toISOString()
    return `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified></Contents>`
  })
  const token = Buffer.from(page.at(-1) ?? '').toString('base64')
  const next = `<NextContinuationToken>${token}</NextContinuationToken>`
  const isTruncated = keys.length > page.length
  const rest = `<IsTruncated>${isTruncated}</IsTruncated>${isTruncated ? next : ''}`
  const content = `<?xml version="1.0"?>\n<ListBucketResult>${rest}${contents.join('')}</ListBucketResult>`
  response.writeHead(200, { 'Content-Type': 'application/xml' }).end(content)
}

export function refuse(response: ServerResponse, { status, code }: Refusal): void {
  const date = new Date(realNow()).toUTCString()
  const headers = { 'Content-Type': 'application/xml', Date: date }
  const content = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><AWSAccessKeyId>id</AWSAccessKeyId></Error>`
  response.writeHead(status, headers).end(content)
}

function etagOf(content: Buffer): string {
  return `"${createHash('md5').update(content).digest('hex')}"`
}
