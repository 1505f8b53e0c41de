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
  let unequal = ''
  const areEqual = async () => {
    unequal = await findUnequal(world)
    return unequal === ''
  }
  await check('the rows of the sockets', areEqual)
  if (unequal !== '') problems.push(unequal)
  return problems
}

/** Says how many sockets and rows each daemon has that differs in them; '' if none does. */
async function findUnequal({ service, database }: SharedWorld): Promise<string> {
  const daemons = service.daemons.filter((member) => service.running.includes(member))
  const rows = await database.query<{ address: string; count: number }>(
    `SELECT daemons.address, COUNT(*) AS count
    FROM connections JOIN daemons USING (daemon_id)
    GROUP BY daemons.address`,
  )
  const counts = daemons.map(async (member) => {
    const sockets = await service.metric(member, 'chat_connections')
    const count = rows.find(({ address }) => address === service.urlOf(member))?.count ?? 0
    return sockets === count ? [] : [`${member} has ${sockets} sockets and ${count} rows`]
  })
  return (await Promise.all(counts)).flat().join(', ')
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
