import type { Random } from '../faults/random.ts'
import type { Target } from './target.ts'

/** One kind of attack. One in each file of kinds/. */
export interface Attack {
  name: string
  /**
   * Does it once, differently every time. What it has opened is closed behind it; it need not come to
   * an end by itself where the server hangs up, or is slow.
   */
  run(target: Target, random: Random): Promise<void>
}
