import { blockBetween } from './blocks.ts'

/**
 * read_at as the viewer may see it: see src/sqlite/message-row.ts.
 */
const visibleReadAt = (viewerId: string) => `
  CASE
    WHEN messages.read_at IS NULL OR messages.receiver_id = ${viewerId} THEN messages.read_at
    WHEN ${blockBetween(
      'messages.sender_id',
      'messages.receiver_id',
      'AND created_at <= messages.read_at',
    )} THEN NULL
    ELSE messages.read_at
  END
`

/**
 * Selects whole messages, with their senders. Add WHERE and ORDER BY.
 *
 * @param viewerId SQL of the user who is to see them; NULL: not known. It stands once
 */
export function selectMessages(viewerId: string): string {
  return `
    SELECT messages.message_id AS messageId,
      messages.conversation_id AS conversationId,
      messages.sender_id AS senderId,
      messages.receiver_id AS receiverId,
      messages.message_type AS messageType,
      messages.message AS message,
      CONVERT(messages.media_path USING utf8mb4) AS mediaPath,
      messages.media_duration AS mediaDuration,
      messages.file_size AS fileSize,
      CONVERT(messages.client_message_id USING utf8mb4) AS clientMessageId,
      ${visibleReadAt(viewerId)} AS readAt,
      messages.created_at AS createdAt,
      sender.username AS username,
      sender.name AS name,
      sender.profile_url AS profileUrl
    FROM messages
    JOIN users AS sender ON sender.user_id = messages.sender_id
  `
}
