<?php

declare(strict_types=1);

/** The table by which the endpoints tell the daemon what to send. */
final class PendingEvents
{
    /** So that one poll of a backlog does not keep the sockets waiting for long. */
    private const ROWS_MAX = 500;

    private PDOStatement $select;

    public function __construct(private PDO $database)
    {
        $this->select = $database->prepare(
            'SELECT event_id, event, user_id, data FROM pending_events
            ORDER BY event_id LIMIT ' . self::ROWS_MAX,
        );
    }

    /** Sends first and deletes then: what a crash comes between is sent twice rather than never. */
    public function deliverAll(ChatSockets $sockets): void
    {
        $this->select->execute();
        $rows = $this->select->fetchAll(PDO::FETCH_ASSOC);
        foreach ($rows as $row) {
            $sockets->deliver($row['event'], $row['user_id'], $row['data']);
        }
        if ($rows !== []) {
            $this->delete(array_column($rows, 'event_id'));
        }
    }

    /**
     * Exactly these and not all up to the last: the row of a slower transaction may have a lower id
     * and not be here yet.
     *
     * @param list<int> $eventIds
     */
    private function delete(array $eventIds): void
    {
        $this->database->exec(
            'DELETE FROM pending_events WHERE event_id IN (' . implode(',', $eventIds) . ')',
        );
    }
}
