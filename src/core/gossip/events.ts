/**
 * User events: told to all, handed on once each. A ring of the last Lamport times tells what was seen; what is older than
 * the ring is dropped, since nobody could tell. Source: protocol/serf.md sections 4 and 6.
 */
import { LamportClock } from './lamport.ts'
import type { UserEvent, UserEvents } from './messages.ts'
import { sameBytes } from './nodes.ts'

export class EventRing {
  readonly clock = new LamportClock()
  readonly #slots: (UserEvents | null)[]
  #timeMin = 0
  /** The latest that was handed on. */
  latest = 0

  /** @param latest what was handed on before a restart */
  constructor(size: number, latest = 0) {
    this.#slots = new Array<UserEvents | null>(size).fill(null)
    this.clock.increment()
    this.clock.witness(latest)
    this.#timeMin = latest === 0 ? 0 : latest + 1
    this.latest = latest
  }

  /** What was told before we joined is not our business. */
  ignoreBefore(time: number): void {
    if (time > this.#timeMin && time < Number.MAX_SAFE_INTEGER) this.#timeMin = time
  }

  /** @returns true when it is new: to be handed on, and told to others */
  accept({ LTime, Name, Payload }: Pick<UserEvent, 'LTime' | 'Name' | 'Payload'>): boolean {
    if (!this.clock.believes(LTime)) return false
    this.clock.witness(LTime)
    if (LTime < this.#timeMin || isTooOld(LTime, this.clock.time, this.#slots.length)) return false
    const place = LTime % this.#slots.length
    const slot = this.#slots[place]!
    const event = { Name, Payload }
    if (slot === null || slot.LTime !== LTime) {
      this.#slots[place] = { LTime, Events: [event] }
      this.latest = Math.max(this.latest, LTime)
      return true
    }
    if (slot.Events.some((seen) => seen.Name === Name && sameBytes(seen.Payload, Payload))) return false
    if (slot.Events.length >= SLOT_EVENTS_MAX) return false
    slot.Events.push(event)
    return true
  }

  slots(): readonly (UserEvents | null)[] {
    return this.#slots
  }
}

/** Different events with one Lamport time: as many as nodes that fire at once, in truth a few. */
const SLOT_EVENTS_MAX = 1024

/** Queries that were seen, by their ids. */
export class QueryRing {
  readonly clock = new LamportClock()
  readonly #slots: ({ time: number; ids: Set<number> } | null)[]
  readonly #timeMin: number

  /** @param latest what was answered before a restart */
  constructor(size: number, latest = 0) {
    this.#slots = new Array(size).fill(null)
    this.clock.increment()
    this.clock.witness(latest)
    this.#timeMin = latest === 0 ? 0 : latest + 1
  }

  accept(LTime: number, id: number): boolean {
    if (!this.clock.believes(LTime)) return false
    this.clock.witness(LTime)
    if (LTime < this.#timeMin || isTooOld(LTime, this.clock.time, this.#slots.length)) return false
    const place = LTime % this.#slots.length
    const slot = this.#slots[place]!
    if (slot === null || slot.time !== LTime) {
      this.#slots[place] = { time: LTime, ids: new Set([id]) }
      return true
    }
    if (slot.ids.has(id) || slot.ids.size >= SLOT_EVENTS_MAX) return false
    slot.ids.add(id)
    return true
  }
}

function isTooOld(time: number, clock: number, size: number): boolean {
  return clock > size && time < clock - size
}
