import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claimPidFile, readPidFile } from '../../src/cli/background.ts'
import { sendText } from '../support/clients.ts'
import { filesBelow, temporaryFolder } from '../support/folders.ts'
import { fields, postMultipart } from '../support/forms.ts'
import { jpeg } from '../support/media.ts'
import { runProgram, startApi, startDaemon, startService } from '../support/processes.ts'
import type { Environment, Program } from '../support/running-program.ts'

const PROGRAMS: Program[] = ['chat-api', 'chat-websocket']

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

/** The modes of all that a chat makes in folders that were not there before, by path. */
async function modesOfChat(settings: Environment): Promise<Record<string, string>> {
  const data = join(temporaryFolder(), 'data')
  const apart = { ...settings, CHAT_DATABASE: join(data, 'chat.db'), CHAT_PID_DIR: data }
  const folder = temporaryFolder()
  const services = { ...apart, CHAT_UPLOADS_DIR: join(data, 'uploads') }
  const { url } = await startApi(folder, services)
  const daemon = await startDaemon(folder, services)
  await sendText(url, 1, 2, 'Hello')
  const image = { name: 'image', filename: 'a.jpg', contentType: 'image/jpeg', content: jpeg() }
  const people = fields({ sender_id: 1, receiver_id: 2 })
  await postMultipart(`${url}/send_chat_message.php`, ...people, image)
  const kept = filesBelow(data).filter((path) => !path.includes('.incoming/'))
  const folders = ['.', 'uploads', 'uploads/chat', 'uploads/chat/images']
  const modes = [...folders, ...kept].map((path) => [
    path.replace(/[0-9a-f]{32}/, 'NAME'),
    modeOf(join(data, path)),
  ])
  await daemon.program.stop()
  return Object.fromEntries(modes)
}

function modes(ofFolders: string, ofFiles: string): Record<string, string> {
  return {
    '.': ofFolders,
    uploads: ofFolders,
    'uploads/chat': ofFolders,
    'uploads/chat/images': ofFolders,
    'uploads/chat/images/NAME.jpg': ofFiles,
    'chat.db': ofFiles,
    'chat.db-shm': ofFiles,
    'chat.db-wal': ofFiles,
    'chat-api.pid': ofFiles,
    'chat-websocket.pid': ofFiles,
  }
}

test('what the chat makes is for its own user alone, whatever umask it was started with', async () => {
  expect(await modesOfChat({})).toEqual(modes('700', '600'))
})

test('CHAT_UMASK lets the group read, or write as well', async () => {
  expect(await modesOfChat({ CHAT_UMASK: '0027' })).toEqual(modes('750', '640'))
  expect(await modesOfChat({ CHAT_UMASK: '0007' })).toEqual(modes('770', '660'))
})

test.for(PROGRAMS)(
  'the pid and log files of %s start -d are for its user alone',
  async (program) => {
    const folder = temporaryFolder()
    const { pidFile, logFile } = await startService(program, folder)

    expect([modeOf(pidFile), modeOf(logFile)]).toEqual(['600', '600'])
  },
)

test.for(PROGRAMS)('%s start writes through no link in place of its pid file', async (program) => {
  const folder = temporaryFolder()
  const victim = join(folder, 'victim')
  writeFileSync(victim, 'precious')
  const planted = join(folder, `${program}.pid`)
  symlinkSync(victim, planted)

  const error = `${program}: ${planted} is a symbolic link, and is not followed. `
  for (const command of ['start', 'status', 'stop']) {
    const { code, errors } = await runProgram(program, [command], folder)
    expect({ command, code }).toEqual({ command, code: 1 })
    expect(errors).toBe(`${error}Remove it, and let nobody else write to that folder.\n`)
  }
  expect(readFileSync(victim, 'utf8')).toBe('precious')
})

test.for(PROGRAMS)('%s start -d writes through no link in place of its log', async (program) => {
  const folder = temporaryFolder()
  const victim = join(folder, 'victim')
  const planted = join(folder, `${program}.log`)
  symlinkSync(victim, planted)

  for (const command of [['start', '-d'], ['logs']]) {
    const { code, output } = await runProgram(program, command, folder)
    expect({ command, code }).toEqual({ command, code: 1 })
    expect(output).toContain(`${planted} is a symbolic link, and is not followed. `)
  }
  expect(existsSync(victim)).toBe(false)
})

test('a pid file is replaced as a whole, so that nobody reads half of one', () => {
  const path = join(temporaryFolder(), 'chat-api.pid')
  writeFileSync(path, 'from before a crash')
  const before = statSync(path).ino

  const release = claimPidFile(path)

  expect(statSync(path).ino).not.toBe(before)
  expect(readPidFile(path)).toBe(process.pid)
  release()
  expect(filesBelow(join(path, '..'))).toEqual([])
})

test('a folder in place of a pid file is refused in one line', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'chat-api.pid'))

  const { code, errors } = await runProgram('chat-api', ['start'], folder)

  expect(code).toBe(1)
  expect(errors).toMatch(/^chat-api: \S+ cannot be written \(E\w+\)\. Make its folder writable/)
})
