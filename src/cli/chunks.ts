/** Of a statement: one that is longer than the server's max_allowed_packet is refused. */
const STATEMENT = { rows: 1_000, characters: 256 * 1024 }

/**
 * Rows in the chunks in which they are written.
 *
 * @param lengthOf the characters of a row
 * @param max of a chunk
 */
export async function* chunksOf<Row>(
  rows: Iterable<Row> | AsyncIterable<Row>,
  lengthOf: (row: Row) => number,
  max = STATEMENT,
): AsyncGenerator<Row[]> {
  let chunk: Row[] = []
  let characters = 0
  for await (const row of rows) {
    const length = lengthOf(row)
    const isFull = chunk.length === max.rows || characters + length > max.characters
    if (isFull && chunk.length > 0) {
      yield chunk
      chunk = []
      characters = 0
    }
    chunk.push(row)
    characters += length
  }
  if (chunk.length > 0) yield chunk
}
