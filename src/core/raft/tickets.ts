/**
 * Proposals that wait for their index to be committed, oldest first. Two plain arrays and a head, because this is the
 * one structure that every write passes through: nothing is allocated for a proposal and nothing is searched.
 */
import type { Index } from '../../base/units.ts'

/** The spent front is cut off when it is this long and at least half of the whole. */
const SPENT_MAX = 4096

export class Tickets {
  private indexes: Index[] = []
  private tickets: number[] = []
  private head = 0

  /** Indexes come in rising order. */
  push(index: Index, ticket: number): void {
    this.indexes.push(index)
    this.tickets.push(ticket)
  }

  /** Forgets the tickets of all entries up to `index`. */
  settleTo(index: Index): void {
    const { indexes } = this
    let head = this.head
    while (head < indexes.length && indexes[head]! <= index) head++
    this.head = head
    if (head === indexes.length) {
      this.indexes.length = 0
      this.tickets.length = 0
      this.head = 0
    } else if (head >= SPENT_MAX && head * 2 >= indexes.length) {
      this.indexes.splice(0, head)
      this.tickets.splice(0, head)
      this.head = 0
    }
  }

  /** Takes out all that wait, in order. */
  drain(): number[] {
    const waiting = this.tickets.slice(this.head)
    this.indexes.length = 0
    this.tickets.length = 0
    this.head = 0
    return waiting
  }
}
