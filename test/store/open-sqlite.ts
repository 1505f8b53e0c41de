import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'
import { temporaryFolder } from '../support/folders.ts'
import { CHAT_OPTIONS } from '../support/open-chat.ts'
import type { OpenStore } from './opened-store.ts'

export const openSqlite: OpenStore = async (options) => {
  const path = join(temporaryFolder(), 'chat.db')
  const open = async (durable: boolean) => {
    const store = new SqliteStore(await openDatabase(path, { durable }), {
      ...CHAT_OPTIONS,
      ...options,
    })
    onTestFinished(() => store.close())
    return store
  }
  return { api: await open(true), daemon: await open(false) }
}
