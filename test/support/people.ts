import { connect, type HttpAnswer, post, type TestSocket } from './clients.ts'
import { waitFor } from './wait.ts'

// What people do with one another over HTTP, and what a socket was told of them.

type Data = HttpAnswer['body']

/** Calls an endpoint; throws unless it succeeded. Returns the whole body. */
export async function call(apiUrl: string, endpoint: string, parameters: object): Promise<Data> {
  const { status, body } = await post(`${apiUrl}/${endpoint}.php`, parameters)
  if (status !== 200) throw new Error(`${endpoint} answered ${status}: ${JSON.stringify(body)}`)
  return body
}

export async function setBlock(apiUrl: string, userId: number, otherId: number, block: 0 | 1) {
  const parameters = { user_id: userId, blocked_user_id: otherId, block }
  return call(apiUrl, 'block_unblock_user', parameters)
}

/** What `viewerId` is told of `userId`: is_online, status, last_seen_at, … */
export async function statusOf(apiUrl: string, userId: number, viewerId: number): Promise<Data> {
  const parameters = { user_id: viewerId, blocked_user_id: userId }
  return (await call(apiUrl, 'get_chat_user_status', parameters)).data
}

/** The conversation of two people as the first sees it in the list of theirs. */
export async function conversationOf(apiUrl: string, userId: number, otherId: number) {
  const { data } = await call(apiUrl, 'get_conversations', { user_id: userId, limit: 100 })
  return data.conversations.find((one: Data) => one.other_user_id === otherId)
}

/** The newest messages of two people, oldest first. */
export async function historyOf(apiUrl: string, userId: number, otherId: number): Promise<Data[]> {
  const parameters = { user_id: userId, other_user_id: otherId, limit: 100 }
  return (await call(apiUrl, 'get_conversation_messages', parameters)).data.messages
}

/** 'online' and 'offline', as often as a socket was told so of one user. */
export function statusesOf(socket: TestSocket, userId: number): string[] {
  const statuses = socket.all('chat:user_status').filter((data) => data.user_id === userId)
  return statuses.map((data) => data.status)
}

let nextMarkerId = 1000

/** Resolves when whatever was to be told before now has been told; with whom it was told of last. */
export async function toldSoFar(observer: TestSocket, daemonUrl: string): Promise<number> {
  const userId = nextMarkerId++
  await connect(daemonUrl, userId)
  await waitForStatus(observer, userId, 'online')
  return userId
}

export async function waitForStatus(
  socket: TestSocket,
  userId: number,
  status: string,
): Promise<void> {
  const isTold = () => statusesOf(socket, userId).at(-1) === status
  await waitFor(isTold, `user ${userId} to be told as ${status}`)
}
