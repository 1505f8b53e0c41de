import type { Endpoint } from '../endpoint.ts'
import { readPage } from '../page.ts'
import { success } from '../response.ts'

/** GET/POST /get_conversations.php: user_id, limit, offset → data.conversations, newest first. */
export const getConversations: Endpoint = {
  methods: ['GET', 'POST'],
  access: 'user',
  handle: async ({ form, chat, caller, limits }) => {
    const userId = caller.assertActsAs(form.id('user_id'))
    await limits.requests.count(userId)
    const { limit, offset } = readPage(form)
    const conversations = await chat.conversations.list(userId, { limit: limit + 1, offset })
    return success('Conversations retrieved successfully', {
      conversations: conversations.slice(0, limit).map((one) => chat.wire.conversation(one)),
      limit,
      offset,
      has_more: conversations.length > limit,
    })
  },
}
