<?php

declare(strict_types=1);

/** What the endpoints share: parameters in, the document's JSON out. */

const JSON_FLAGS = JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;

/** The client's mistake, told in the document's error response. */
final class BadRequest extends Exception
{
}

set_exception_handler(function (Throwable $error): void {
    if ($error instanceof BadRequest) {
        answer(400, ['status' => 'error', 'message' => $error->getMessage()]);
        return;
    }
    error_log((string) $error);
    answer(500, ['status' => 'error', 'message' => 'Internal error']);
});

function success(string $message, array $data): void
{
    answer(200, ['status' => 'success', 'message' => $message, 'data' => $data]);
}

function answer(int $status, array $body): void
{
    http_response_code($status);
    header('Content-Type: application/json; charset=utf-8');
    echo json_encode($body, JSON_FLAGS);
}

/** @return array<string, mixed> */
function parameters(): array
{
    $isJson = str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'application/json');
    return $isJson ? (array) jsonObject(file_get_contents('php://input')) : $_POST;
}

function positiveId(array $parameters, string $name): int
{
    $value = $parameters[$name] ?? null;
    $isInteger = is_int($value) || (is_string($value) && ctype_digit($value));
    if (!$isInteger || (int) $value < 1) {
        throw new BadRequest("$name must be a positive integer");
    }
    return (int) $value;
}

function jsonObject(string $json): object
{
    $value = json_decode($json);
    if (!is_object($value)) {
        throw new BadRequest('This is not a JSON object');
    }
    return $value;
}

/** Has the daemon send an event to all sockets of a user; null: to everybody's. */
function queueEvent(PDO $database, string $event, ?int $userId, array|object $data): void
{
    $insert = $database->prepare(
        'INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, ?)',
    );
    $insert->execute([$event, $userId, json_encode($data, JSON_FLAGS)]);
}
