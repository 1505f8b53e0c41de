import type { Config } from '../config/config.ts'
import { askApi, healthLine } from './ask-health.ts'
import { openApi } from './open-api.ts'
import { createProgram, run } from './program.ts'

/** The HTTP API: `chat-api start`. */
export async function main(): Promise<void> {
  const description = 'The HTTP API of the chat: send_chat_message.php and its siblings'
  await run(createProgram({ name: 'chat-api', description, start: openApi, describe }))
}

async function describe(config: Config): Promise<Record<string, string | number>> {
  const answer = await askApi(config)
  const health = answer === undefined ? {} : { health: healthLine(answer) }
  return { ...health, database: config.database, uploads: config.uploadsDir }
}
