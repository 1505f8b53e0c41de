import { mintToken } from '../auth/tokens.ts'
import { parseObject } from '../chat/json.ts'
import type { ConnectionRow } from '../chat/model.ts'
import { DISCONNECT_EVENT } from '../chat/rules.ts'
import type { Config } from '../config/config.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import { positiveInteger } from './arguments.ts'
import { describeDaemons } from './describe-daemons.ts'
import { doctor } from './doctor.ts'
import { openDaemon } from './open-daemon.ts'
import { withChat } from './open-store.ts'
import {
  addCommand,
  configFrom,
  createProgram,
  type Flags,
  type RunningService,
  run,
} from './program.ts'
import { printJson, printTable } from './terminal.ts'

/** A token that is minted by hand is for tests and trials. */
const TOKEN_VALID_SECONDS = 60 * 60

/** The daemon: `chat-websocket start`. */
export async function main(): Promise<void> {
  const description = 'The WebSocket daemon of the chat: polls the event table and broadcasts'
  const program = createProgram({ name: 'chat-websocket', description, start, describe })
  addCommand(program, 'connections', 'list who is connected')
    .option('--json', 'as JSON')
    .action(listConnections)
  addCommand(program, 'doctor', 'look for what is wrong, and say what to do')
    .option('--json', 'as JSON')
    .action(doctor)
  addCommand(program, 'broadcast <event> <json>', 'send an event to everybody connected')
    .option('--to <user_id>', 'to one user only')
    .action(broadcast)
  addCommand(
    program,
    'disconnect <user_id>',
    "close a user's sockets: they have to log in again",
  ).action(disconnect)
  addCommand(program, 'token <user_id>', 'mint a token for CHAT_AUTH=jwt with CHAT_JWT_SECRET')
    .option('--valid <seconds>', 'for how long', String(TOKEN_VALID_SECONDS))
    .action(printToken)
  await run(program)
}

/** A daemon whose place another one has taken stops. */
function start(config: Config, log: Log): Promise<RunningService> {
  return openDaemon(config, log, () => process.kill(process.pid, 'SIGTERM'))
}

/** Describes the daemon that runs; a failing database is part of the description. */
async function describe(config: Config, pid: number): Promise<Record<string, string | number>> {
  try {
    return await withChat(config, (chat) => describeDaemons(chat, pid))
  } catch (error) {
    if (!(error instanceof ChatError)) throw error
    return { problem: error.message }
  }
}

async function listConnections(flags: Flags): Promise<void> {
  const rows = await withChat(configFrom(flags), (chat) => chat.connections.list())
  if (flags.json) return printJson(rows.map(connectionJson))
  const hasSeveral = new Set(rows.map(({ daemonId }) => daemonId)).size > 1
  const headings = ['USER', 'USERNAME', 'NAME', 'SINCE (UTC)', 'ADDRESS', 'DAEMON']
  const cells = rows.map((row) => Object.values(connectionJson(row)).map(String))
  const columns = hasSeveral ? headings.length : headings.length - 1
  printTable([headings, ...cells].map((row) => row.slice(0, columns)))
}

function connectionJson(row: ConnectionRow): Record<string, string | number> {
  return {
    user_id: row.userId,
    username: row.username,
    name: row.name,
    connected_at: row.connectedAt,
    address: row.address,
    daemon_id: row.daemonId,
  }
}

async function broadcast(event: string, json: string, flags: Flags): Promise<void> {
  const userId = flags.to === undefined ? null : positiveInteger(flags.to, '--to')
  const data = parseData(json)
  const eventId = await withChat(configFrom(flags), (chat) =>
    chat.events.broadcast(event, userId, data),
  )
  console.log(`Event ${eventId} queued for ${userId === null ? 'everybody' : `user ${userId}`}`)
}

async function disconnect(user: string, flags: Flags): Promise<void> {
  const userId = positiveInteger(user, 'user_id')
  const eventId = await withChat(configFrom(flags), (chat) =>
    chat.events.broadcast(DISCONNECT_EVENT, userId, {}),
  )
  console.log(`Event ${eventId} queued: it disconnects user ${userId}`)
}

async function printToken(user: string, flags: Flags): Promise<void> {
  const config = configFrom(flags)
  if (config.jwtSecret === '') {
    throw new ChatError(
      'setup',
      'set CHAT_JWT_SECRET: tokens of other keys are minted by their owner',
    )
  }
  const userId = positiveInteger(user, 'user_id')
  const validSeconds = positiveInteger(flags.valid ?? '', '--valid')
  console.log(await mintToken(config, userId, validSeconds))
}

function parseData(json: string): object {
  const data = parseObject(json)
  if (data !== undefined) return data
  throw new ChatError('setup', `data must be a JSON object, such as '{"text":"Hello"}'`)
}
