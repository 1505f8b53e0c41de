/** The result of a check: a `warning` needs attention, an `error` keeps the chat from working. */
export interface Finding {
  check: string
  level: 'ok' | 'warning' | 'error'
  /** The finding, and what to do about it. */
  message: string
}

export const ok = finding('ok')
export const warning = finding('warning')
export const error = finding('error')

function finding(level: Finding['level']) {
  return (check: string, message: string): Finding => ({ check, level, message })
}
