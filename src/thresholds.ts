/**
 * The thresholds of health, shared by both /health, /status.json, `status`, `doctor` and the log.
 */

/** A daemon that has not polled for longer is unhealthy: 500 ticks have failed. */
export const POLL_STALE_MS = 5_000
/** The interval of the daemon's heartbeat, which carries the time of its last good poll. */
export const HEARTBEAT_MS = 5_000
/** POLL_STALE_MS for readers of the heartbeat, which may be HEARTBEAT_MS old. */
export const RECORDED_POLL_STALE_SECONDS = (POLL_STALE_MS + HEARTBEAT_MS) / 1000
/** A daemon with an older heartbeat is dead: six heartbeats are missing. */
export const HEARTBEAT_STALE_MS = 6 * HEARTBEAT_MS
/** Events wait while a daemon restarts; longer than this they wait for an operator. */
export const EVENT_WAIT_SECONDS_MAX = 60
/** Beyond this, and the time that every webhook may wait, the shop's application does not take it. */
export const WEBHOOK_WAIT_SECONDS_MAX = 300
/** Retry-After for monitors: the interval of the heartbeat. */
export const UNHEALTHY_RETRY_SECONDS = 5

/** A larger WAL means that checkpoints fail: some program holds a read transaction open. */
export const WAL_WARNED_BYTES_MIN = 256 * 1024 * 1024
/** Beyond this the clock of the database's server or of this host is wrong. */
export const CLOCK_DIFFERENCE_SECONDS_MAX = 5
/** Open files of a daemon beside its sockets: the database, the log, connections of monitors. */
export const FILES_BESIDE_SOCKETS = 100
/** Renewal is due 30 days before the end; two weeks later it has failed. */
export const CERTIFICATE_DAYS_MIN = 14

/** Every connect and disconnect is broadcast: with more sockets it costs noticeable CPU time. */
export const PRESENCE_SOCKETS_MAX = 1_000
/** More sockets from loopback come from a proxy, not from programs of this machine. */
export const LOOPBACK_SOCKETS_MAX = 100
