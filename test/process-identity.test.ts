import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isSameProcess, processStartedAt } from '../src/sqlite/process-identity.ts'
import { temporaryFolder } from './support/folders.ts'
import { waitFor } from './support/wait.ts'

function run(command: string, args: string[]) {
  const child = spawn(command, args)
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

test('a process keeps its start, and no two share one with their pid', async () => {
  const child = run('sleep', ['600'])
  const startedAt = processStartedAt(process.pid) as string

  expect(startedAt).not.toBe('')
  expect(processStartedAt(process.pid)).toBe(startedAt)
  expect(isSameProcess(process.pid, startedAt)).toBe(true)
  expect(isSameProcess(child.pid as number, startedAt)).toBe(false)
})

test('a process that has ended has no start', async () => {
  const child = run('sleep', ['600'])
  const pid = child.pid as number
  const startedAt = processStartedAt(pid) as string
  expect(isSameProcess(pid, startedAt)).toBe(true)

  child.kill('SIGKILL')
  await once(child, 'exit')

  expect(processStartedAt(pid)).toBeUndefined()
  expect(isSameProcess(pid, startedAt)).toBe(false)
})

test('a process that has ended counts as gone before its parent has noticed', async () => {
  // The shell becomes a sleep, which never asks after the child that it inherits.
  const parent = run('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'])
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  const state = () => readFileSync(`/proc/${pid}/status`, 'utf8')
  await waitFor(() => /^State:\s+Z/m.test(state()), 'the child to end')

  expect(processStartedAt(pid)).toBeUndefined()
})

test('a name with spaces and parentheses does not hide the start', async () => {
  const command = join(temporaryFolder(), 'a) Z (b')
  symlinkSync('/bin/sleep', command)
  const pid = run(command, ['600']).pid as number
  const name = () => readFileSync(`/proc/${pid}/comm`, 'utf8')
  await waitFor(() => name() === 'a) Z (b\n', 'the new name')

  const plain = processStartedAt(run('/bin/sleep', ['600']).pid as number) as string
  const [boot, ticks] = (processStartedAt(pid) as string).split('/')
  expect(boot).toBe(plain.split('/')[0])
  // Started a moment before the plain one, so it counts about as many clock ticks since boot.
  expect(Number(plain.split('/')[1]) - Number(ticks)).toBeGreaterThanOrEqual(0)
  expect(Number(plain.split('/')[1]) - Number(ticks)).toBeLessThan(60_000)
})
