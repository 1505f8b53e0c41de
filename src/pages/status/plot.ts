import uPlot from 'uplot'
import type { Sample } from './samples.ts'

const HEIGHT = 190

export interface Line {
  label: string
  /** A CSS variable: the colours are those of the light or the dark page. */
  color: string
  value: (sample: Sample) => number | null
  digits: number
  /** A line that may lie on top of another lets it shine through. */
  isDashed?: boolean
}

/** A plot over time that fills the width of its element. */
export class Plot {
  readonly #element: HTMLElement
  readonly #lines: Line[]
  readonly #top: number
  #plot: uPlot
  #rows: Sample[] = []

  /** @param top the least that the axis goes up to, lest noise look like mountains */
  constructor(element: HTMLElement, top: number, lines: Line[]) {
    this.#element = element
    this.#lines = lines
    this.#top = top
    this.#plot = this.#create()
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(element)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#redraw())
  }

  show(rows: Sample[]): void {
    this.#rows = rows
    this.#plot.setData(this.#data())
    const isPointedAt = typeof this.#plot.cursor.idx === 'number'
    if (!isPointedAt) this.#plot.setLegend({ idx: rows.length - 1 })
    const latest = rows.at(-1)
    const text = this.#lines.map((line) => `${line.label}: ${shown(line, latest)}`).join(', ')
    this.#element.setAttribute('aria-label', `Plot over time. Now ${text}`)
  }

  #redraw(): void {
    this.#plot.destroy()
    this.#plot = this.#create()
  }

  #create(): uPlot {
    this.#element.setAttribute('role', 'img')
    const [text, line] = ['--faint', '--line'].map(cssVariable)
    const axis = {
      stroke: text as string,
      grid: { stroke: line as string, width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    }
    return new uPlot(
      {
        ...this.#size(),
        cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(this.#top, (max ?? 0) * 1.15)] } },
        axes: [
          { ...axis, size: 28, space: 90, values: (_plot, splits) => splits.map(time) },
          { ...axis, size: 46 },
        ],
        series: [{ value: (_plot, at) => time(at) }, ...this.#lines.map(seriesOf)],
      },
      this.#data(),
      this.#element,
    )
  }

  #size(): { width: number; height: number } {
    return { width: this.#element.clientWidth, height: HEIGHT }
  }

  #data(): uPlot.AlignedData {
    const times = this.#rows.map((row) => row.seconds)
    return [times, ...this.#lines.map((line) => this.#rows.map(line.value))]
  }
}

function seriesOf(line: Line): uPlot.Series {
  const stroke = cssVariable(line.color)
  return {
    label: line.label,
    stroke,
    width: 2,
    spanGaps: false,
    ...(line.isDashed ? { dash: [6, 5] } : {}),
    points: { show: false },
    value: (_plot, value) => (value === null ? '–' : value.toFixed(line.digits)),
  }
}

function shown(line: Line, sample: Sample | undefined): string {
  const value = sample === undefined ? null : line.value(sample)
  return value === null ? 'unknown' : value.toFixed(line.digits)
}

function cssVariable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function time(seconds: number | null): string {
  return seconds === null
    ? '–'
    : new Date(seconds * 1000).toLocaleTimeString([], { hourCycle: 'h23' })
}
