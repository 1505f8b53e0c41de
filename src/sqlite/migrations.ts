/**
 * What brings a file from one version of schema.sql to the next: the first from 1 to 2, the second
 * from 2 to 3. Every change of the tables there comes with one here, and none is changed once a file
 * out there may have gone through it. All that a file lacks run in one transaction, so none begins or
 * commits; and while they run nobody can write, so none may take long.
 */
const MIGRATIONS = [
  // An index over unread messages was written to at every send and again at every read. They are
  // found without it: they are the newest of a conversation.
  'DROP INDEX IF EXISTS messages_unread',
  // What somebody was sent is found without walking over what they sent: 0.4 s for a million messages.
  `
    DROP INDEX IF EXISTS messages_of_conversation;
    CREATE INDEX messages_of_conversation ON messages (conversation_id, receiver_id);
  `,
]

/** The version of schema.sql, kept in `PRAGMA user_version`. */
export const SCHEMA_VERSION = MIGRATIONS.length + 1

/** The statements that bring a file of this version to SCHEMA_VERSION, in order. */
export function migrationsFrom(version: number): string[] {
  return MIGRATIONS.slice(version - 1)
}
