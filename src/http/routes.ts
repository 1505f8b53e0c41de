import type { IncomingMessage, ServerResponse } from 'node:http'
import { ChatError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { blockUnblockUser } from './endpoints/block_unblock_user.ts'
import { chatWebsocketBroadcast } from './endpoints/chat_websocket_broadcast.ts'
import { clientConfig } from './endpoints/client_config.ts'
import { getChatUserStatus } from './endpoints/get_chat_user_status.ts'
import { getConversationMessages } from './endpoints/get_conversation_messages.ts'
import { getConversations } from './endpoints/get_conversations.ts'
import { health } from './endpoints/health.ts'
import { markAsRead } from './endpoints/mark_as_read.ts'
import { metrics } from './endpoints/metrics.ts'
import { sendChatMessage } from './endpoints/send_chat_message.ts'
import { status } from './endpoints/status.ts'

/** By their paths. */
export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['/send_chat_message.php', sendChatMessage],
  ['/get_conversations.php', getConversations],
  ['/get_conversation_messages.php', getConversationMessages],
  ['/mark_as_read.php', markAsRead],
  ['/block_unblock_user.php', blockUnblockUser],
  ['/get_chat_user_status.php', getChatUserStatus],
  ['/chat_websocket_broadcast.php', chatWebsocketBroadcast],
  ['/client_config.json', clientConfig],
  ['/health', health],
  ['/metrics', metrics],
  ['/status.json', status],
])

/** The endpoint at this path; undefined where there may be a file. */
export function endpointAt(path: string): Endpoint | undefined {
  return ENDPOINTS.get(path)
}

/** The methods of an endpoint, or (undefined) of files. */
export function methodsOf(endpoint: Endpoint | undefined): readonly string[] {
  return endpoint?.methods ?? ['GET']
}

/**
 * Rejects a method that is not among `methods`. GET includes HEAD.
 *
 * @throws ChatError `method_not_allowed`
 */
export function requireMethod(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): void {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  if (method !== undefined && methods.includes(method)) return
  response.setHeader('Allow', allowedMethods(methods))
  throw new ChatError('method_not_allowed', `Use ${methods.join(' or ')} here`)
}

/** The value of `Allow` for these methods. */
export function allowedMethods(methods: readonly string[]): string {
  const head = methods.includes('GET') ? ['HEAD'] : []
  return [...methods, ...head, 'OPTIONS'].join(', ')
}
