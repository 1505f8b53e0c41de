import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { TestDatabase } from '../mysql/open-mysql.ts'
import { README } from './readme.ts'

/** As shops have them: texts in latin1 that hold UTF-8, NULLs, no foreign keys. */
const TABLES = `
  CREATE TABLE users (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    username VARCHAR(64) NULL,
    name VARCHAR(255) NULL,
    avatar VARCHAR(255) NULL
  );
  CREATE TABLE messages (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    sender_id INT NULL,
    receiver_id INT NULL,
    message_type VARCHAR(10) NOT NULL DEFAULT 'text',
    message TEXT CHARACTER SET latin1 NULL,
    media_url VARCHAR(255) NULL,
    media_duration VARCHAR(10) NULL,
    is_read TINYINT(1) NOT NULL DEFAULT 0,
    read_at DATETIME NULL,
    created_at DATETIME NULL
  );
  CREATE TABLE blocked_users (user_id INT, blocked_user_id INT, created_at DATETIME NULL);
`

/** Those that the README has for these tables. */
export const QUERIES = {
  users: queryIn('users'),
  messages: queryIn('messages'),
  blocks: queryIn('blocks'),
}

function queryIn(kind: string): string {
  const [, query] = new RegExp(`--${kind} '(SELECT [^']+)'`).exec(README) ?? []
  if (query === undefined) throw new Error(`The README has no query for ${kind}`)
  return query
}

/** The text of a message, as UTF-8 in a column that says that it is latin1. */
const TEXT = `CONVERT(CONVERT(CONCAT('Grüße 😀 ', seq) USING utf8mb4) USING binary)`

/** The database of a PHP chat, with so many messages among fifty users, and every third unread. */
export class PhpChat {
  readonly url: string
  readonly connection: Connection

  private constructor(url: string, connection: Connection) {
    this.url = url
    this.connection = connection
  }

  static async open(messageCount: number): Promise<PhpChat> {
    const database = new TestDatabase()
    const connection = await database.connect()
    await connection.query(`SET sql_mode = ''; ${TABLES}`)
    const chat = new PhpChat(database.url, connection)
    await connection.query(`
      INSERT INTO users SELECT seq, CONCAT('user', seq), CONCAT('Ünal ', seq), NULL
      FROM seq_1_to_50;
      INSERT INTO blocked_users SELECT seq, seq + 1, '2024-06-01 00:00:00' FROM seq_1_to_9;
    `)
    await chat.write(1, messageCount)
    return chat
  }

  /** Writes messages with these ids. */
  async write(first: number, last: number): Promise<void> {
    await this.connection.query(`
      INSERT INTO messages (id, sender_id, receiver_id, message, is_read, created_at)
      SELECT seq, 1 + seq % 50, 1 + (seq + 1 + seq % 7) % 50, CONVERT(${TEXT} USING latin1),
        seq % 3 > 0, '2024-05-01 00:00:00' + INTERVAL seq MINUTE
      FROM seq_${first}_to_${last}
    `)
  }

  /** Writes one message: columns and their SQL. */
  async writeOne(id: number, columns: Record<string, string>): Promise<void> {
    const row = {
      sender_id: '1',
      receiver_id: '2',
      message: "'Hello'",
      created_at: 'NOW()',
      ...columns,
    }
    await this.connection.query(
      `INSERT INTO messages (id, ${Object.keys(row).join()})
      VALUES (${id}, ${Object.values(row).join()})`,
    )
  }

  async query<Row>(sql: string): Promise<Row[]> {
    const [rows] = await this.connection.query(sql)
    return rows as Row[]
  }
}

/** Puts a file of some bytes into the uploads folder. */
export function upload(folder: string, path: string, content = 'bytes'): void {
  const file = join(folder, 'uploads', path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
