import type { SocketConstructor } from './connection.ts'

/** The sign-in fails after this. */
const TIMEOUT_MS = 10_000

/**
 * The user id that the server authenticates from a token or the browser's cookies: for a page that
 * needs it before it makes a client.
 *
 * @throws Error with the server's reason when it rejects the credentials
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
