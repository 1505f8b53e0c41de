/**
 * The wait after so many failures in a row, in ms: twice as long after each, up to `max`.
 *
 * @param failures from 1 on
 */
export function backoffMs(failures: number, min: number, max: number): number {
  return Math.min(min * 2 ** (failures - 1), max)
}
