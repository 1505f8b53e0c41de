import { element, icon, part } from './dom.ts'

const SHOWN_MS = 8_000

/** Says that something went wrong: shown for a while, and told to screen readers at once. */
export function notice(text: string): void {
  const close = element(
    'button',
    { type: 'button', className: 'icon-button' },
    {
      'aria-label': 'Dismiss',
    },
  )
  close.append(icon('close'))
  const shown = element('div', { className: 'notice' }, { role: 'alert' }, text, close)
  const timer = setTimeout(() => shown.remove(), SHOWN_MS)
  close.addEventListener('click', () => {
    clearTimeout(timer)
    shown.remove()
  })
  part('notices').append(shown)
}

/** Tells something to screen readers, when they have finished what they are saying. */
export function announce(text: string): void {
  part('announcements').replaceChildren(element('p', { textContent: text }))
}
