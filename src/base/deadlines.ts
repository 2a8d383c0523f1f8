/**
 * Many named deadlines, the next of them at hand: a binary heap (Williams 1964) whose items know their places, so that
 * moving a deadline, the common case for renewals, costs as little as adding one.
 */
import type { Instant } from './units.ts'

interface Item<K> {
  readonly key: K
  at: Instant
  place: number
}

export class Deadlines<K> {
  readonly #items = new Map<K, Item<K>>()
  readonly #heap: Item<K>[] = []

  get size(): number {
    return this.#items.size
  }

  at(key: K): Instant | undefined {
    return this.#items.get(key)?.at
  }

  /** Adds the key or moves its deadline. */
  set(key: K, at: Instant): void {
    const known = this.#items.get(key)
    if (known === undefined) {
      const item = { key, at, place: this.#heap.length }
      this.#items.set(key, item)
      this.#heap.push(item)
      this.#rise(item)
      return
    }
    known.at = at
    this.#rise(known)
    this.#sink(known)
  }

  delete(key: K): void {
    const item = this.#items.get(key)
    if (item === undefined) return
    this.#items.delete(key)
    const last = this.#heap.pop()!
    if (last === item) return
    this.#settle(last, item.place)
    this.#rise(last)
    this.#sink(last)
  }

  clear(): void {
    this.#items.clear()
    this.#heap.length = 0
  }

  /** The earliest deadline, or null when there is none. */
  next(): Instant | null {
    return this.#heap[0]?.at ?? null
  }

  /** Removes and returns the key whose deadline is the earliest, if it is not after `now`. */
  takeDue(now: Instant): K | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    this.delete(first.key)
    return first.key
  }

  #settle(item: Item<K>, place: number): void {
    item.place = place
    this.#heap[place] = item
  }

  #rise(item: Item<K>): void {
    while (item.place > 0) {
      const parent = this.#heap[(item.place - 1) >> 1]!
      if (parent.at <= item.at) return
      this.#swap(item, parent)
    }
  }

  #sink(item: Item<K>): void {
    for (;;) {
      const left = this.#heap[item.place * 2 + 1]
      if (left === undefined) return
      const right = this.#heap[item.place * 2 + 2]
      const least = right !== undefined && right.at < left.at ? right : left
      if (least.at >= item.at) return
      this.#swap(item, least)
    }
  }

  #swap(a: Item<K>, b: Item<K>): void {
    const place = a.place
    this.#settle(a, b.place)
    this.#settle(b, place)
  }
}
