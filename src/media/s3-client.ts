import { createReadStream } from 'node:fs'
import * as http from 'node:http'
import * as https from 'node:https'
import { pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { AwsV4Signer } from 'aws4fetch'
import type { Config } from '../config/config.ts'
import { errorFrom, isRetried } from './s3-error.ts'

export type S3Config = Pick<
  Config,
  's3Bucket' | 's3Endpoint' | 's3Region' | 's3AccessKeyId' | 's3SecretAccessKey' | 's3SessionToken'
>

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** '' for the bucket itself. */
  key: string
  query?: string
  /** 'bytes=0-99' */
  range?: string
  /** What is put; undefined for nothing. */
  file?: { path: string; bytes: number; sha256: string }
  /** Aborts the request, and its answer. */
  signal?: AbortSignal
}

export interface S3Limits {
  /** The server is gone when no byte moves for so long. */
  stallMs: number
  /** More requests wait for their turn: they must not take all descriptors of the process. */
  connectionsMax: number
}

const TRIES_MAX = 4
/** Before the second try; twice as long before each that follows. */
const PAUSE_MS = 100
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/**
 * Signed requests for one bucket, by path-style URLs, which every server understands. Through
 * `node:http`, not `fetch`: a body has its length, backpressure, and an error of its own.
 */
export class S3Client {
  readonly #bucketUrl: string
  readonly #signing
  /** Of their own for what is streamed: slow readers must not hold up uploads. */
  readonly #agents: Record<'run' | 'open', http.Agent>
  readonly #request: typeof http.request
  readonly #stallMs: number

  constructor(config: S3Config, { stallMs, connectionsMax }: S3Limits) {
    this.#stallMs = stallMs
    const { s3Endpoint, s3Region: region, s3SessionToken } = config
    const endpoint = s3Endpoint || `https://s3.${region}.amazonaws.com`
    this.#bucketUrl = `${endpoint}/${encodeURIComponent(config.s3Bucket)}`
    this.#signing = {
      accessKeyId: config.s3AccessKeyId,
      secretAccessKey: config.s3SecretAccessKey,
      ...(s3SessionToken !== '' && { sessionToken: s3SessionToken }),
      service: 's3',
      region,
      cache: new Map(),
    }
    const { Agent, request } = endpoint.startsWith('https:') ? https : http
    const options = { keepAlive: true, maxSockets: connectionsMax, timeout: stallMs }
    this.#agents = { run: new Agent(options), open: new Agent(options) }
    this.#request = request
  }

  /**
   * Resolves with the text of the answer.
   *
   * @param msMax for all tries
   * @throws S3Error for an answer that is no success; the system's error for none
   */
  run(asked: S3Request, msMax: number): Promise<string> {
    return retried(msMax, (msLeft) => this.#attempt(asked, 'run', msLeft, text))
  }

  /** As `run`, but resolves when the body of the answer begins, which the caller reads. */
  open(asked: S3Request, msMax: number): Promise<http.IncomingMessage> {
    return retried(msMax, (msLeft) => this.#attempt(asked, 'open', msLeft, withoutTimeout))
  }

  async #attempt<Result>(
    asked: S3Request,
    kind: 'run' | 'open',
    msLeft: number,
    read: (answer: http.IncomingMessage) => Promise<Result>,
  ): Promise<Result> {
    const [url, options] = await this.#signed(asked)
    const request = this.#request(url, { ...options, agent: this.#agents[kind] })
    try {
      return await within(msLeft, async () => {
        const answer = await exchange(request, asked.file?.path)
        const { statusCode = 0 } = answer
        if (statusCode >= 200 && statusCode < 300) return read(answer)
        throw await errorFrom(answer, asked.method)
      })
    } catch (error) {
      // Of a file that is refused, the rest need not be sent.
      request.destroy()
      throw error
    }
  }

  async #signed(asked: S3Request): Promise<[url: string, options: http.RequestOptions]> {
    const { method, key, query = '', range, file, signal } = asked
    const path = key.split('/').map(encodeURIComponent).join('/')
    const url = `${this.#bucketUrl}${key && `/${path}`}${query && `?${query}`}`
    const sha256 = { 'x-amz-content-sha256': file?.sha256 ?? EMPTY_SHA256 }
    const signer = new AwsV4Signer({ ...this.#signing, method, url, headers: sha256 })
    const headers = {
      ...Object.fromEntries((await signer.sign()).headers),
      ...(method === 'PUT' && { 'content-length': file?.bytes ?? 0 }),
      ...(range !== undefined && { range }),
    }
    const timeout = this.#stallMs
    return [url, { method, headers, timeout, ...(signal !== undefined && { signal }) }]
  }
}

/** A client may read as slowly as it likes: it has a timeout of its own. */
async function withoutTimeout(answer: http.IncomingMessage): Promise<http.IncomingMessage> {
  answer.socket.setTimeout(0)
  return answer
}

/** Sends a request, with a file for its body; resolves with the head of the answer. */
function exchange(
  request: http.ClientRequest,
  file: string | undefined,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('timeout', () => request.destroy(new Error('no byte moved')))
    request.on('error', reject)
    request.on('response', resolve)
    if (file === undefined) request.end()
    else pipeline(createReadStream(file), request, (error) => error && reject(error))
  })
}

/** A request that waits for its turn says nothing when it is destroyed: so the time has its own say. */
function within<Result>(msMax: number, work: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), msMax)
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

/** Each request of this file may be sent twice: it is idempotent. */
async function retried<Result>(
  msMax: number,
  attempt: (msLeft: number) => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + msMax
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt(deadline - performance.now())
    } catch (error) {
      // Not all at once, when all have failed at once.
      const pauseMs = PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random())
      const isLast = tries === TRIES_MAX || performance.now() + pauseMs > deadline
      if (isLast || !isRetried(error)) throw error
      await delay(pauseMs)
    }
  }
}
