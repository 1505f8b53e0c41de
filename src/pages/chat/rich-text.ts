import { element } from '../dom.ts'

const ADDRESS = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g
const ONLY_EMOJI =
  /^(\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f|\s)+$/u
/** As many as fit on a line. */
const LARGE_EMOJI_MAX = 4

/** Text with its web addresses as links. */
export function richText(text: string): (Node | string)[] {
  const nodes: (Node | string)[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    nodes.push(text.slice(end, match.index), link(match[0]))
    end = match.index + match[0].length
  }
  return [...nodes, text.slice(end)]
}

/** A few emoji and nothing else are shown large. */
export function isLargeEmoji(text: string): boolean {
  if (!ONLY_EMOJI.test(text)) return false
  return [...new Intl.Segmenter().segment(text.trim())].length <= LARGE_EMOJI_MAX
}

function link(address: string): HTMLAnchorElement {
  return element('a', {
    href: address,
    textContent: address,
    target: '_blank',
    rel: 'noopener noreferrer',
  })
}
