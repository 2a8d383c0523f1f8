/**
 * Virtual time: a queue of events, run in order of their time, and at equal times in the order of their making. Between
 * two moments all promises that can go on do so; since nothing in a simulated world waits for anything outside it, their
 * order too follows from the seed alone. It knows nothing of servers.
 */
import type { Instant, Millis } from '../base/units.ts'

interface Event {
  at: Instant
  order: number
  run: (() => void) | undefined
}

export class World {
  now: Instant = 0
  events = 0
  /** Set to end the run early: a rule was broken. */
  halted = false
  /** What an event threw; without it, the error ends the run. */
  onError: (error: unknown) => void = (error) => {
    throw error
  }
  private readonly heap: Event[] = []
  private orders = 0

  /** @returns what takes it back */
  at(at: Instant, run: () => void): () => void {
    const event: Event = { at: Math.max(at, this.now), order: this.orders++, run }
    push(this.heap, event)
    return () => {
      event.run = undefined
    }
  }

  after(delayMs: Millis, run: () => void): () => void {
    return this.at(this.now + delayMs, run)
  }

  /** Runs what is due until then, or until `done` holds. @returns whether it came to that */
  async run(until: Instant, done: () => boolean = () => false): Promise<boolean> {
    while (!this.halted) {
      await settled()
      if (done()) return true
      const next = this.heap[0]
      if (next === undefined || next.at > until) break
      this.now = next.at
      // All that is due at this moment; what it lets go on, goes on after.
      while (this.heap[0]?.at === this.now && !this.halted) {
        const event = pop(this.heap)
        if (event.run === undefined) continue
        this.events++
        try {
          event.run()
        } catch (error) {
          this.onError(error)
        }
      }
    }
    if (!this.halted) this.now = Math.max(this.now, until)
    return false
  }
}

/** Resolves when every promise that could go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** A binary heap (Williams 1964), earliest first. */
function push(heap: Event[], event: Event): void {
  let place = heap.length
  heap.push(event)
  while (place > 0) {
    const parent = (place - 1) >> 1
    if (!isBefore(event, heap[parent]!)) break
    heap[place] = heap[parent]!
    place = parent
  }
  heap[place] = event
}

function pop(heap: Event[]): Event {
  const first = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return first
  let place = 0
  for (;;) {
    let child = place * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[place] = heap[child]!
    place = child
  }
  heap[place] = last
  return first
}
