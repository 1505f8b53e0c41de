import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { Mariadb } from '../support/mariadb.ts'
import { storeContract } from './contract.ts'

// As a node of a cluster, which gives out every third id and leaves the others to its peers.
const STEPS = ['--auto-increment-increment=3', '--auto-increment-offset=2']

describe.skipIf(port === undefined)('on a MariaDB whose ids go in steps', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-mariadb-'))
  let mariadb: Mariadb

  beforeAll(async () => {
    mariadb = await Mariadb.start(folder, STEPS)
  })

  afterAll(async () => {
    await mariadb?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  storeContract('MySQL in steps', async (options) => {
    const database = new TestDatabase(mariadb.port)
    const open = async () => (await database.open(options)).store
    return { api: await open(), daemon: await open() }
  })
})
