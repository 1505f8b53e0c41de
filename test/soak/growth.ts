import { median } from '../bench/statistics.ts'

/** What is looked at again and again, and how much more of it there may be at the end. */
export interface Figure {
  name: string
  unit: string
  /** What it may differ by, between the beginning and the end of what is judged, by chance alone. */
  growthMax: number
}

export interface Growth {
  start: number
  middle: number
  end: number
  /** By how much it grew while it was judged: Theil and Sen's slope, times that time. */
  growth: number
  hasGrown: boolean
}

/** The first third is for caches and the garbage collector's heap to fill: it is not judged. */
const WARM_UP_SHARE = 1 / 3

/**
 * Whether a series of samples, taken at even intervals, grows. The median of the slopes between all
 * pairs does not mind a saw-tooth, nor an outlier.
 */
export function judge(samples: number[], { growthMax }: Figure): Growth {
  const judged = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const slopes = judged.flatMap((from, index) =>
    judged.slice(index + 1).map((to, distance) => (to - from) / (distance + 1)),
  )
  const growth = median(slopes) * (judged.length - 1)
  const [start, middle, end] = [0, 1, 2].map((third) => median(thirdOf(judged, third)))
  return {
    start: start as number,
    middle: middle as number,
    end: end as number,
    growth,
    hasGrown: growth > growthMax,
  }
}

function thirdOf(samples: number[], third: number): number[] {
  const length = samples.length / 3
  return samples.slice(Math.floor(third * length), Math.ceil((third + 1) * length))
}
