import { randomBytes } from 'node:crypto'
import { type Connection, createConnection } from 'mysql2/promise'
import { inject, onTestFinished } from 'vitest'
import type { ChatOptions } from '../../src/chat/chat.ts'
import type { DatabaseAddress } from '../../src/mysql/address.ts'
import { openDatabase } from '../../src/mysql/open-database.ts'
import { MysqlStore } from '../../src/mysql/store.ts'
import { createDatabase } from '../support/mariadb.ts'
import { CHAT_OPTIONS } from '../support/open-chat.ts'

/** Undefined where there is no MariaDB: then the tests of this folder are skipped. */
export const port = inject('mariadbPort')

/** An empty database of the test's own, dropped when it is over. */
export class TestDatabase {
  readonly address: DatabaseAddress

  constructor(ofPort = port as number) {
    const database = `chat_${randomBytes(6).toString('hex')}`
    createDatabase(ofPort, database)
    this.address = {
      host: '127.0.0.1',
      port: ofPort,
      user: 'root',
      password: '',
      database,
      ca: undefined,
    }
    onTestFinished(async () => {
      const connection = await this.connect()
      await connection.query(`DROP DATABASE ${database}`)
    })
  }

  /** The value of CHAT_DATABASE. */
  get url(): string {
    return urlOf(this.address)
  }

  /** The chat on it, as one process has it. */
  async open(options: Partial<ChatOptions> = {}) {
    const database = await openDatabase(this.address, { onMigrated: () => {} })
    const store = new MysqlStore(database, { ...CHAT_OPTIONS, ...options })
    onTestFinished(() => store.close())
    return { store, database }
  }

  /** As another program connects to it. */
  async connect(): Promise<Connection> {
    const { ca: _, ...address } = this.address
    const connection = await createConnection({ ...address, multipleStatements: true })
    onTestFinished(() => connection.end())
    return connection
  }
}

/** The value of CHAT_DATABASE for an address. */
export function urlOf({ user, host, port, database }: DatabaseAddress): string {
  return `mysql://${user}@${host}:${port}/${database}`
}
