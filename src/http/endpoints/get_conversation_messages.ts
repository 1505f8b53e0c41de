import type { Caller } from '../../auth/caller.ts'
import type { Chat } from '../../chat/chat.ts'
import { ChatError } from '../../errors.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Form } from '../form.ts'
import { readPage } from '../page.ts'
import { success } from '../response.ts'

/**
 * GET/POST /get_conversation_messages.php: user_id and other_user_id, or conversation_id (and
 * user_id); limit, offset, before_message_id → data.messages, a page counted from the newest message,
 * oldest first.
 */
export const getConversationMessages: Endpoint = {
  methods: ['GET', 'POST'],
  access: 'user',
  handle: async ({ form, chat, caller, limits, address }) => {
    const userId = caller.identity?.userId ?? form.optionalId('user_id')
    await limits.requests.count(userId ?? address)
    const { viewerId, conversationId } = await findConversation(form, chat, caller)
    // Clients that count from 0 mean the first page by it.
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
  /** Undefined when nobody knows who asks. */
  viewerId: number | undefined
  /** Undefined when the two people have not written to each other yet: an empty page, not an error. */
  conversationId: number | undefined
}

async function findConversation(form: Form, chat: Chat, caller: Caller): Promise<Found> {
  const conversationId = form.optionalId('conversation_id')
  if (conversationId === undefined) {
    const viewerId = caller.mustBe(form.id('user_id'))
    const otherUserId = form.id('other_user_id')
    return { viewerId, conversationId: await chat.conversations.between(viewerId, otherUserId) }
  }
  const userId = form.optionalId('user_id')
  const viewerId = userId === undefined ? caller.identity?.userId : caller.mustBe(userId)
  const people = Object.values((await chat.conversations.participants(conversationId)) ?? {})
  // One answer for what is missing and what is somebody else's: ids tell nothing to a stranger.
  if (people.length === 0 || (viewerId !== undefined && !people.includes(viewerId))) {
    throw new ChatError('not_found', 'There is no such conversation')
  }
  return { viewerId, conversationId }
}
