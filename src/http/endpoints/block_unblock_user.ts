import { ChatError } from '../../errors.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Form } from '../form.ts'
import { success } from '../response.ts'

/**
 * POST /block_unblock_user.php: user_id, blocked_user_id, and block (1 or 0) or action (block or
 * unblock) → data.is_blocked. Idempotent. A block stops messages between the two, and hides
 * presence, typing and read receipts.
 */
export const blockUnblockUser: Endpoint = {
  methods: ['POST'],
  access: 'user',
  handle: async ({ form, chat, caller, limits, audit, address }) => {
    const userId = caller.assertActsAs(form.id('user_id'))
    const otherUserId = form.id('blocked_user_id')
    const isBlocked = readIsBlocked(form)
    await limits.blocks.count(userId)
    if (isBlocked) await chat.blocks.block(userId, otherUserId, caller.identity !== undefined)
    else await chat.blocks.unblock(userId, otherUserId)
    const act = isBlocked ? 'blocked' : 'unblocked'
    await audit.note(act, address, `user ${otherUserId}, by user ${userId}`)
    const state = { blocked: isBlocked, is_blocked: isBlocked }
    const message = isBlocked ? 'User blocked successfully' : 'User unblocked successfully'
    const data = { user_id: userId, blocked_user_id: otherUserId, ...state }
    return { ...success(message, data), ...state }
  },
}

function readIsBlocked(form: Form): boolean {
  const block = parse(form.text('block'), '1', '0')
  const action = parse(form.text('action'), 'block', 'unblock')
  const given = [block, action].filter((isBlocked) => isBlocked !== undefined)
  if (given[0] !== undefined && !given.includes(!given[0])) return given[0]
  throw new ChatError('invalid', 'Give block=1 or 0, or action=block or unblock')
}

function parse(text: string, yes: string, no: string): boolean | undefined {
  if (text === '') return undefined
  if (text === yes || text === 'true') return true
  if (text === no || text === 'false') return false
  throw new ChatError('invalid', `${yes} or ${no} expected, not "${text.slice(0, 20)}"`)
}
