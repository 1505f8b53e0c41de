import type { RowDataPacket } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { SCHEMA_VERSION } from '../../src/mysql/migrations.ts'
import { waitFor } from '../support/wait.ts'
import { port, TestDatabase } from './open-mysql.ts'

/** Longer than a statement of the chat, or a wait for its locks, may take. */
const LONG_MS = 5_500

test.skipIf(port === undefined)(
  'one that starts while another creates the schema waits for it, however long that takes',
  async () => {
    const database = new TestDatabase()
    const root = await database.connect()
    await database.open()
    // As it is within the creation. What is dropped is made again by nobody but the creator.
    await root.query('UPDATE chat_schema SET version = 0; DROP TABLE claims')
    await root.query('START TRANSACTION; SELECT version FROM chat_schema FOR UPDATE')
    const opened = Promise.all([database.open(), database.open()])
    const waiting = async () => {
      const [rows] = await root.query<RowDataPacket[]>(
        `SELECT id FROM information_schema.processlist
        WHERE db = DATABASE() AND command = 'Query' AND time_ms > ${LONG_MS}`,
      )
      return rows.length === 2
    }
    await waitFor(waiting, 'both to wait')

    await root.query(`UPDATE chat_schema SET version = ${SCHEMA_VERSION}; COMMIT`)
    await opened
    expect((await root.query("SHOW TABLES LIKE 'claims'"))[0]).toEqual([])
  },
)
