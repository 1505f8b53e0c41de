/**
 * One line for each lifecycle event or failure, never one for each message or poll, and never a
 * body or a token. `plain` prints a line word for word (the documented start-up lines).
 */
export interface Log {
  plain(message: string): void
  info(message: string): void
  warn(message: string): void
  /** Logs the stack of `error` too: for bugs. */
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
      write(format === 'json' ? jsonLine(now(), 'info', message) : `${escapedLines(message)}\n`),
    info: (message) => write(line(now(), 'info', message)),
    warn: (message) => write(line(now(), 'warn', message)),
    error: (message, error) => write(line(now(), 'error', message, error)),
  }
}

/** Control characters, escaped: a log contains text from clients, and is read in a terminal. */
const CONTROLS = /\p{Cc}/gu

/** Writes each control character as in a program: \x1b. */
function escaped(text: string): string {
  return text.replace(CONTROLS, (control) => (control === '\n' ? '\\n' : `\\x${hex(control)}`))
}

function escapedLines(text: string): string {
  return text.split('\n').map(escaped).join('\n')
}

function hex(control: string): string {
  return control.charCodeAt(0).toString(16).padStart(2, '0')
}

function textLine(time: Date, level: string, message: string, error?: unknown): string {
  const stamp = time.toISOString().slice(0, 19).replace('T', ' ')
  const detail = error === undefined ? '' : `\n${escapedLines(describe(error))}`
  return `${stamp} ${level.padEnd(5)} ${escaped(message)}${detail}\n`
}

function jsonLine(time: Date, level: string, message: string, error?: unknown): string {
  const detail = error === undefined ? undefined : describe(error)
  const entry = JSON.stringify({ time: time.toISOString(), level, message, error: detail })
  // JSON itself escapes only those below U+0020.
  return `${entry.replace(CONTROLS, (control) => `\\u00${hex(control)}`)}\n`
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${describe(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
