import { Counter, Gauge, Histogram, type HistogramConfiguration, Registry } from 'prom-client'

/** The polls of about a second. */
const OBSERVATIONS_TAKEN_TOGETHER = 100

/**
 * The metrics of one process for Prometheus, in a registry of its own. Each part names and counts
 * its own; a value that can be read on demand is a gauge, and costs nothing until it is scraped.
 */
export class Metrics {
  readonly #registry = new Registry()

  constructor() {
    // Not prom-client's default metrics: each scrape would list every open socket.
    this.gauge(
      'process_start_time_seconds',
      'When the process started, in seconds since 1970',
      () => Math.round(performance.timeOrigin / 1000),
    )
    this.gauge('process_resident_memory_bytes', 'Memory of the process', () =>
      process.memoryUsage.rss(),
    )
    this.total('process_cpu_seconds_total', 'Processor time that the process has used', () => {
      const used = process.cpuUsage()
      return (used.user + used.system) / 1e6
    })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** All metrics, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** A counter that another part keeps: each scrape calls `read`. */
  total(name: string, help: string, read: () => number): void {
    this.#collected(name, help, [], (counter) => counter.inc(read()))
  }

  /** As `total`, for several counts by the values of a label. */
  totals(
    name: string,
    help: string,
    label: string,
    counts: Readonly<Record<string, number>>,
  ): void {
    this.#collected(name, help, [label], (counter) => {
      for (const [value, count] of Object.entries(counts)) counter.inc({ [label]: value }, count)
    })
  }

  counter<Label extends string = never>(name: string, help: string, label?: Label): Counter<Label> {
    const labelNames = label === undefined ? [] : [label]
    return new Counter<Label>({ name, help, labelNames, registers: [this.#registry] })
  }

  /** @param buckets upper bounds, in the unit of the name */
  histogram(name: string, help: string, buckets: number[]): BatchedHistogram {
    return new BatchedHistogram({ name, help, buckets, registers: [this.#registry] })
  }

  /** Each scrape calls `read`; a value that cannot be read is NaN. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect: async () => gauge.set(await numberOrNaN(read)),
    })
  }

  /** @param add adds the counts of a scrape */
  #collected(
    name: string,
    help: string,
    labelNames: string[],
    add: (counter: Counter) => void,
  ): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        counter.reset()
        add(counter)
      },
    })
  }
}

/** Enters observations in batches, and before it is read: that costs a tenth of one by one. */
class BatchedHistogram {
  readonly #histogram: Histogram
  readonly #batch: number[] = []
  /** Of all observations. */
  count = 0
  sum = 0

  constructor(configuration: HistogramConfiguration<string>) {
    this.#histogram = new Histogram({ ...configuration, collect: () => this.#enter() })
  }

  observe(value: number): void {
    this.count += 1
    this.sum += value
    this.#batch.push(value)
    if (this.#batch.length >= OBSERVATIONS_TAKEN_TOGETHER) this.#enter()
  }

  #enter(): void {
    for (const value of this.#batch.splice(0)) this.#histogram.observe(value)
  }
}

async function numberOrNaN(read: () => number | Promise<number>): Promise<number> {
  try {
    return await read()
  } catch {
    return Number.NaN
  }
}
