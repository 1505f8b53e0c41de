<?php

declare(strict_types=1);

/** A connection of the daemon: its stream, and what is on its way in either direction. */
final class ChatClient
{
    /** Null until the handshake is done. */
    public ?int $userId = null;
    public string $input = '';
    public string $output = '';

    /** @param resource $stream */
    public function __construct(public readonly mixed $stream)
    {
    }
}
