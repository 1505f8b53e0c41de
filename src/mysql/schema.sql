-- The chat's database on a MySQL-protocol server (MariaDB, MySQL), shared by any number of chat-api and
-- chat-websocket. The first to start creates it from this text, in an empty database; you never run it
-- by hand. The tables are those of schema.sql at the top of the project, which says what their columns
-- mean; here stands what differs.
--
-- For the PHP programmer: to push an event to connected clients, insert one row into pending_events,
-- in a transaction of its own or in yours. That is the whole interface:
--
--     INSERT INTO pending_events (event, user_id, data)
--     VALUES ('chat:typing', 1928800, '{"sender_id":1928798,"is_typing":true}');
--
-- It locks the row of its shard in event_shards until you commit, and others who write to a user of
-- that shard wait: keep the transaction short.
--
-- Times are UTC. Those that are compared are TIMESTAMPs, set by the database's clock: the clocks of the
-- hosts may differ. There are no foreign keys: the locks of event_shards already order what concerns a
-- user, and clusters and sharded servers handle foreign keys badly.
-- Retries are recognised by bytes: VARBINARY has neither case, accents nor padding.

-- The order of events, a counter for each shard of the users: user_id % 256, and 256 for events to all
-- connected users. Whoever writes what concerns a user locks the row of their shard first (the rows of
-- several in ascending order) and takes the event's number from it. So in a shard the numbers have no
-- gap and rise in the order of commits; and so do the message_ids of everything a user can see.
CREATE TABLE IF NOT EXISTS event_shards (
  shard      SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
  last_seq   BIGINT UNSIGNED NOT NULL DEFAULT 0,  -- of the newest event of the shard
  lock_count BIGINT UNSIGNED NOT NULL DEFAULT 0   -- written by every lock: Galera sees no lock without a write
) ENGINE = InnoDB;

INSERT IGNORE INTO event_shards (shard)
WITH RECURSIVE numbers (shard) AS (
  SELECT 0 UNION ALL SELECT shard + 1 FROM numbers WHERE shard < 256
)
SELECT shard FROM numbers;

CREATE TABLE IF NOT EXISTS users (
  user_id      BIGINT NOT NULL PRIMARY KEY CHECK (user_id > 0),
  username     VARCHAR(100) NOT NULL DEFAULT '',
  name         VARCHAR(100) NOT NULL DEFAULT '',
  profile_url  VARCHAR(2000) NOT NULL DEFAULT '',
  last_seen_at DATETIME NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS conversations (
  conversation_id     BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  lower_user_id       BIGINT NOT NULL,
  higher_user_id      BIGINT NOT NULL,
  last_message_id     BIGINT NOT NULL DEFAULT 0,
  lower_unread_count  INT NOT NULL DEFAULT 0 CHECK (lower_unread_count >= 0),
  higher_unread_count INT NOT NULL DEFAULT 0 CHECK (higher_unread_count >= 0),
  CHECK (lower_user_id < higher_user_id),
  UNIQUE KEY conversations_of_pair (lower_user_id, higher_user_id),
  KEY conversations_of_lower_user (lower_user_id, last_message_id),
  KEY conversations_of_higher_user (higher_user_id, last_message_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS messages (
  message_id        BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,  -- may have gaps: a rollback uses ids up
  conversation_id   BIGINT NOT NULL,
  sender_id         BIGINT NOT NULL,
  receiver_id       BIGINT NOT NULL,
  message_type      VARCHAR(8) NOT NULL CHECK (message_type IN ('text', 'image', 'voice')),
  message           MEDIUMTEXT NOT NULL,
  media_path        VARBINARY(255) NULL,
  media_duration    BIGINT NULL CHECK (media_duration >= 0),
  file_size         BIGINT NULL CHECK (file_size > 0),
  client_message_id VARBINARY(256) NULL,
  read_at           DATETIME NULL,
  created_at        DATETIME NOT NULL,
  CHECK (sender_id <> receiver_id),
  CHECK ((message_type = 'text') = (media_path IS NULL)),
  UNIQUE KEY messages_by_client_id (sender_id, client_message_id),
  UNIQUE KEY messages_by_media (media_path),
  KEY messages_of_conversation (conversation_id, receiver_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Read by every daemon from its own position on, so rows stay for some minutes after they are sent.
CREATE TABLE IF NOT EXISTS pending_events (
  shard           SMALLINT UNSIGNED NOT NULL DEFAULT 0,  -- leave out of an INSERT of your own, as seq
  seq             BIGINT UNSIGNED NOT NULL DEFAULT 0,
  event           VARCHAR(64) NOT NULL CHECK (CHAR_LENGTH(event) >= 1),
  user_id         BIGINT NULL CHECK (user_id > 0),
  data            MEDIUMTEXT NOT NULL,
  created_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  message_id      BIGINT NULL,
  subject_user_id BIGINT NULL,
  PRIMARY KEY (shard, seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Numbers the rows of other programs.
DROP TRIGGER IF EXISTS number_pending_event;
CREATE TRIGGER number_pending_event BEFORE INSERT ON pending_events FOR EACH ROW
BEGIN
  IF NEW.seq = 0 THEN
    SET NEW.shard = IF(NEW.user_id IS NULL, 256, NEW.user_id MOD 256);
    UPDATE event_shards SET last_seq = last_seq + 1 WHERE shard = NEW.shard;
    SET NEW.seq = (SELECT last_seq FROM event_shards WHERE shard = NEW.shard);
  END IF;
END;

CREATE TABLE IF NOT EXISTS user_blocks (
  user_id         BIGINT NOT NULL,
  blocked_user_id BIGINT NOT NULL,
  created_at      DATETIME NOT NULL,
  PRIMARY KEY (user_id, blocked_user_id),
  KEY user_blocks_of_blocked (blocked_user_id),
  CHECK (user_id <> blocked_user_id)
) ENGINE = InnoDB;

-- The register of daemons. One lives while it has not ended and its heartbeat is fresh. The rows of those
-- that ended stay for a while: one that starts on the same address goes on from `position`.
CREATE TABLE IF NOT EXISTS daemons (
  daemon_id       BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  hostname        VARCHAR(255) NOT NULL,
  pid             BIGINT NOT NULL,
  address         VARCHAR(255) NOT NULL,
  started_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  heartbeat_at    TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  ended_at        TIMESTAMP(3) NULL DEFAULT NULL,
  polled_at       DATETIME NOT NULL,
  position        MEDIUMTEXT NOT NULL,  -- the last seq that it sent of each shard, as a JSON array
  delivered_count BIGINT NOT NULL DEFAULT 0,
  lag_seconds     INT NOT NULL DEFAULT 0,
  poll_ms         DOUBLE NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One row for each socket of every daemon.
CREATE TABLE IF NOT EXISTS connections (
  connection_id BIGINT NOT NULL PRIMARY KEY,  -- given by the daemon, so that an insert can be repeated
  daemon_id     BIGINT NOT NULL,
  user_id       BIGINT NOT NULL,
  address       VARCHAR(64) NOT NULL,
  connected_at  DATETIME NOT NULL,
  KEY connections_of_user (user_id),
  KEY connections_of_daemon (daemon_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One chat-api at a time posts them: the owner of the claim 'webhooks'. It also sorts them in by receiver:
-- a send appends to both indexes, which costs it far less than a row in the midst of one.
CREATE TABLE IF NOT EXISTS webhooks (
  message_id     BIGINT NOT NULL PRIMARY KEY,
  user_id        BIGINT NOT NULL,
  due_at         DATETIME NOT NULL,
  attempts       INT NOT NULL DEFAULT 0,
  sorted_user_id BIGINT NULL,  -- user_id, or NULL: not sorted in yet
  KEY webhooks_of_user (sorted_user_id, message_id)
) ENGINE = InnoDB;

-- The jobs that one process at a time runs, by the database's clock.
CREATE TABLE IF NOT EXISTS claims (
  job        VARBINARY(64) NOT NULL PRIMARY KEY,
  owner      VARBINARY(64) NOT NULL,
  expires_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
) ENGINE = InnoDB;

-- Written before anything is sent that was just read: see src/mysql/durability.ts.
CREATE TABLE IF NOT EXISTS flushes (
  id    TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  count BIGINT UNSIGNED NOT NULL DEFAULT 0
) ENGINE = InnoDB;

-- What users did in the last minute or day, counted by all chat-api together: see
-- src/limits/limit-store.ts. Its library inserts without column names, so their order matters.
CREATE TABLE IF NOT EXISTS rate_limits (
  `key`  VARBINARY(100) NOT NULL PRIMARY KEY,  -- what is limited and whose: 'messages:1928800'
  points BIGINT NOT NULL,                      -- counted in this window
  expire BIGINT UNSIGNED NOT NULL              -- its end, in ms since 1970
) ENGINE = MEMORY;
