import { ChatError } from '../errors.ts'

/** As the tables take it. */
const PATH_BYTES_MAX = 255
/** A name as it is served: a file with a dot in front is not, nor one beyond the folder. */
const NAME = /^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u

/**
 * Where the file of another program's message is below the uploads folder.
 *
 * @param given a URL, or a path of whatever kind that program stored
 * @param prefixes of which the first that it begins with is cut off
 * @throws ChatError `invalid` for one that begins with none of them, or is not below the folder
 */
export function sourcePath(given: string, prefixes: string[]): string {
  const prefix = prefixes.find((candidate) => given.startsWith(candidate))
  if (prefix === undefined) throw notBelow()
  const path = given.slice(prefix.length)
  const plain = given.includes('://') ? unescaped(path) : path
  const isBelow = plain.split('/').every((name) => NAME.test(name))
  if (!isBelow || Buffer.byteLength(plain) > PATH_BYTES_MAX) throw notBelow()
  return plain
}

/** What another program may have stored of the URL of a file, longest first. */
export function usualPrefixes(publicUrl: string): string[] {
  return [`${publicUrl}/uploads/`, '/uploads/', 'uploads/', '']
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw notBelow()
  }
}

function notBelow(): ChatError {
  return new ChatError('invalid', 'its file is not below the uploads folder')
}
