import { integerFrom } from '../chat/integers.ts'
import { isObject } from '../chat/json.ts'
import type { Config } from '../config/config.ts'
import { type ApiAnswer, askApi, healthLine } from './ask-health.ts'
import { backlogLine } from './checks/webhooks.ts'
import { forget } from './forget.ts'
import { addImport } from './import.ts'
import { move } from './move.ts'
import { openApi } from './open-api.ts'
import { addCommand, createProgram, run } from './program.ts'

/** The HTTP API: `chat-api start`. */
export async function main(): Promise<void> {
  const description = 'The HTTP API of the chat: send_chat_message.php and its siblings'
  const program = createProgram({ name: 'chat-api', description, start: openApi, describe })
  const moving = 'copy everything from the SQLite file into an empty database on a server'
  addCommand(program, 'move <url>', moving).action(move)
  const forgetting = 'delete what a user has written, the files and the profile; ids and order stay'
  addCommand(program, 'forget <user_id>', forgetting).action(forget)
  addImport(program)
  await run(program)
}

async function describe(config: Config): Promise<Record<string, string | number>> {
  const answer = await askApi(config)
  const health = answer === undefined ? {} : { health: healthLine(answer) }
  return {
    ...health,
    database: config.database,
    uploads: config.uploadsDir,
    ...describeWebhooks(config, answer),
  }
}

function describeWebhooks({ webhookUrl }: Config, answer: ApiAnswer | undefined) {
  const webhooks = answer?.data.webhooks
  if (webhookUrl === '' || !isObject(webhooks)) return {}
  const count = integerFrom(webhooks.waiting) ?? 0
  const oldestSeconds = integerFrom(webhooks.oldest_seconds) ?? 0
  return { webhooks: `to ${webhookUrl}, ${backlogLine({ count, oldestSeconds })}` }
}
