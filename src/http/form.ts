import { integerFrom } from '../chat/integers.ts'
import { isObject, parseObject } from '../chat/json.ts'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import type { Upload } from '../media/uploads.ts'

/**
 * A request's parameters, from the query string or an urlencoded, JSON or multipart body.
 * Each reader checks what it returns and throws a ChatError `invalid` that names the parameter.
 * null and '' count as not given, as they did for the PHP original.
 */
export class Form {
  /** The file of a multipart request. */
  upload: Upload | undefined
  readonly #values = new Map<string, unknown>()
  readonly #fallback: Form | undefined

  /** @param fallback the form of the query string, for parameters that are not in the body */
  constructor(fallback?: Form) {
    this.#fallback = fallback
  }

  /**
   * @throws ChatError `too_large` beyond the limits above; `invalid` when the parameter was given
   *   in the same place before, and differs
   */
  set(name: string, value: unknown): void {
    if (Buffer.byteLength(name) > limits.fieldNameBytes.max) {
      throw tooLarge('The name of a parameter', `${limits.fieldNameBytes.max} bytes`)
    }
    if (this.#values.has(name) && !isSameScalar(this.#values.get(name), value)) {
      throw new ChatError('invalid', `${name} is given twice`)
    }
    this.#values.set(name, value)
    if (this.#values.size > limits.fields.max)
      throw tooLarge('The form', `${limits.fields.max} fields`)
  }

  /** Hands the file over: whoever takes it removes it. */
  takeUpload(): Upload | undefined {
    const { upload } = this
    this.upload = undefined
    return upload
  }

  has(name: string): boolean {
    return this.#given(name) !== undefined
  }

  /**
   * A user, conversation or message id: a positive integer, as a number or as digits.
   * @param aliases other names for it that clients use; if several are given they must agree
   */
  id(name: string, ...aliases: string[]): number {
    const id = this.optionalId(name, ...aliases)
    if (id === undefined) throw new ChatError('invalid', `${name} is required`)
    return id
  }

  optionalId(name: string, ...aliases: string[]): number | undefined {
    let id = this.#optionalInteger(name, 1)
    for (const alias of aliases) {
      const same = this.#optionalInteger(alias, 1)
      if (id !== undefined && same !== undefined && id !== same) {
        throw new ChatError('invalid', `${[name, ...aliases].join(' and ')} must be the same`)
      }
      id ??= same
    }
    return id
  }

  /** An integer of at least `min`; one above `max` counts as `max`. */
  integer(name: string, range: { min: number; max: number; fallback: number }): number {
    const integer = this.#optionalInteger(name, range.min) ?? range.fallback
    return Math.min(integer, range.max)
  }

  /** A time span in whole seconds. Recorders say 3.7: the fraction is dropped, as PHP did. */
  optionalSeconds(name: string, max: number): number | undefined {
    const value = this.#scalar(name)
    if (value === undefined) return undefined
    const seconds = /^\d{1,9}(\.\d+)?$/.test(value) ? Math.floor(Number(value)) : Number.NaN
    if (seconds <= max) return seconds
    throw new ChatError('invalid', `${name} must be a number of seconds from 0 to ${max}`)
  }

  /** '' when it is not given. */
  text(name: string): string {
    return this.#scalar(name) ?? ''
  }

  /** A JSON object, or the text of one (all that an urlencoded body can carry). */
  object(name: string): object {
    const value = this.#given(name)
    const object = typeof value === 'string' ? parseObject(value) : value
    if (isObject(object)) return object
    throw new ChatError('invalid', `${name} must be a JSON object`)
  }

  #optionalInteger(name: string, min: number): number | undefined {
    const value = this.#scalar(name)
    if (value === undefined) return undefined
    const integer = integerFrom(value)
    if (integer !== undefined && integer >= min) return integer
    const kind = min === 1 ? 'a positive integer' : `an integer of at least ${min}`
    throw new ChatError('invalid', `${name} must be ${kind}`)
  }

  #scalar(name: string): string | undefined {
    const value = this.#given(name)
    if (value === undefined) return undefined
    if (typeof value === 'object') throw new ChatError('invalid', `${name} must be a single value`)
    const text = String(value)
    // NUL ends a string in many programs that read it; lone surrogates cannot be stored.
    if (text.includes('\0') || !text.isWellFormed()) {
      throw new ChatError('invalid', `${name} must be plain Unicode text`)
    }
    return text
  }

  #given(name: string): unknown {
    const value = this.#values.get(name)
    const isGiven = value !== undefined && value !== null && value !== ''
    if (isGiven) return value
    return this.#fallback === undefined ? undefined : this.#fallback.#given(name)
  }
}

export function tooLarge(what: string, limit: string): ChatError {
  return new ChatError('too_large', `${what} is too large (at most ${limit})`)
}

/** Whether two values are equal, where 7 equals "7". */
function isSameScalar(a: unknown, b: unknown): boolean {
  return typeof a !== 'object' && typeof b !== 'object' && String(a) === String(b)
}
