/**
 * From where on something counts as not well. Everybody who judges takes the number from here: both
 * /health, /status.json, `status`, `doctor` and the log.
 */

/** A daemon that has not polled for longer is unhealthy: 500 ticks came to nothing. */
export const POLL_STALE_MS = 5_000
/** How often the daemon writes its heartbeat, and with it the time of its last good poll. */
export const HEARTBEAT_MS = 5_000
/** The same as POLL_STALE_MS for who has the time of the poll from a heartbeat, which may be that old. */
export const RECORDED_POLL_STALE_SECONDS = (POLL_STALE_MS + HEARTBEAT_MS) / 1000
/** A heartbeat this old is a dead daemon's, wherever it ran: six that should have come, did not. */
export const HEARTBEAT_STALE_MS = 6 * HEARTBEAT_MS
/** Events wait while a daemon restarts; longer than this they wait for an operator. */
export const EVENT_WAIT_SECONDS_MAX = 60
/** A monitor may ask again as often as a heartbeat comes. */
export const UNHEALTHY_RETRY_SECONDS = 5

/** A WAL larger than this means that checkpoints do not get through: somebody holds a reader open. */
export const WAL_WARNED_BYTES_MIN = 256 * 1024 * 1024
/** Files that a daemon has open beside its sockets: the database, the log, monitors that ask. */
export const FILES_BESIDE_SOCKETS = 100
/** Renewal is due 30 days before the end; two weeks on, it does not work. */
export const CERTIFICATE_DAYS_MIN = 14

/** Each that comes or goes is told to all others: beyond this many it shows in the processor's time. */
export const PRESENCE_SOCKETS_MAX = 1_000
/** So many programs of this machine alone are none: it is a proxy that connects for others. */
export const LOOPBACK_SOCKETS_MAX = 100
