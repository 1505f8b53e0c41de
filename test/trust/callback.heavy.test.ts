import { expect, onTestFinished, test } from 'vitest'
import { askApi, askDaemon, startWebApplication } from '../support/auth.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

const SHOP = 'https://shop.example'
const JOHN = { cookie: 'PHPSESSID=john' }
const UNCHECKED = 'Logins cannot be checked at the moment. Please try again.'
function settingsFor(url: string) {
  return { CHAT_AUTH: 'callback', CHAT_AUTH_CALLBACK_URL: url, CHAT_ALLOWED_ORIGINS: SHOP }
}

test('an application that drips its answer holds nobody up for longer than 3 s', async () => {
  const drips: NodeJS.Timeout[] = []
  onTestFinished(() => drips.forEach(clearInterval))
  const url = await startWebApplication((_request, response) => {
    response.writeHead(200).flushHeaders()
    drips.push(setInterval(() => response.write(' '), 50))
  })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))
  const startedAt = performance.now()
  expect(await askApi(apiUrl, 5, JOHN)).toBe(`503 ${UNCHECKED}`)
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('an outage of the application is one line when it begins and one when it is over', async () => {
  let isDown = true
  const url = await startWebApplication((request, response) => {
    if (isDown) request.socket.destroy()
    else response.end('{"user_id": 5}')
  })
  const { api, daemon } = await startChat(settingsFor(url))
  for (let count = 1; count <= 10; count += 1) {
    expect(await askApi(api.url, 5, session(count))).toMatch(/^503 /)
    expect(await askDaemon(daemon.url, 5, session(count))).toMatch(/^1011 /)
  }
  isDown = false
  let count = 10
  for (const { program, ask } of [
    { program: api.program, ask: () => askApi(api.url, 5, session(count)) },
    { program: daemon.program, ask: () => askDaemon(daemon.url, 5, session(count)) },
  ]) {
    const isOver = async () => {
      count += 1
      await ask()
      return program.output.includes('Logins can be checked again')
    }
    await waitFor(isOver, 'the outage to be over')
    await program.stop()
    const lines = program.output.split('\n').filter((line) => / {2}Logins can/.test(line))
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(
      /warn {2}Logins cannot be checked: The authentication callback did not answer/,
    )
    expect(lines[1]).toMatch(/info {2}Logins can be checked again$/)
    expect(program.output).not.toMatch(/^ +at /m)
  }
})

/** One of many cookies that nobody has seen before. */
function session(count: number, prefix = 'made') {
  return { cookie: `PHPSESSID=${prefix}${count}` }
}
