import { blockBetween } from './blocks.ts'

/**
 * read_at as the viewer may see it. The receiver sees it as it is; any other viewer does not see a
 * read that happened while one of the two blocked the other. A message that was read before a block
 * stays read: to take it back would show the block.
 */
const VISIBLE_READ_AT = `
  CASE
    WHEN messages.read_at IS NULL OR messages.receiver_id = @viewerId THEN messages.read_at
    WHEN ${blockBetween(
      'messages.sender_id',
      'messages.receiver_id',
      'AND created_at <= messages.read_at',
    )} THEN NULL
    ELSE messages.read_at
  END
`

/** Reads both places of messages_of_conversation (see schema.sql), each in the order of the index. */
export function unionOfPlaces(select: (isRecent: string) => string): string {
  return [1, 0].map((value) => select(`is_recent = ${value}`)).join(' UNION ALL ')
}

/**
 * Selects whole messages, with their senders, as @viewerId may see them (null: the viewer is not
 * known). Add WHERE and ORDER BY.
 */
export const SELECT_MESSAGE = `
  SELECT messages.message_id AS messageId,
    messages.conversation_id AS conversationId,
    messages.sender_id AS senderId,
    messages.receiver_id AS receiverId,
    messages.message_type AS messageType,
    messages.message AS message,
    messages.media_path AS mediaPath,
    messages.media_duration AS mediaDuration,
    messages.file_size AS fileSize,
    messages.client_message_id AS clientMessageId,
    ${VISIBLE_READ_AT} AS readAt,
    messages.created_at AS createdAt,
    sender.username AS username,
    sender.name AS name,
    sender.profile_url AS profileUrl
  FROM messages
  JOIN users AS sender ON sender.user_id = messages.sender_id
`
