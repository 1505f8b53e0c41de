/**
 * One line for each lifecycle event or failure, never one for each message or poll, and never a body
 * or a token. `plain` prints a line word for word (the documented start-up lines).
 */
export interface Log {
  plain(message: string): void
  info(message: string): void
  warn(message: string): void
  /** `error`'s stack goes to the log: this is where a bug shows its face. */
  error(message: string, error?: unknown): void
}

export type LogFormat = 'text' | 'json'

export function createLog(
  format: LogFormat,
  write: (line: string) => void,
  now: () => Date = () => new Date(),
): Log {
  const line = format === 'json' ? jsonLine : textLine
  return {
    plain: (message) =>
      write(format === 'json' ? jsonLine(now(), 'info', message) : `${message}\n`),
    info: (message) => write(line(now(), 'info', message)),
    warn: (message) => write(line(now(), 'warn', message)),
    error: (message, error) => write(line(now(), 'error', message, error)),
  }
}

function textLine(time: Date, level: string, message: string, error?: unknown): string {
  const stamp = time.toISOString().slice(0, 19).replace('T', ' ')
  const detail = error === undefined ? '' : `\n${describe(error)}`
  return `${stamp} ${level.padEnd(5)} ${message}${detail}\n`
}

function jsonLine(time: Date, level: string, message: string, error?: unknown): string {
  const detail = error === undefined ? undefined : describe(error)
  return `${JSON.stringify({ time: time.toISOString(), level, message, error: detail })}\n`
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${describe(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
