import { Counter, Gauge, Histogram, Registry } from 'prom-client'

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
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.#registry],
      collect: () => {
        counter.reset()
        counter.inc(read())
      },
    })
  }

  /** @param labels the values of its one label that are 0 from the start, rather than not there */
  counter<Label extends string = never>(
    name: string,
    help: string,
    label?: Label,
    labels: string[] = [],
  ): Counter<Label> {
    const labelNames = label === undefined ? [] : [label]
    const counter = new Counter<Label>({ name, help, labelNames, registers: [this.#registry] })
    for (const value of labels) counter.inc({ [label as string]: value } as never, 0)
    return counter
  }

  /**
   * @param buckets upper bounds, in the unit of the name
   * @param collect called before it is read
   */
  histogram(name: string, help: string, buckets: number[], collect = () => {}): Histogram {
    return new Histogram({ name, help, buckets, collect, registers: [this.#registry] })
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
}

async function numberOrNaN(read: () => number | Promise<number>): Promise<number> {
  try {
    return await read()
  } catch {
    return Number.NaN
  }
}
