import { Arbitrary, array, type Random, type Stream, type Value } from 'fast-check'

/**
 * Lists of exactly `length` steps that shrink to shorter ones: fast-check's own arrays either vary in
 * length from the start or keep it while they shrink.
 */
export class Steps<Step> extends Arbitrary<Step[]> {
  readonly #full: Arbitrary<Step[]>
  readonly #shrinking: Arbitrary<Step[]>

  constructor(step: Arbitrary<Step>, length: number) {
    super()
    this.#full = array(step, { minLength: length, maxLength: length })
    this.#shrinking = array(step, { minLength: 1, maxLength: length })
  }

  override generate(random: Random, bias: number | undefined): Value<Step[]> {
    return this.#full.generate(random, bias)
  }

  override canShrinkWithoutContext(value: unknown): value is Step[] {
    return this.#shrinking.canShrinkWithoutContext(value)
  }

  override shrink(value: Step[], context: unknown): Stream<Value<Step[]>> {
    return this.#shrinking.shrink(value, context)
  }
}
