import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { ChatError, systemCode } from '../errors.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import { SPOOL, writeError } from './folder.ts'
import { isPath } from './kinds.ts'
import type { Asked, IsPosted, MediaStore } from './media-store.ts'
import { S3Client, type S3Config, type S3Limits, type S3Request } from './s3-client.ts'
import { isAborted, S3Error, setupError, textOf } from './s3-error.ts'

export interface StoreLimits extends S3Limits {
  /** To keep a file, all tries: its client is cut off after 30 s in which nothing moves. */
  putMs: number
  /** For all else. */
  requestMs: number
}

const LIMITS = { putMs: 20_000, requestMs: 10_000, stallMs: 8_000, connectionsMax: 1_000 }
/** Failures alternate with successes: an outage is over after this time without one. */
const QUIET_MS = 5_000
const RETRY_AFTER_SECONDS = 5

/** The key of the mark of a file. Clients are served nothing below a name with a dot. */
const markOf = (path: string) => `${SPOOL}/${path}`

/**
 * A bucket, for several hosts. The mark of a file is an empty object, which is put before the file:
 * so a sweep lists what is marked, however much the bucket has, and whichever host has died, with
 * all that was on its disk. To find orphans among the files themselves would be to delete by what a
 * database lacks: all files, for one that was restored from a backup, or that belongs to a trial.
 */
export class S3Store implements MediaStore {
  readonly #config: S3Config
  readonly #client: S3Client
  readonly #limits: StoreLimits
  readonly #outage: Outage

  constructor(config: S3Config, log: Log, limits: StoreLimits = LIMITS) {
    this.#config = config
    this.#limits = limits
    this.#client = new S3Client(config, limits)
    this.#outage = new Outage(
      log,
      'The bucket cannot be used',
      'The bucket can be used again',
      QUIET_MS,
    )
  }

  /** Lists what a sweep lists: unlike a HEAD of the bucket, that is answered with a reason. */
  async prepare(): Promise<void> {
    try {
      await this.#list()
    } catch (error) {
      throw setupError(error, this.#config)
    }
  }

  /** Puts a small object, and deletes it. @throws as `prepare` */
  async checkWritable(): Promise<void> {
    const key = markOf('doctor')
    try {
      await this.#client.run({ method: 'PUT', key }, this.#limits.requestMs)
      await this.#client.run({ method: 'DELETE', key }, this.#limits.requestMs)
    } catch (error) {
      throw setupError(error, this.#config)
    }
  }

  /** A PUT that fails may still take effect: so its mark stays, for the sweep. */
  async put(path: string, file: string): Promise<void> {
    const deadline = performance.now() + this.#limits.putMs
    try {
      const content = await contentOf(file)
      await this.#watched(async () => {
        await this.#client.run({ method: 'PUT', key: markOf(path) }, this.#limits.putMs)
        const request = { method: 'PUT' as const, key: path, file: content }
        await this.#client.run(request, deadline - performance.now())
      })
    } finally {
      await rm(file, { force: true })
    }
  }

  async sizeOf(path: string): Promise<number | undefined> {
    const answer = await this.get(path, { method: 'HEAD', signal: new AbortController().signal })
    answer?.resume()
    return answer && Number(answer.headers['content-length'])
  }

  async settle(path: string): Promise<void> {
    await this.#delete(markOf(path))
  }

  /** The mark stays, for the sweep: a PUT that was given up and tried again may come in late. */
  async remove(path: string): Promise<void> {
    await this.#delete(path)
  }

  async sweep(isPosted: IsPosted, before: number): Promise<void> {
    let page: Page | undefined
    do {
      const token: string | undefined = page?.next
      page = await this.#watched(() => this.#list(token))
      for (const { path, markedAt } of page.marks) {
        if (markedAt > before) continue
        if (!(await isPosted(path))) await this.remove(path)
        await this.settle(path)
      }
    } while (page.next !== undefined)
  }

  readonly get = async (path: string, asked: Asked): Promise<IncomingMessage | undefined> => {
    const answer = await this.#watched(() => this.#found({ ...asked, key: path }))
    answer?.on('error', (error) => {
      const isCut = systemCode(error) === 'ECONNRESET' && !asked.signal.aborted
      if (isCut) this.#failed(error)
    })
    return answer
  }

  /** Undefined for a key without an object. */
  async #found(request: S3Request): Promise<IncomingMessage | undefined> {
    try {
      return await this.#client.open(request, this.#limits.requestMs)
    } catch (error) {
      const isMissing = error instanceof S3Error && ['', 'NoSuchKey'].includes(error.code)
      if (isMissing && error.status === 404) return undefined
      throw error
    }
  }

  async #delete(key: string): Promise<void> {
    await this.#watched(async () => {
      try {
        await this.#client.run({ method: 'DELETE', key }, this.#limits.requestMs)
      } catch (error) {
        if (!(error instanceof S3Error) || error.code !== 'NoSuchKey') throw error
      }
    })
  }

  /** @param token of the page before */
  async #list(token?: string): Promise<Page> {
    const query = new URLSearchParams({ 'list-type': '2', prefix: markOf('') })
    if (token !== undefined) query.set('continuation-token', token)
    const request = { method: 'GET' as const, key: '', query: query.toString() }
    return pageFrom(await this.#client.run(request, this.#limits.requestMs))
  }

  async #watched<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work()
      this.#outage.worked()
      return result
    } catch (error) {
      throw isAborted(error) ? error : this.#failed(error)
    }
  }

  /** `busy`, not `unavailable`: texts are stored, so this process is not to be taken out of service. */
  #failed(cause: unknown): ChatError {
    const consequence = 'files are neither taken nor served'
    this.#outage.failed(new ChatError('busy', consequence, { cause }))
    const message = 'Files cannot be stored or shown at the moment. Please try again in a moment.'
    return new ChatError('busy', message, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS })
  }
}

async function contentOf(path: string) {
  try {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    return { path, bytes: (await stat(path)).size, sha256: hash.digest('hex') }
  } catch (error) {
    throw writeError(error)
  }
}

interface Page {
  marks: { path: string; markedAt: number }[]
  /** The token of the page that follows; undefined for none. */
  next: string | undefined
}

/** Our keys need no escapes in XML; others are not ours, and are left alone. */
function pageFrom(xml: string): Page {
  if (!xml.includes('<ListBucketResult')) throw new Error('the answer is no list of objects')
  const [, ...entries] = xml.split('<Contents>')
  const marks = entries.map((entry) => ({
    path: textOf(entry, 'Key')?.slice(markOf('').length) ?? '',
    markedAt: Date.parse(textOf(entry, 'LastModified') ?? ''),
  }))
  return {
    marks: marks.filter(({ path }) => isPath(path)),
    next: textOf(xml, 'NextContinuationToken'),
  }
}
