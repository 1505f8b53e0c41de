/**
 * The integer, zero or more, that a number or a text of digits stands for; undefined for anything
 * else. Ids come from clients, tokens and other programs as either. Not `Number()`, to which `true`,
 * `[5]`, `' 12 '` and `'1e3'` are numbers too; and none beyond those that JavaScript keeps exact.
 */
export function integerFrom(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const integer = /^\d{1,16}$/.test(String(value)) ? Number(value) : Number.NaN
  return Number.isSafeInteger(integer) ? integer : undefined
}
