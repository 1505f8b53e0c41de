import { requireBroadcaster } from '../../auth.ts'
import { ChatError } from '../../errors.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * POST /chat_websocket_broadcast.php: event, data (a JSON object), user_id or receiver_id (neither:
 * everybody connected) → data.event_id. For the shop's own programs.
 */
export const chatWebsocketBroadcast: Endpoint = async ({
  form,
  chat,
  request,
  broadcastSecret,
}) => {
  requireBroadcaster(request, broadcastSecret)
  const event = form.text('event')
  if (event === '') throw new ChatError('invalid', 'event is required')
  const userId = form.optionalId('user_id', 'receiver_id', 'to_user_id') ?? null
  const eventId = await chat.events.broadcast(event, userId, form.object('data'))
  return success('Event queued for broadcast', { event_id: eventId, event, user_id: userId })
}
