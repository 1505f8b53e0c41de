/** Control characters of a terminal, and those that reorder the text after a name. */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu

/** Text that others have chosen (names, command lines), as it may reach an operator's terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '')
}

/** Prints one line, made safe. */
export function printLine(text: string): void {
  console.log(printable(text))
}

/** Prints rows of cells in aligned columns. */
export function printTable(rows: string[][]): void {
  const shown = rows.map((row) => row.map(printable))
  const columns = shown[0]?.keys() ?? []
  const widths = Array.from(columns, (column) =>
    Math.max(...shown.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of shown) {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
    console.log(cells.join('  ').trimEnd())
  }
}

/** Prints one line of JSON, with unsafe characters escaped. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value).replace(UNPRINTABLE, escapedInJson))
}

function escapedInJson(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
