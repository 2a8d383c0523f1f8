/**
 * What an agent counts and measures, kept for the last full interval as Consul's in-memory sink does (armon/go-metrics,
 * inmem.go) and, when a retention is configured, since the start for Prometheus. Whoever measures names a metric by its
 * parts; `consul.` and the configured prefix are put before it here. No clock: the time comes with each call.
 *
 * Bounds: names times labels are few and come from code, not from askers; past `SERIES_MAX` new ones are dropped.
 */
import type { WallMs } from './units.ts'

export interface Label {
  name: string
  value: string
}

export interface Metrics {
  /** A value that stands until it is set anew. */
  gauge(name: string, value: number, labels?: readonly Label[]): void
  count(name: string, by?: number, labels?: readonly Label[]): void
  /** One measurement; durations are in milliseconds. */
  sample(name: string, value: number, labels?: readonly Label[]): void
  /** Called before the metrics are shown, to set gauges that nobody keeps up to date. */
  onRead(update: () => void): void
  /** The last whole interval, or the first one that has begun. */
  interval(): MetricsInterval
  /** Everything since the start. */
  totals(): { gauges: readonly Gauge[]; counters: readonly Summary[]; samples: readonly Summary[] }
}

export interface Gauge {
  name: string
  labels: readonly Label[]
  value: number
}

export interface Summary {
  name: string
  labels: readonly Label[]
  count: number
  sum: number
  sumOfSquares: number
  min: number
  max: number
}

export interface MetricsInterval {
  from: WallMs
  lengthMs: number
  gauges: readonly Gauge[]
  counters: readonly Summary[]
  samples: readonly Summary[]
}

/** Consul's in-memory sink gathers for so long. */
const INTERVAL_MS = 10_000
const SERIES_MAX = 10_000

interface Interval {
  from: WallMs
  gauges: Map<string, Gauge>
  counters: Map<string, Summary>
  samples: Map<string, Summary>
}

export interface MetricsOptions {
  /** Wall time. */
  date(): WallMs
  /** Put before each name, with a dot: telemetry.metrics_prefix. */
  prefix?: string
}

export function makeMetrics({ date, prefix = 'consul' }: MetricsOptions): Metrics {
  const updates: (() => void)[] = []
  const total = begun(0)
  let now = begun(intervalOf(date()))
  let before: Interval | undefined

  function current(): Interval {
    const from = intervalOf(date())
    if (from !== now.from) {
      before = now
      now = begun(from)
    }
    return now
  }

  function add(kind: 'counters' | 'samples', name: string, value: number, labels: readonly Label[]): void {
    const key = keyOf(name, labels)
    for (const interval of [current(), total]) {
      let summary = interval[kind].get(key)
      if (summary === undefined) {
        if (interval[kind].size >= SERIES_MAX) return
        summary = { name: `${prefix}.${name}`, labels, count: 0, sum: 0, sumOfSquares: 0, min: value, max: value }
        interval[kind].set(key, summary)
      }
      summary.count += 1
      summary.sum += value
      summary.sumOfSquares += value * value
      if (value < summary.min) summary.min = value
      if (value > summary.max) summary.max = value
    }
  }

  return {
    gauge(name, value, labels = []) {
      const key = keyOf(name, labels)
      for (const { gauges } of [current(), total]) {
        if (gauges.size < SERIES_MAX || gauges.has(key)) gauges.set(key, { name: `${prefix}.${name}`, labels, value })
      }
    },
    count: (name, by = 1, labels = []) => add('counters', name, by, labels),
    sample: (name, value, labels = []) => add('samples', name, value, labels),
    onRead: (update) => void updates.push(update),
    interval() {
      const open = current()
      for (const update of updates) update()
      // Whole ones first: what has just begun says little. A gap between the two is no interval of the present.
      const shown = before !== undefined && before.from + INTERVAL_MS === open.from ? before : open
      // Gauges that are brought up to date only when read were not there when that interval ran.
      const gauges = new Map([...open.gauges, ...shown.gauges])
      return {
        from: shown.from,
        lengthMs: INTERVAL_MS,
        gauges: sorted(gauges),
        counters: sorted(shown.counters),
        samples: sorted(shown.samples),
      }
    },
    totals() {
      for (const update of updates) update()
      return { gauges: sorted(total.gauges), counters: sorted(total.counters), samples: sorted(total.samples) }
    },
  }
}

/** For those who measure nothing. */
export const NO_METRICS: Metrics = {
  gauge: () => {},
  count: () => {},
  sample: () => {},
  onRead: () => {},
  interval: () => ({ from: 0, lengthMs: INTERVAL_MS, gauges: [], counters: [], samples: [] }),
  totals: () => ({ gauges: [], counters: [], samples: [] }),
}

function begun(from: WallMs): Interval {
  return { from, gauges: new Map(), counters: new Map(), samples: new Map() }
}

function intervalOf(date: WallMs): WallMs {
  return Math.floor(date / INTERVAL_MS) * INTERVAL_MS
}

function keyOf(name: string, labels: readonly Label[]): string {
  return labels.length === 0 ? name : `${name};${labels.map((label) => `${label.name}=${label.value}`).join(';')}`
}

function sorted<T>(series: ReadonlyMap<string, T>): T[] {
  return [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}
