/**
 * How fast a follower that is far behind is fed while the leader has other work: in bursts, each followed by a rest of the
 * burst's own length. The follower's work then takes half of its time at most, and so does ours for it; where both, or
 * the disks under them, have less room the bursts take longer, and the rests with them. The rests never cost it the
 * race: what it gains on a busy leader is at least half of what it is sent. An idle leader does not rest at all.
 *
 * It decides when the next append may go, by the times it is told; what goes is replication.ts's.
 */
import type { Index, Instant, Millis } from '../../base/units.ts'

/** A rest is no longer than that, so that the follower hears of us, and a short lull of its own is not stretched. */
export const REST_MS_MAX: Millis = 100

export class Pace {
  private readonly burstAppends: number
  private restUntil: Instant = Number.NEGATIVE_INFINITY
  private sent = 0
  private began: Instant = 0
  private firstIndex: Index = 0
  /** Where our own log ended when the burst began. */
  private lastIndex: Index = 0

  /** @param burstAppends as many as may be under way at once */
  constructor(burstAppends: number) {
    this.burstAppends = burstAppends
  }

  /** Not before this. */
  get dueAt(): Instant {
    return this.restUntil
  }

  /** Whether an append may go now; `false` lasts until the burst is answered, or the rest is over. */
  allows(now: Instant, lastIndex: Index): boolean {
    if (now < this.restUntil) return false
    return this.sent < this.burstAppends || lastIndex === this.lastIndex
  }

  /** An append goes to a follower that is far behind. */
  sending(now: Instant, from: Index, lastIndex: Index): void {
    if (this.sent >= this.burstAppends) this.sent = 0
    if (this.sent++ > 0) return
    this.began = now
    this.firstIndex = from
    this.lastIndex = lastIndex
  }

  /** Nothing is under way any more, and the follower has everything up to `match`. */
  drained(now: Instant, match: Index, lastIndex: Index): void {
    if (this.sent === 0) return
    this.sent = 0
    const own = lastIndex - this.lastIndex
    if (own <= 0) return
    const took = now - this.began
    const given = match - this.firstIndex + 1
    const affordable = took * (given / (2 * own) - 1)
    this.restUntil = now + Math.max(0, Math.min(took, REST_MS_MAX, affordable))
  }

  /** What was under way counts no more. */
  reset(): void {
    this.sent = 0
    this.restUntil = Number.NEGATIVE_INFINITY
  }
}
