import { fileURLToPath } from 'node:url'
import type { Config } from '../config.ts'
import { ApiServer } from '../http/server.ts'
import { Uploads } from '../http/uploads.ts'
import type { Log } from '../log.ts'
import { listenError, openParts, startHousekeeping } from './parts.ts'
import { createProgram, type RunningService, run } from './program.ts'

const PAGES_DIR = fileURLToPath(new URL('../../public', import.meta.url))

/** The HTTP API: `chat-api start`. */
export async function main(): Promise<void> {
  const description = 'The HTTP API of the chat: send_chat_message.php and its siblings'
  await run(createProgram({ name: 'chat-api', description, start, describe }))
}

async function start(config: Config, log: Log): Promise<RunningService> {
  log.plain('Starting Chat API...')
  const { database, chat } = await openParts(config, { durable: true })
  log.plain('Database connection established')
  const uploads = new Uploads(config.uploadsDir, {
    image: config.imageBytesMax,
    voice: config.voiceBytesMax,
  })
  await uploads.prepare()
  const server = new ApiServer(chat, uploads, log, {
    ...config,
    port: config.apiPort,
    pagesDir: PAGES_DIR,
  })
  const port = await startServer(server, config)
  const sweep = () => uploads.sweep((path) => chat.messages.hasMedia(path))
  const chores = [{ name: 'Sweeping uploads', schedule: '*/10 * * * *', run: sweep }]
  const housekeeping = startHousekeeping(database, chores, log)
  log.plain(`Chat API running on http://${config.host}:${port}`)
  return {
    stop: async () => {
      await server.stop()
      await housekeeping.stop()
      await database.close()
    },
  }
}

async function startServer(server: ApiServer, config: Config): Promise<number> {
  try {
    return await server.start()
  } catch (error) {
    throw listenError(error, config.host, config.apiPort, 'CHAT_API_PORT')
  }
}

async function describe(config: Config): Promise<Record<string, string | number>> {
  return { database: config.database, uploads: config.uploadsDir }
}
