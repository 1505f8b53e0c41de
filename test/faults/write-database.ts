import Sqlite from 'better-sqlite3'

// A program that writes to the database over and over, properly, until its standard input ends.

const sqlite = new Sqlite(process.argv[2] as string, { timeout: 10_000 })
sqlite.pragma('synchronous = OFF')
const touch = sqlite.prepare('UPDATE users SET name = name WHERE user_id = 1')
const commit = sqlite.transaction(() => touch.run())

function write(): void {
  commit.immediate()
  setImmediate(write)
}

write()
console.log('writing')
process.stdin.resume().on('end', () => process.exit())
