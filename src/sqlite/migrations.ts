/**
 * Each migration brings a file from one version of schema.sql to the next: the first from 1 to 2,
 * the second from 2 to 3, and so on. Every change of the tables there adds one here, and a released
 * one never changes. All that a file lacks run in one transaction, so none begins or commits one;
 * they hold the write lock, so none may take long.
 */
const MIGRATIONS = [
  // Every send and every read wrote to an index over unread messages. They are found without it:
  // they are the newest of a conversation.
  'DROP INDEX IF EXISTS messages_unread',
  // Finds what a user received without a scan of what they sent: 0.4 s for a million messages.
  `
    DROP INDEX IF EXISTS messages_of_conversation;
    CREATE INDEX messages_of_conversation ON messages (conversation_id, receiver_id);
  `,
  // Recovery de-duplicates by message_id, and status events name their subject. Rows that violate
  // the checks, of a program that had switched them off, would make SQLite reject the new columns.
  `
    DELETE FROM pending_events
    WHERE length(event) NOT BETWEEN 1 AND 64 OR user_id <= 0
      OR length(data) > 1048576 OR NOT json_valid(data);
    ALTER TABLE pending_events ADD COLUMN message_id INTEGER;
    ALTER TABLE pending_events ADD COLUMN subject_user_id INTEGER;
    UPDATE pending_events SET message_id = json_extract(data, '$.message_id')
    WHERE event = 'chat:message' AND json_type(data, '$.message_id') = 'integer';
    ALTER TABLE connections DROP COLUMN buffered_bytes;
  `,
  // Messages are pushed to phones by the shop.
  `
    CREATE TABLE webhooks (
      message_id INTEGER PRIMARY KEY,
      user_id INTEGER NOT NULL,
      due_at TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0
    ) STRICT;
  `,
  // A send wrote a page of the index for itself alone.
  `
    ALTER TABLE messages ADD COLUMN is_recent INTEGER NOT NULL DEFAULT 0;
    DROP INDEX messages_of_conversation;
    CREATE INDEX messages_of_conversation ON messages (is_recent, conversation_id, receiver_id);
  `,
]

/** The version of schema.sql, kept in `PRAGMA user_version`. */
export const SCHEMA_VERSION = MIGRATIONS.length + 1

/** The statements that bring a file of this version to SCHEMA_VERSION, in order. */
export function migrationsFrom(version: number): string[] {
  return MIGRATIONS.slice(version - 1)
}
