/** Rows in one statement. */
const CHUNK_ROWS_MAX = 1_000
/** Of their texts: a statement longer than the server's max_allowed_packet is refused. */
const CHUNK_CHARACTERS_MAX = 256 * 1024

/** Rows in the chunks in which they are written. @param lengthOf the characters of a row */
export async function* chunksOf<Row>(
  rows: Iterable<Row> | AsyncIterable<Row>,
  lengthOf: (row: Row) => number,
): AsyncGenerator<Row[]> {
  let chunk: Row[] = []
  let characters = 0
  for await (const row of rows) {
    const length = lengthOf(row)
    const isFull = chunk.length === CHUNK_ROWS_MAX || characters + length > CHUNK_CHARACTERS_MAX
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
