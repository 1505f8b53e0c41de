import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { circles, sourcesIn, violations } from './support/architecture.ts'
import { temporaryFolder } from './support/folders.ts'

/** A source tree of these files. */
function tree(files: Record<string, string>): string {
  const folder = temporaryFolder()
  for (const [file, source] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(file)), { recursive: true })
    writeFileSync(join(folder, file), source)
  }
  return folder
}

test('the imports of src/ run one way', () => {
  expect(violations(fileURLToPath(new URL('../src', import.meta.url)))).toEqual([])
})

test('nothing of http/, websocket/ and chat/ knows which engine runs', () => {
  const folder = fileURLToPath(new URL('../src', import.meta.url))
  const above = sourcesIn(folder).filter((file) => /^(http|websocket|chat)\//.test(file))
  const isTold = (file: string) =>
    /sqlite|mysql|mariadb/i.test(readFileSync(join(folder, file), 'utf8'))
  expect(above.length).toBeGreaterThan(50)
  expect(above.filter(isTold)).toEqual([])
})

test('no files of the server import each other in a circle', () => {
  const found = circles(fileURLToPath(new URL('../src', import.meta.url)))
  // The library's entry, chat-client.ts, also exports what is built on it.
  expect(found.filter((circle) => !circle.startsWith('client/'))).toEqual([])
})

test('the root of src/ has at most ten files, and no file of the server over 300 lines', () => {
  const folder = fileURLToPath(new URL('../src', import.meta.url))
  expect(readdirSync(folder).filter((name) => name.endsWith('.ts')).length).toBeLessThanOrEqual(10)
  const server = sourcesIn(folder).filter((file) => !/^(client|pages)\//.test(file))
  const lineCount = (file: string) => readFileSync(join(folder, file), 'utf8').split('\n').length
  expect(server.filter((file) => lineCount(file) > 300)).toEqual([])
})

test('a circle is found, and what only meets again is none', () => {
  const folder = tree({
    'chat/a.ts': `import './b.ts'\nimport './d.ts'`,
    'chat/b.ts': `import type { C } from './c.ts'`,
    'chat/c.ts': `export { B } from './b.ts'`,
    'chat/d.ts': `import './e.ts'`,
    'chat/e.ts': '',
  })
  expect(circles(folder)).toEqual(['chat/b.ts → chat/c.ts → chat/b.ts'])
})

test('what the design allows is no violation', () => {
  const folder = tree({
    'cli/chat-api.ts': `
      import { Command } from 'commander'
      import { ApiServer } from '../http/server.ts'
      import { Daemon } from '../websocket/daemon.ts'
      import { openDatabase } from '../sqlite/database.ts'
      import { stop } from './background.ts'
      process.on('SIGTERM', () => process.exit(Number(process.env.CODE)))
    `,
    'http/endpoints/health.ts': `
      import type { Chat } from '../../chat/chat.ts'
      import { success } from '../response.ts'
      import { hostname } from 'node:os'
      import busboy, {
        type FileInfo,
      } from 'busboy'
      /* import { Hub } from '../../websocket/hub.ts' */
      // process.exit() is for cli/ to call
      const address = 'http://localhost' // import '../../websocket/hub.ts'
      export const pid = process.pid
    `,
    'websocket/daemon.ts': `import { type WebSocket } from 'ws'\nimport '../auth/caller.ts'`,
    'auth/caller.ts': `import type { Chat } from '../chat/chat.ts'\nexport { isLoopback } from '../config/config.ts'`,
    'chat/rules.ts': `import { limits } from '../limits/limits.ts'`,
    'sqlite/store.ts': `import type { Chat } from '../chat/chat.ts'\nimport { isSameProcess } from './process-identity.ts'`,
    'sqlite/database.ts': `import Sqlite from 'better-sqlite3'\nimport { ChatError } from '../errors.ts'\nnew Worker(new URL('./checkpoint-worker.js', import.meta.url))`,
    'jobs.ts': `import cron from 'node-cron'`,
    'client/chat-client.ts': `import { WebSocket } from 'ws'`,
    'pages/dom.ts': '',
    'pages/chat/app.ts': `import '../../client/chat-client.ts'\nimport { part } from '../dom.ts'`,
    'pages/react/app.tsx': `import { useState } from 'react'\nimport 'chat-websocket/client'`,
    'pages/status/main.ts': `import uPlot from 'uplot'\nimport { part } from '../dom.ts'`,
  })

  expect(violations(folder)).toEqual([])
})

test.for([
  // Directions.
  ['http/server.ts', `import { Hub } from '../websocket/hub.ts'`, 'imports ../websocket/hub.ts'],
  ['http/endpoints/health.ts', `import '../../websocket/hub.ts'`, 'imports ../../websocket/hub.ts'],
  ['websocket/hub.ts', `import { Form } from '../http/form.ts'`, 'imports ../http/form.ts'],
  ['websocket/hub.ts', `import type { Form } from '../http/form.ts'`, 'imports ../http/form.ts'],
  ['http/server.ts', `import { run } from '../cli/program.ts'`, 'imports ../cli/program.ts'],
  [
    'http/server.ts',
    `import { walBytes } from '../sqlite/database.ts'`,
    'imports ../sqlite/database.ts',
  ],
  ['websocket/hub.ts', `export * from '../sqlite/database.ts'`, 'imports ../sqlite/database.ts'],
  [
    'websocket/hub.ts',
    `import { SqliteStore } from '../sqlite/store.ts'`,
    'imports ../sqlite/store.ts',
  ],
  ['auth/caller.ts', `import { Form } from '../http/form.ts'`, 'imports ../http/form.ts'],
  ['auth/caller.ts', `import { Hub } from '../websocket/hub.ts'`, 'imports ../websocket/hub.ts'],
  [
    'auth/caller.ts',
    `import { walBytes } from '../sqlite/database.ts'`,
    'imports ../sqlite/database.ts',
  ],
  ['media/uploads.ts', `import { Form } from '../http/form.ts'`, 'imports ../http/form.ts'],
  ['media/uploads.ts', `import { Chat } from '../chat/chat.ts'`, 'imports ../chat/chat.ts'],
  [
    'chat/chat.ts',
    `import type { Database } from '../sqlite/database.ts'`,
    'imports ../sqlite/database.ts',
  ],
  ['chat/wire.ts', `export * from '../sqlite/events.ts'`, 'imports ../sqlite/events.ts'],
  ['chat/chat.ts', `import { Caller } from '../auth/caller.ts'`, 'imports ../auth/caller.ts'],
  [
    'chat/chat.ts',
    `import { readConfig } from '../config/config.ts'`,
    'imports ../config/config.ts',
  ],
  [
    'chat/chat.ts',
    `const { Hub } = await import('../websocket/hub.ts')`,
    'imports ../websocket/hub.ts',
  ],
  ['chat/chat.ts', `let form: import('../http/form.ts').Form`, 'imports ../http/form.ts'],
  ['client/client.ts', `import { Chat } from '../chat/chat.ts'`, 'imports ../chat/chat.ts'],
  // Pages import the client library, and nothing of each other.
  ['pages/chat/app.ts', `import { Chat } from '../../chat/chat.ts'`, 'imports ../../chat/chat.ts'],
  ['pages/chat/app.ts', `import '../react/use-chat.ts'`, 'imports ../react/use-chat.ts'],
  ['pages/status/main.ts', `import '../../errors.ts'`, 'imports ../../errors.ts'],
  ['pages/react/app.tsx', `import { part } from '../dom.ts'`, 'imports ../dom.ts'],
  ['pages/react/app.tsx', `import '../../client/inbox.ts'`, 'imports ../../client/inbox.ts'],
  ['pages/dom.ts', `import { App } from './chat/app.ts'`, 'imports ./chat/app.ts'],
  ['client/client.ts', `import { part } from '../pages/dom.ts'`, 'imports ../pages/dom.ts'],
  ['http/server.ts', `import '../pages/status/samples.ts'`, 'imports ../pages/status/samples.ts'],
  ['pages/shop/main.ts', ``, 'is in no known part'],
  // Leaves import no folder.
  ['config/config.ts', `import { run } from '../cli/program.ts'`, 'imports ../cli/program.ts'],
  ['log.ts', `import { Clock } from './chat/clock.ts'`, 'imports ./chat/clock.ts'],
  ['errors.ts', `import { Log } from './log.ts'`, 'imports ./log.ts'],
  ['limits/quota.ts', `import { Form } from '../http/form.ts'`, 'imports ../http/form.ts'],
  ['tls.ts', `import { Caller } from './auth/caller.ts'`, 'imports ./auth/caller.ts'],
  ['limits/limit.ts', `import '../chat/chat.ts'`, 'imports ../chat/chat.ts'],
  [
    'sqlite/database.ts',
    `import {\n  readConfig,\n} from '../config/config.ts'`,
    'imports ../config/config.ts',
  ],
  ['sqlite/events.ts', `import { Hub } from '../websocket/hub.ts'`, 'imports ../websocket/hub.ts'],
  ['jobs.ts', `import { Uploads } from './media/uploads.ts'`, 'imports ./media/uploads.ts'],
  ['sqlite/checkpoint-worker.ts', `import '../http/form.ts'`, 'imports ../http/form.ts'],
  ['log.ts', `new Worker(new URL('./chat/chat.js', import.meta.url))`, 'imports ./chat/chat.js'],
  // Packages.
  ['chat/messages.ts', `import Sqlite from 'better-sqlite3'`, 'imports better-sqlite3'],
  ['cli/program.ts', `import type Sqlite from "better-sqlite3"`, 'imports better-sqlite3'],
  ['cli/program.ts', `import { DatabaseSync } from 'node:sqlite'`, 'imports node:sqlite'],
  ['http/server.ts', `import { WebSocketServer } from 'ws'`, 'imports ws'],
  ['http/server.ts', `import Sender from 'ws/lib/sender.js'`, 'imports ws/lib/sender.js'],
  ['websocket/hub.ts', `import busboy from 'busboy'`, 'imports busboy'],
  ['chat/messages.ts', `import { fileTypeFromFile } from 'file-type'`, 'imports file-type'],
  ['websocket/hub.ts', `import send from 'send'`, 'imports send'],
  ['config/config.ts', `import { Command } from 'commander'`, 'imports commander'],
  ['websocket/hub.ts', `import cron from 'node-cron'`, 'imports node-cron'],
  ['cli/program.ts', `const cron = require('node-cron')`, 'imports node-cron'],
  ['http/server.ts', `import { jwtVerify } from 'jose'`, 'imports jose'],
  ['http/server.ts', `import 'rate-limiter-flexible'`, 'imports rate-limiter-flexible'],
  ['pages/chat/app.ts', `import uPlot from 'uplot'`, 'imports uplot'],
  ['cli/program.ts', `import leftPad from 'left-pad'`, 'imports left-pad'],
  ['cli/program.ts', `import pad from '@left/pad/pad.js'`, 'imports @left/pad/pad.js'],
  // The process.
  ['config/config.ts', `const port = process.env.PORT`, 'uses process.env'],
  ['http/server.ts', `process.exit(1)`, 'uses process.exit'],
  ['http/server.ts', `process.exitCode = 1`, 'uses process.exitCode'],
  ['websocket/hub.ts', `process.on('SIGTERM', stop)`, 'uses process.on'],
  ['websocket/hub.ts', `process.once('SIGINT', stop)`, 'uses process.once'],
  ['websocket/hub.ts', `process\n  .on('SIGINT', stop)`, 'uses process.on'],
  ['websocket/hub.ts', `globalThis.process?.exit()`, 'uses process.exit'],
  ['log.ts', `import { env } from 'node:process'`, 'imports node:process'],
  ['log.ts', `import process from 'process'`, 'imports process'],
  ['log.ts', `const { env } = process`, 'takes process apart'],
  ['log.ts', `process['env']`, 'takes process apart'],
  // What would slip past a reader of imports.
  [
    'chat/chat.ts',
    `const path = '../http/form.ts'\nawait import(path)`,
    'imports what it computes',
  ],
  ['cli/program.ts', `import version from '../../package.json'`, 'imports ../../package.json'],
  ['utils/strings.ts', ``, 'is in no known part'],
  ['helpers.ts', ``, 'is in no known part'],
] as const)('%s may not: %s', ([file, source, violation]) => {
  expect(violations(tree({ [file]: source, 'errors.ts': '', [file]: source }))).toEqual([
    `${file} ${violation}`,
  ])
})
