/**
 * The one shape of everything that thinks: Raft, gossip, leader duties, this node's checks and anti-entropy.
 *
 * A core holds state, is told what happened and when, and hands back what should be done. It owns no socket, timer,
 * file, log, clock or random source: those are given to it, or performed for it by whoever drives it.
 */
import type { Instant } from './units.ts'

export interface Tick {
  kind: 'tick'
}

export interface Core<In, Out> {
  /** All thinking happens here, synchronously. `now` never goes backwards between calls. */
  step(now: Instant, input: In | Tick): void
  /** What must be done now, in order; empties the list. */
  take(): Out[]
  /** When a tick next matters; null when only an input can change anything. */
  wakeAt(): Instant | null
}
