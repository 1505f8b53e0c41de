<?php

declare(strict_types=1);

/** RFC 6455 from the server's side: the handshake and frames. */
final class WebSocketProtocol
{
    public const TEXT = 0x1;
    public const CLOSE = 0x8;
    public const PING = 0x9;
    public const PONG = 0xA;

    /** Whether the peer has said enough for a request to be read. */
    public static function isRequestComplete(string $input): bool
    {
        return str_contains($input, "\r\n\r\n");
    }

    /** The user_id of the query, if the request is a handshake that has one. */
    public static function userIdOf(string $request): ?int
    {
        $hasKey = self::keyOf($request) !== null;
        if (!$hasKey || !preg_match('/^GET \S*[?&]user_id=([1-9]\d{0,15})[& ]/', $request, $match)) {
            return null;
        }
        return (int) $match[1];
    }

    public static function acceptance(string $request): string
    {
        $hash = sha1(self::keyOf($request) . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11', true);
        return "HTTP/1.1 101 Switching Protocols\r\n" .
            "Upgrade: websocket\r\n" .
            "Connection: Upgrade\r\n" .
            'Sec-WebSocket-Accept: ' . base64_encode($hash) . "\r\n\r\n";
    }

    /** A server's frame: final and unmasked. */
    public static function frame(string $payload, int $opcode = self::TEXT): string
    {
        $length = strlen($payload);
        $head = chr(0x80 | $opcode);
        if ($length < 126) {
            return $head . chr($length) . $payload;
        }
        $measure = $length <= 0xFFFF ? pack('Cn', 126, $length) : pack('CJ', 127, $length);
        return $head . $measure . $payload;
    }

    /**
     * Takes the first frame of a client off $input.
     *
     * @return array{int, string}|null opcode and payload; null when it is not all here yet
     */
    public static function takeFrame(string &$input): ?array
    {
        if (strlen($input) < 2) {
            return null;
        }
        [$maskAt, $length] = self::measure($input);
        $payloadAt = $maskAt + 4;
        if (strlen($input) < $payloadAt + $length) {
            return null;
        }
        $mask = str_pad('', $length, substr($input, $maskAt, 4));
        $frame = [ord($input[0]) & 0x0F, substr($input, $payloadAt, $length) ^ $mask];
        $input = substr($input, $payloadAt + $length);
        return $frame;
    }

    /** @return array{int, int} where the mask stands, and how long the payload is */
    private static function measure(string $input): array
    {
        $length = ord($input[1]) & 0x7F;
        return match (true) {
            $length < 126 => [2, $length],
            $length === 126 => [4, unpack('n', str_pad($input, 4, "\0"), 2)[1]],
            default => [10, unpack('J', str_pad($input, 10, "\0"), 2)[1]],
        };
    }

    private static function keyOf(string $request): ?string
    {
        return preg_match('/^Sec-WebSocket-Key: *(\S+)/mi', $request, $match) ? $match[1] : null;
    }
}
