import type { Caller } from '../../auth/caller.ts'
import type { Chat } from '../../chat/chat.ts'
import { ChatError } from '../../errors.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Form } from '../form.ts'
import { readPage } from '../page.ts'
import { success } from '../response.ts'

/**
 * GET/POST /get_conversation_messages.php: user_id and other_user_id, or conversation_id (and
 * user_id); limit, offset, before_message_id → data.messages, a page counted from the newest
 * message, oldest first.
 */
export const getConversationMessages: Endpoint = {
  methods: ['GET', 'POST'],
  access: 'user',
  handle: async ({ form, chat, caller, limits, address }) => {
    const userId = caller.identity?.userId ?? form.optionalId('user_id')
    await limits.requests.count(userId ?? address)
    const { viewerId, conversationId } = await findConversation(form, chat, caller)
    // Some clients send 0 for the first page.
    const beforeMessageId =
      form.integer('before_message_id', { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }) ||
      undefined
    const page = { ...readPage(form), beforeMessageId }
    const { messages, hasMore } =
      conversationId === undefined
        ? { messages: [], hasMore: false }
        : await chat.messages.history(conversationId, page, viewerId)
    return success('Messages retrieved successfully', {
      messages: messages.map((message) => chat.wire.message(message)),
      conversation_id: conversationId ?? null,
      limit: page.limit,
      offset: page.offset,
      has_more: hasMore,
    })
  },
}

interface Found {
  /** Undefined when the caller is not authenticated and names no user_id. */
  viewerId: number | undefined
  /** Undefined for two users without a conversation yet: an empty page, not an error. */
  conversationId: number | undefined
}

async function findConversation(form: Form, chat: Chat, caller: Caller): Promise<Found> {
  const conversationId = form.optionalId('conversation_id')
  if (conversationId === undefined) {
    const viewerId = caller.assertActsAs(form.id('user_id'))
    const otherUserId = form.id('other_user_id')
    return { viewerId, conversationId: await chat.conversations.between(viewerId, otherUserId) }
  }
  const userId = form.optionalId('user_id')
  const viewerId = userId === undefined ? caller.identity?.userId : caller.assertActsAs(userId)
  const people = Object.values((await chat.conversations.participants(conversationId)) ?? {})
  // One answer for a missing conversation and another user's: it does not reveal which ids exist.
  if (people.length === 0 || (viewerId !== undefined && !people.includes(viewerId))) {
    throw new ChatError('not_found', 'There is no such conversation')
  }
  return { viewerId, conversationId }
}
