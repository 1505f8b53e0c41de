import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Service } from '../faults/service.ts'
import { jpegOf } from '../support/media.ts'
import { VICTIM_ID } from './healthy-clients.ts'
import type { Headers, Mode } from './mode.ts'
import { post } from './request.ts'
import { ATTACKER_COUNT, type Scene } from './target.ts'
import { Wire } from './wire.ts'

/** As many, and as long, as an answer may hold. */
const MESSAGES = 100
const MESSAGE_LENGTH = 5_000
const PICTURE_BYTES = 2_000_000

/** Makes a service worth attacking: a long conversation, a large picture. */
export async function prepareScene(service: Service, mode: Mode): Promise<Scene> {
  const apiUrl = mode.isEncrypted ? service.apiUrl.replace('http:', 'https:') : service.apiUrl
  const daemonUrl = mode.isEncrypted ? service.daemonUrl.replace('ws:', 'wss:') : service.daemonUrl
  await writeHistory(apiUrl, mode.headersOf?.(1) ?? {})
  const mediaPath = 'chat/images/0123456789abcdef.jpg'
  writeFileSync(join(service.uploadsFolder, mediaPath), jpegOf(PICTURE_BYTES))
  return {
    apiUrl,
    daemonUrl,
    credentials: mode.headersOf && credentialsBy(mode.headersOf),
    victimId: VICTIM_ID,
    mediaPath: `/uploads/${mediaPath}`,
  }
}

/** User 1 writes to user 2 as much as goes into one page of a history. */
export async function writeHistory(
  apiUrl: string,
  headers: Headers = {},
  text = 'x'.repeat(MESSAGE_LENGTH),
): Promise<void> {
  const statuses: number[] = []
  const onAnswer = (status: number) => void statuses.push(status)
  const wire = await Wire.open(apiUrl, { localAddress: '127.0.0.1', onAnswer })
  const message = { sender_id: 1, receiver_id: 2, message: text }
  const request = post('/send_chat_message.php', message, headers)
  for (let count = 0; count < MESSAGES; count += 1) await wire.ask(request)
  wire.hangUp()
  if (statuses.filter((status) => status === 200).length === MESSAGES) return
  throw new Error(`the history could not be written: ${statuses}`)
}

function credentialsBy(headersOf: (userId: number) => Headers): Record<number, Headers> {
  const userIds = Array.from({ length: ATTACKER_COUNT }, (_, at) => at + 1)
  return Object.fromEntries(userIds.map((userId) => [userId, headersOf(userId)]))
}
