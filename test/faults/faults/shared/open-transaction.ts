import { Device, type Frame } from '../../../support/clients.ts'
import { waitFor } from '../../../support/wait.ts'
import { type SharedStorage, type SharedWorld, sharedFault } from '../../shared-fault.ts'

const HELD_MS = 10_000
/** Who meets the held shard first waits for it for a second. */
const HELD_UP_MS_MAX = 3_000
/** In the shard of two of the users who write to each other. */
const LISTENER_ID = 9 + 4 * 256
const EVENT = 'other:event'

/** Another program inserts an event and goes on with something else, before it commits or does not. */
export const fault = sharedFault<SharedStorage>({
  name: 'an open transaction of another program, 10 s',
  isLong: true,
  async run(world) {
    const listener = new Listener(LISTENER_ID)
    await listener.connect(world.service.daemonUrl)
    await whileOpen(world, 'COMMIT')
    world.auditor.foreignEventCount += 1
    await waitFor(() => listener.heardCount === 1, 'the event of the other program')
    await whileOpen(world, 'ROLLBACK')
    listener.disconnect()
    if (listener.heardCount !== 1) throw new Error('an event came that was rolled back')
  },
})

class Listener extends Device {
  heardCount = 0

  protected override told(frame: Frame): void {
    super.told(frame)
    if (frame.event === EVENT) this.heardCount += 1
  }
}

async function whileOpen(world: SharedWorld, end: 'COMMIT' | 'ROLLBACK'): Promise<void> {
  await world.database.use(async (connection) => {
    await connection.query('START TRANSACTION')
    await connection.query(
      "INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, '{}')",
      [EVENT, LISTENER_ID],
    )
    await assertServed(world)
    await connection.query(end)
  })
}

/** Users of other shards are not held up. */
async function assertServed({ auditor }: SharedWorld): Promise<void> {
  const openedAt = performance.now()
  let servedAt = openedAt
  let heldUpMs = 0
  while (performance.now() - openedAt < HELD_MS) {
    const isServed = await auditor.isServed()
    const now = performance.now()
    heldUpMs = Math.max(heldUpMs, now - servedAt)
    if (isServed) servedAt = now
  }
  if (heldUpMs > HELD_UP_MS_MAX) throw new Error(`others were held up for ${heldUpMs} ms`)
}
