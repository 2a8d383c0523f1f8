/**
 * What a leader knows of one follower: how far its log agrees with ours, what is on its way, when to speak next.
 * It decides how much may be under way; raft.ts builds the messages.
 *
 *     probe     one append at a time, until one succeeds and so shows where the logs agree
 *     pipeline  many appends under way, each assuming that those before it succeed
 *     install   a snapshot is under way, nothing else
 *
 * Read: Raft paper, section 5.3 (nextIndex and matchIndex); thesis, section 10.2.1 (pipelining).
 */
import type { Random } from '../../base/random.ts'
import type { Index, Instant, Millis } from '../../base/units.ts'
import type { RaftTiming, Server } from './messages.ts'
import { Pace } from './pace.ts'

/** Appends under way to one follower. Fills a long path, and bounds what a slow follower can make us hold. */
export const APPENDS_UNDER_WAY_MAX = 32
/** So many appends behind, a follower catches up: twice what may be under way to one that keeps pace. */
const APPENDS_BEHIND = 2 * APPENDS_UNDER_WAY_MAX
/** Heartbeats that were neither answered nor lost yet. A peer that hangs must not gather them without end. */
export const HEARTBEATS_UNDER_WAY_MAX = 16
/** Waiting after failed sends: 10 ms, doubled with each failure from the third on, at most this many times. */
const BACKOFF_BASE_MS = 10
const BACKOFF_DOUBLINGS_MAX = 10

export class Progress {
  server: Server
  mode: 'probe' | 'pipeline' | 'install' = 'probe'
  /** Next entry to send. */
  next: Index
  /** The follower's log is durable and equal to ours up to here. */
  match: Index = 0
  /** Counts the fall-backs to probing: an answer from an older epoch says nothing about what to send. */
  epoch = 0
  appendsUnderWay = 0
  heartbeatsUnderWay = 0
  /** When it last answered anything. */
  contactAt: Instant
  /** When the newest request was sent that it answered: it heard of us no earlier. */
  provenAt: Instant = Number.NEGATIVE_INFINITY
  /** The newest verify round that it answered in. */
  round = 0
  heartbeatAt: Instant
  /** When an idle leader speaks up, so that commits become known. */
  idleAt: Instant
  /** After failures: not before this. */
  retryAt: Instant = 0
  /** Set when it left the configuration: it still gets the entries up to there, then nothing. */
  leavesAt: Index | null = null
  /** Its state is not ours, which entries cannot mend: it needs a snapshot. */
  astray = false
  /** A failure was reported and nothing was heard since. */
  unreachable = false
  private readonly pace = new Pace(APPENDS_UNDER_WAY_MAX)
  /** Entries it must lack to count as far behind. */
  private readonly farBehind: number
  private failures = 0

  /** @param appendEntriesMax how many entries an append carries */
  constructor(server: Server, next: Index, now: Instant, appendEntriesMax: number) {
    this.server = server
    this.next = next
    this.farBehind = APPENDS_BEHIND * appendEntriesMax
    this.contactAt = now
    this.heartbeatAt = now
    this.idleAt = now
  }

  /** The last index that it should get. */
  target(lastIndex: Index): Index {
    return this.leavesAt === null ? lastIndex : Math.min(this.leavesAt, lastIndex)
  }

  /** Whether an append should go out now: entries, or an empty one because it is time. */
  wantsAppend(now: Instant, lastIndex: Index): boolean {
    if (this.mode === 'install' || now < this.retryAt || !this.pace.allows(now, lastIndex)) return false
    if (this.appendsUnderWay >= (this.mode === 'pipeline' ? APPENDS_UNDER_WAY_MAX : 1)) return false
    return this.next <= this.target(lastIndex) || (this.appendsUnderWay === 0 && now >= this.idleAt)
  }

  /** When `wantsAppend` can next turn true without further input. */
  appendDueAt(lastIndex: Index): Instant {
    if (this.mode === 'install' || this.appendsUnderWay > 0) return Number.POSITIVE_INFINITY
    const mayAt = Math.max(this.retryAt, this.pace.dueAt)
    return this.next <= this.target(lastIndex) ? mayAt : Math.max(mayAt, this.idleAt)
  }

  sentAppend(now: Instant, upTo: Index, lastIndex: Index, timing: RaftTiming, random: Random): void {
    this.appendsUnderWay++
    if (this.mode === 'pipeline') {
      if (lastIndex - upTo >= this.farBehind) this.pace.sending(now, this.next, lastIndex)
      this.next = upTo + 1
    }
    this.idleAt = now + timing.commitTimeoutMs * (1 + random.float())
  }

  sentInstall(): void {
    this.mode = 'install'
    this.nothingUnderWay()
  }

  /** Anything came back: it lives. */
  contacted(now: Instant, { round, at }: { round: number; at: Instant }): void {
    this.contactAt = now
    if (at > this.provenAt) this.provenAt = at
    this.unreachable = false
    if (round > this.round) this.round = round
  }

  /** It lives and takes what it gets. */
  cleared(): void {
    this.failures = 0
    this.retryAt = 0
  }

  /** @returns whether pipelining begins with this */
  accepted(epoch: number, upTo: Index, now: Instant, lastIndex: Index): boolean {
    if (upTo > this.match) this.match = upTo
    if (this.next <= upTo) this.next = upTo + 1
    this.cleared()
    if (epoch !== this.epoch) return false
    if (this.mode !== 'install' && --this.appendsUnderWay === 0) this.pace.drained(now, upTo, lastIndex)
    const begins = this.mode !== 'pipeline'
    this.mode = 'pipeline'
    if (begins) this.appendsUnderWay = 0
    return begins
  }

  /** The log differs before `next`: go back and try older entries. */
  restartAt(next: Index): void {
    this.mode = 'probe'
    this.nothingUnderWay()
    this.next = Math.max(1, next)
  }

  private nothingUnderWay(): void {
    this.epoch++
    this.appendsUnderWay = 0
    this.pace.reset()
  }

  failed(now: Instant): void {
    this.failures++
    this.retryAt = now + backoffMs(this.failures)
  }
}

function backoffMs(failures: number): Millis {
  return BACKOFF_BASE_MS * 2 ** Math.min(Math.max(failures - 2, 0), BACKOFF_DOUBLINGS_MAX)
}
