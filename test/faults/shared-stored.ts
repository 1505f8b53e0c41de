import type { Connection } from 'mysql2/promise'
import type { Stored, StoredMessage } from './stored.ts'

/** Reads the shared engine's database past the service. */
export async function readShared(root: Connection): Promise<Stored> {
  const [messages] = await root.query(SELECT_MESSAGES)
  const [counts] = await root.query(QUEUED_COUNT)
  const [{ queuedCount } = { queuedCount: 0 }] = counts as { queuedCount: number }[]
  const problems: string[] = []
  for (const [problem, sql] of Object.entries(MUST_BE_EMPTY)) {
    const [rows] = await root.query(sql)
    problems.push(...(rows as object[]).map((row) => `${problem}: ${JSON.stringify(row)}`))
  }
  return { messages: messages as StoredMessage[], queuedCount, problems }
}

const QUEUED_COUNT = 'SELECT CAST(SUM(last_seq) AS SIGNED) AS queuedCount FROM event_shards'

const SELECT_MESSAGES = `
  SELECT message_id AS messageId, sender_id AS senderId, receiver_id AS receiverId,
    message_type AS type, message AS body, CAST(media_path AS CHAR) AS mediaPath,
    file_size AS fileSize, CAST(client_message_id AS CHAR) AS clientMessageId
  FROM messages
  ORDER BY message_id
`

/** Each finds rows that must not be, and says what they are. Old events are deleted by age. */
const MUST_BE_EMPTY = {
  'shard with a hole in its events': `
    SELECT shard, last_seq, MIN(seq), MAX(seq), COUNT(*)
    FROM event_shards JOIN pending_events USING (shard)
    GROUP BY shard, last_seq
    HAVING MAX(seq) <> last_seq OR COUNT(*) <> last_seq - MIN(seq) + 1
  `,
  'event out of the order of its messages': `
    SELECT shard, seq, message_id, before_it
    FROM (
      SELECT shard, seq, message_id,
        LAG(message_id) OVER (PARTITION BY shard ORDER BY seq) AS before_it
      FROM pending_events
      WHERE event = 'chat:message'
    ) AS events
    WHERE message_id <= before_it
  `,
  'message without its event': `
    SELECT messages.message_id
    FROM messages
    JOIN (
      SELECT shard, MIN(message_id) AS oldest FROM pending_events
      WHERE event = 'chat:message'
      GROUP BY shard
    ) AS kept ON kept.shard = messages.receiver_id MOD 256 AND messages.message_id >= kept.oldest
    WHERE (messages.message_id, messages.receiver_id) NOT IN (
      SELECT message_id, user_id FROM pending_events WHERE event = 'chat:message'
    )
  `,
  'event without its message': `
    SELECT pending_events.shard, seq, pending_events.message_id
    FROM pending_events
    LEFT JOIN messages ON messages.message_id = pending_events.message_id
      AND receiver_id = user_id AND messages.message = JSON_VALUE(data, '$.message')
    WHERE event = 'chat:message' AND messages.message_id IS NULL
  `,
  'message in a conversation of others': `
    SELECT message_id FROM messages JOIN conversations USING (conversation_id)
    WHERE LEAST(sender_id, receiver_id) <> lower_user_id
      OR GREATEST(sender_id, receiver_id) <> higher_user_id
  `,
  'conversation whose last message or unread counts are wrong': `
    SELECT conversations.*
    FROM conversations LEFT JOIN messages USING (conversation_id)
    GROUP BY conversation_id
    HAVING NOT last_message_id <=> MAX(message_id)
      OR lower_unread_count <> SUM(receiver_id = lower_user_id AND read_at IS NULL)
      OR higher_unread_count <> SUM(receiver_id = higher_user_id AND read_at IS NULL)
  `,
  'client_message_id of several messages': `
    SELECT sender_id, client_message_id, COUNT(*) FROM messages
    WHERE client_message_id IS NOT NULL
    GROUP BY sender_id, client_message_id
    HAVING COUNT(*) > 1
  `,
}
