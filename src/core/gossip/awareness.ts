/**
 * How well this node itself keeps up (Lifeguard's local health multiplier): a score that grows when its own probes and
 * claims turn out badly, and slows its accusations down. Source: Dadgar, Phillips, Currey 2018, section "LHA-Probe".
 */
export class Awareness {
  #score = 0
  readonly #max: number

  /** @param max scores stay below it */
  constructor(max: number) {
    this.#max = max
  }

  get score(): number {
    return this.#score
  }

  add(delta: number): void {
    this.#score = Math.min(this.#max - 1, Math.max(0, this.#score + delta))
  }

  /** 0 is well. */
  scale(ms: number): number {
    return ms * (this.#score + 1)
  }
}
