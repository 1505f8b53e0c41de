import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Audit } from '../audit.ts'
import { createAuthenticator } from '../auth/authenticate.ts'
import { Refusals } from '../auth/operator.ts'
import type { Chat } from '../chat/chat.ts'
import { daemonStatus, lagSeconds } from '../chat/daemon-status.ts'
import type { Config } from '../config.ts'
import { ApiMetrics } from '../http/api-metrics.ts'
import type { Limits } from '../http/endpoint.ts'
import { ApiServer } from '../http/server.ts'
import { limits } from '../limits.ts'
import type { Log } from '../log.ts'
import { UploadLimits } from '../media/upload-limits.ts'
import { Uploads } from '../media/uploads.ts'
import { Metrics } from '../metrics.ts'
import { RateLimit } from '../rate-limits.ts'
import { walBytes } from '../sqlite/checkpoint.ts'
import { readCertificate } from '../tls.ts'
import { urlHost } from '../urls.ts'
import { healthLine } from './ask-health.ts'
import { askApi } from './checks/api.ts'
import { type OpenedStore, openStore } from './open-store.ts'
import { listenError, reloadCertificate, startHousekeeping } from './parts.ts'
import { createProgram, type RunningService, run } from './program.ts'

const PAGES_DIR = fileURLToPath(new URL('../../public', import.meta.url))

/** The HTTP API: `chat-api start`. */
export async function main(): Promise<void> {
  const description = 'The HTTP API of the chat: send_chat_message.php and its siblings'
  await run(createProgram({ name: 'chat-api', description, start, describe }))
}

async function start(config: Config, log: Log): Promise<RunningService> {
  log.plain('Starting Chat API...')
  const certificate = readCertificate(config.tlsCert, config.tlsKey)
  const audit = new Audit(log)
  const authenticate = createAuthenticator(config, { log, audit })
  const refusals = new Refusals(audit, config.trustProxy)
  const { database, chat } = await openStore(config, log, { durable: true })
  log.plain('Database connection established')
  const uploads = new Uploads(config.uploadsDir, {
    image: config.imageBytesMax,
    voice: config.voiceBytesMax,
  })
  await uploads.prepare()
  const metrics = createMetrics({ database, chat }, config)
  const parts = {
    chat,
    databaseProblem: () => chat.problem(),
    uploads,
    log,
    authenticate,
    refusals,
    metrics,
    audit,
    limits: createLimits(config),
  }
  const port = config.apiPort
  const server = new ApiServer(parts, { ...config, port, pagesDir: PAGES_DIR, certificate })
  const boundPort = await startServer(server, config)
  const chores = [
    { name: 'Sweeping uploads', schedule: '*/10 * * * *', run: () => sweep(chat, uploads) },
  ]
  const housekeeping = startHousekeeping(database, chores, log)
  const scheme = certificate === undefined ? 'http' : 'https'
  log.plain(`Chat API running on ${scheme}://${urlHost(config.host)}:${boundPort}`)
  return {
    reload: () => reloadCertificate(config, log, (renewed) => server.useCertificate(renewed)),
    stop: async () => {
      await server.stop()
      await housekeeping.stop()
      await chat.close()
    },
  }
}

function createMetrics({ database, chat }: OpenedStore, config: Config): ApiMetrics {
  return new ApiMetrics(new Metrics(), {
    walBytes: () => walBytes(config.database),
    retriedCount: () => database.retriedCount,
    lagSeconds: async () => lagSeconds(chat, await daemonStatus(chat, hostname())),
  })
}

function createLimits(config: Config): Limits {
  return {
    messages: new RateLimit(limits.messages, config.rateLimit),
    uploads: new UploadLimits(config.uploadRateLimit, config.uploadBytesPerDay),
    requests: new RateLimit(limits.requests, config.requestRateLimit),
    blocks: new RateLimit(limits.blocks),
  }
}

async function sweep(chat: Chat, uploads: Uploads): Promise<void> {
  await uploads.sweep(async (path) => (await chat.messages.peopleOfMedia(path)).length > 0)
}

async function startServer(server: ApiServer, config: Config): Promise<number> {
  try {
    return await server.start()
  } catch (error) {
    throw listenError(error, config.host, config.apiPort, 'CHAT_API_PORT')
  }
}

async function describe(config: Config): Promise<Record<string, string | number>> {
  const answer = await askApi(config)
  const health = answer === undefined ? {} : { health: healthLine(answer) }
  return { ...health, database: config.database, uploads: config.uploadsDir }
}
