import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the ports that systems give to outgoing connections: a client that knocks at a closed port
 * among those can be given that very port, and then a server cannot have it back.
 */
const PORT_MIN = 10_000
const PORT_MAX = 30_000

/**
 * A port of this machine that nobody listens on, for a program that has to be told one.
 *
 * @param random from 0 up to 1, as Math.random
 */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(random() * (PORT_MAX - PORT_MIN))
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
