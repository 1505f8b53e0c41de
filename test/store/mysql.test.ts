import { describe } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { storeContract } from './contract.ts'

describe.skipIf(port === undefined)('on a MariaDB', () => {
  storeContract('MySQL', async (options) => {
    const database = new TestDatabase()
    const open = async () => (await database.open(options)).store
    return { api: await open(), daemon: await open() }
  })
})
