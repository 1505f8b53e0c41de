import { element, icon, part } from '../dom.ts'

const SHOWN_MS = 8_000

/** Shows an error for a while; screen readers read it at once. */
export function notice(text: string): void {
  const close = element(
    'button',
    { type: 'button', className: 'icon-button' },
    { 'aria-label': 'Dismiss' },
    icon('close'),
  )
  const shown = element('div', { className: 'notice' }, { role: 'alert' }, text, close)
  const timer = setTimeout(() => shown.remove(), SHOWN_MS)
  close.addEventListener('click', () => {
    clearTimeout(timer)
    shown.remove()
  })
  part('notices').append(shown)
}

/** Screen readers read it when they have finished what they are reading. */
export function announce(text: string): void {
  part('announcements').replaceChildren(element('p', { textContent: text }))
}
