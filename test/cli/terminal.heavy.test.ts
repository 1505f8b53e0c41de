import { expect, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { runDoctor, withDatabase } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { linesOf, runProgram, startDaemon } from '../support/processes.ts'
import { environment } from '../support/running-program.ts'

/** Clears the screen, sets the title, writes backwards, and forges a line. */
const NASTY = 'An\x1b[2J\x1b]0;pwned\x07na\u202e\u2066\x9b31m\r\nUSER'
const SHOWN = 'An[2J]0;pwnedna31mUSER'

test('connections shows names without what a terminal would obey, in straight columns', async () => {
  const folder = temporaryFolder()
  const { url } = await startDaemon(folder)
  await connect(url, 1, { name: 'Anna', username: 'anna' })
  await connect(url, 2, { name: 'Bilal', username: 'bilal' })
  withDatabase(environment(folder).CHAT_DATABASE as string, (database) => {
    database.prepare('UPDATE users SET name = ? WHERE user_id = 1').run(NASTY)
  })

  const { output } = await runProgram('chat-websocket', ['connections'], folder)
  const json = await runProgram('chat-websocket', ['connections', '--json'], folder)

  expect(output.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
  const lines = linesOf(output)
  expect(lines).toHaveLength(3)
  expect(lines[1]).toContain(` ${SHOWN}  `)
  const columns = lines.map((line) => line.search(/SINCE|\d{4}-\d\d-\d\d /))
  expect(new Set(columns).size).toBe(1)
  expect(json.output.trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
  expect(JSON.parse(json.output)[0].name).toBe(NASTY)
})

test('connections names the daemon of each where there are several', async () => {
  const folder = temporaryFolder()
  const { url } = await startDaemon(folder)
  await connect(url, 1, { name: 'Anna', username: 'anna' })
  const list = async () =>
    linesOf((await runProgram('chat-websocket', ['connections'], folder)).output)
  expect((await list())[0]).not.toContain('DAEMON')
  withDatabase(environment(folder).CHAT_DATABASE as string, (database) => {
    database.exec(`
      INSERT INTO daemons
        (daemon_id, hostname, pid, process_started_at, address, started_at, heartbeat_at, polled_at)
      VALUES (17, 'web2', 1, '', 'ws://192.0.2.1:8089', '', '', '');
      INSERT INTO connections (daemon_id, user_id, address) VALUES (17, 1, '192.0.2.7');
    `)
  })

  const [headings, ...rows] = await list()
  expect(headings).toMatch(/ {2}ADDRESS {4}DAEMON$/)
  expect(rows.map((row) => row.split(/ {2,}/).slice(-2))).toEqual([
    ['127.0.0.1', '1'],
    ['192.0.2.7', '17'],
  ])
  const json = await runProgram('chat-websocket', ['connections', '--json'], folder)
  expect(JSON.parse(json.output)).toMatchObject([{ daemon_id: 1 }, { daemon_id: 17 }])
})

test('doctor and status show what others have written as plain text', async () => {
  const folder = temporaryFolder()
  const { url } = await startDaemon(folder)
  withDatabase(environment(folder).CHAT_DATABASE as string, (database) => {
    database.prepare('UPDATE daemons SET address = ?').run(`${url}/${NASTY}`)
  })

  const status = await runProgram('chat-websocket', ['status'], folder)
  const doctor = await runProgram('chat-websocket', ['doctor'], folder)

  for (const { output } of [status, doctor]) {
    expect(output).toContain(SHOWN)
    expect(output.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
  }
  const { checks } = await runDoctor(folder)
  expect(checks.some(({ message }) => message.includes(NASTY))).toBe(true)
})
