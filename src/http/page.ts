import type { Form } from './form.ts'

/** The documented page: 50 unless told otherwise. More than 100 asked for are 100. */
export const PAGE_LIMIT_DEFAULT = 50
export const PAGE_LIMIT_MAX = 100
/** Passing over rows costs time for each; a client that scrolls this far uses before_message_id. */
export const PAGE_OFFSET_MAX = 100_000

export function readPage(form: Form): { limit: number; offset: number } {
  return {
    limit: form.integer('limit', { min: 1, max: PAGE_LIMIT_MAX, fallback: PAGE_LIMIT_DEFAULT }),
    offset: form.integer('offset', { min: 0, max: PAGE_OFFSET_MAX, fallback: 0 }),
  }
}
