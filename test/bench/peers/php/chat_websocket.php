<?php

declare(strict_types=1);

/**
 * The daemon: php chat_websocket.php [port]. Every 10 ms it reads pending_events, sends each to the
 * sockets it is for and deletes it; between two polls it serves the sockets.
 */

require __DIR__ . '/websocket_config.php';
require __DIR__ . '/ChatSockets.php';
require __DIR__ . '/PendingEvents.php';

const POLL_INTERVAL_MICROSECONDS = 10_000;

$port = (int) ($argv[1] ?? 8089);

echo "Starting Chat WebSocket Server...\n";
$events = new PendingEvents(database());
echo "Database connection established\n";
$sockets = new ChatSockets($port);
echo "Chat WebSocket Server Started\n";
echo "Listening on port $port\n";
echo "Event loop connected - Direct event polling enabled (every 10ms)\n";
echo "Chat WebSocket Server running on port $port\n";
echo "Use ws://localhost:$port for connections\n";
echo "Direct broadcast via: chat_websocket_broadcast.php\n";

while (true) {
    $nextPoll = microsecondsNow() + POLL_INTERVAL_MICROSECONDS;
    $events->deliverAll($sockets);
    do {
        $sockets->serve(max(0, $nextPoll - microsecondsNow()));
    } while (microsecondsNow() < $nextPoll);
}

function microsecondsNow(): int
{
    return intdiv(hrtime(true), 1000);
}
