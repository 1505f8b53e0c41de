import { existsSync, readdirSync } from 'node:fs'
import type { Environment } from '../support/running-program.ts'

/** Why processes cannot be given another time of day here; undefined when they can. */
export function whyNoFaketime(): string | undefined {
  return libfaketime() === undefined ? 'libfaketime is not installed' : undefined
}

/** Settings that give a process another time of day. @param how as libfaketime takes it */
export function faketime(how: Environment): Environment {
  // Nobody can set the monotonic clock.
  return { LD_PRELOAD: libfaketime() as string, FAKETIME_DONT_FAKE_MONOTONIC: '1', ...how }
}

/** Debian's libfaketime keeps it below the architecture's folder. */
function libfaketime(): string | undefined {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib') : []
  const paths = folders.map((name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`)
  return paths.find((path) => existsSync(path))
}
