import type { Config } from '../../config/config.ts'
import { ChatError } from '../../errors.ts'
import { SCHEMA_VERSION } from '../../mysql/migrations.ts'
import { DatabaseProbe, type Durability } from '../../mysql/probe.ts'
import { MysqlStore } from '../../mysql/store.ts'
import { CLOCK_DIFFERENCE_SECONDS_MAX } from '../../thresholds.ts'
import { addressOf } from '../open-store.ts'
import { type CheckedDatabase, notCurrent } from './database.ts'
import { error, type Finding, ok, warning } from './finding.ts'

const NAME = 'database'

/** As checkDatabase, of one on a server. */
export async function checkSharedDatabase(config: Config): Promise<CheckedDatabase> {
  let probe: DatabaseProbe | undefined
  const close = async () => probe?.close()
  try {
    probe = new DatabaseProbe(addressOf(config))
    const server = await probe.server()
    const version = await probe.schemaVersion()
    if (version !== SCHEMA_VERSION) {
      const finding = notCurrent(config.database, version, SCHEMA_VERSION)
      return { findings: [finding], chat: undefined, close }
    }
    const findings = await inspect(probe, `${config.database} on ${server}`)
    return { findings, chat: new MysqlStore(probe.database, config), close }
  } catch (cause) {
    if (!(cause instanceof ChatError)) throw cause
    return { findings: [error(NAME, cause.message)], chat: undefined, close }
  }
}

async function inspect(probe: DatabaseProbe, name: string): Promise<Finding[]> {
  await probe.checkWritable()
  const durability = await probe.durability()
  const { galeraState } = durability
  const galera = galeraState === undefined ? '' : `, Galera: ${galeraState}`
  const state = `${name} can be written to (schema ${SCHEMA_VERSION}${galera})`
  const clock = checkClock(await probe.clockAheadSeconds())
  return [ok(NAME, state), clock, ...checkDurability(durability)]
}

/** @param seconds how far the server's clock is ahead of this host's */
export function checkClock(seconds: number): Finding {
  const name = 'clock'
  const difference = Math.abs(seconds)
  if (difference <= CLOCK_DIFFERENCE_SECONDS_MAX) {
    return ok(name, `the database's differs by ${difference.toFixed(1)} s from this host's`)
  }
  const direction = seconds > 0 ? 'ahead of' : 'behind'
  const message = `the database's is ${difference.toFixed(0)} s ${direction} this host's`
  return warning(name, `${message}. Set both by NTP`)
}

export function checkDurability({ flushLevel }: Pick<Durability, 'flushLevel'>): Finding[] {
  if (flushLevel === 1) return []
  const reason = 'when the server crashes, messages that were acknowledged may be lost'
  const setting = 'innodb_flush_log_at_trx_commit'
  return [warning('durability', `${setting} is ${flushLevel}: ${reason}. Set it to 1`)]
}
