/**
 * How long a suspect has to speak up (Lifeguard's LHA-Suspicion): long at first, shorter with each independent accuser,
 * logarithmically. Source: the Lifeguard paper; protocol/memberlist.md section 9.
 */
import type { Instant, Millis } from '../../base/units.ts'

/** The least time, for a pool of `nodes`. */
export function suspicionMinMs(suspicionMult: number, nodes: number, probeIntervalMs: Millis): Millis {
  const scale = Math.max(1, Math.log10(Math.max(1, nodes)))
  return (suspicionMult * probeIntervalMs * Math.floor(scale * 1000)) / 1000
}

/**
 * @param confirmations seen so far, 0..expected
 * @param expected confirmations that drive the timeout to `minMs`; below 1 means `minMs` at once
 * @returns milliseconds since the suspicion began, whole, never below `minMs`
 */
export function suspicionTimeoutMs(confirmations: number, expected: number, minMs: Millis, maxMs: Millis): Millis {
  if (expected < 1) return minMs
  const share = Math.log(confirmations + 1) / Math.log(expected + 1)
  return Math.max(minMs, Math.floor(maxMs - share * (maxMs - minMs)))
}

/** One suspicion that runs. */
export class Suspicion {
  readonly #begin: Instant
  readonly #expected: number
  readonly #minMs: Millis
  readonly #maxMs: Millis
  readonly #accusers: Set<string>
  #confirmations = 0

  /** @param from the first accuser, who does not count as a confirmation */
  constructor(begin: Instant, from: string, expected: number, minMs: Millis, maxMs: Millis) {
    this.#begin = begin
    this.#expected = expected
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#accusers = new Set([from])
  }

  /** @returns true when this accuser is new and still counts */
  confirm(from: string): boolean {
    if (this.#confirmations >= this.#expected || this.#accusers.has(from)) return false
    this.#accusers.add(from)
    this.#confirmations += 1
    return true
  }

  /** When it runs out, as things stand. */
  get end(): Instant {
    return this.#begin + suspicionTimeoutMs(this.#confirmations, this.#expected, this.#minMs, this.#maxMs)
  }
}
