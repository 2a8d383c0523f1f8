/** Arithmetic of majorities. Nothing here knows what is being counted. */

export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/**
 * The largest value that a majority of `values` reach or exceed: the commit index of match indexes, the lease of contact
 * times, the newest confirmed round. Sorts `values` in place; without values nothing was reached, which is `none`.
 */
export function reachedByMajority(values: number[], none: number): number {
  if (values.length === 0) return none
  values.sort((a, b) => b - a)
  return values[majority(values.length) - 1]!
}
