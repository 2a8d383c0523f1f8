/**
 * All that one server knows, and the small moves that every role makes with it: appending, committing, answering,
 * stepping down. What a role does, and when, is decided in follower.ts, election.ts, leader.ts and callers.ts; the
 * effects gather here until raft.ts hands them out.
 */
import { assert } from '../../base/assert.ts'
import type { Random } from '../../base/random.ts'
import type { Index, Instant, Millis, ServerId, Term } from '../../base/units.ts'
import { Configurations, noConfiguration } from './configuration.ts'
import type { Leading } from './leading.ts'
import { endsBefore, RaftLog } from './log.ts'
import type {
  Configuration,
  ConfigurationCodec,
  Entry,
  EntryType,
  LogEnd,
  RaftEffect,
  RaftReply,
  RaftRequest,
  RaftTiming,
  RefusedWhy,
  Role,
  Server,
  SnapshotMeta,
} from './messages.ts'
import type { RaftOptions } from './raft.ts'
import { Writes } from './writes.ts'

export const NO_DATA = new Uint8Array(0)

/** After a start no vote is given for so many leases: the margin is for clocks that run at different speeds. */
const LEASES_OF_REST = 1.5

type LogEffect = Extract<RaftEffect, { kind: 'log' }>

/** A request that is under way: what must be known when its answer comes. */
export type Sent =
  | { kind: 'vote' | 'pre-vote'; peer: ServerId; ballot: number }
  | { kind: 'timeout-now'; peer: ServerId }
  | { kind: 'heartbeat'; peer: ServerId; round: number; at: Instant }
  | Carried

/** A request that carries entries, or a snapshot. */
export interface Carried {
  kind: 'append' | 'install'
  peer: ServerId
  /** The verify round at the time. */
  round: number
  /** When it was sent. */
  at: Instant
  /** The peer's replication epoch at the time. */
  epoch: number
  /** The entry before those that it carries, and the last one of them. */
  prevIndex: Index
  upTo: Index
}

/** An attempt to be elected. */
export interface Standing {
  pre: boolean
  transfer: boolean
  /** Requests go out once our own vote is durable. */
  asked: boolean
  votes: Set<ServerId>
}

export class RaftState {
  readonly id: ServerId
  readonly address: string
  readonly timing: RaftTiming
  readonly random: Random
  readonly preVote: boolean
  readonly trailingLogs: number
  readonly appendEntriesMax: number
  readonly codec: ConfigurationCodec

  now: Instant
  effects: RaftEffect[] = []
  /** The first lines of our log are written with the first input, so that a bootstrap shows in them. */
  opened = false

  role: Role = 'follower'
  term: Term
  votedTerm: Term
  votedFor: string
  floor: LogEnd | null
  /** Address of the leader that we know of, or "". */
  leader = ''

  readonly log: RaftLog
  readonly writes: Writes
  readonly configurations: Configurations
  snapshot: SnapshotMeta | null
  commitIndex: Index
  /** What is known to be committed in the cluster; ours follows as far as we are durable. */
  commitKnown: Index
  appliedIndex: Index
  /** A snapshot that the driver is storing for us. Until then nothing is committed and we do not stand. */
  restoring: { id: number; meta: SnapshotMeta; astray: boolean } | null = null
  /** The term whose leader we told that our state is not the cluster’s: any snapshot of its may take the place of it. */
  astrayIn: Term = 0
  /**
   * The ticket of a user's snapshot that the driver is storing. After a crash it may stand in place of all that our log
   * has: so until it is known to count, or to be gone, we take nothing from a leader and do not stand.
   */
  replacing: number | null = null

  lastContact: Instant | null = null
  /** Until then a leader may count on our not voting for anybody else: it reads by that, see `Leading.leaseHolds`. */
  quietUntil: Instant
  electionDeadline: Instant
  electionSpan: Millis = 0
  /** It was said that we cannot stand for election; not again before a leader was heard. */
  warned = false

  standing: Standing | null = null
  ballot = 0
  leading: Leading | null = null
  readonly sent = new Map<number, Sent>()
  sends = 0

  constructor(options: RaftOptions) {
    this.id = options.id
    this.address = options.address
    this.timing = options.timing
    this.random = options.random
    this.preVote = options.preVote
    this.trailingLogs = options.trailingLogs
    this.appendEntriesMax = options.appendEntriesMax
    this.codec = options.codec
    this.now = options.now
    this.electionDeadline = options.now
    // Whom we heard just before we went down is forgotten; what we owe it is not.
    const known = options.saved.hardState.term > 0
    this.quietUntil = known ? options.now + options.timing.leaderLeaseTimeoutMs * LEASES_OF_REST : options.now

    const { hardState, snapshot, entries } = options.saved
    const usable = usableEntries(snapshot, entries)
    this.snapshot = snapshot
    this.log = logFrom(snapshot, usable)
    this.writes = new Writes(this.log.lastIndex)
    // A crash after storing a snapshot, but before the log gave way to it: finish that.
    if (snapshot !== null && usable.length === 0) {
      this.writes.replaced(entries[0]?.index ?? snapshot.index + 1, snapshot.index)
    }
    this.commitIndex = snapshot?.index ?? 0
    this.commitKnown = this.commitIndex
    this.appliedIndex = this.commitIndex
    this.configurations =
      snapshot === null ? noConfiguration() : new Configurations(snapshot.configuration, snapshot.configurationIndex)
    for (const entry of usable) {
      if (entry.index <= this.commitIndex) continue
      const configuration = this.configurationIn(entry)
      if (configuration !== null) this.configurations.append(entry.index, configuration)
    }
    this.term = Math.max(hardState.term, this.log.lastTerm)
    this.votedTerm = hardState.votedTerm
    this.votedFor = hardState.votedFor
    this.floor = hardState.floor
    this.awaitLeader()
  }

  /** @returns the index of the new entry, of our term */
  append(type: EntryType, data: Uint8Array, extensions: Uint8Array | null): Index {
    const index = this.log.lastIndex + 1
    this.log.append({ index, term: this.term, type, data, extensions })
    return index
  }

  /** Drops what conflicts with the leader's log (paper, figure 2), or what never reached our disk. */
  truncate(from: Index): void {
    assert(from > this.commitIndex, 'a committed entry would be dropped')
    this.log.truncateFrom(from)
    this.writes.truncated(from)
    this.configurations.truncateFrom(from)
    this.disown(from - 1)
  }

  /** The log goes no further than `index` now: nobody is told that we have what came after. */
  disown(index: Index): void {
    for (const { id, body } of this.writes.disowned(index)) {
      this.effects.push({ kind: 'answer', id, body: this.turnedDown(body) })
    }
  }

  /**
   * Moves the commit index as far as the cluster and our own disk allow.
   * @returns whether it moved
   */
  advance(): boolean {
    if (this.restoring !== null || this.role === 'shutdown') return false
    const to = Math.min(this.commitKnown, this.writes.durableIndex)
    if (to <= this.commitIndex) return false
    const entries = this.log.slice(this.commitIndex + 1, to)
    this.commitIndex = to
    this.effects.push({ kind: 'commit', entries })
    this.configurations.commitTo(to)
    if (this.floor !== null && entries.at(-1)!.term > this.floor.term) {
      // What is committed never goes away again, and says more than the floor.
      this.floor = null
      this.saveHardState()
    }
    return true
  }

  saveHardState(): void {
    const { term, votedTerm, votedFor, floor } = this
    this.writes.setHardState({ term, votedTerm, votedFor, floor })
  }

  /** Gives answers that were held until a write was durable. A success that came too late for its term is none. */
  release(free: { id: number; body: RaftReply }[]): void {
    for (const { id, body } of free) {
      const stale = body.type !== 'timeout-now' && body.term < this.term
      this.effects.push({ kind: 'answer', id, body: stale ? this.turnedDown(body) : body })
    }
  }

  /** Answers when the hard state is durable, and the log up to `index`. */
  answer(id: number, body: RaftReply, index: Index): void {
    if (!this.writes.waitsFor(index)) this.effects.push({ kind: 'answer', id, body })
    else if (this.writes.failing) this.effects.push({ kind: 'answer', id, body: this.turnedDown(body) })
    else this.writes.hold(id, body, index)
  }

  turnedDown(body: RaftReply): RaftReply {
    switch (body.type) {
      case 'append':
      case 'install':
        return { ...body, term: this.term, success: false }
      case 'vote':
      case 'pre-vote':
        return { ...body, term: this.term, granted: false }
      case 'timeout-now':
        return body
    }
  }

  /** Steps back, into `term` if that is newer. A follower that only learns of a newer term goes on waiting as it did. */
  becomeFollower(term: Term, why: RefusedWhy = 'lost-leadership'): void {
    const wasFollower = this.role === 'follower'
    this.stopLeading(term > this.term ? 'lost-leadership' : why, term > this.term)
    this.standing = null
    this.sent.clear()
    this.role = 'follower'
    this.leader = ''
    if (term > this.term) {
      this.term = term
      this.saveHardState()
    }
    if (!wasFollower) {
      this.say('info', 'entering follower state', { follower: this.describe(), leader: '' })
      this.awaitLeader()
    }
    this.announce()
  }

  /** @param leader its address, or "" when it fell silent */
  follow(leader: string): void {
    if (this.leader === leader) return
    this.leader = leader
    this.announce()
  }

  /** A new wait, of a new random length. A lone voter has nobody to wait for. */
  awaitLeader(): void {
    this.electionSpan = this.timing.heartbeatTimeoutMs * (1 + this.random.float())
    this.electionDeadline = this.isSoleVoter() ? this.now : this.now + this.electionSpan
  }

  /** Everyone who waits for us as a leader is told that we are none. */
  stopLeading(why: RefusedWhy, newTerm = false): void {
    const { leading } = this
    if (leading === null) return
    this.leading = null
    for (const ticket of leading.proposals.drain()) this.refuse(ticket, why)
    const { applying, verifyNow, verifyNext, change, changes, transfer, restore } = leading
    for (const { ticket } of [...applying, ...verifyNow, ...verifyNext]) this.refuse(ticket, why)
    if (change !== null) this.refuse(change.ticket, why)
    for (const { ticket } of changes) this.refuse(ticket, why)
    if (restore !== null) this.refuse(restore.ticket, why)
    if (transfer === null) return
    // Somebody stood for a newer term, as was asked.
    if (newTerm) this.resolve(transfer.ticket)
    else this.refuse(transfer.ticket, why)
  }

  send(to: Server, body: RaftRequest, sent: Sent): void {
    const id = ++this.sends
    this.sent.set(id, sent)
    this.effects.push({
      kind: 'send',
      id,
      peer: to.id,
      address: to.address,
      body,
      heartbeat: sent.kind === 'heartbeat',
    })
  }

  /** Whoever wants our vote must have a log that ends here or later. */
  get owed(): LogEnd {
    const { end } = this.log
    return this.floor !== null && endsBefore(end, this.floor) ? this.floor : end
  }

  /** What our log stands on is being exchanged. */
  get unsettled(): boolean {
    return this.restoring !== null || this.replacing !== null
  }

  isSoleVoter(): boolean {
    const { voters } = this.configurations
    return voters.length === 1 && voters[0]!.id === this.id
  }

  configurationIn(entry: Entry): Configuration | null {
    switch (entry.type) {
      case 'configuration':
      case 'add-peer':
      case 'remove-peer':
        return this.codec.decode(entry.type, entry.data)
      default:
        return null
    }
  }

  leaderServer(): Server | null {
    if (this.leader === '') return null
    if (this.leader === this.address) {
      return { id: this.id, address: this.address, suffrage: this.configurations.find(this.id)?.suffrage ?? 'nonvoter' }
    }
    return this.configurations.findAddress(this.leader) ?? { id: '', address: this.leader, suffrage: 'voter' }
  }

  resolve(ticket: number): void {
    this.effects.push({ kind: 'resolved', ticket })
  }

  announce(): void {
    this.effects.push({ kind: 'role', role: this.role, term: this.term, leader: this.leaderServer() })
  }

  refuse(ticket: number, why: RefusedWhy, message?: string): void {
    this.effects.push(
      message === undefined ? { kind: 'refused', ticket, why } : { kind: 'refused', ticket, why, message },
    )
  }

  say(level: LogEffect['level'], message: string, fields: LogEffect['fields']): void {
    this.effects.push({ kind: 'log', level, message, fields })
  }

  describe(): string {
    return `Node at ${this.address} [${ROLE_WORDS[this.role]}]`
  }
}

const ROLE_WORDS: Record<Role, string> = {
  follower: 'Follower',
  candidate: 'Candidate',
  leader: 'Leader',
  shutdown: 'Shutdown',
}

/**
 * The saved entries that go with the snapshot. A crash between storing an installed snapshot and dropping the old log
 * leaves entries that end before the snapshot, or differ from it: then none are used.
 */
export function usableEntries(snapshot: SnapshotMeta | null, entries: Entry[]): Entry[] {
  if (entries.length === 0) return entries
  const first = entries[0]!.index
  assert(first <= (snapshot?.index ?? 0) + 1, 'the saved log begins after the snapshot ends')
  if (snapshot === null || first === snapshot.index + 1) return entries
  return entries[snapshot.index - first]?.term === snapshot.term ? entries : []
}

function logFrom(snapshot: SnapshotMeta | null, entries: Entry[]): RaftLog {
  if (entries.length === 0) return new RaftLog(snapshot?.index ?? 0, snapshot?.term ?? 0, [])
  const base = entries[0]!.index - 1
  const baseTerm = base === 0 ? 0 : base === snapshot?.index ? snapshot.term : undefined
  return new RaftLog(base, baseTerm, entries.slice())
}
