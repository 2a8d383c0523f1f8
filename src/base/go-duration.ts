/** Go's text form of a duration ("1m30s", "500ms"), as Consul reads and prints it. Source: Go's package time. */
import type { Nanos } from './units.ts'

const UNIT_NS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y
/** Go holds nanoseconds in 63 bits. */
const NANOS_MAX = 2 ** 63

/** @returns nanoseconds, or undefined when `text` is not a duration (also "5" without a unit) or is too large. */
export function parseGoDuration(text: string): Nanos | undefined {
  const negative = text.startsWith('-')
  const body = negative || text.startsWith('+') ? text.slice(1) : text
  if (body === '0') return 0
  if (body === '') return undefined
  let total = 0
  PART.lastIndex = 0
  while (PART.lastIndex < body.length) {
    const part = PART.exec(body)
    if (part === null) return undefined
    total += Number(part[1]) * UNIT_NS[part[2]!]!
  }
  if (total >= NANOS_MAX) return undefined
  const whole = Math.trunc(total)
  return negative ? -whole : whole
}

/** What Go says of a text that is no duration. */
export function goDurationFault(given: string): string {
  // This package of Go's puts quotes around the text, and escapes nothing in it.
  const quoted = `"${given}"`
  const tail = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(given)
  if (tail === null || parsesTooLarge(given)) return `time: invalid duration ${quoted}`
  if (tail[1] === '') return `time: missing unit in duration ${quoted}`
  return `time: unknown unit "${tail[1]}" in duration ${quoted}`
}

/** A duration in every part, and larger than Go can hold. */
function parsesTooLarge(given: string): boolean {
  return /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(given)
}

/** Prints like Go's `Duration.String`: "0s", "1.5ms", "15s", "1m0s", "24h0m0s". */
export function formatGoDuration(nanos: Nanos): string {
  if (nanos === 0) return '0s'
  const sign = nanos < 0 ? '-' : ''
  const n = Math.abs(nanos)
  if (n < 1e3) return `${sign}${n}ns`
  if (n < 1e6) return `${sign}${trimZeros(n / 1e3, 3)}µs`
  if (n < 1e9) return `${sign}${trimZeros(n / 1e6, 6)}ms`
  const totalSeconds = Math.floor(n / 1e9)
  const fraction = n - totalSeconds * 1e9
  const hours = Math.floor(totalSeconds / 3600)
  const minutes = Math.floor(totalSeconds / 60) % 60
  const seconds = `${trimZeros((totalSeconds % 60) + fraction / 1e9, 9)}s`
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : sign + seconds
}

function trimZeros(value: number, digits: number): string {
  const text = value.toFixed(digits)
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}
