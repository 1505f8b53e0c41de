import { waitFor } from '../support/wait.ts'
import { ask } from './ask.ts'
import type { World } from './fault.ts'
import type { Receiver } from './receiver.ts'
import type { SharedWorld } from './shared-fault.ts'

/** A daemon is dead after 30 s without a heartbeat; then its users are told offline, once. */
export const PRESENCE_MS_MAX = 45_000

/** Resolves with what is wrong, after a while, about who is online: asked of all APIs, and told. */
export async function findPresenceProblems(world: SharedWorld): Promise<string[]> {
  const { service, auditor } = world
  const { receivers } = auditor
  const deadline = performance.now() + PRESENCE_MS_MAX
  const problems: string[] = []
  const check = async (problem: string, isRight: () => boolean | Promise<boolean>) => {
    const leftMs = Math.max(0, deadline - performance.now())
    await waitFor(isRight, problem, leftMs).catch(() => problems.push(problem))
  }
  for (const { userId } of receivers) {
    for (const api of service.apis) {
      const isRight = () => isOnline(service.urlOf(api), userId)
      await check(`${api} shows user ${userId} as offline, who is connected`, isRight)
    }
    const isRight = () => !receivers.some((receiver) => isMistaken(receiver, userId))
    await check(`user ${userId} was told to be offline, who is connected`, isRight)
  }
  await check('a socket has no row, or a row no socket', () => isEverySocketARow(world))
  return problems
}

/** The rows of users who left may stay for a moment, those of sockets not at all. */
async function isEverySocketARow({ service, database }: SharedWorld): Promise<boolean> {
  const daemons = service.daemons.filter((member) => service.running.includes(member))
  const counts = daemons.map((member) => service.metric(member, 'chat_connections'))
  const socketCount = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  const [row] = await database.query<{ count: number }>('SELECT COUNT(*) AS count FROM connections')
  return row?.count === socketCount
}

/** Resolves when every API shows a user as online, or offline. */
export async function shown({ service }: World, userId: number, asOnline: boolean): Promise<void> {
  const isShown = async () => {
    const answers = service.apis.map((api) => isOnline(service.urlOf(api), userId))
    return (await Promise.all(answers)).every((answer) => answer === asOnline)
  }
  await waitFor(isShown, `user ${userId} to be online: ${asOnline}`, PRESENCE_MS_MAX)
}

async function isOnline(apiUrl: string, userId: number): Promise<boolean> {
  const asking = `user_id=${userId + 1}&other_user_id=${userId}`
  const { text } = await ask(`${apiUrl}/get_chat_user_status.php?${asking}`)
  return text.includes('"is_online":true')
}

function isMistaken({ isConnected, statuses }: Receiver, userId: number): boolean {
  return isConnected && statuses.get(userId) === false
}
