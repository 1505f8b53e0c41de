import { element } from '../dom.ts'

export const BARS = 40
/** The least level of a bar, so that silence is to be seen too; voice.css starts with it. */
export const LEVEL_MIN = 0.08

/** How loud a recording is over its time, from 0 to 1, and how long it takes in seconds. */
export interface Waveform {
  levels: number[]
  seconds: number
}

/** @throws DOMException for what this browser cannot decode */
export async function readWaveform(recording: Blob): Promise<Waveform> {
  // Unlike a context that plays, it needs no gesture of the user.
  const context = new OfflineAudioContext(1, 1, 44_100)
  const decoded = await context.decodeAudioData(await recording.arrayBuffer())
  return { levels: levelsOf(decoded.getChannelData(0)), seconds: decoded.duration }
}

export function createBars(count: number): HTMLElement[] {
  return Array.from({ length: count }, () => element('span'))
}

export function showLevels(bars: HTMLElement[], levels: number[]): void {
  for (const [index, bar] of bars.entries()) {
    bar.style.setProperty('--level', String(levels[index] ?? LEVEL_MIN))
  }
}

function levelsOf(samples: Float32Array): number[] {
  const width = Math.max(1, Math.floor(samples.length / BARS))
  const loudness = Array.from({ length: BARS }, (_, bar) => {
    let sum = 0
    for (let at = bar * width; at < (bar + 1) * width; at += 1) sum += (samples[at] ?? 0) ** 2
    return Math.sqrt(sum / width)
  })
  const loudest = Math.max(...loudness, 0.01)
  return loudness.map((level) => Math.max(LEVEL_MIN, level / loudest))
}
