import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startChat } from '../support/in-process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const [SENDER, READER] = [1928798, 1928800]

/** What a shop's programmer writes with the generated client: its types are part of the test. */
const PROGRAM = `
import * as chat from './client.ts'

export async function converse(apiUrl: string, senderId: number, readerId: number) {
  chat.defaults.baseUrl = apiUrl
  const sent: chat.Message = (
    await chat.sendChatMessage({ sender_id: senderId, receiver_id: readerId, message: 'Hello' })
  ).data
  const listed: chat.Conversation[] = (await chat.getConversations(readerId)).data.conversations
  const page: chat.Messages = (
    await chat.getConversationMessages({ userId: readerId, otherUserId: senderId, limit: 10 })
  ).data
  const receipt: chat.Receipt = (
    await chat.markAsRead({ user_id: readerId, message_id: sent.message_id })
  ).data
  return { sent, listed, page, receipt }
}

export async function refused(apiUrl: string): Promise<string> {
  chat.defaults.baseUrl = apiUrl
  return chat.sendChatMessage({ sender_id: 1 }).then(
    () => 'nothing',
    (error: { data: chat.ErrorAnswer }) => error.data.message,
  )
}
`

/** Generates a client from what the API serves, checks the program's types, and compiles both. */
async function compile(apiUrl: string, program: string): Promise<string> {
  const folder = temporaryFolder()
  const served = await fetch(`${apiUrl}/openapi.json`)
  writeFileSync(join(folder, 'openapi.json'), await served.text())
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'program.ts'), program)
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const run = (name: string, ...args: string[]) =>
    execFileSync(join(ROOT, 'node_modules/.bin', name), args, { cwd: folder, encoding: 'utf8' })
  run('oazapfts', 'openapi.json', 'client.ts', '--optimistic')
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck']
  run('tsc', ...options, '--rewriteRelativeImportExtensions', '--lib', 'es2023,dom', 'program.ts')
  return pathToFileURL(join(folder, 'program.js')).href
}

test('a client that was generated from openapi.json sends, lists and reads', async () => {
  const { api, daemon } = await startChat()
  const reader = await connect(daemon.url, READER)

  const { converse, refused } = await import(await compile(api.url, PROGRAM))
  const { sent, listed, page, receipt } = await converse(api.url, SENDER, READER)

  expect(sent).toMatchObject({ sender_id: SENDER, receiver_id: READER, message: 'Hello' })
  expect(await reader.event('chat:message')).toEqual(sent)
  expect(listed).toMatchObject([{ other_user_id: SENDER, unread_count: 1 }])
  expect(page.messages).toEqual([sent])
  expect(receipt).toMatchObject({ read_count: 1, message_id: sent.message_id })
  expect(await refused(api.url)).toBe('receiver_id is required')
})

test('a mistake in what is sent, or in what is read of the answer, is one of types', async () => {
  const { api } = await startChat()
  const wrong = PROGRAM.replace("message: 'Hello'", 'message: 7')
  const unknown = PROGRAM.replace('sent.message_id', 'sent.message_number')

  const mistakes = { stdout: expect.stringMatching(/^program\.ts.*: error TS/) }
  await expect(compile(api.url, wrong)).rejects.toMatchObject(mistakes)
  await expect(compile(api.url, unknown)).rejects.toMatchObject(mistakes)
})
