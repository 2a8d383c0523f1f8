/**
 * What Serf has to tell everybody: intents, queries and events, each in a queue of its own, all bounded. They ride on
 * memberlist's packets after its own news. Source: protocol/memberlist.md section 10, serf.md section 4.
 */
import { Broadcasts } from './broadcasts.ts'

export type RumourKind = 'intent' | 'query' | 'event'

/** In the order in which they are told. */
const KINDS: readonly RumourKind[] = ['intent', 'query', 'event']

export interface RumoursOptions {
  /** Transmissions of one message, for the pool as it is now. */
  transmits(): number
  /** Messages of one kind that may wait. */
  sizeMax(): number
  /** There is something to tell. */
  stir(): void
}

export class Rumours {
  readonly #options: RumoursOptions
  readonly #queues: Record<RumourKind, Broadcasts>

  constructor(options: RumoursOptions) {
    this.#options = options
    const queue = () => new Broadcasts(() => options.transmits())
    this.#queues = { intent: queue(), query: queue(), event: queue() }
  }

  size(kind: RumourKind): number {
    return this.#queues[kind].size
  }

  /** @param told often enough, or dropped for newer ones */
  tell(kind: RumourKind, bytes: Uint8Array, told?: () => void): void {
    const queue = this.#queues[kind]
    queue.queue({ subject: '', bytes, done: told })
    queue.prune(this.#options.sizeMax())
    this.#options.stir()
  }

  /** @param cost of each beyond its bytes. @param room bytes for all */
  take(cost: number, room: number): Uint8Array[] {
    const out: Uint8Array[] = []
    for (const kind of KINDS) {
      for (const bytes of this.#queues[kind].take(cost, room)) {
        out.push(bytes)
        room -= bytes.length + cost
      }
    }
    return out
  }
}
