<?php

declare(strict_types=1);

require __DIR__ . '/chat_request.php';
require __DIR__ . '/websocket_config.php';

$parameters = parameters();
$event = $parameters['event'] ?? '';
if (!is_string($event) || $event === '') {
    throw new BadRequest('event is required');
}
$userId = isset($parameters['user_id']) ? positiveId($parameters, 'user_id') : null;
$data = $parameters['data'] ?? '';

queueEvent(database(), $event, $userId, is_object($data) ? $data : jsonObject((string) $data));
success('Event queued for broadcast', ['event' => $event, 'user_id' => $userId]);
