/**
 * How much memory the bodies of requests may take together, all connections of a listener counted, from their coming until
 * they are answered. Small ones are not asked, so that large ones keep nobody else out. Of the large ones all but the
 * eldest wait, unread, while there is no room; the eldest never does, so that one of them always gets done.
 */

/** Larger ones are counted. */
const SMALL_BYTES_MAX = 1 << 20
/** Of all large ones together. The eldest, and what is on its way when the others are told to wait, may come on top. */
export const HELD_BYTES_MAX = 64 << 20

export interface Holder {
  /** There may be room again. */
  roomier(): void
}

export class HeldBodies {
  readonly #bytesMax: number
  /** In the order in which they became large. */
  readonly #held = new Map<Holder, number>()
  #total = 0

  constructor(bytesMax: number = HELD_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** @param bytes of its body so far */
  hold(holder: Holder, bytes: number): void {
    if (bytes <= SMALL_BYTES_MAX) return
    this.#total += bytes - (this.#held.get(holder) ?? 0)
    this.#held.set(holder, bytes)
  }

  /** Whether more of its body may be read. */
  mayGrow(holder: Holder): boolean {
    if (this.#total < this.#bytesMax || !this.#held.has(holder)) return true
    return this.#held.keys().next().value === holder
  }

  /** Its body is not needed any more. Nothing happens where none is held. */
  release(holder: Holder): void {
    const bytes = this.#held.get(holder)
    if (bytes === undefined) return
    this.#held.delete(holder)
    this.#total -= bytes
    for (const other of [...this.#held.keys()]) other.roomier()
  }
}
