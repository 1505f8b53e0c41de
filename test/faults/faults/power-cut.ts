import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault, World } from '../fault.ts'
import { whileFrozen } from '../freezing.ts'
import { readStored, type StoredMessage } from '../stored.ts'
import { readSyncs, recordSyncs, type Sync, whyNoRecord } from '../synced.ts'

const CUTS = 15
const RUNNING_MS_MAX = 900

/**
 * The stand-in for a power cut: at random moments the database and its WAL are copied as one would
 * find them after it, opened, and looked through.
 *
 * Copying the two files one after the other while they change would make a pair that no disk ever
 * held (a checkpoint in between moves pages from one to the other). So both processes stand still
 * meanwhile, with their checkpoint threads: all that was written by then, and nothing else. A copy
 * also holds what was written and never synced, and a disk need not: that is told by a record of all
 * syncs.
 */
export const fault: Fault = {
  name: 'power cut (database copied with its WAL)',
  missing: whyNoRecord,
  settings: recordSyncs,
  load: { pauseMsMax: 5, files: 0.2 },
  async run(world) {
    const cuts = world.scaled(CUTS)
    let syncCount = 0
    for (let cut = 1; cut <= cuts; cut += 1) {
      await delay(world.random.next() * RUNNING_MS_MAX)
      await world.auditor.next('acknowledged')
      syncCount = await cutPower(world, syncCount)
    }
  },
}

/** Returns how many syncs there were by then, of which `seenCount` were there before. */
async function cutPower({ service, auditor }: World, seenCount: number): Promise<number> {
  const acknowledged = new Set(auditor.acknowledgedIds)
  const folder = join(service.folder, 'after-the-power-cut')
  const apiPid = service.pid('chat-api')
  const syncs: Sync[] = []
  mkdirSync(folder)
  await whileFrozen([apiPid, service.pid('chat-websocket')], () => {
    copyDatabase(service.databasePath, join(folder, 'chat.db'))
    syncs.push(...readSyncs(service.folder).filter(({ pid }) => pid === apiPid))
  })
  const { messages, problems } = readStored(join(folder, 'chat.db'))
  const kept = messages.filter(({ messageId }) => acknowledged.delete(messageId))
  if (acknowledged.size > 0) throw new Error(`lost by a power cut: ${[...acknowledged]}`)
  if (problems.length > 0) throw new Error(`broken by a power cut: ${problems}`)
  const log = `${service.databasePath}-wal`
  if (!syncs.slice(seenCount).some(({ path }) => path === log)) throw new Error(`${log} not synced`)
  const unsynced = kept.filter((message) => !isSynced(message, service.uploadsFolder, syncs))
  if (unsynced.length > 0) throw new Error(`not synced: ${unsynced.map(({ body }) => body)}`)
  rmSync(folder, { recursive: true })
  return syncs.length
}

/** Whether a message's file was synced in full, and then the folder in which it got its name. */
function isSynced(message: StoredMessage, uploadsFolder: string, syncs: Sync[]): boolean {
  if (message.mediaPath === null) return true
  const path = join(uploadsFolder, message.mediaPath)
  const name = basename(path).replace(/\..*/, '')
  const isFile = (sync: Sync) => basename(sync.path) === name && sync.bytes === message.fileSize
  const fileAt = syncs.findIndex(isFile)
  return fileAt !== -1 && syncs.slice(fileAt).some((sync) => sync.path === dirname(path))
}

/** Without the -shm: that is memory, and gone. */
function copyDatabase(from: string, to: string): void {
  for (const suffix of ['', '-wal']) {
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix)
  }
}
