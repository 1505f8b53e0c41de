/** What a check found: `warning` is worth a look, `error` keeps the chat from working. */
export interface Finding {
  check: string
  level: 'ok' | 'warning' | 'error'
  /** What is so, and what to do about it. */
  message: string
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message }
}

export function warning(check: string, message: string): Finding {
  return { check, level: 'warning', message }
}

export function error(check: string, message: string): Finding {
  return { check, level: 'error', message }
}
