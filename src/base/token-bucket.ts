/** A limit on how often something may happen: so many times a second in the long run, and so many at once. */
import type { Instant } from './units.ts'

export class TokenBucket {
  #perMs: number
  #burst: number
  #tokens: number
  #at: Instant

  /**
   * @param perSecond no limit when infinite
   * @param burst how many may happen at once, after a quiet time
   */
  constructor(perSecond: number, burst: number, now: Instant) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Another limit from now on, as if after a quiet time. Bounds as of the constructor's. */
  set(perSecond: number, burst: number, now: Instant): void {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  get unlimited(): boolean {
    return this.#perMs === Number.POSITIVE_INFINITY
  }

  /** @returns whether it may happen now */
  take(now: Instant): boolean {
    if (this.#perMs === Number.POSITIVE_INFINITY) return true
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
