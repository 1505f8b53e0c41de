import { storeContract } from './contract.ts'
import { openSqlite } from './open-sqlite.ts'

storeContract('SQLite', openSqlite)
