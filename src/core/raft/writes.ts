/**
 * What must reach the disk, in which order, and who waits for it. One write is under way at a time; whatever is asked
 * meanwhile gathers in the next one. So a busy log groups its commits by itself, and a failed write (disk full) leaves
 * the disk at a known place: its content goes back to the front of the queue.
 * An answer to a peer that depends on a write is held here until that write is durable, and turned into a refusal if
 * the write fails. Nothing here touches a disk: the driver performs the `persist` effect.
 * Read: Raft paper, figure 2 ("updated on stable storage before responding to RPCs").
 */
import { assert } from '../../base/assert.ts'
import type { Index, Instant } from '../../base/units.ts'
import type { RaftLog } from './log.ts'
import type { HardState, RaftEffect, RaftReply } from './messages.ts'

/** After a failed write the next try waits this long: long enough not to spin, short enough to go unnoticed. */
export const RETRY_MS = 250

type Persist = Extract<RaftEffect, { kind: 'persist' }>

interface Held {
  write: number
  id: number
  body: RaftReply
  /** It says that the log is durable so far. */
  index: Index
}

export class Writes {
  /** All entries up to here are on the disk, and are the ones in the log. */
  durableIndex: Index
  /** Set from a failed write until one succeeds: not to try, nor to promise anything, before then. */
  retryAt: Instant | null = null

  /** Numbers of the newest write handed out, and of the newest that is durable. */
  private issued = 0
  private settled = 0
  private under: { effect: Persist; lastIndex: Index; replacing: boolean } | null = null

  /** What the next write will hold. Entries from `nextIndex` on were never handed out. */
  private nextIndex: Index
  private truncateFrom: Index | null = null
  private hardState: HardState | null = null
  private compactTo: Index | null = null
  /** The old log has to go before entries can follow that do not follow on it: they wait for the write after. */
  private replacing = false
  /** The write that brings the newest hard state. */
  private hardStateWrite = 0
  private held: Held[] = []

  constructor(durableIndex: Index) {
    this.durableIndex = durableIndex
    this.nextIndex = durableIndex + 1
  }

  /** True while the disk refuses writes. */
  get failing(): boolean {
    return this.retryAt !== null
  }

  get hardStateDurable(): boolean {
    return this.hardStateWrite <= this.settled
  }

  setHardState(hardState: HardState): void {
    this.hardState = hardState
    this.hardStateWrite = this.issued + 1
  }

  /** The log dropped its entries from `index` on. */
  truncated(index: Index): void {
    if (index < this.nextIndex) {
      this.truncateFrom = this.truncateFrom === null ? index : Math.min(this.truncateFrom, index)
      this.nextIndex = index
    }
    if (this.under !== null) this.under.lastIndex = Math.min(this.under.lastIndex, index - 1)
    this.durableIndex = Math.min(this.durableIndex, index - 1)
  }

  compacted(index: Index): void {
    this.compactTo = index
  }

  /** All entries, from `firstIndex` on, gave way to a snapshot that ends at `index`. */
  replaced(firstIndex: Index, index: Index): void {
    this.truncated(firstIndex)
    this.nextIndex = index + 1
    this.durableIndex = index
    this.compactTo = index
    this.replacing = true
    if (this.under !== null) this.under.lastIndex = index
  }

  /** The next write, if there is something to write and nothing under way. */
  flush(now: Instant, log: RaftLog): Persist | null {
    if (this.under !== null || (this.retryAt !== null && now < this.retryAt)) return null
    if (!this.pending(log)) return null
    const { replacing } = this
    const lastIndex = replacing ? this.nextIndex - 1 : log.lastIndex
    const effect: Persist = {
      kind: 'persist',
      write: ++this.issued,
      truncateFrom: this.truncateFrom,
      entries: this.nextIndex <= lastIndex ? log.slice(this.nextIndex, lastIndex) : [],
      hardState: this.hardState,
      compactTo: this.compactTo,
    }
    this.under = { effect, lastIndex, replacing }
    this.nextIndex = lastIndex + 1
    this.truncateFrom = null
    this.hardState = null
    this.compactTo = null
    this.replacing = false
    return effect
  }

  /** When `flush` next has something to do without further input; null when an input must come first. */
  wakeAt(log: RaftLog): Instant | null {
    return this.retryAt !== null && this.under === null && this.pending(log) ? this.retryAt : null
  }

  /** @returns the answers that may go out now */
  persisted(write: number): Held[] {
    assert(this.under !== null && this.under.effect.write === write, 'persisted: no such write is under way')
    this.settled = write
    this.durableIndex = Math.max(this.durableIndex, this.under.lastIndex)
    this.under = null
    this.retryAt = null
    return this.release(write)
  }

  /** @returns all held answers: they cannot be given as they stand */
  failed(write: number, now: Instant): Held[] {
    assert(this.under !== null && this.under.effect.write === write, 'persist-failed: no such write is under way')
    const { effect, replacing } = this.under
    this.under = null
    this.retryAt = now + RETRY_MS
    // The write left nothing, but asking for the cut again costs nothing and mends a disk that left something.
    this.nextIndex = this.durableIndex + 1
    this.truncateFrom = Math.min(
      this.nextIndex,
      effect.truncateFrom ?? this.nextIndex,
      this.truncateFrom ?? this.nextIndex,
    )
    this.hardState ??= effect.hardState
    this.compactTo ??= effect.compactTo
    this.replacing ||= replacing
    if (this.hardStateWrite === write) this.hardStateWrite = this.issued + 1
    return this.release(Number.POSITIVE_INFINITY)
  }

  /** Whether an answer must wait that depends on the hard state, and on the log up to `index`. */
  waitsFor(index: Index): boolean {
    return index > this.durableIndex || this.hardStateWrite > this.settled
  }

  /** Keeps an answer until the hard state is durable, and the log up to `index`. */
  hold(id: number, body: RaftReply, index: Index): void {
    const write = index > this.durableIndex ? this.writeOf(index) : 0
    this.held.push({ write: Math.max(write, this.hardStateWrite), id, body, index })
  }

  /** @returns the answers that speak for entries after `index`, which are gone: they will not become true */
  disowned(index: Index): Held[] {
    if (this.held.length === 0) return this.held
    const gone = this.held.filter((each) => each.index > index)
    if (gone.length > 0) this.held = this.held.filter((each) => each.index <= index)
    return gone
  }

  private writeOf(index: Index): number {
    if (index < this.nextIndex) return this.issued
    return this.issued + (this.replacing ? 2 : 1)
  }

  private pending(log: RaftLog): boolean {
    return (
      this.nextIndex <= log.lastIndex ||
      this.hardState !== null ||
      this.truncateFrom !== null ||
      this.compactTo !== null
    )
  }

  private release(write: number): Held[] {
    if (this.held.length === 0) return this.held
    const free = this.held.filter((each) => each.write <= write)
    this.held = this.held.filter((each) => each.write > write)
    return free
  }
}
