/**
 * What the agent has measured, as text for an operator: printed to the standard error when the process is sent SIGUSR1. The
 * form is that of github.com/armon/go-metrics (inmem_signal.go), a line for each gauge [G], counter [C] and sample [S].
 */
import { type Aggregate, INTERVAL_MS, type Interval, type Series, standardDeviation } from '../base/metrics.ts'

const DIGITS = 3

export function metricsText({ began, gauges, counters, samples }: Interval): string {
  const start = goTime(began)
  const end = goTime(began + INTERVAL_MS)
  const lines = gauges.map(({ series, value }) => `[${start}][G] '${flatName(series)}': ${value.toFixed(DIGITS)}`)
  for (const [letter, list] of [['C', counters] as const, ['S', samples] as const]) {
    for (const { series, aggregate } of list) {
      lines.push(`[${start}][${letter}] '${flatName(series)}': ${summary(aggregate, end)}`)
    }
  }
  return lines.join('\n')
}

function summary(aggregate: Aggregate, updated: string): string {
  const { count, sum, min, max } = aggregate
  if (count === 0) return 'Count: 0'
  const deviation = standardDeviation(aggregate)
  const numbers = { Min: min, Mean: sum / count, Max: max, Stddev: deviation, Sum: sum }
  const shown = Object.entries(deviation === 0 ? { Sum: sum } : numbers)
  return `Count: ${count} ${shown.map(([name, value]) => `${name}: ${value.toFixed(DIGITS)}`).join(' ')} LastUpdated: ${updated}`
}

function flatName({ name, labels }: Series): string {
  const values = Object.values(labels).map((value) => value.replaceAll(/[ :]/g, '_'))
  return [name, ...values].join('.')
}

/** Such as "2026-11-23 04:42:00 +0000 UTC". */
function goTime(date: number): string {
  const text = new Date(date).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 19)} +0000 UTC`
}
