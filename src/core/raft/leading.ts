/**
 * What only a leader has, from the moment it is elected until it steps down: its followers' progress, who waits for
 * what, and the majorities that follow from it. It makes no effects: raft.ts asks and acts.
 * Read: Raft paper, sections 5.3, 5.4.2 and 8; thesis, section 6.4 (reads), 3.10 (transfer).
 */
import type { Index, Instant, Millis, ServerId, Term } from '../../base/units.ts'
import type { AppendRequest, Server, ServerChange, SnapshotMeta } from './messages.ts'
import type { Progress } from './progress.ts'
import { reachedByMajority } from './quorum.ts'
import { Tickets } from './tickets.ts'

/** Server changes that wait for the one under way. They come from operators and autopilot: few, or something is wrong. */
export const CHANGES_WAITING_MAX = 64

export interface Awaiting {
  ticket: number
  index: Index
}

export class Leading {
  /** First index of this term, or after a restored state: until it is committed nothing is known to be current. */
  startIndex: Index
  /** Somebody else may have our entries up to here. */
  sharedIndex: Index = 0
  readonly peers = new Map<ServerId, Progress>()
  /** The same bytes to everyone, so built once. */
  readonly heartbeat: AppendRequest
  /** What was sent last, for the next follower that needs just that. */
  lastAppend: AppendRequest | null = null
  readonly proposals = new Tickets()
  /** Barriers, and verified reads: done when the state stands at `index`. */
  applying: Awaiting[] = []
  /** Verifies: those that wait for the next round, and those of the round that is under way. */
  verifyNext: Awaiting[] = []
  verifyNow: Awaiting[] = []
  round = 0
  /** The server change that is under way, and those after it. */
  change: Awaiting | null = null
  changes: { ticket: number; change: ServerChange }[] = []
  transfer: { ticket: number; to: ServerId; deadline: Instant; sent: boolean } | null = null
  /** A user's snapshot that is to replace the state. */
  restore: { ticket: number; meta: SnapshotMeta } | null = null
  /** Without other voters there is no lease to lose. */
  leaseCheckAt: Instant = Number.POSITIVE_INFINITY
  /** As far as it was reckoned: until then nobody else leads. */
  leaseUntil: Instant = Number.NEGATIVE_INFINITY
  /** Somebody was told to stand at once, and is voted for whatever the others owe us. */
  leaseBroken = false
  private readonly self: ServerId
  private readonly scratch: number[] = []

  constructor(self: ServerId, address: string, term: Term, startIndex: Index) {
    this.self = self
    this.startIndex = startIndex
    this.heartbeat = {
      type: 'append',
      term,
      leader: address,
      prevIndex: 0,
      prevTerm: 0,
      entries: null,
      commit: 0,
    }
  }

  /** The highest index that a majority of `voters` has on disk; `own` is how far we have. */
  replicated(voters: Server[], own: Index): Index {
    if (voters.length === 1 && voters[0]!.id === this.self) return own
    return this.majority(voters, own, (peer) => peer.match)
  }

  /** When a majority was last heard of, ourselves included. */
  contactAt(voters: Server[], now: Instant): Instant {
    return this.majority(voters, now, (peer) => peer.contactAt)
  }

  /**
   * Whether reads need no round: a majority heard of us within the lease, and gives nobody else a vote for longer than
   * that (thesis, section 6.4.1). Counted from when they were asked, so that slow answers do not stretch it.
   */
  leaseHolds(voters: Server[], now: Instant, leaseMs: Millis): boolean {
    if (this.leaseBroken) return false
    if (now < this.leaseUntil) return true
    this.leaseUntil = this.majority(voters, now, (peer) => peer.provenAt) + leaseMs
    return now < this.leaseUntil
  }

  /** Whether a majority answered something that was sent since the round under way began. */
  roundConfirmed(voters: Server[]): boolean {
    return this.majority(voters, this.round, (peer) => peer.round) >= this.round
  }

  /** The voter with the longest matching log, other than ourselves: of those heard of since, if there are any. */
  mostCaughtUp(voters: Server[], since: Instant): Progress | undefined {
    let best: Progress | undefined
    for (const { id } of voters) {
      const peer = this.peers.get(id)
      if (peer === undefined) continue
      const lives = peer.contactAt >= since
      const bestLives = best !== undefined && best.contactAt >= since
      if (best === undefined || (lives === bestLives ? peer.match > best.match : lives)) best = peer
    }
    return best
  }

  private majority(voters: Server[], own: number, read: (peer: Progress) => number): number {
    const values = this.scratch
    values.length = 0
    for (const { id } of voters) {
      if (id === this.self) values.push(own)
      else {
        const peer = this.peers.get(id)
        values.push(peer === undefined ? 0 : read(peer))
      }
    }
    return reachedByMajority(values, 0)
  }
}
