/**
 * What a program counts of itself. Instruments are asked for once, where a part is made, and then cost an addition or
 * two each time; what becomes of the numbers (intervals for people, running totals for Prometheus, packets for statsd)
 * is decided by whoever holds the registry. Names and meanings follow github.com/armon/go-metrics, whose output
 * Consul's operators graph: a name is dotted, durations are milliseconds, gauges may carry the host's name.
 */

export type Labels = Readonly<Record<string, string>>

/** Of a counter, each addition; of a sample, each value. */
export interface Instrument {
  add(value: number): void
}

/** What parts of the program are given. All names are without the prefix that the registry puts before them. */
export interface Metrics {
  /** Something that happens: `add(1)`. */
  counter(name: string, labels?: Labels): Instrument
  /** Something that is measured each time, such as a duration in milliseconds. */
  sample(name: string, labels?: Labels): Instrument
  /** Something that is so or so much now; it is looked at when somebody wants to know. NaN: nothing to say. */
  gauge(name: string, read: () => number, labels?: Labels): void
}

const NO_INSTRUMENT: Instrument = { add() {} }

/** For those whom nobody asks. */
export const NO_METRICS: Metrics = {
  counter: () => NO_INSTRUMENT,
  sample: () => NO_INSTRUMENT,
  gauge() {},
}

/** What was added during an interval. */
export interface Aggregate {
  count: number
  sum: number
  sumOfSquares: number
  min: number
  max: number
}

export type MetricKind = 'counter' | 'sample' | 'gauge'

/** One instrument as the registry keeps it. */
export interface Series {
  readonly kind: MetricKind
  /** With its prefix, and with the host's name where gauges carry it. */
  readonly name: string
  readonly labels: Labels
  /** Since the last turn of the interval; null for gauges. */
  readonly current: Aggregate
  /** Since the start. */
  readonly total: { count: number; sum: number }
  /** The newest values of a sample, at most `RECENT_MAX`, for its quantiles; in no order. */
  readonly recent: readonly number[]
  read(): number
}

/** An interval that has ended, as it is shown. */
export interface Interval {
  /** Milliseconds since 1970, when it began. */
  began: number
  counters: { series: Series; aggregate: Aggregate }[]
  samples: { series: Series; aggregate: Aggregate }[]
  gauges: { series: Series; value: number }[]
}

/** Every single addition, for those who pass them on as they come. */
export type Tap = (series: Series, value: number) => void

/** How names come out, and which are let through. */
export interface MetricsNaming {
  /** "" for none. */
  prefix: string
  /** Put between the prefix and the name of a gauge; "" for none. */
  host: string
  /** Prefixes of whole names; the longest one that fits decides. */
  allow: readonly string[]
  block: readonly string[]
  /** What becomes of a name that no prefix fits. */
  otherwise: boolean
}

/** Intervals are so long, in milliseconds, and begin at even times. */
export const INTERVAL_MS = 10_000
/** Enough for quantiles that people look at; a busy instrument writes over its oldest. */
const RECENT_MAX = 512
/** As many series may be made; more come of names made from what others send, and are left out. */
const SERIES_MAX = 20_000

class Line implements Series, Instrument {
  readonly kind: MetricKind
  readonly plain: string
  readonly labels: Labels
  name = ''
  allowed = true
  current = emptyAggregate()
  readonly total = { count: 0, sum: 0 }
  readonly recent: number[] = []
  read: () => number
  readonly #taps: readonly Tap[]

  constructor(kind: MetricKind, plain: string, labels: Labels, read: () => number, taps: readonly Tap[]) {
    this.kind = kind
    this.plain = plain
    this.labels = labels
    this.read = read
    this.#taps = taps
  }

  add(value: number): void {
    if (!this.allowed) return
    const { current, total } = this
    current.count += 1
    current.sum += value
    current.sumOfSquares += value * value
    if (value < current.min) current.min = value
    if (value > current.max) current.max = value
    if (this.kind === 'sample') this.recent[total.count % RECENT_MAX] = value
    total.count += 1
    total.sum += value
    for (const tap of this.#taps) tap(this, value)
  }
}

export class Registry implements Metrics {
  readonly #lines = new Map<string, Line>()
  readonly #taps: Tap[] = []
  #naming: MetricsNaming
  #began: number
  #finished: Interval | undefined

  /** @param date milliseconds since 1970, now */
  constructor(naming: MetricsNaming, date: number) {
    this.#naming = naming
    this.#began = date
  }

  counter(name: string, labels: Labels = {}): Instrument {
    return this.#line('counter', name, labels)
  }

  sample(name: string, labels: Labels = {}): Instrument {
    return this.#line('sample', name, labels)
  }

  gauge(name: string, read: () => number, labels: Labels = {}): void {
    const line = this.#line('gauge', name, labels)
    if (line instanceof Line) line.read = read
  }

  /** From now on these names; what is not let through any more is no longer counted. */
  rename(naming: MetricsNaming): void {
    this.#naming = naming
    for (const line of this.#lines.values()) this.#name(line)
  }

  tap(tap: Tap): void {
    this.#taps.push(tap)
  }

  /** Ends the interval. To be called at even times. */
  turn(date: number): void {
    this.#finished = this.#take(this.#began, true)
    this.#began = date
  }

  /** The last whole interval; before there is one, what there is. */
  latest(): Interval {
    return this.#finished ?? this.#take(this.#began, false)
  }

  /** All that is let through, by name. */
  series(): Series[] {
    return [...this.#lines.values()].filter(({ allowed }) => allowed).sort(byName)
  }

  #take(began: number, reset: boolean): Interval {
    const interval: Interval = { began, counters: [], samples: [], gauges: [] }
    for (const series of this.series() as Line[]) {
      if (series.kind === 'gauge') {
        const value = series.read()
        if (!Number.isNaN(value)) interval.gauges.push({ series, value })
        continue
      }
      if (series.current.count === 0) continue
      const aggregate = reset ? series.current : { ...series.current }
      if (reset) series.current = emptyAggregate()
      interval[series.kind === 'counter' ? 'counters' : 'samples'].push({ series, aggregate })
    }
    return interval
  }

  #line(kind: MetricKind, name: string, labels: Labels): Instrument {
    let key = `${kind} ${name}`
    for (const label in labels) key += ` ${label}=${labels[label]}`
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    if (this.#lines.size >= SERIES_MAX) return NO_INSTRUMENT
    const line = new Line(kind, name, labels, () => Number.NaN, this.#taps)
    this.#name(line)
    this.#lines.set(key, line)
    return line
  }

  #name(line: Line): void {
    const { prefix, host } = this.#naming
    const parts = [prefix, line.kind === 'gauge' ? host : '', line.plain]
    line.name = parts.filter((part) => part !== '').join('.')
    line.allowed = isAllowed(line.name, this.#naming)
  }
}

function isAllowed(name: string, { allow, block, otherwise }: MetricsNaming): boolean {
  const longest = (prefixes: readonly string[]) =>
    prefixes.reduce((best, prefix) => (name.startsWith(prefix) ? Math.max(best, prefix.length) : best), -1)
  const allowed = longest(allow)
  const blocked = longest(block)
  return allowed === blocked ? (allowed < 0 ? otherwise : false) : allowed > blocked
}

function emptyAggregate(): Aggregate {
  return { count: 0, sum: 0, sumOfSquares: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }
}

function byName(a: Series, b: Series): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** The value below which that part of the values lies; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))]!
}

/** Of a sample of the values (divided by one less than their number); 0 of fewer than two. */
export function standardDeviation({ count, sum, sumOfSquares }: Aggregate): number {
  if (count < 2) return 0
  return Math.sqrt(Math.max(0, (count * sumOfSquares - sum * sum) / (count * (count - 1))))
}
