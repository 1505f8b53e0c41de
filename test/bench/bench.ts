import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { whyNoMariadb } from '../support/mariadb.ts'
import { checkOut } from './checkout.ts'
import type { Figure } from './figure.ts'
import { crowd } from './figures/crowd.ts'
import { idle } from './figures/idle.ts'
import { readCost } from './figures/read-cost.ts'
import { onMariadb } from './figures/shared.ts'
import { listings, resumes, sendsBySize, startUp } from './figures/size.ts'
import { calm, flatOut, type Peers, steady, tickAlone, unheard } from './figures/traffic.ts'
import { upload } from './figures/upload.ts'
import { fillDatabase } from './filled.ts'
import { type ChatPeer, startChatPeer } from './peers/chat.ts'
import { startFloor } from './peers/floor.ts'
import { startPhp } from './peers/php.ts'
import { whyNoPhp } from './peers/php-programs.ts'
import { startSharedChat } from './peers/shared-chat.ts'
import { startSocketIo } from './peers/socket-io.ts'
import { Stage } from './stage.ts'
import { markdownTable } from './table.ts'

// `npm run bench -- [scenario …] [--against COMMIT] [--engine sqlite|mysql]`: one table of all figures;
// with --against, that commit of this repository is one more contender. What goes on is told on stderr.

const GB = 1024 ** 3

type Scenario = (stage: Stage, setup: Setup) => Promise<Figure[]>

/** What is measured. */
interface Setup {
  /** Starts this chat, or the one of another checkout, on the engine of choice. */
  startChat: (folder: string, options?: Partial<Before>) => Promise<ChatPeer>
  before: Before | undefined
}

const ENGINES = { sqlite: startChatPeer, mysql: startSharedChat }

/** Another commit of this chat, built: its folder. */
interface Before {
  root: string
}

const SCENARIOS: Record<string, Scenario> = {
  async traffic(stage, setup) {
    const { chat, floor, 'socket.io': socketIo, ...php } = await startAll(stage, setup)
    const others = { ...php, ...(await startBefore(stage, setup)) }
    return [
      ...(await flatOut({ chat, floor, 'socket.io': socketIo, ...others } as Peers)),
      ...(await steady({ chat, floor, ...others } as Peers)),
      ...(await calm({ chat, floor, ...others } as Peers)),
    ]
  },

  async unheard(stage, setup) {
    const chat = await stage.start(setup.startChat)
    return unheard({ chat, ...(await startBefore(stage, setup)) })
  },

  async shared(stage, { before }) {
    if (!hasMariadb()) return []
    return onMariadb({
      'chat on MariaDB': await stage.start(startSharedChat),
      ...(await startPhpIfThere(stage)),
      ...(before && { before: await stage.start((folder) => startSharedChat(folder, before)) }),
    })
  },

  async daemons(stage) {
    if (!hasMariadb()) return []
    const daemons = (count: number, isByShard = true) => {
      return { isByShard, start: () => startSharedChat(stage.folder(), { daemons: count }) }
    }
    return readCost({
      '8 daemons': daemons(8),
      '8 daemons, users anywhere': daemons(8, false),
      '4 daemons': daemons(4),
      '2 daemons': daemons(2),
      '1 daemon': daemons(1),
    })
  },

  async tick(stage) {
    return tickAlone({
      chat: await stage.start((folder) =>
        startChatPeer(folder, { settings: { CHAT_WAKE: 'off' } }),
      ),
    })
  },

  async crowd(stage, { startChat, before }) {
    const starters = {
      chat: () => startChat(stage.folder()),
      floor: startFloor,
      'socket.io': startSocketIo,
    }
    if (before === undefined) return crowd(starters)
    return crowd({ ...starters, before: () => startChat(stage.folder(), before) })
  },

  async idle(stage, setup) {
    const chat = await stage.start(setup.startChat)
    const others = { ...(await startPhpIfThere(stage)), ...(await startBefore(stage, setup)) }
    return idle({ chat, ...others })
  },

  async size(stage) {
    const large = await fill(stage, 10_000_000)
    const small = await fill(stage, 1_000)
    const startUps = await startUp({ '10⁷ messages': large, '10³ messages': small })
    const largest = await stage.start(large)
    const peers = { '10⁷ messages': largest, '10³ messages': await stage.start(small) }
    const empty = await stage.start(startChatPeer)
    return [
      ...startUps,
      ...(await listings(peers)),
      ...(await resumes(peers)),
      ...(await sendsBySize({ '10⁷ messages': largest, 'empty database': empty })),
    ]
  },

  async upload(stage, { startChat }) {
    return upload(await stage.start(startChat), stage.folder())
  },
}

function hasMariadb(): boolean {
  const reason = whyNoMariadb()
  if (reason !== undefined) console.error(`Left out: ${reason}`)
  return reason === undefined
}

async function startAll(stage: Stage, { startChat }: Setup): Promise<Peers> {
  return {
    chat: await stage.start(startChat),
    floor: await stage.start(startFloor),
    'socket.io': await stage.start(startSocketIo),
    ...(await startPhpIfThere(stage)),
  }
}

async function startPhpIfThere(stage: Stage): Promise<Peers> {
  const reason = whyNoPhp()
  if (reason === undefined) return { php: await stage.start(startPhp) }
  console.error(`Without the PHP peer: ${reason}`)
  return {}
}

async function startBefore(
  stage: Stage,
  { startChat, before }: Setup,
): Promise<Record<string, ChatPeer>> {
  if (before === undefined) return {}
  return { before: await stage.start((folder) => startChat(folder, before)) }
}

/** Makes a database of so many messages; returns what starts a chat on it. */
async function fill(stage: Stage, messages: number): Promise<() => Promise<ChatPeer>> {
  const folder = stage.folder()
  await fillDatabase(join(folder, 'chat.db'), messages)
  return () => startChatPeer(folder)
}

async function play(scenario: Scenario, setup: Setup): Promise<Figure[]> {
  const stage = new Stage()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stage.clear().finally(() => process.exit(130)))
  }
  try {
    return await scenario(stage, setup)
  } finally {
    await stage.clear()
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  }
}

function machine(): string {
  const [{ model } = { model: 'unknown' }] = cpus()
  const memory = `${Math.round(totalmem() / GB)} GB`
  return `${cpus().length} cores (${model}), ${memory}, Linux ${release()}, Node ${process.version}`
}

async function main(args: string[]): Promise<void> {
  const options = {
    against: { type: 'string' },
    engine: { type: 'string', default: 'sqlite' },
  } as const
  const { positionals: names, values } = parseArgs({ args, options, allowPositionals: true })
  assertKnown('scenario', names, SCENARIOS)
  assertKnown('engine', [values.engine], ENGINES)
  const startChat = ENGINES[values.engine as keyof typeof ENGINES]
  const home = new Stage()
  try {
    const before = values.against && { root: checkOut(values.against, home.folder()) }
    const figures = await playAll(names, { startChat, before: before || undefined })
    console.log(`${new Date().toISOString().slice(0, 10)}, ${machine()}\n`)
    console.log(markdownTable(figures))
  } finally {
    await home.clear()
  }
}

function assertKnown(what: string, names: string[], known: object): void {
  const unknown = names.filter((name) => !(name in known))
  if (unknown.length > 0)
    throw new Error(`No such ${what}: ${unknown}. There are: ${Object.keys(known)}`)
}

async function playAll(names: string[], setup: Setup): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (names.length > 0 && !names.includes(name)) continue
    console.error(`${new Date().toTimeString().slice(0, 8)} ${name}`)
    figures.push(...(await play(scenario, setup)))
  }
  return figures
}

await main(process.argv.slice(2))
