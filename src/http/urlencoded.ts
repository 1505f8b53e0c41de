import { ChatError } from '../errors.ts'

/**
 * Parses `a=1&b=2`, one pair after the other. Not URLSearchParams, which replaces invalid UTF-8 by
 * question marks, which would be stored. A lone % stands for itself, as it did for the PHP
 * original.
 *
 * @throws ChatError `invalid` for percent-encoding that is not UTF-8
 */
export function* parseUrlencoded(text: string): Iterable<[name: string, value: string]> {
  if (text === '') return
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals === -1) yield [decode(pair), '']
    else yield [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' ').replace(/%(?![\da-f]{2})/gi, '%25'))
  } catch {
    throw new ChatError('invalid', 'The parameters are not percent-encoded UTF-8')
  }
}
