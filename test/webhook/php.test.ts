import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { Shop } from '../../src/webhook/shop.ts'
import { send } from '../store/opened-store.ts'
import { temporaryFolder } from '../support/folders.ts'
import { findProgram } from '../support/mariadb.ts'
import { freePort } from '../support/network.ts'
import { RunningProcess } from '../support/running-program.ts'
import { WEBHOOK_SECRET } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'
import { DUE_MS, openPoster } from './open-poster.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
/** As the README has it. */
const RECEIVER = /```php\n(<\?php \/\/ push\.php\n.*?)```/s.exec(README)?.[1] ?? ''

function findPhp(): string | undefined {
  try {
    return findProgram('php')
  } catch (problem) {
    if (process.env.CHAT_REQUIRE_PHP === '1') throw problem
    console.log('The test of the PHP receiver is skipped: no php (apt-get install php-cli)')
    return undefined
  }
}

const php = findPhp()

/** Serves the README's push.php. */
async function startReceiver() {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'push.php'), RECEIVER)
  const port = await freePort()
  const server = new RunningProcess(php as string, ['-S', `127.0.0.1:${port}`], {
    cwd: folder,
    env: { CHAT_WEBHOOK_SECRET: WEBHOOK_SECRET },
  })
  onTestFinished(() => server.kill())
  await server.printed(/Development Server .* started/)
  return { server, url: `http://127.0.0.1:${port}/push.php` }
}

test('the PHP receiver of the README has twelve lines', () => {
  expect(RECEIVER.trim().split('\n')).toHaveLength(12)
})

test.skipIf(php === undefined)(
  'the PHP receiver of the README takes what is signed, and nothing else',
  async () => {
    const { server, url } = await startReceiver()
    const { chat, clock } = await openPoster({ CHAT_WEBHOOK_URL: url })
    await send(chat, 1, 2, { message: 'Grüße, "Ada"' })
    clock.advance(DUE_MS)
    await waitFor(async () => (await chat.webhooks.backlog()).count === 0, 'it to be taken')
    await server.printed(/Push to user 2: User 1 wrote Grüße, "Ada"/)

    const settings = { CHAT_WEBHOOK_URL: url, CHAT_WEBHOOK_SECRET: `whsec_${'b'.repeat(32)}` }
    const forged = await new Shop(readConfig(settings)).post('msg_1', '{"data":{}}')
    expect(forged).toMatchObject({ result: 'refused' })
    const unsigned = await fetch(url, { method: 'POST', body: '{"data":{}}' })
    expect(unsigned.status).toBe(401)
    const old = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 301),
      'webhook-signature': 'v1,x',
    }
    expect((await fetch(url, { method: 'POST', headers: old, body: '{}' })).status).toBe(401)
  },
)
