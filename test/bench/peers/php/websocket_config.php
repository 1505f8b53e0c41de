<?php

declare(strict_types=1);

/** The database. The workers of php-fpm keep the connection from one request to the next. */
function database(): PDO
{
    $socket = getenv('CHAT_DATABASE_SOCKET');
    return new PDO("mysql:unix_socket=$socket;dbname=chat;charset=utf8mb4", 'root', '', [
        PDO::ATTR_PERSISTENT => true,
    ]);
}
