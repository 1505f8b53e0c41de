<?php

declare(strict_types=1);

require __DIR__ . '/chat_request.php';
require __DIR__ . '/websocket_config.php';

const MESSAGE_LENGTH_MAX = 5000;

$parameters = parameters();
$message = storeAndQueue(database(), [
    'sender_id' => positiveId($parameters, 'sender_id'),
    'receiver_id' => positiveId($parameters, 'receiver_id'),
    'message_type' => 'text',
    'message' => messageText($parameters),
    'created_at' => gmdate('Y-m-d H:i:s'),
]);
success('Message sent successfully', $message);

function messageText(array $parameters): string
{
    $text = $parameters['message'] ?? '';
    if (!is_string($text) || trim($text) === '') {
        throw new BadRequest('At least one of message, image, or voice must be provided');
    }
    if (strlen($text) > MESSAGE_LENGTH_MAX && iconv_strlen($text, 'UTF-8') > MESSAGE_LENGTH_MAX) {
        throw new BadRequest('message must be at most ' . MESSAGE_LENGTH_MAX . ' characters long');
    }
    return $text;
}

/** The message and its event, in one transaction. Returns the message with its id. */
function storeAndQueue(PDO $database, array $message): array
{
    $sender = profileOf($database, $message['sender_id']);
    $database->beginTransaction();
    $insert = $database->prepare(
        'INSERT INTO messages (sender_id, receiver_id, message_type, message, created_at)
        VALUES (?, ?, ?, ?, ?)',
    );
    $insert->execute(array_values($message));
    $message = ['message_id' => (int) $database->lastInsertId()] + $message;
    $data = $message + ['sender' => $sender];
    queueEvent($database, 'chat:message', $message['receiver_id'], $data);
    $database->commit();
    return $message;
}

function profileOf(PDO $database, int $userId): array
{
    $select = $database->prepare(
        'SELECT user_id, username, name, profile_url FROM users WHERE user_id = ?',
    );
    $select->execute([$userId]);
    return $select->fetch(PDO::FETCH_ASSOC) ?: [
        'user_id' => $userId,
        'username' => '',
        'name' => "User $userId",
        'profile_url' => '',
    ];
}
