import { randomBytes } from 'node:crypto'
import { type Connection, createConnection } from 'mysql2/promise'
import { inject, onTestFinished } from 'vitest'
import type { DatabaseAddress } from '../../src/mysql/address.ts'

/** A database of one test, as root reaches it. */
export interface TestDatabase {
  address: DatabaseAddress
  /** The value of CHAT_DATABASE. */
  url: string
  root: Connection
}

/** An empty database on the MariaDB that all tests share, gone when the test is over. */
export async function emptyDatabase(): Promise<TestDatabase> {
  const address = {
    host: '127.0.0.1',
    port: inject('mariadbPort') as number,
    user: 'root',
    password: '',
    database: `chat_${randomBytes(6).toString('hex')}`,
    ca: undefined,
  }
  const root = await connectAsRoot(address.port)
  await root.query(`CREATE DATABASE ${address.database} CHARACTER SET utf8mb4`)
  onTestFinished(async () => void (await root.query(`DROP DATABASE ${address.database}`)))
  await root.query(`USE ${address.database}`)
  return { address, url: urlOf(address), root }
}

/** Connects to a MariaDB of the tests, until the test is over. */
export async function connectAsRoot(port: number): Promise<Connection> {
  const root = await createConnection({
    host: '127.0.0.1',
    port,
    user: 'root',
    charset: 'utf8mb4_bin',
    dateStrings: true,
    multipleStatements: true,
  })
  onTestFinished(() => root.end())
  return root
}

/** The value of CHAT_DATABASE for an address. */
export function urlOf({ user, host, port, database }: DatabaseAddress): string {
  return `mysql://${user}@${host}:${port}/${database}`
}
