import { execFileSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { waitFor } from '../support/wait.ts'
import type { World } from './fault.ts'

/** What the log tells the operator of a database that is not in its place: a command, and where to. */
const ADVICE = /Save what is open: (cp .*?); put it in the place of/

/**
 * As an operator does it who reads the log: waits until sends are refused, copies the open database
 * out, puts it in its place, and restarts both programs.
 */
export async function rescue({
  service,
  auditor,
}: Pick<World, 'service' | 'auditor'>): Promise<void> {
  await waitFor(() => auditor.isRefused, 'a send to be refused')
  await service.status('chat-api')
  const advice = () => service.said.logs.map((log) => ADVICE.exec(log.join('\n'))?.[1])
  await waitFor(() => advice().every((command) => command !== undefined), 'both to say so')
  await waitFor(() => service.isHealthy().then((isHealthy) => !isHealthy), '/health to say so')
  execFileSync('sh', ['-c', advice()[0] as string])
  await service.terminate('chat-api')
  await service.terminate('chat-websocket')
  const path = service.databasePath
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  for (const suffix of ['-wal', '']) renameSync(`${path}.saved${suffix}`, path + suffix)
  await service.start('chat-api')
  await service.start('chat-websocket')
}

/** What both programs say of it. */
export const SAID = {
  log: [/was moved, deleted or replaced: nothing is stored any more: Save what is open: cp /],
  health: [/^503 .*The database is not in its place/],
  status: [/"health":"The database is not in its place/],
}
