/**
 * Long pure computations over trees, done in slices between which others have their turn. The code of the computation is
 * ordinary, recursive and synchronous; only its loops over what may be many go through `loop`. When a slice's steps are
 * used up the innermost loop throws, each loop on the way out puts down how far it was, and the next slice calls the
 * computation from its beginning: a loop that was left goes on from what it put down, and all else on the way there, which
 * is as much as the tree is deep, is done anew. So it must be pure but for what its loops keep.
 *
 * Outside of a `Resumable` a loop is only a loop: what comes out is the same, since the code is.
 */

/** Thrown through the computation. Whoever catches errors within it must let this one pass. */
class Pause {}

const PAUSE = new Pause()

/** The one that runs now. */
let running: Resumable<unknown> | undefined

export class Resumable<T> {
  /** Once it is done. */
  result: T | undefined
  readonly #compute: () => T
  /** What loops that were left put down, by the node that they loop over. */
  readonly #left = new Map<object, unknown>()
  #steps = 0

  /** @param compute pure; it must loop over no node twice, and over none that it made anew in this slice */
  constructor(compute: () => T) {
    this.#compute = compute
  }

  /**
   * Goes on for about so many rounds of its loops.
   * @returns whether it is done. Throws what the computation throws.
   */
  step(rounds: number): boolean {
    const outer = running
    running = this as Resumable<unknown>
    this.#steps = rounds
    try {
      this.result = this.#compute()
      return true
    } catch (thrown) {
      if (thrown === PAUSE) return false
      throw thrown
    } finally {
      running = outer
    }
  }

  /** @returns what a loop over that node has put down */
  takeUp(node: object): unknown {
    if (this.#left.size === 0) return undefined
    const state = this.#left.get(node)
    this.#left.delete(node)
    return state
  }

  putDown(node: object, state: unknown): void {
    this.#left.set(node, state)
  }

  /** One round more, or an end of this slice. */
  spend(): void {
    if (this.#steps <= 0) throw PAUSE
    this.#steps -= 1
  }
}

/**
 * A loop that can be left between two rounds, and within one.
 * @param node what is looped over: it stands for this loop
 * @param begin makes the loop's state; a round changes it once it has done its work, not before
 * @param round @returns whether there may be more
 * @returns the state in which the loop ended
 */
export function loop<S>(node: object, begin: () => S, round: (state: S) => boolean): S {
  const slices = running
  if (slices === undefined) {
    const state = begin()
    while (round(state)) {}
    return state
  }
  const left = slices.takeUp(node) as S | undefined
  const state = left ?? begin()
  try {
    // The way back to where a slice ended costs nothing, however deep: each slice gets somewhere.
    if (left === undefined) slices.spend()
    while (round(state)) slices.spend()
  } catch (thrown) {
    if (thrown === PAUSE) slices.putDown(node, state)
    throw thrown
  }
  return state
}
