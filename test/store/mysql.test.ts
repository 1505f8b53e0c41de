import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import { describe, inject, onTestFinished } from 'vitest'
import { openDatabase } from '../../src/mysql/open-database.ts'
import { MysqlStore } from '../../src/mysql/store.ts'
import { CHAT_OPTIONS } from '../support/open-chat.ts'
import { storeContract } from './contract.ts'

const port = inject('mariadbPort')

describe.skipIf(port === undefined)('on a MariaDB', () => {
  storeContract('MySQL', async (options) => {
    const root = await createConnection({ host: '127.0.0.1', port: port as number, user: 'root' })
    const name = `chat_${randomBytes(6).toString('hex')}`
    await root.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`)
    onTestFinished(async () => {
      await root.query(`DROP DATABASE ${name}`)
      await root.end()
    })
    const address = {
      host: '127.0.0.1',
      port: port as number,
      user: 'root',
      password: '',
      database: name,
      ca: undefined,
    }
    const open = async () => {
      const database = await openDatabase(address, { onMigrated: () => {} })
      const store = new MysqlStore(database, { ...CHAT_OPTIONS, ...options })
      onTestFinished(() => store.close())
      return store
    }
    return { api: await open(), daemon: await open() }
  })
})
