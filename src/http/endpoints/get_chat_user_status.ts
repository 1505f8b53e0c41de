import { anonymous } from '../../chat/rules.ts'
import { onlineStatus } from '../../chat/wire.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET/POST /get_chat_user_status.php: user_id, blocked_user_id (the other user) → whether user_id
 * has blocked the other, and the presence of the other. Clients read these at the top level, where
 * "status" must stay "success": online or offline stands in data.status.
 */
export const getChatUserStatus: Endpoint = {
  methods: ['GET', 'POST'],
  access: 'user',
  handle: async ({ form, chat, caller, limits }) => {
    const userId = caller.assertActsAs(form.id('user_id'))
    await limits.requests.count(userId)
    const otherUserId = form.id('blocked_user_id', 'other_user_id')
    const { isBlocked, isBlockedByOther } = await chat.blocks.find(userId, otherUserId)
    const isVisible = !isBlocked && !isBlockedByOther
    const isOnline = isVisible && (await chat.connections.isOnline(otherUserId))
    const lastSeenAt = isVisible ? await chat.users.lastSeenAt(otherUserId) : undefined
    const state = { blocked: isBlocked, is_blocked: isBlocked, is_online: isOnline }
    return {
      ...success('User status retrieved successfully', {
        user_id: userId,
        other_user_id: otherUserId,
        other_user: chat.wire.user((await chat.users.find(otherUserId)) ?? anonymous(otherUserId)),
        ...state,
        is_blocked_by_other: isBlockedByOther,
        status: onlineStatus(isOnline),
        last_seen_at: lastSeenAt === undefined ? null : chat.clock.shown(lastSeenAt),
      }),
      ...state,
    }
  },
}
