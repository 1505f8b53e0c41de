import type { SocketConstructor } from './connection.ts'

/** Somebody who waits for a sign-in gives up after this. */
const TIMEOUT_MS = 10_000

/**
 * Whom the chat takes the bearer of a token, or of the browser's cookies, for: what a page that does
 * not know its visitor's user id asks before it makes a client.
 *
 * @throws Error with the server's words when it lets nobody in
 */
export async function whoAmI(
  websocketUrl: string,
  token?: string,
  socketConstructor: SocketConstructor = globalThis.WebSocket,
): Promise<number> {
  const protocols = token === undefined ? [] : ['chat', `bearer.${token}`]
  const socket = new socketConstructor(websocketUrl, protocols)
  const timer = setTimeout(() => socket.close(), TIMEOUT_MS)
  try {
    return await new Promise<number>((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(JSON.parse(String(data)).data.user_id)
      socket.onerror = () => {}
      socket.onclose = ({ reason }) => reject(new Error(reason || 'The chat cannot be reached'))
    })
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}
