import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { connect, post, sendText } from '../support/clients.ts'
import { filesBelow, settled, temporaryFolder } from '../support/folders.ts'
import { multipart } from '../support/forms.ts'
import { picture } from '../support/media.ts'
import { BackgroundService } from '../support/processes.ts'
import { apiUrl, daemonUrl, type Program, RunningProcess } from '../support/running-program.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Nothing of the settings of the machine, nor of the npm that runs this test. */
const ENVIRONMENT = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(CHAT|AWS|npm)_/.test(name)),
  ),
  CHAT_API_PORT: '0',
  CHAT_WS_PORT: '0',
}
/** All that a shop needs: no sources but the example to copy, no tests, no maps of what is not there. */
const PACKED = [
  /^(LICENSE|README\.md|package\.json|schema\.sql|src\/mysql\/schema\.sql)$/,
  /^bin\/([\w-]+\.(js|service)|cluster\/[\w.-]+)$/,
  /^dist\/[\w/-]+\.js$/,
  /^dist\/client\/[\w-]+\.d\.ts$/,
  /^public\/(build|style|react)\/[\w-]+\.(css|html|js)$/,
  /^public\/[\w-]+\.(html|json|svg)$/,
  /^src\/pages\/react\/[\w-]+\.tsx?$/,
]

function run(command: string, args: string[], cwd: string): string {
  return execFileSync(command, args, { cwd, env: ENVIRONMENT, encoding: 'utf8', stdio: 'pipe' })
}

function pack(folder: string): { tarball: string; files: string[] } {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const [packed] = JSON.parse(run('npm', args, ROOT))
  const files = packed.files.map(({ path }: { path: string }) => path)
  return { tarball: join(folder, packed.filename), files }
}

/**
 * An empty folder, and the package installed there. Its better-sqlite3 is the one of the checkout: to
 * compile another takes a minute.
 */
function install(): { folder: string; packageFolder: string } {
  const { tarball } = pack(temporaryFolder())
  const folder = temporaryFolder()
  run('npm', ['install', '--ignore-scripts', '--prefer-offline', tarball], folder)
  const compiled = join(folder, 'node_modules/better-sqlite3')
  rmSync(compiled, { recursive: true })
  symlinkSync(join(ROOT, 'node_modules/better-sqlite3'), compiled)
  return { folder, packageFolder: join(folder, 'node_modules/chat-websocket') }
}

/** Starts a program as the README says, in the foreground. */
function start(program: Program, folder: string): RunningProcess {
  // It is killed by its pid file, when the test is over: npx would leave it behind.
  new BackgroundService(program, join(folder, 'data'))
  return new RunningProcess('npx', [program, 'start'], { cwd: folder, env: ENVIRONMENT })
}

test('the package has what it needs, and no file too many', () => {
  const { files } = pack(temporaryFolder())
  const needless = files.filter((file) => !PACKED.some((pattern) => pattern.test(file)))
  expect(needless).toEqual([])
  expect(files).toEqual(expect.arrayContaining(['public/build/chat.js', 'dist/cli/chat-api.js']))
})

test('in an empty folder it is installed, runs by npx, and keeps what it stores there', async () => {
  const { folder, packageFolder } = install()
  const installed = filesBelow(packageFolder)
  writeFileSync(join(folder, '.env'), 'CHAT_POLL_INTERVAL_MS=20\n', { mode: 0o600 })
  const [api, daemon] = [start('chat-api', folder), start('chat-websocket', folder)]
  const [url, socketUrl] = await Promise.all([apiUrl(api), daemonUrl(daemon)])
  expect(daemon.output).toContain('every 20ms')

  const socket = await connect(socketUrl, 2)
  expect(await sendText(url, 1, 2, 'Hello')).toEqual(await socket.event('chat:message'))
  const image = multipart({ sender_id: 1, receiver_id: 2, image: picture() })
  const { body } = await post(`${url}/send_chat_message.php`, image)
  const { pathname } = new URL(body.data.media_url)
  for (const page of [
    '/',
    '/react/',
    '/status.html',
    '/build/react.js',
    '/style/base.css',
    pathname,
  ]) {
    expect({ page, status: (await fetch(url + page)).status }).toEqual({ page, status: 200 })
  }

  expect(await settled(join(folder, 'public/uploads'))).toEqual([
    pathname.slice('/uploads/'.length),
  ])
  expect(existsSync(join(folder, 'data/chat.db'))).toBe(true)
  expect(filesBelow(packageFolder)).toEqual(installed)
  for (const program of ['chat-api', 'chat-websocket']) {
    expect(run('npx', [program, 'stop'], folder)).toContain('stopped')
  }
  await Promise.all([api.exit(), daemon.exit()])
})

test('the client library is imported by the name of the package, with its types', () => {
  const { folder } = install()
  const script =
    "import('chat-websocket/client').then(({ ChatClient }) => console.log(ChatClient.name))"
  expect(run('node', ['--eval', script], folder)).toBe('ChatClient\n')
  mkdirSync(join(folder, 'src'))
  const source =
    "import { ChatClient } from 'chat-websocket/client'\nnew ChatClient({ userId: '5' })\n"
  writeFileSync(join(folder, 'src/app.mts'), source)
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const args = ['--noEmit', '--module', 'nodenext', '--lib', 'es2023,dom', 'src/app.mts']
  expect(() => run(tsc, args, folder)).toThrow(
    expect.objectContaining({ stdout: expect.stringContaining("'string' is not assignable") }),
  )
})
