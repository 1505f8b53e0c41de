<?php

declare(strict_types=1);

require __DIR__ . '/ChatClient.php';
require __DIR__ . '/WebSocketProtocol.php';

/** The users' sockets, served by one stream_select. */
final class ChatSockets
{
    /** select(2) knows no descriptor above 1023, and the daemon has some of its own. */
    private const CLIENTS_MAX = 1000;
    private const READ_BYTES = 65_536;
    /** Nothing that a client says is long; what exceeds this is no handshake and no frame of one. */
    private const INPUT_BYTES_MAX = 65_536;
    /** A client that lets this much wait is gone, or as good as gone. */
    private const OUTPUT_BYTES_MAX = 4_194_304;

    /** @var resource */
    private mixed $listener;
    /** @var array<int, ChatClient> */
    private array $clients = [];
    /** @var array<int, resource> The listener's, and one for each client. */
    private array $streams;
    /** @var array<int, array<int, ChatClient>> By user id. */
    private array $users = [];

    public function __construct(int $port)
    {
        $context = stream_context_create(['socket' => ['backlog' => 511, 'tcp_nodelay' => true]]);
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $address = "tcp://127.0.0.1:$port";
        $this->listener = stream_socket_server($address, $code, $reason, $flags, $context)
            ?: throw new RuntimeException("Cannot listen on port $port: $reason");
        stream_set_blocking($this->listener, false);
        $this->streams = [get_resource_id($this->listener) => $this->listener];
    }

    /** Sends an event to all sockets of a user; null: to everybody's. */
    public function deliver(string $event, ?int $userId, string $dataJson): void
    {
        $frame = self::eventFrame($event, $dataJson);
        $receivers = $userId === null ? $this->users : [$this->users[$userId] ?? []];
        foreach ($receivers as $clients) {
            foreach ($clients as $client) {
                $this->send($client, $frame);
            }
        }
    }

    /** Waits for sockets that have something to say, at most this long, and serves them. */
    public function serve(int $microseconds): void
    {
        $readable = $this->streams;
        $isWaiting = fn (ChatClient $client): bool => $client->output !== '';
        $writable = array_map(
            fn (ChatClient $client): mixed => $client->stream,
            array_filter($this->clients, $isWaiting),
        );
        $exceptional = null;
        stream_select($readable, $writable, $exceptional, 0, $microseconds);
        foreach ($writable as $id => $_) {
            $this->flush($this->clients[$id]);
        }
        foreach ($readable as $id => $stream) {
            $stream === $this->listener ? $this->accept() : $this->read($id);
        }
    }

    private function accept(): void
    {
        while ($stream = @stream_socket_accept($this->listener, 0)) {
            if (count($this->clients) === self::CLIENTS_MAX) {
                fclose($stream);
                continue;
            }
            stream_set_blocking($stream, false);
            $id = get_resource_id($stream);
            $this->streams[$id] = $stream;
            $this->clients[$id] = new ChatClient($stream);
        }
    }

    private function read(int $id): void
    {
        $client = $this->clients[$id] ?? null;
        if ($client === null) {
            return;
        }
        $bytes = @fread($client->stream, self::READ_BYTES);
        if ($bytes === false || $bytes === '') {
            $this->drop($client);
            return;
        }
        $client->input .= $bytes;
        $client->userId === null ? $this->shakeHands($client) : $this->readFrames($client);
        if (strlen($client->input) > self::INPUT_BYTES_MAX) {
            $this->drop($client);
        }
    }

    private function shakeHands(ChatClient $client): void
    {
        if (!WebSocketProtocol::isRequestComplete($client->input)) {
            return;
        }
        $userId = WebSocketProtocol::userIdOf($client->input);
        if ($userId === null) {
            $this->send($client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            $this->drop($client);
            return;
        }
        $this->register($client, $userId);
        $hello = WebSocketProtocol::acceptance($client->input) . $this->greeting($userId);
        $client->input = '';
        $this->send($client, $hello);
    }

    private function register(ChatClient $client, int $userId): void
    {
        $client->userId = $userId;
        $this->users[$userId][get_resource_id($client->stream)] = $client;
    }

    private function greeting(int $userId): string
    {
        $data = json_encode([
            'user_id' => $userId,
            'message' => 'Successfully connected to chat server',
            'timestamp' => gmdate('Y-m-d H:i:s'),
            'connected_users' => count($this->users),
        ]);
        return self::eventFrame('chat:connected', $data);
    }

    private function readFrames(ChatClient $client): void
    {
        while ([$opcode, $payload] = WebSocketProtocol::takeFrame($client->input)) {
            if ($opcode === WebSocketProtocol::PING) {
                $this->send($client, WebSocketProtocol::frame($payload, WebSocketProtocol::PONG));
            }
            if ($opcode === WebSocketProtocol::CLOSE) {
                $this->send($client, WebSocketProtocol::frame($payload, WebSocketProtocol::CLOSE));
                $this->drop($client);
                return;
            }
        }
    }

    private function send(ChatClient $client, string $bytes): void
    {
        $client->output .= $bytes;
        $this->flush($client);
    }

    private function flush(ChatClient $client): void
    {
        $written = @fwrite($client->stream, $client->output);
        $client->output = substr($client->output, (int) $written);
        if ($written === false || strlen($client->output) > self::OUTPUT_BYTES_MAX) {
            $this->drop($client);
        }
    }

    private function drop(ChatClient $client): void
    {
        if (!is_resource($client->stream)) {
            return;
        }
        $id = get_resource_id($client->stream);
        fclose($client->stream);
        unset($this->streams[$id], $this->clients[$id]);
        if ($client->userId !== null) {
            $this->forget($client->userId, $id);
        }
    }

    private function forget(int $userId, int $id): void
    {
        unset($this->users[$userId][$id]);
        if ($this->users[$userId] === []) {
            unset($this->users[$userId]);
        }
    }

    private static function eventFrame(string $event, string $dataJson): string
    {
        return WebSocketProtocol::frame('{"event":' . json_encode($event) . ",\"data\":$dataJson}");
    }
}
