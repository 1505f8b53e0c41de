import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Audit } from '../../src/audit.ts'
import { Caller } from '../../src/auth/caller.ts'
import { Refusals } from '../../src/auth/operator.ts'
import { ApiMetrics } from '../../src/http/api-metrics.ts'
import { ApiServer } from '../../src/http/server.ts'
import { limits } from '../../src/limits.ts'
import { createLog } from '../../src/log.ts'
import { UploadLimits } from '../../src/media/upload-limits.ts'
import { Uploads } from '../../src/media/uploads.ts'
import { Metrics } from '../../src/metrics.ts'
import { RateLimit } from '../../src/rate-limits.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'

/**
 * The API in this process, for folders that the program does not let one choose; its database lies in
 * `folder`. Returns its URL.
 */
export async function serve(
  folder: string,
  folders: { pagesDir: string; uploadsDir: string },
): Promise<string> {
  const database = await openDatabase(join(folder, 'chat.db'), { durable: true })
  const chat = new SqliteStore(database, {
    publicUrl: 'http://localhost:8080',
    timezone: 'UTC',
    messageLengthMax: 5000,
    echoesToSender: false,
  })
  const log = createLog('text', () => {})
  const unlimited = new RateLimit(limits.messages, 0)
  const server = new ApiServer(
    {
      chat,
      databaseProblem: () => undefined,
      uploads: new Uploads(folders.uploadsDir, { image: 1000, voice: 1000 }),
      log,
      authenticate: async () => new Caller(),
      limits: {
        messages: unlimited,
        requests: unlimited,
        blocks: unlimited,
        uploads: new UploadLimits(0, 0),
      },
      audit: new Audit(log),
      refusals: new Refusals(new Audit(log), false),
      metrics: new ApiMetrics(new Metrics(), {
        walBytes: () => 0,
        retriedCount: () => 0,
        lagSeconds: async () => 0,
      }),
    },
    {
      ...folders,
      host: '127.0.0.1',
      port: 0,
      allowedOrigins: ['*'],
      broadcastSecret: '',
      metricsSecret: '',
      mediaAuth: false,
      trustProxy: false,
      certificate: undefined,
      publicWsUrl: '',
      wsPort: 8089,
      auth: 'none',
      timezone: 'UTC',
      messageLengthMax: 5_000,
      imageBytesMax: 10_485_760,
      voiceBytesMax: 20_971_520,
    },
  )
  const port = await server.start()
  onTestFinished(async () => {
    await server.stop()
    await database.close()
  })
  return `http://127.0.0.1:${port}`
}
