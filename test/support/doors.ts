import { get, type SocketOptions, TestSocket } from './clients.ts'

type Headers = Record<string, string>

/** What the API says to somebody who wants to read as `userId`: '200 …' or the refusal. */
export async function askApi(apiUrl: string, userId: number, headers: Headers = {}) {
  const answer = await get(`${apiUrl}/get_conversations.php?user_id=${userId}`, headers)
  return `${answer.status} ${answer.body.message}`
}

/** What the daemon says to somebody who wants to connect as `userId`: connected, or the close. */
export async function askDaemon(daemonUrl: string, userId: number, headers: Headers = {}) {
  return askSocket(`${daemonUrl}/?user_id=${userId}`, { headers })
}

export async function askSocket(url: string, options: SocketOptions = {}): Promise<string> {
  const socket = new TestSocket(url, options)
  try {
    const { user_id } = await socket.event('chat:connected')
    await socket.close()
    return `connected as ${user_id}`
  } catch {
    const { code, reason } = await socket.whenClosed()
    return `${code} ${reason}`
  }
}

export const LISTED = '200 Conversations retrieved successfully'
