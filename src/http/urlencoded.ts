import { ChatError } from '../errors.ts'

/** Parameters in one request. The document's largest one has five. */
export const FIELDS_MAX = 50

/**
 * Decodes `a=1&b=2`. Not URLSearchParams: that turns what is not UTF-8 into question marks, which
 * would be stored.
 *
 * @throws ChatError `invalid` for what is not percent-encoded UTF-8, `too_large` for too many fields
 */
export function parseUrlencoded(text: string): [name: string, value: string][] {
  const pairs = text.split('&', FIELDS_MAX + 1).filter(Boolean)
  if (pairs.length > FIELDS_MAX) {
    throw new ChatError('too_large', `A request may have at most ${FIELDS_MAX} parameters`)
  }
  return pairs.map((pair) => {
    const equals = pair.indexOf('=')
    if (equals === -1) return [decode(pair), '']
    return [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
  })
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new ChatError('invalid', 'The parameters are not percent-encoded UTF-8')
  }
}
