import { readdirSync } from 'node:fs'
import type { Attack } from './attack.ts'

const KINDS = new URL('kinds/', import.meta.url)

/** All kinds that there are. */
export async function loadAttacks(): Promise<Attack[]> {
  const files = readdirSync(KINDS).sort()
  return Promise.all(files.map(async (file) => (await import(`./kinds/${file}`)).attack))
}
