/**
 * Network coordinates: this node's place in a space where distance is round-trip time, moved a little at each answered
 * probe (Vivaldi, Dabek et al. 2004; adjustment terms and gravity after Ledlie et al. 2007). Seconds throughout.
 * Source of the constants: protocol/serf.md section 8.
 */
import type { Random } from '../../base/random.ts'
import type { Coordinate } from '../../model/coordinate.ts'

const DIMENSIONS = 8
const ERROR_MAX = 1.5
const CE = 0.25
const CC = 0.25
const ADJUSTMENT_WINDOW = 20
const HEIGHT_MIN = 1e-5
const LATENCY_SAMPLES = 3
const GRAVITY_RHO = 150
const ZERO = 1e-6
const RTT_MAX_SECONDS = 10

export function originCoordinate(): Coordinate {
  return { Vec: new Array<number>(DIMENSIONS).fill(0), Error: ERROR_MAX, Adjustment: 0, Height: HEIGHT_MIN }
}

/** Finite throughout, and of our dimensions. */
export function isCoordinate(value: Coordinate): boolean {
  return (
    value.Vec?.length === DIMENSIONS &&
    value.Vec.every(Number.isFinite) &&
    Number.isFinite(value.Error) &&
    Number.isFinite(value.Adjustment) &&
    Number.isFinite(value.Height)
  )
}

/** Estimated round-trip time in seconds. */
export function distanceSeconds(a: Coordinate, b: Coordinate): number {
  const raw = rawDistance(a, b)
  const adjusted = raw + a.Adjustment + b.Adjustment
  return adjusted > 0 ? adjusted : raw
}

function rawDistance(a: Coordinate, b: Coordinate): number {
  return magnitude(difference(a.Vec!, b.Vec!)) + a.Height + b.Height
}

export class CoordinateClient {
  #coordinate = originCoordinate()
  readonly #window = new Array<number>(ADJUSTMENT_WINDOW).fill(0)
  #windowAt = 0
  readonly #latencies = new Map<string, number[]>()
  readonly #random: Random
  #resets = 0

  constructor(random: Random) {
    this.#random = random
  }

  get coordinate(): Coordinate {
    const { Vec, Error: error, Adjustment, Height } = this.#coordinate
    return { Vec: [...Vec!], Error: error, Adjustment, Height }
  }

  /** How often the sums went astray and it began anew. */
  get resets(): number {
    return this.#resets
  }

  /** @returns why the observation was refused, or undefined */
  update(node: string, other: Coordinate, rttSeconds: number): string | undefined {
    if (other.Vec?.length !== DIMENSIONS) return 'dimensions are not compatible'
    if (!isCoordinate(other)) return 'coordinate is invalid'
    if (!(rttSeconds >= 0 && rttSeconds <= RTT_MAX_SECONDS)) return `round trip time not in valid range: ${rttSeconds}`
    const rtt = this.#filter(node, rttSeconds)
    this.#vivaldi(other, rtt)
    this.#adjust(other, rtt)
    this.#gravity()
    if (!isCoordinate(this.#coordinate)) {
      this.#coordinate = originCoordinate()
      this.#window.fill(0)
      this.#resets += 1
    }
    return undefined
  }

  forget(node: string): void {
    this.#latencies.delete(node)
  }

  /** The median of the last few: one slow answer moves nothing. */
  #filter(node: string, rtt: number): number {
    const samples = this.#latencies.get(node) ?? []
    samples.push(rtt)
    if (samples.length > LATENCY_SAMPLES) samples.shift()
    this.#latencies.set(node, samples)
    const sorted = [...samples].sort((a, b) => a - b)
    return sorted[sorted.length >> 1]!
  }

  #vivaldi(other: Coordinate, rttSeconds: number): void {
    const own = this.#coordinate
    const rtt = Math.max(rttSeconds, ZERO)
    const distance = distanceSeconds(own, other)
    const wrongness = Math.abs(distance - rtt) / rtt
    const total = Math.max(own.Error + other.Error, ZERO)
    const weight = own.Error / total
    const error = Math.min(ERROR_MAX, CE * weight * wrongness + own.Error * (1 - CE * weight))
    this.#coordinate = { ...this.#pushed(CC * weight * (rtt - distance), other), Error: error }
  }

  #adjust(other: Coordinate, rtt: number): void {
    this.#window[this.#windowAt] = rtt - rawDistance(this.#coordinate, other)
    this.#windowAt = (this.#windowAt + 1) % ADJUSTMENT_WINDOW
    let sum = 0
    for (const sample of this.#window) sum += sample
    this.#coordinate.Adjustment = sum / (2 * ADJUSTMENT_WINDOW)
  }

  /** Keeps the whole cloud from drifting away from the origin. */
  #gravity(): void {
    const origin = originCoordinate()
    const distance = distanceSeconds(origin, this.#coordinate)
    this.#coordinate = this.#pushed(-1 * (distance / GRAVITY_RHO) ** 2, origin)
  }

  /** Moved by `force` seconds along the line from `other` to here. */
  #pushed(force: number, other: Coordinate): Coordinate {
    const own = this.#coordinate
    const apart = difference(own.Vec!, other.Vec!)
    const length = magnitude(apart)
    const direction = length > ZERO ? apart.map((value) => value / length) : this.#anyDirection()
    const Vec = own.Vec!.map((value, i) => value + direction[i]! * force)
    const Height =
      length > ZERO ? Math.max(HEIGHT_MIN, ((own.Height + other.Height) * force) / length + own.Height) : own.Height
    return { ...own, Vec, Height }
  }

  #anyDirection(): number[] {
    const direction = Array.from({ length: DIMENSIONS }, () => this.#random.float() - 0.5)
    const length = magnitude(direction)
    return length > ZERO ? direction.map((value) => value / length) : [1, ...new Array<number>(DIMENSIONS - 1).fill(0)]
  }
}

function difference(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value - b[i]!)
}

function magnitude(vector: readonly number[]): number {
  let sum = 0
  for (const value of vector) sum += value * value
  return Math.sqrt(sum)
}
