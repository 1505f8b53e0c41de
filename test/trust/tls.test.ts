import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import {
  type CertificateFiles,
  makeCertificate,
  replaceCertificate,
} from '../support/certificate.ts'
import { TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const RELOADED = 'The TLS certificate was read again'

function settingsFor(files: CertificateFiles) {
  return { CHAT_TLS_CERT: files.cert, CHAT_TLS_KEY: files.key }
}

/** The name in the certificate that a server shows to a new connection. */
async function shownBy(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

async function reload(program: RunningProgram, line: string): Promise<void> {
  const count = () => program.output.split(line).length
  const before = count()
  program.process.kill('SIGHUP')
  await waitFor(() => count() > before, `the line "${line}"`)
}

function get(url: string, ca: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function headersOf(url: string, options: { ca: Buffer }): Promise<IncomingHttpHeaders> {
  const asked = request(url, { ...options, agent: false }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.resume()
  return response.headers
}

test('with a certificate the API speaks https and the daemon wss', async () => {
  const folder = temporaryFolder()
  const files = makeCertificate(folder, 'first')
  const ca = readFileSync(files.cert)
  const api = await startApi(folder, settingsFor(files))
  const daemon = await startDaemon(folder, settingsFor(files))

  expect(api.url).toMatch(/^https:/)
  expect(await get(`${api.url}/health`, ca)).toBe(200)
  const url = daemon.url.replace('ws:', 'wss:')
  const socket = new TestSocket(`${url}/?user_id=5`, { ca })
  await socket.event('chat:connected')
  expect(daemon.program.output).toMatch(/Use wss:\/\/localhost:\d+ for connections/)
})

test('SIGHUP shows a renewed certificate to new connections and drops no open socket', async () => {
  const folder = temporaryFolder()
  const files = makeCertificate(folder, 'first')
  const renewed = makeCertificate(folder, 'renewed')
  const { program: api, url: apiUrl } = await processes.startApi(folder, settingsFor(files))
  const { program: daemon, url } = await processes.startDaemon(folder, settingsFor(files))
  const daemonUrl = url.replace('ws:', 'wss:')
  const ca = readFileSync(files.cert)
  const early = new TestSocket(`${daemonUrl}/?user_id=5`, { ca })
  await early.event('chat:connected')
  expect([await shownBy(apiUrl), await shownBy(daemonUrl)]).toEqual(['first', 'first'])

  replaceCertificate(files, renewed)
  await Promise.all([reload(api, RELOADED), reload(daemon, RELOADED)])

  expect([await shownBy(apiUrl), await shownBy(daemonUrl)]).toEqual(['renewed', 'renewed'])
  const late = new TestSocket(`${daemonUrl}/?user_id=6`, { ca: readFileSync(renewed.cert) })
  await late.event('chat:connected')
  late.send({ event: 'chat:typing', data: { receiver_id: 5, is_typing: true } })
  expect(await early.event('chat:typing')).toEqual({ sender_id: 6, is_typing: true })
  expect(early.closed).toBeUndefined()
})

test('a renewed certificate that cannot be used leaves the old one in place', async () => {
  const folder = temporaryFolder()
  const files = makeCertificate(folder, 'first')
  const other = makeCertificate(folder, 'other')
  const first = readFileSync(files.cert)
  const { program, url } = await processes.startApi(folder, settingsFor(files))

  const kept = 'the old one stays in use'
  writeFileSync(files.cert, 'half a certificate')
  await reload(program, kept)
  expect(await shownBy(url)).toBe('first')
  // Renewed the certificate, forgot the key.
  writeFileSync(files.cert, readFileSync(other.cert))
  await reload(program, kept)
  expect(await shownBy(url)).toBe('first')

  writeFileSync(files.cert, first)
  await reload(program, RELOADED)
  expect(await get(`${url}/health`, first)).toBe(200)
})

test('without a certificate SIGHUP changes nothing', async () => {
  const { program, url } = await processes.startDaemon(temporaryFolder())
  const socket = new TestSocket(`${url}/?user_id=5`)
  await socket.event('chat:connected')
  program.process.kill('SIGHUP')
  await socket.settled()
  expect(program.hasExited).toBe(false)
})

test('a certificate and a key that do not belong together do not start, in one line', async () => {
  const folder = temporaryFolder()
  const files = makeCertificate(folder, 'first')
  const other = makeCertificate(folder, 'other')
  const settings = { CHAT_TLS_CERT: files.cert, CHAT_TLS_KEY: other.key }
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    const { code, output } = await processes.runProgram(program, ['start'], folder, settings)
    expect(code).toBe(1)
    const [, problem, ...rest] = output.trimEnd().split('\n')
    expect(problem).toMatch(new RegExp(`^${program}: CHAT_TLS_CERT .* cannot be used \\(.+\\)$`))
    expect(rest).toEqual([])
  }
})

test.each([
  [{ CHAT_TLS_CERT: 'missing.crt', CHAT_TLS_KEY: 'missing.key' }, /cannot be used \(ENOENT\)\n$/],
  [{ CHAT_TLS_CERT: 'only.crt' }, /CHAT_TLS_CERT and CHAT_TLS_KEY go together/],
  [{ CHAT_TLS_KEY: 'only.key' }, /CHAT_TLS_CERT and CHAT_TLS_KEY go together/],
])('a certificate that is not all there does not start', async (settings, problem) => {
  const { code, output } = await processes.runProgram(
    'chat-api',
    ['start'],
    temporaryFolder(),
    settings,
  )
  expect(code).toBe(1)
  expect(output).toMatch(problem)
})

test('over TLS, and only then, every answer says that there is no way back', async () => {
  const folder = temporaryFolder()
  const files = makeCertificate(folder, 'first')
  const ca = readFileSync(files.cert)
  const secure = await startChat(settingsFor(files))
  const plain = await startChat()
  const daemonUrl = secure.daemon.url.replace('ws:', 'https:')
  const paths = ['/health', '/', '/build/chat.js', '/nothing', '/uploads/x.jpg']

  for (const url of [
    ...paths.map((path) => secure.api.url + path),
    `${daemonUrl}/health`,
    daemonUrl,
  ]) {
    const headers = await headersOf(url, { ca })
    expect({ url, header: headers['strict-transport-security'] }).toEqual({
      url,
      header: 'max-age=31536000',
    })
  }
  for (const url of [`${plain.api.url}/health`, plain.daemon.url.replace('ws:', 'http:')]) {
    const { headers } = await fetch(url)
    expect(headers.get('strict-transport-security')).toBeNull()
  }
})
