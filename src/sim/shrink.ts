/**
 * Makes a failing run easier to read: leaves out faults for as long as some rule is still broken, in halves first and
 * one by one at the end (delta debugging: Zeller and Hildebrandt 2002). Every attempt is a whole run.
 */
import type { Fault } from './faults.ts'
import { type Outcome, type RunOptions, simulate } from './run.ts'

/** Attempts; each costs as much as a run. */
const ATTEMPTS_MAX = 400

/** @returns a failing run with as few faults as could be found; the given one, when it does not fail */
export async function shrink(options: RunOptions, attemptsMax = ATTEMPTS_MAX): Promise<Outcome> {
  let best = await simulate(options)
  if (best.violation === undefined) return best
  let attempts = 0
  const fails = async (faults: Fault[]): Promise<boolean> => {
    attempts++
    const outcome = await simulate({ ...options, faults })
    if (outcome.violation === undefined) return false
    best = outcome
    return true
  }
  for (let parts = 2; best.faults.length > 0 && attempts < attemptsMax; ) {
    const size = Math.ceil(best.faults.length / parts)
    let fewer = false
    for (let from = 0; from < best.faults.length && attempts < attemptsMax; ) {
      const { faults } = best
      if (await fails([...faults.slice(0, from), ...faults.slice(from + size)])) fewer = true
      else from += size
    }
    if (size === 1 && !fewer) break
    if (!fewer || size > 1) parts = Math.min(parts * 2, Math.max(2, best.faults.length))
  }
  return best
}
