import { limits } from '../limits/limits.ts'
import type { Form } from './form.ts'

/** The documented page: 50 unless told otherwise. More than 100 asked for are 100. */
const PAGE_LIMIT_DEFAULT = 50

export function readPage(form: Form): { limit: number; offset: number } {
  return {
    limit: form.integer('limit', {
      min: 1,
      max: limits.pageLimit.max,
      fallback: PAGE_LIMIT_DEFAULT,
    }),
    offset: form.integer('offset', { min: 0, max: limits.pageOffset.max, fallback: 0 }),
  }
}
