import type { User } from '../../client/chat-client.ts'
import { urlBelow } from '../../client/media-url.ts'
import { element } from '../dom.ts'

const COLOURS = 8

/** A user's picture, or the first letter of their name on a colour that stays the same. */
export function avatar(user: Pick<User, 'user_id' | 'name' | 'profile_url'>): HTMLElement {
  const [letter = '?'] = user.name.trim()
  const made = element(
    'span',
    { className: `avatar colour-${user.user_id % COLOURS}` },
    { 'aria-hidden': 'true' },
    letter.toUpperCase(),
  )
  // No picture of another server: its log would show who looks at it.
  const picture = urlBelow('.', user.profile_url)
  if (picture === undefined) return made
  const image = element('img', { src: picture, alt: '', loading: 'lazy' })
  image.addEventListener('error', () => image.remove())
  made.append(image)
  return made
}
