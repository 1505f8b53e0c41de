import type { Attack } from '../attack.ts'
import { post } from '../request.ts'

const BLOCKS_MAX = 100
const ID_MAX = 1_000_000

/** Blocks of people who do not exist, one after the other, taken back now and then. */
export const attack: Attack = {
  name: 'mass blocks',
  async run(target, random) {
    const wire = await target.openApi()
    const blocks = random.integer(1, BLOCKS_MAX)
    for (let count = 0; count < blocks && wire.isOpen; count += 1) {
      const parameters = {
        user_id: target.userId,
        // Beyond the attackers, who have a conversation to go on with.
        blocked_user_id: random.integer(1_000, ID_MAX),
        block: random.next() < 0.8 ? 1 : 0,
      }
      await wire.ask(post('/block_unblock_user.php', parameters, target.headers))
    }
  },
}
