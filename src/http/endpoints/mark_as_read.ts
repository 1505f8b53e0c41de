import type { ReadMark } from '../../chat/model.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Form } from '../form.ts'
import { success } from '../response.ts'

/**
 * POST /mark_as_read.php: user_id and other_user_id, conversation_id or message_id (everything up
 * to it) → data.read_count. Idempotent. Emits chat:read to the sender of the messages, and to the
 * reader's devices.
 */
export const markAsRead: Endpoint = {
  methods: ['POST'],
  access: 'user',
  handle: async ({ form, chat, caller, limits }) => {
    const userId = caller.assertActsAs(form.id('user_id'))
    await limits.requests.count(userId)
    const receipt = await chat.messages.markRead(userId, readMark(form))
    return success('Messages marked as read', {
      read_count: receipt.readCount,
      conversation_id: receipt.conversationId,
      message_id: receipt.messageId,
      read_at: receipt.readAt === null ? null : chat.clock.shown(receipt.readAt),
    })
  },
}

function readMark(form: Form): ReadMark {
  const messageId = form.optionalId('message_id')
  if (messageId !== undefined) return { messageId }
  const conversationId = form.optionalId('conversation_id')
  if (conversationId !== undefined) return { conversationId }
  return { otherUserId: form.id('other_user_id') }
}
