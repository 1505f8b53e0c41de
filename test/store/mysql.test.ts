import { describe, inject, onTestFinished } from 'vitest'
import { openDatabase } from '../../src/mysql/open-database.ts'
import { MysqlStore } from '../../src/mysql/store.ts'
import { emptyDatabase } from '../support/empty-database.ts'
import { CHAT_OPTIONS } from '../support/open-chat.ts'
import { storeContract } from './contract.ts'

describe.skipIf(inject('mariadbPort') === undefined)('on a MariaDB', () => {
  storeContract('MySQL', async (options) => {
    const { address } = await emptyDatabase()
    const open = async () => {
      const database = await openDatabase(address, { onMigrated: () => {} })
      const store = new MysqlStore(database, { ...CHAT_OPTIONS, ...options })
      onTestFinished(() => store.close())
      return store
    }
    return { api: await open(), daemon: await open() }
  })
})
