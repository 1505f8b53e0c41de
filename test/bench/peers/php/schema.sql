-- The tables behind the documented endpoints, as a MariaDB shop has them.
CREATE DATABASE chat CHARACTER SET utf8mb4;
USE chat;

CREATE TABLE users (
  user_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  username VARCHAR(64) NOT NULL,
  name VARCHAR(255) NOT NULL,
  profile_url VARCHAR(255) NOT NULL
) ENGINE = InnoDB;

CREATE TABLE messages (
  message_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sender_id BIGINT UNSIGNED NOT NULL,
  receiver_id BIGINT UNSIGNED NOT NULL,
  message_type ENUM('text', 'image', 'voice') NOT NULL,
  message TEXT NOT NULL,
  created_at DATETIME NOT NULL,
  -- For get_conversation_messages.php.
  KEY conversation (sender_id, receiver_id, message_id)
) ENGINE = InnoDB;

CREATE TABLE pending_events (
  event_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  event VARCHAR(64) NOT NULL,
  -- NULL: everybody.
  user_id BIGINT UNSIGNED NULL,
  -- The JSON that goes out as it stands.
  data MEDIUMTEXT NOT NULL
) ENGINE = InnoDB;
