-- The chat's database: SQLite, one file, shared by chat-api and chat-websocket. Both create it from
-- this text at their first start; you never run it by hand.
--
-- For the PHP programmer
--   * Any program on this machine may open the file (PDO: `sqlite:/path/to/data/chat.db`). Set
--     `PRAGMA busy_timeout = 5000` first, keep transactions short, and start each that writes with
--     `BEGIN IMMEDIATE`: the two processes write to it all the time.
--   * To push an event to connected clients, insert one row into pending_events. That is the whole
--     interface: within a few milliseconds the daemon sends it and, about a second later, deletes it.
--
--         INSERT INTO pending_events (event, user_id, data)
--         VALUES ('chat:typing', 1928800, '{"sender_id":1928798,"is_typing":true}');
--
--     The event 'chat:disconnect' is never sent: it closes the user's sockets (user_id NULL: all).
--
--   * Do not insert into `messages` by hand: a message, its conversation's last message and unread
--     count, and its event belong together. POST it to send_chat_message.php.
--
-- Every time is UTC, as text: 'YYYY-MM-DD HH:MM:SS'. CHAT_TIMEZONE changes how times are shown,
-- never how they are stored. Every user_id is the shop's own number for that person.
--
-- PRAGMA user_version numbers this schema, so that an older program rejects a newer file;
-- PRAGMA application_id names the program, so that both reject another program's database.
-- src/sqlite/open-database.ts sets both in the transaction that runs this text.

-- Users and their profiles. A row appears when a user connects, or sends or receives a first message.
-- The shop may insert it beforehand; what a client passes when it connects (username, name,
-- profile_url) overwrites it.
CREATE TABLE users (
  user_id      INTEGER PRIMARY KEY CHECK (user_id > 0),
  username     TEXT NOT NULL DEFAULT '',   -- '' = not known yet
  name         TEXT NOT NULL DEFAULT '',   -- '' = not known yet; shown as the username then
  profile_url  TEXT NOT NULL DEFAULT '',   -- http(s) URL, or a path below CHAT_PUBLIC_URL; a client's below /uploads/
  last_seen_at TEXT                        -- when the last of the user's sockets closed; NULL = never seen
) STRICT;

-- One row for each pair of users with messages between them. The pair is ordered, so that it has one
-- row whichever user wrote first. The unread counts stand here so that a list of conversations never
-- counts messages.
CREATE TABLE conversations (
  conversation_id     INTEGER PRIMARY KEY AUTOINCREMENT,
  lower_user_id       INTEGER NOT NULL REFERENCES users,
  higher_user_id      INTEGER NOT NULL REFERENCES users,
  last_message_id     INTEGER NOT NULL DEFAULT 0,  -- the newest in `messages`; 0 only inside the first send
  lower_unread_count  INTEGER NOT NULL DEFAULT 0 CHECK (lower_unread_count >= 0),   -- unread by lower_user_id
  higher_unread_count INTEGER NOT NULL DEFAULT 0 CHECK (higher_unread_count >= 0),  -- unread by higher_user_id
  CHECK (lower_user_id < higher_user_id),
  UNIQUE (lower_user_id, higher_user_id)
) STRICT;

-- "My conversations, newest first" reads one of these from each side and merges them: O(limit).
CREATE INDEX conversations_of_lower_user ON conversations (lower_user_id, last_message_id);
CREATE INDEX conversations_of_higher_user ON conversations (higher_user_id, last_message_id);

-- Every message ever acknowledged. Recovery reads this table, not pending_events. AUTOINCREMENT: an id
-- is never used twice, so "everything after N" is well defined. One that was forgotten (chat-api forget,
-- CHAT_RETENTION_DAYS) keeps its row: it is a text, '(deleted)'.
CREATE TABLE messages (
  message_id        INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id   INTEGER NOT NULL REFERENCES conversations,
  sender_id         INTEGER NOT NULL REFERENCES users (user_id),
  receiver_id       INTEGER NOT NULL REFERENCES users (user_id),
  message_type      TEXT NOT NULL CHECK (message_type IN ('text', 'image', 'voice')),
  message           TEXT NOT NULL DEFAULT '',  -- the text; on an image or voice message its caption, or ''
  media_path        TEXT,                      -- below the uploads folder: 'chat/voice/3f….ogg'
  media_duration    INTEGER CHECK (media_duration >= 0),  -- seconds, voice only, as the sender gave it
  file_size         INTEGER CHECK (file_size > 0),        -- bytes
  client_message_id TEXT CHECK (length(client_message_id) BETWEEN 1 AND 64),
                                               -- the sender's idempotency key: a retry has the same
  read_at           TEXT,                      -- when the receiver read it; NULL = unread
  created_at        TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CHECK (sender_id <> receiver_id),
  CHECK ((message_type = 'text') = (media_path IS NULL)),
  CHECK ((message_type = 'text') = (file_size IS NULL)),
  CHECK (message_type <> 'text' OR message <> '')
) STRICT;

-- SQLite appends the primary key to every index, so each of these is ordered by message_id within its
-- columns. A page of history merges what each of the two received: O(limit). Recovery and unread
-- messages are found without a scan of what the user sent.
CREATE INDEX messages_of_conversation ON messages (conversation_id, receiver_id);
-- Idempotent sends: a retry finds the message of the first try.
CREATE UNIQUE INDEX messages_by_client_id ON messages (sender_id, client_message_id)
  WHERE client_message_id IS NOT NULL;
-- The message of a file: recovery of the uploads folder after a crash looks it up.
CREATE UNIQUE INDEX messages_by_media ON messages (media_path) WHERE media_path IS NOT NULL;

-- The queue between the writers of events and the daemon that sends them. AUTOINCREMENT matters: the
-- daemon keeps a high-water mark of event_ids, and would skip an id that was reused after a delete.
CREATE TABLE pending_events (
  event_id   INTEGER PRIMARY KEY AUTOINCREMENT,
  event      TEXT NOT NULL CHECK (length(event) BETWEEN 1 AND 64),  -- 'chat:message', 'chat:typing', your own …
  user_id    INTEGER CHECK (user_id > 0),  -- the receiver, on every socket; NULL = all connected users
  data       TEXT NOT NULL                 -- the exact JSON of the frame's "data"; sent as it stands
             CHECK (length(data) <= 1048576 AND json_valid(data)),
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- Filled in by the chat itself; leave them out of an INSERT of your own:
  message_id      INTEGER,  -- of a chat:message: recovery de-duplicates by it
  subject_user_id INTEGER   -- the user whom an event for all is about: it is not for them, nor across a block
) STRICT;

-- Blocks between users: a block stops messages, and hides the presence of both from each other.
CREATE TABLE user_blocks (
  user_id         INTEGER NOT NULL REFERENCES users,            -- who blocks
  blocked_user_id INTEGER NOT NULL REFERENCES users (user_id),  -- who is blocked
  created_at      TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_id, blocked_user_id),
  CHECK (user_id <> blocked_user_id)
) STRICT, WITHOUT ROWID;

-- "Who has blocked me?"
CREATE INDEX user_blocks_of_blocked ON user_blocks (blocked_user_id);

-- The lease of the running daemon: one row, so that a second daemon on this database does not start,
-- and names the lease owner. process_started_at tells the owner from a later process with the same
-- pid; heartbeat_at ages when the owner hangs.
CREATE TABLE daemons (
  daemon_id          INTEGER PRIMARY KEY AUTOINCREMENT,
  hostname           TEXT NOT NULL,
  pid                INTEGER NOT NULL,
  process_started_at TEXT NOT NULL,  -- in a format of the operating system; compared, never parsed
  address            TEXT NOT NULL,  -- where it listens: 'ws://127.0.0.1:8089'
  started_at         TEXT NOT NULL,
  heartbeat_at       TEXT NOT NULL,
  polled_at          TEXT NOT NULL,  -- the last good poll of pending_events
  -- The daemon status (for chat-websocket doctor, status.html), as of heartbeat_at:
  last_event_id      INTEGER NOT NULL DEFAULT 0,  -- the high-water mark: events up to it are sent
  delivered_count    INTEGER NOT NULL DEFAULT 0,  -- events that reached a socket, since started_at
  lag_seconds        INTEGER NOT NULL DEFAULT 0,  -- the longest wait of an event since the heartbeat before
  poll_ms            REAL NOT NULL DEFAULT 0      -- the slowest poll since the heartbeat before
) STRICT;

-- Presence: one row for each socket; a user's last one stays for the few seconds that a page takes to
-- reload. The daemon writes it, so that the API can answer is_online; after a crash, the next daemon
-- deletes the rows of the last one.
CREATE TABLE connections (
  connection_id INTEGER PRIMARY KEY AUTOINCREMENT,
  daemon_id     INTEGER NOT NULL REFERENCES daemons ON DELETE CASCADE,
  user_id       INTEGER NOT NULL REFERENCES users,
  address       TEXT NOT NULL,  -- the client's
  connected_at  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

-- "Is this user online?"
CREATE INDEX connections_of_user ON connections (user_id);
-- What ON DELETE CASCADE looks for.
CREATE INDEX connections_of_daemon ON connections (daemon_id);

-- Messages that wait to be pushed, where CHAT_WEBHOOK_URL is set: a row for each, from the transaction of
-- its send until the shop has answered the POST with 2xx, or it needs none. chat-api posts them, in the
-- order of message_id for each receiver. No index: every send would pay for it.
CREATE TABLE webhooks (
  message_id INTEGER PRIMARY KEY,
  user_id    INTEGER NOT NULL,           -- the receiver
  due_at     TEXT NOT NULL,              -- not posted before
  attempts   INTEGER NOT NULL DEFAULT 0  -- posts of it that failed
) STRICT;
