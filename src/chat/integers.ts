/**
 * Parses an integer, zero or more, from a number or a text of digits; undefined for anything else.
 * Clients, tokens and other programs send ids as either. Not `Number()`, which also accepts `true`,
 * `[5]`, `' 12 '` and `'1e3'`; and no integer that JavaScript does not represent exactly.
 */
export function integerFrom(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const integer = /^\d{1,16}$/.test(String(value)) ? Number(value) : Number.NaN
  return Number.isSafeInteger(integer) ? integer : undefined
}
