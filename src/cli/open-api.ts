import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Audit } from '../auth/audit.ts'
import { createAuthenticator } from '../auth/authenticate.ts'
import { Refusals } from '../auth/operator.ts'
import type { Chat } from '../chat/chat.ts'
import { daemonStatus, lagSeconds } from '../chat/daemon-status.ts'
import { Retention } from '../chat/retention.ts'
import type { Config } from '../config/config.ts'
import { ApiMetrics } from '../http/api-metrics.ts'
import { ApiServer } from '../http/server.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import { DiskStore } from '../media/disk.ts'
import type { MediaStore } from '../media/media-store.ts'
import { S3Store } from '../media/s3.ts'
import { Uploads } from '../media/uploads.ts'
import { Metrics } from '../metrics.ts'
import { readCertificate, renewCertificate } from '../tls.ts'
import { urlHost } from '../urls.ts'
import { Poster } from '../webhook/poster.ts'
import { WebhookMetrics } from '../webhook/webhook-metrics.ts'
import { watchDescriptors } from './descriptors.ts'
import { type OpenedStore, openStore } from './open-store.ts'
import type { RunningService } from './program.ts'

const PAGES_DIR = fileURLToPath(new URL('../../public', import.meta.url))
const SWEEP_SCHEDULE = '*/10 * * * *'
const RETENTION_SCHEDULE = '* * * * *'
/** Several of its runs may be missing: what a process has come past, another has to walk over. */
const RETENTION_SECONDS = 10 * 60

/**
 * Composes chat-api and starts it.
 *
 * @param pagesDir the folder of the pages
 * @throws ChatError `setup` that tells the operator what to do
 */
export async function openApi(
  config: Config,
  log: Log,
  pagesDir = PAGES_DIR,
): Promise<RunningService> {
  log.plain('Starting Chat API...')
  const certificate = readCertificate(config)
  const audit = new Audit(log)
  const authenticate = createAuthenticator(config, { log, audit })
  const refusals = new Refusals(audit, config.trustProxy)
  const store = await openStore(config, log, { for: 'api' })
  log.plain('Database connection established')
  try {
    const { chat, limitStore } = store
    const mediaStore = openMediaStore(config, log)
    const uploads = new Uploads(config, mediaStore)
    await uploads.prepare()
    const metrics = createMetrics(store)
    const parts = { chat, uploads, mediaStore, log, audit, authenticate, refusals, metrics }
    const server = new ApiServer({ ...parts, limitStore, certificate, pagesDir }, config)
    const port = await server.start()
    const jobs = [
      sweepUploads(chat, uploads, log),
      retain(config, log, store, mediaStore),
      watchDescriptors(log),
    ]
    const poster = openPoster(config, log, store, metrics)
    const scheme = certificate === undefined ? 'http' : 'https'
    log.plain(`Chat API running on ${scheme}://${urlHost(config.host)}:${port}`)
    return {
      reload: () => renewCertificate(config, log, (renewed) => server.useCertificate(renewed)),
      stop: async () => {
        await Promise.all([server.stop(), poster?.stop()])
        await Promise.all(jobs.map((job) => job.stop()))
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The bucket of CHAT_S3_BUCKET, or the uploads folder. */
export function openMediaStore(config: Config, log: Log): MediaStore {
  return config.s3Bucket === '' ? new DiskStore(config.uploadsDir) : new S3Store(config, log)
}

function sweepUploads({ messages }: Chat, uploads: Uploads, log: Log): Job {
  const hasMessage = async (path: string) => (await messages.peopleOfMedia(path)).length > 0
  const sweep = () => uploads.sweep(hasMessage)
  return new Job('Sweeping uploads', log, sweep).at(SWEEP_SCHEDULE)
}

/** The job of CHAT_RETENTION_DAYS: of several processes on one engine one runs it. */
function retain(
  { retentionDays }: Config,
  log: Log,
  { chat, claim }: OpenedStore,
  mediaStore: MediaStore,
): { stop(): Promise<void> } {
  const removeFile = (path: string) => mediaStore.remove(path)
  const retention = new Retention({ chat, removeFile }, retentionDays)
  const job = new Job('Forgetting old messages', log, async () => {
    if (await claim('retention', RETENTION_SECONDS)) await retention.run()
  })
  if (retentionDays > 0) job.at(RETENTION_SCHEDULE)
  return {
    stop: () => {
      retention.stop()
      return job.stop()
    },
  }
}

/** Undefined where CHAT_WEBHOOK_URL is not set; the metrics are there all the same. */
function openPoster(
  config: Config,
  log: Log,
  { chat, claim }: OpenedStore,
  { registry }: ApiMetrics,
): Poster | undefined {
  const metrics = new WebhookMetrics(registry, chat.webhooks)
  if (config.webhookUrl === '') return undefined
  const claimFor = (seconds: number) => claim('webhooks', seconds)
  return new Poster({ chat, log, metrics, claim: claimFor, hostname: hostname() }, config)
}

function createMetrics({ chat, walBytes, retriedCount }: OpenedStore): ApiMetrics {
  const readStatus = () => daemonStatus(chat, hostname())
  return new ApiMetrics(new Metrics(), {
    walBytes,
    retriedCount,
    lagSeconds: async () => lagSeconds(chat, await readStatus()),
    daemonCount: async () => {
      const { daemons } = await readStatus()
      return daemons.filter(({ state }) => state === 'running').length
    },
  })
}
