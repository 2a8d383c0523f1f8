/** What a gossip core means to do later: closures with a time. Nothing here has a clock; whoever ticks it says what time it is. */
import { Deadlines } from '../../base/deadlines.ts'
import type { Instant } from '../../base/units.ts'

export type Plan = () => void

export class Agenda {
  readonly #deadlines = new Deadlines<Plan>()
  /** Of the input that is being handled. */
  now: Instant

  constructor(now: Instant) {
    this.now = now
  }

  /** @returns the plan, which is the handle to cancel it */
  after(ms: number, run: Plan): Plan {
    this.#deadlines.set(run, this.now + ms)
    return run
  }

  cancel(plan: Plan | undefined): void {
    if (plan !== undefined) this.#deadlines.delete(plan)
  }

  /** Runs what is due, but no more than was planned before: a plan that plans itself anew waits for the next tick. */
  run(now: Instant): void {
    this.now = now
    for (let left = this.#deadlines.size; left > 0; left--) {
      const plan = this.#deadlines.takeDue(now)
      if (plan === undefined) return
      plan()
    }
  }

  next(): Instant | null {
    return this.#deadlines.next()
  }

  clear(): void {
    this.#deadlines.clear()
  }
}
