import Sqlite from 'better-sqlite3'

// A program that keeps the database to itself until its standard input ends.

const sqlite = new Sqlite(process.argv[2], { timeout: 10_000 })
sqlite.exec('BEGIN EXCLUSIVE')
console.log('locked')
process.stdin.resume().on('end', () => sqlite.close())
