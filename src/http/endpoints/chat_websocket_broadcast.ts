import type { Chat } from '../../chat/chat.ts'
import { integerFrom } from '../../chat/integers.ts'
import { isEitherBlocked } from '../../chat/rules.ts'
import { ChatError } from '../../errors.ts'
import { limits } from '../../limits/limits.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/** A byte of JSON takes three in a form (%7B); with room for the other parameters. */
const BODY_BYTES_MAX = 3 * limits.eventDataBytes.max + 4 * 1024

/**
 * POST /chat_websocket_broadcast.php: event, data (a JSON object), user_id or receiver_id (neither:
 * all connected users) → data.event_id. For the shop's own programs.
 */
export const chatWebsocketBroadcast: Endpoint = {
  methods: ['POST'],
  access: 'broadcaster',
  textBytesMax: BODY_BYTES_MAX,
  handle: async ({ form, chat }) => {
    const event = form.text('event')
    if (event === '') throw new ChatError('invalid', 'event is required')
    const userId = form.optionalId('user_id', 'receiver_id', 'to_user_id') ?? null
    const data = form.object('data')
    if (await isUnwanted(chat, event, userId, data)) {
      return success('Not delivered: one has blocked the other', {
        event_id: null,
        event,
        user_id: userId,
      })
    }
    const eventId = await chat.events.broadcast(event, userId, data)
    return success('Event queued for broadcast', { event_id: eventId, event, user_id: userId })
  },
}

/** A block stops a typing indicator from another program, like one from a socket. */
async function isUnwanted(
  chat: Chat,
  event: string,
  userId: number | null,
  data: object,
): Promise<boolean> {
  if (event !== 'chat:typing' || userId === null || !('sender_id' in data)) return false
  const senderId = integerFrom(data.sender_id)
  if (senderId === undefined) return false
  return isEitherBlocked(await chat.blocks.find(senderId, userId))
}
