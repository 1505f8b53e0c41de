import { onTestFinished } from 'vitest'
import { readConfig } from '../../../src/config/config.ts'
import { createLog } from '../../../src/log.ts'
import { S3Store, type StoreLimits } from '../../../src/media/s3.ts'
import { S3Client } from '../../../src/media/s3-client.ts'
import { temporaryFolder } from '../folders.ts'
import type { Environment } from '../running-program.ts'
import { S3Proxy } from './proxy.ts'
import { openS3Server } from './server.ts'
import type { Credentials } from './signature.ts'

export const CREDENTIALS: Credentials = {
  accessKeyId: 'test:tester',
  secretAccessKey: 'the-secret-of-the-bucket-0123456789',
  region: 'us-east-1',
}
const REQUEST_MS = 5_000

/** A bucket of a test's own. */
export interface Bucket {
  /** The way to it. */
  proxy: S3Proxy
  /** Those of a chat that keeps its media there. */
  settings: Environment
  /** The keys of all objects, in order. */
  keys(): Promise<string[]>
  close(): void
}

/**
 * A bucket on the small server.
 *
 * @param folder where its objects are
 */
export async function openBucketIn(folder: string): Promise<Bucket> {
  const server = await openS3Server(folder, 'chat', CREDENTIALS)
  const bucket = await wayTo(server.url, 'chat')
  const close = () => {
    bucket.close()
    server.close()
  }
  return { ...bucket, close }
}

/** The same, which does not outlive its test. */
export async function openBucket(folder = temporaryFolder()): Promise<Bucket> {
  const bucket = await openBucketIn(folder)
  onTestFinished(() => bucket.close())
  return bucket
}

/** The way to a bucket of the server at `url`. */
export async function wayTo(url: string, name: string): Promise<Bucket> {
  const proxy = await S3Proxy.open(url)
  const settings = { ...settingsOf(name), CHAT_S3_ENDPOINT: proxy.url }
  const client = clientOf(url, name)
  return { proxy, settings, keys: () => keysOf(client), close: () => proxy.close() }
}

/** Creates a bucket on the server at `url`. */
export async function createBucket(url: string, name: string): Promise<void> {
  await clientOf(url, name).run({ method: 'PUT', key: '' }, REQUEST_MS)
}

/** A store on the bucket, and the lines of its log. */
export function openStore({ settings }: Bucket, limits?: StoreLimits) {
  const lines: string[] = []
  const log = createLog('text', (line) => void lines.push(line))
  return { store: new S3Store(readConfig(settings), log, limits), lines }
}

function settingsOf(name: string): Environment {
  return {
    CHAT_S3_BUCKET: name,
    CHAT_S3_REGION: CREDENTIALS.region,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  }
}

function clientOf(url: string, name: string): S3Client {
  const config = readConfig({ ...settingsOf(name), CHAT_S3_ENDPOINT: url })
  return new S3Client(config, { stallMs: REQUEST_MS, connectionsMax: 10 })
}

async function keysOf(client: S3Client): Promise<string[]> {
  const keys: string[] = []
  let token: string | undefined
  do {
    const query = new URLSearchParams({ 'list-type': '2' })
    if (token !== undefined) query.set('continuation-token', token)
    const xml = await client.run({ method: 'GET', key: '', query: `${query}` }, REQUEST_MS)
    keys.push(...[...xml.matchAll(/<Key>([^<]*)</g)].map(([, key]) => key as string))
    token = /<NextContinuationToken>([^<]*)</.exec(xml)?.[1]
  } while (token !== undefined)
  return keys.sort()
}
