import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault, World } from '../fault.ts'
import { whileFrozen } from '../freezing.ts'
import { readStored } from '../stored.ts'

const CUTS = 15
const RUNNING_MS_MAX = 900

/**
 * The stand-in for a power cut: at random moments the database and its WAL are copied as one would
 * find them after it, opened, and looked through.
 *
 * Copying the two files one after the other while they change would make a pair that no disk ever
 * held (a checkpoint in between moves pages from one to the other). So both processes stand still
 * meanwhile, with their checkpoint threads: all that was written by then, and nothing else.
 */
export const fault: Fault = {
  name: 'power cut (database copied with its WAL)',
  load: { pauseMsMax: 5 },
  async run(world) {
    const cuts = world.scaled(CUTS)
    for (let cut = 1; cut <= cuts; cut += 1) {
      await delay(world.random.next() * RUNNING_MS_MAX)
      await world.auditor.next('acknowledged')
      await cutPower(world)
    }
  },
}

async function cutPower({ service, auditor }: World): Promise<void> {
  const acknowledged = auditor.acknowledgedIds
  const folder = join(service.folder, 'after-the-power-cut')
  const pids = [service.pid('chat-api'), service.pid('chat-websocket')]
  mkdirSync(folder)
  await whileFrozen(pids, () => copyDatabase(service.databasePath, join(folder, 'chat.db')))
  const { messages, problems } = readStored(join(folder, 'chat.db'))
  const stored = new Set(messages.map(({ messageId }) => messageId))
  const lost = acknowledged.filter((id) => !stored.has(id))
  if (lost.length > 0) throw new Error(`lost by a power cut, though acknowledged: ${lost}`)
  if (problems.length > 0) throw new Error(`broken by a power cut: ${problems}`)
  rmSync(folder, { recursive: true })
}

/** Without the -shm: that is memory, and gone. */
function copyDatabase(from: string, to: string): void {
  for (const suffix of ['', '-wal']) {
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix)
  }
}
