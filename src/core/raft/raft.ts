/**
 * The Raft core's face, and the state machine itself: who leads, what is in the log, what is committed.
 *
 * One object plays follower, candidate and leader. It is told what happened (`step`), thinks at once, and says what must
 * be done (`take`): messages, writes, commits. Proposals, entries and answers of one turn gather until `take`, which
 * makes one write of them and one append to each follower. It never waits, never touches a disk or a socket, and never
 * looks into an entry's data, except for configurations, by the codec it is given.
 *
 * Two rules of ours keep it simple. Nothing is committed here before it is durable here, so a truncation never meets a
 * committed entry, on disk or in memory. And a success is only ever answered in the term that asked for it.
 *
 * Read: the Raft paper (Ongaro and Ousterhout, 2014) for the rules; Ongaro's thesis for pre-vote (9.6), transfer (3.10),
 * server changes (4) and reads (6.4); hashicorp/raft for the wire's habits, in protocol/raft.md.
 */
import { assert, unreachable } from '../../base/assert.ts'
import type { Core } from '../../base/core.ts'
import { formatGoDuration } from '../../base/go-duration.ts'
import type { Random } from '../../base/random.ts'
import { type Index, type Instant, type Millis, NANOS_PER_MS, type ServerId, type Term } from '../../base/units.ts'
import { Configurations, changed, describeServer, describeServers, faultOf, noConfiguration } from './configuration.ts'
import { type Awaiting, CHANGES_WAITING_MAX, Leading } from './leading.ts'
import { RaftLog } from './log.ts'
import type {
  AppendReply,
  AppendRequest,
  Configuration,
  ConfigurationCodec,
  Entry,
  EntryType,
  HardState,
  InstallReply,
  InstallRequest,
  PreVoteRequest,
  RaftEffect,
  RaftInput,
  RaftReply,
  RaftRequest,
  RaftTiming,
  RefusedWhy,
  Role,
  Server,
  ServerChange,
  SnapshotMeta,
  VoteRequest,
} from './messages.ts'
import { HEARTBEATS_UNDER_WAY_MAX, Progress } from './progress.ts'
import { majority } from './quorum.ts'
import { RETRY_MS, Writes } from './writes.ts'

/** What a server finds on its disk when it starts. */
export interface Saved {
  hardState: HardState
  snapshot: SnapshotMeta | null
  /** Entries after the snapshot (and trailing ones before it), without gaps. */
  entries: Entry[]
}

export interface RaftOptions {
  id: ServerId
  address: string
  timing: RaftTiming
  random: Random
  /** Peers are known to answer pre-vote. Off beside Consul 1.8.7. */
  preVote: boolean
  /** Entries kept behind a snapshot for slow followers (Consul: 10240). */
  trailingLogs: number
  /** At most so many entries in one append (Consul: 64). */
  appendEntriesMax: number
  codec: ConfigurationCodec
  saved: Saved
  now: Instant
}

export interface RaftStatus {
  role: Role
  term: Term
  leader: Server | null
  lastIndex: Index
  lastTerm: Term
  commitIndex: Index
  appliedIndex: Index
  snapshotIndex: Index
  snapshotTerm: Term
  configuration: Configuration
  configurationIndex: Index
  /** The newest committed one: what a snapshot of the applied state must carry. */
  committedConfiguration: Configuration
  committedConfigurationIndex: Index
  /** When the leader was last heard of; null when never. On the leader: now. */
  lastContact: Instant | null
  /** On a leader: a quorum answered within the lease. */
  leaseValid: boolean
}

export interface Raft extends Core<RaftInput, RaftEffect> {
  status(now: Instant): RaftStatus
}

export function makeRaft(options: RaftOptions): Raft {
  return new RaftCore(options)
}

/** Data in one append, so that a follower far behind does not make us build huge messages. One entry always goes. */
const APPEND_BYTES_MAX = 512 * 1024
/** A leader looks at its lease at most this often. */
const LEASE_CHECK_MS_MIN = 10
/** Heartbeats go out up to this many times within the time after which a follower gives up on us. */
const HEARTBEATS_PER_TIMEOUT = 10
const NO_DATA = new Uint8Array(0)
const NEVER = Number.POSITIVE_INFINITY

type LogEffect = Extract<RaftEffect, { kind: 'log' }>

/** A request that is under way. */
interface Sent {
  peer: ServerId
  kind: 'append' | 'heartbeat' | 'install' | 'vote' | 'pre-vote' | 'timeout-now'
  /** Which try it belongs to: the ballot, or the peer's replication epoch. */
  epoch: number
  /** For appends and snapshots: the entry before, and the last one that it carries. */
  prevIndex: Index
  upTo: Index
  /** The verify round at the time. */
  round: number
}

/** An attempt to be elected. */
interface Standing {
  pre: boolean
  transfer: boolean
  /** Requests go out once our own vote is durable. */
  asked: boolean
  votes: Set<ServerId>
}

class RaftCore implements Raft {
  private readonly id: ServerId
  private readonly address: string
  private readonly timing: RaftTiming
  private readonly random: Random
  private readonly preVote: boolean
  private readonly trailingLogs: number
  private readonly appendEntriesMax: number
  private readonly codec: ConfigurationCodec

  private now: Instant
  private effects: RaftEffect[] = []
  /** The first lines of our log are written with the first input, so that a bootstrap shows in them. */
  private opened = false

  private role: Role = 'follower'
  private term: Term
  private votedTerm: Term
  private votedFor: string
  /** Address of the leader that we know of, or "". */
  private leader = ''

  private readonly log: RaftLog
  private readonly writes: Writes
  private readonly configurations: Configurations
  private snapshot: SnapshotMeta | null
  private commitIndex: Index
  /** What is known to be committed in the cluster; ours follows as far as we are durable. */
  private commitKnown: Index
  private appliedIndex: Index
  /** A snapshot that the driver is storing for us. Until then nothing is committed and we do not stand. */
  private restoring: { id: number; meta: SnapshotMeta } | null = null

  private lastContact: Instant | null = null
  private electionDeadline: Instant
  private electionSpan: Millis = 0
  /** It was said that we cannot stand for election; not again before a leader was heard. */
  private warned = false

  private standing: Standing | null = null
  private ballot = 0
  private leading: Leading | null = null
  private readonly sent = new Map<number, Sent>()
  private sends = 0

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

    const { hardState, snapshot, entries } = options.saved
    const usable = usableEntries(snapshot, entries)
    this.snapshot = snapshot
    this.log = logFrom(snapshot, usable)
    this.writes = new Writes(this.log.lastIndex)
    if (usable.length < entries.length) this.writes.replaced(entries[0]!.index, this.log.lastIndex)
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
    this.awaitLeader()
  }

  // The face.

  step(now: Instant, input: RaftInput): void {
    assert(now >= this.now, 'time went backwards')
    this.now = now
    if (input.kind === 'bootstrap') this.bootstrap(input.configuration)
    if (!this.opened) this.open()
    switch (input.kind) {
      case 'propose':
        this.propose(input.ticket, input.data, input.extensions ?? null)
        break
      case 'persisted':
        this.persisted(input.write)
        break
      case 'applied':
        this.applied(input.index)
        break
      case 'tick':
        this.tick()
        break
      case 'request':
        this.request(input.id, input.body)
        break
      case 'reply':
        this.reply(input.id, input.body)
        break
      case 'lost':
        this.lost(input.id, input.unknownType === true)
        break
      case 'persist-failed':
        this.persistFailed(input.write, input.why)
        break
      case 'barrier':
        this.barrier(input.ticket)
        break
      case 'verify':
        this.verify(input.ticket)
        break
      case 'change-servers':
        this.changeServers(input.ticket, input.change)
        break
      case 'transfer-leadership':
        this.transferLeadership(input.ticket, input.to)
        break
      case 'snapshot-taken':
        this.snapshotTaken(input.meta)
        break
      case 'restored':
        this.restored(input.id, input.ok)
        break
      case 'bootstrap':
        return
      case 'shutdown':
        this.shutdown()
        break
      default:
        unreachable(input)
    }
  }

  take(): RaftEffect[] {
    const { leading } = this
    if (leading !== null) {
      if (leading.verifyNext.length > 0 && leading.verifyNow.length === 0) this.beginVerifyRound(leading)
      for (const peer of leading.peers.values()) this.replicate(leading, peer)
    }
    const write = this.writes.flush(this.now, this.log)
    if (write !== null) this.effects.push(write)
    const { effects } = this
    this.effects = []
    return effects
  }

  wakeAt(): Instant | null {
    if (!this.opened) return this.now
    if (this.role === 'shutdown') return null
    let at = this.writes.wakeAt(this.log) ?? NEVER
    const { leading } = this
    if (leading === null) {
      if (this.restoring === null) at = Math.min(at, this.electionDeadline)
    } else {
      at = Math.min(at, leading.leaseCheckAt, leading.transfer?.deadline ?? NEVER)
      for (const peer of leading.peers.values()) {
        at = Math.min(at, peer.heartbeatAt, peer.appendDueAt(this.log.lastIndex))
      }
    }
    return at === NEVER ? null : at
  }

  status(now: Instant): RaftStatus {
    const { leading, configurations } = this
    return {
      role: this.role,
      term: this.term,
      leader: this.leaderServer(),
      lastIndex: this.log.lastIndex,
      lastTerm: this.log.lastTerm,
      commitIndex: this.commitIndex,
      appliedIndex: this.appliedIndex,
      snapshotIndex: this.snapshot?.index ?? 0,
      snapshotTerm: this.snapshot?.term ?? 0,
      configuration: configurations.latest,
      configurationIndex: configurations.latestIndex,
      committedConfiguration: configurations.committed,
      committedConfigurationIndex: configurations.committedIndex,
      lastContact: leading === null ? this.lastContact : now,
      leaseValid:
        leading !== null && now - leading.contactAt(configurations.voters, now) <= this.timing.leaderLeaseTimeoutMs,
    }
  }

  // Start and end.

  private open(): void {
    this.opened = true
    const { latest, latestIndex } = this.configurations
    this.say('info', 'initial configuration', { index: latestIndex, servers: describeServers(latest.servers) })
    this.say('info', 'entering follower state', { follower: this.describe(), leader: '' })
    this.announce()
  }

  private bootstrap(configuration: Configuration): void {
    const fault =
      this.log.lastIndex > 0 || this.term > 0 ? 'bootstrap only works on new clusters' : faultOf(configuration)
    if (fault !== undefined) {
      this.say('error', 'failed to bootstrap', { error: fault })
      return
    }
    this.term = 1
    this.saveHardState()
    this.configurations.append(this.append('configuration', this.codec.encode(configuration), null), configuration)
    this.awaitLeader()
  }

  private shutdown(): void {
    if (this.role === 'shutdown') return
    this.stopLeading('shutdown')
    this.standing = null
    this.restoring = null
    this.sent.clear()
    this.role = 'shutdown'
    this.leader = ''
    this.announce()
  }

  // What callers ask of a leader.

  private propose(ticket: number, data: Uint8Array, extensions: Uint8Array | null): void {
    const leading = this.leadingFor(ticket)
    if (leading === null) return
    const index = this.append('command', data, extensions)
    leading.proposals.push(index, ticket)
    this.effects.push({ kind: 'accepted', ticket, index, term: this.term })
  }

  private barrier(ticket: number): void {
    const leading = this.leadingFor(ticket)
    if (leading === null) return
    leading.applying.push({ ticket, index: this.append('barrier', NO_DATA, null) })
  }

  /** Who may add to the log now: a leader with a working disk that is not handing over. Refuses the others. */
  private leadingFor(ticket: number): Leading | null {
    const { leading } = this
    if (leading === null) this.refuse(ticket, this.role === 'shutdown' ? 'shutdown' : 'not-leader')
    else if (leading.transfer !== null) this.refuse(ticket, 'transfer-in-progress')
    else if (this.writes.failing) this.refuse(ticket, 'disk')
    else return leading
    return null
  }

  private verify(ticket: number): void {
    const { leading } = this
    if (leading === null) {
      this.refuse(ticket, this.role === 'shutdown' ? 'shutdown' : 'not-leader')
      return
    }
    // Before our own first entry is committed, entries of earlier terms may be committed without our knowing.
    leading.verifyNext.push({ ticket, index: Math.max(this.commitIndex, leading.startIndex) })
    if (this.isSoleVoter() && leading.verifyNow.length === 0) this.beginVerifyRound(leading)
  }

  /** One round is under way at a time; all who ask meanwhile share the next one. */
  private beginVerifyRound(leading: Leading): void {
    leading.round++
    leading.verifyNow = leading.verifyNext
    leading.verifyNext = []
    for (const { id } of this.configurations.voters) {
      const peer = leading.peers.get(id)
      if (peer !== undefined) this.sendHeartbeat(leading, peer)
    }
    this.settleVerifyRound(leading)
  }

  private settleVerifyRound(leading: Leading): void {
    if (leading.verifyNow.length === 0 || !leading.roundConfirmed(this.configurations.voters)) return
    leading.applying.push(...leading.verifyNow)
    leading.verifyNow = []
    this.settleApplied(leading)
  }

  private applied(index: Index): void {
    assert(index <= this.commitIndex, 'applied beyond the commit index')
    if (index > this.appliedIndex) this.appliedIndex = index
    if (this.leading !== null) this.settleApplied(this.leading)
  }

  private settleApplied(leading: Leading): void {
    if (leading.applying.length === 0) return
    const waiting: Awaiting[] = []
    for (const each of leading.applying) {
      if (each.index <= this.appliedIndex) this.effects.push({ kind: 'resolved', ticket: each.ticket })
      else waiting.push(each)
    }
    leading.applying = waiting
  }

  private changeServers(ticket: number, change: ServerChange): void {
    const leading = this.leadingFor(ticket)
    if (leading === null) return
    if (leading.changes.length >= CHANGES_WAITING_MAX) {
      this.refuse(ticket, 'invalid', 'too many server changes are waiting')
      return
    }
    leading.changes.push({ ticket, change })
    this.startChange(leading)
  }

  /**
   * Begins the next server change when the last one is committed, and an entry of our own term too: without the latter,
   * two leaders could each change one server from different bases (Ongaro, raft-dev, "bug in single-server changes").
   */
  private startChange(leading: Leading): void {
    const { configurations } = this
    while (
      leading.changes.length > 0 &&
      leading.transfer === null &&
      this.commitIndex >= leading.startIndex &&
      this.commitIndex >= configurations.latestIndex
    ) {
      const { ticket, change } = leading.changes.shift()!
      const next = changed(configurations.latest, change)
      const fault = faultOf(next)
      if (fault !== undefined) {
        this.refuse(ticket, 'invalid', fault)
      } else if (next === configurations.latest) {
        this.effects.push({ kind: 'resolved', ticket })
      } else {
        this.say('info', 'updating configuration', {
          command: CHANGE_WORDS[change.kind],
          'server-id': change.id,
          'server-addr': 'address' in change ? change.address : '',
          servers: describeServers(next.servers),
        })
        const index = this.append('configuration', this.codec.encode(next), null)
        configurations.append(index, next)
        leading.change = { ticket, index }
        this.syncPeers(leading)
      }
    }
  }

  private transferLeadership(ticket: number, to: ServerId | null): void {
    const leading = this.leadingFor(ticket)
    if (leading === null) return
    if (to === this.id) {
      this.refuse(ticket, 'invalid', 'cannot transfer leadership to itself')
      return
    }
    const peer =
      to === null
        ? leading.mostCaughtUp(this.configurations.voters)
        : this.configurations.isVoter(to)
          ? leading.peers.get(to)
          : undefined
    if (peer === undefined) {
      this.refuse(ticket, 'invalid', 'cannot find peer')
      return
    }
    const { id, address } = peer.server
    this.say('debug', 'starting leadership transfer', { id, address })
    leading.transfer = { ticket, to: id, deadline: this.now + this.timing.electionTimeoutMs, sent: false }
    this.pushTransfer(leading)
  }

  /** Once the chosen one has all of our log, it is told to stand at once. */
  private pushTransfer(leading: Leading): void {
    const { transfer } = leading
    if (transfer === null || transfer.sent) return
    const peer = leading.peers.get(transfer.to)
    if (peer === undefined || peer.match < this.log.lastIndex) return
    transfer.sent = true
    this.send(peer.server, { type: 'timeout-now' }, 'timeout-now', 0)
  }

  private giveUpTransfer(leading: Leading, message: string): void {
    if (leading.transfer === null) return
    this.say('debug', message, {})
    this.refuse(leading.transfer.ticket, 'invalid', message)
    leading.transfer = null
    this.startChange(leading)
  }

  // The log: appending, committing, writing, shortening.

  /** @returns the index of the new entry, of our term */
  private append(type: EntryType, data: Uint8Array, extensions: Uint8Array | null): Index {
    const index = this.log.lastIndex + 1
    this.log.append({ index, term: this.term, type, data, extensions })
    return index
  }

  /** Drops what conflicts with the leader's log (paper, figure 2), or what never reached our disk. */
  private truncate(from: Index): void {
    assert(from > this.commitIndex, 'a committed entry would be dropped')
    this.log.truncateFrom(from)
    this.writes.truncated(from)
    this.configurations.truncateFrom(from)
  }

  /** Moves the commit index as far as the cluster and our own disk allow. */
  private advance(): void {
    if (this.restoring !== null || this.role === 'shutdown') return
    const { leading, log, writes } = this
    if (leading !== null) {
      const reached = leading.replicated(this.configurations.voters, writes.durableIndex)
      // Entries of earlier terms are only committed by one of ours after them (paper, section 5.4.2).
      if (reached > this.commitKnown && log.termAt(reached) === this.term) this.commitKnown = reached
    }
    const to = Math.min(this.commitKnown, writes.durableIndex)
    if (to <= this.commitIndex) return
    const entries = log.slice(this.commitIndex + 1, to)
    this.commitIndex = to
    this.effects.push({ kind: 'commit', entries })
    const reconfigured = this.configurations.commitTo(to)
    if (leading === null) return
    leading.proposals.settleTo(to)
    if (leading.change !== null && leading.change.index <= to) {
      this.effects.push({ kind: 'resolved', ticket: leading.change.ticket })
      leading.change = null
    }
    if (reconfigured && !this.configurations.isVoter(this.id)) {
      this.say('info', 'removed ourself, transitioning to follower', {})
      this.becomeFollower(this.term)
    } else {
      this.startChange(leading)
    }
  }

  private saveHardState(): void {
    this.writes.setHardState({ term: this.term, votedTerm: this.votedTerm, votedFor: this.votedFor })
  }

  private persisted(write: number): void {
    this.release(this.writes.persisted(write))
    if (this.role === 'shutdown') return
    this.askForVotes()
    this.advance()
  }

  private persistFailed(write: number, why: string): void {
    for (const { id, body } of this.writes.failed(write, this.now)) {
      this.effects.push({ kind: 'answer', id, body: this.turnedDown(body) })
    }
    const { leading } = this
    this.say('error', leading === null ? 'failed to append to logs' : 'failed to commit logs', { error: why })
    if (leading === null) return
    if (this.isSoleVoter()) this.withdraw(leading)
    else this.becomeFollower(this.term, 'disk')
  }

  /**
   * A lone leader's disk failed. Nobody else could do better, so it goes on leading: its state can still be read. What
   * is not on disk was promised to nobody; what nobody else was sent either is as if it had never been proposed.
   */
  private withdraw(leading: Leading): void {
    const { durableIndex } = this.writes
    for (const ticket of leading.proposals.drain()) this.refuse(ticket, 'disk')
    leading.applying = leading.applying.filter((each) => {
      if (each.index <= Math.max(durableIndex, leading.startIndex)) return true
      this.refuse(each.ticket, 'disk')
      return false
    })
    for (const { ticket } of leading.changes) this.refuse(ticket, 'disk')
    leading.changes = []
    if (leading.change !== null) this.refuse(leading.change.ticket, 'disk')
    leading.change = null
    const from = Math.max(durableIndex, leading.sharedIndex) + 1
    if (from > this.log.lastIndex) return
    this.truncate(from)
    for (const peer of leading.peers.values()) peer.next = Math.min(peer.next, from)
    this.syncPeers(leading)
    if (this.log.lastIndex < leading.startIndex) this.append('noop', NO_DATA, null)
  }

  private release(free: { id: number; body: RaftReply }[]): void {
    for (const { id, body } of free) {
      const stale = body.type !== 'timeout-now' && body.term < this.term
      this.effects.push({ kind: 'answer', id, body: stale ? this.turnedDown(body) : body })
    }
  }

  private snapshotTaken(meta: SnapshotMeta): void {
    if (this.role === 'shutdown' || meta.index <= (this.snapshot?.index ?? 0)) return
    assert(meta.index <= this.appliedIndex, 'a snapshot beyond what was applied')
    this.snapshot = meta
    const from = this.log.firstIndex
    const to = Math.min(meta.index, this.log.lastIndex - this.trailingLogs)
    if (to < from) {
      this.say('info', 'no logs to truncate', {})
      return
    }
    this.say('info', 'compacting logs', { from, to })
    this.log.compactTo(to)
    this.writes.compacted(to)
  }

  private restored(id: number, ok: boolean): void {
    const { restoring } = this
    if (restoring === null || restoring.id !== id) return
    this.restoring = null
    this.awaitLeader()
    if (!ok) {
      this.effects.push({ kind: 'answer', id, body: { type: 'install', term: this.term, success: false } })
      return
    }
    const { meta } = restoring
    const { log, writes } = this
    if (log.termAt(meta.index) === meta.term && writes.durableIndex >= meta.index) {
      // What follows the snapshot is ours and good (paper, section 7, rule 6).
      this.configurations.reset(meta.configuration, meta.configurationIndex, meta.index)
    } else {
      writes.replaced(log.firstIndex, meta.index)
      log.reset(meta.index, meta.term)
      this.configurations.reset(meta.configuration, meta.configurationIndex, NEVER)
    }
    this.snapshot = meta
    this.commitIndex = meta.index
    this.commitKnown = Math.max(this.commitKnown, meta.index)
    this.appliedIndex = meta.index
    this.say('info', 'Installed remote snapshot', {})
    this.answer(id, { type: 'install', term: this.term, success: true }, meta.index)
    this.advance()
  }

  // Requests of peers.

  private request(id: number, body: RaftRequest): void {
    if (this.role === 'shutdown') return
    switch (body.type) {
      case 'append':
        this.onAppend(id, body)
        break
      case 'vote':
        this.onVote(id, body)
        break
      case 'pre-vote':
        this.onPreVote(id, body)
        break
      case 'install':
        this.onInstall(id, body)
        break
      case 'timeout-now':
        this.effects.push({ kind: 'answer', id, body: { type: 'timeout-now' } })
        if (this.role === 'follower' && this.mayStand()) this.elect(true)
        return
      default:
        unreachable(body)
    }
  }

  /** Adopts the term and the leader that a peer claims to be. @returns false when it is not to be believed */
  private heardLeader(term: Term, leader: string): boolean {
    if (term < this.term) return false
    if (this.leading !== null && term === this.term) {
      this.say('error', 'another server claims to lead our term', { leader, term })
      return false
    }
    if (term > this.term || this.role !== 'follower') this.becomeFollower(term)
    this.standing = null
    this.warned = false
    this.lastContact = this.now
    this.electionDeadline = this.now + this.electionSpan
    this.follow(leader)
    return true
  }

  private onAppend(id: number, request: AppendRequest): void {
    const lastIndex = this.log.lastIndex
    const refuse = (last: Index, noRetryBackoff: boolean): void =>
      this.answer(id, { type: 'append', term: this.term, lastIndex: last, success: false, noRetryBackoff }, 0)
    if (!this.heardLeader(request.term, request.leader)) {
      refuse(lastIndex, false)
      return
    }

    const entries = request.entries ?? []
    const { prevIndex } = request
    const fault = entriesFault(request)
    if (fault !== undefined) {
      this.say('error', 'refusing a malformed append', { error: fault, leader: request.leader })
      refuse(lastIndex, false)
      return
    }
    if (prevIndex > lastIndex) {
      this.say('warn', 'failed to get previous log', {
        'previous-index': prevIndex,
        'last-index': lastIndex,
        error: 'log not found',
      })
      refuse(lastIndex, true)
      return
    }
    const ours = this.log.termAt(prevIndex)
    // What was compacted away was committed, and so is the same everywhere.
    if (ours !== undefined && ours !== request.prevTerm) {
      this.say('warn', 'previous log term mis-match', { ours, remote: request.prevTerm })
      refuse(Math.min(lastIndex, this.log.beforeTermOf(prevIndex, this.commitIndex)), true)
      return
    }
    if (entries.length > 0) {
      if (this.restoring !== null || this.writes.failing) {
        refuse(lastIndex, false)
        return
      }
      const broken = this.adopt(entries)
      if (broken !== undefined) {
        this.say('error', 'refusing an append', { error: broken, leader: request.leader })
        refuse(lastIndex, false)
        return
      }
    }
    const upTo = prevIndex + entries.length
    this.commitKnown = Math.max(this.commitKnown, Math.min(request.commit, upTo))
    this.advance()
    this.answer(id, { type: 'append', term: this.term, lastIndex, success: true, noRetryBackoff: false }, upTo)
  }

  /** Skips what we have, drops what conflicts, appends the rest. @returns why not, or undefined */
  private adopt(entries: Entry[]): string | undefined {
    const { log } = this
    let fresh = 0
    while (fresh < entries.length) {
      const entry = entries[fresh]!
      if (entry.index > log.lastIndex) break
      const ours = log.termAt(entry.index)
      if (ours !== undefined && ours !== entry.term) {
        if (entry.index <= this.commitIndex) return `entry ${entry.index} differs from a committed one`
        break
      }
      fresh++
    }
    if (fresh === entries.length) return undefined
    const configurations = new Map<Index, Configuration>()
    try {
      for (let i = fresh; i < entries.length; i++) {
        const configuration = this.configurationIn(entries[i]!)
        if (configuration !== null) configurations.set(entries[i]!.index, configuration)
      }
    } catch (error) {
      return `unreadable configuration: ${error instanceof Error ? error.message : String(error)}`
    }
    const from = entries[fresh]!.index
    if (from <= log.lastIndex) {
      this.say('warn', 'clearing log suffix', { from, to: log.lastIndex })
      this.truncate(from)
    }
    for (let i = fresh; i < entries.length; i++) log.append(entries[i]!)
    for (const [index, configuration] of configurations) this.configurations.append(index, configuration)
    return undefined
  }

  private onInstall(id: number, request: InstallRequest): void {
    const believed = this.heardLeader(request.term, request.leader)
    if (!believed) {
      this.say('info', 'ignoring installSnapshot request with older term than current term', {
        'request-term': request.term,
        'current-term': this.term,
      })
    }
    if (!believed || this.restoring !== null || this.writes.failing || faultOf(request.configuration) !== undefined) {
      this.answer(id, { type: 'install', term: this.term, success: false }, 0)
      return
    }
    const { lastIndex: index, lastTerm: term, configuration, configurationIndex } = request
    if (index <= this.commitIndex) {
      this.answer(id, { type: 'install', term: this.term, success: true }, 0)
      return
    }
    this.restoring = { id, meta: { index, term, configuration, configurationIndex } }
    this.effects.push({ kind: 'restore', id, meta: this.restoring.meta })
  }

  private onVote(id: number, request: VoteRequest): void {
    this.answer(id, { type: 'vote', granted: this.grants(request), term: this.term }, 0)
  }

  private grants(request: VoteRequest): boolean {
    const { candidate, term } = request
    if (this.leader !== '' && this.leader !== candidate && !request.leadershipTransfer) {
      // Whoever can hear the leader does not help to unseat it, and does not even adopt the term (thesis, 4.2.3).
      this.say('warn', 'rejecting vote request since we have a leader', { from: candidate, leader: this.leader })
      return false
    }
    if (term < this.term) return false
    if (term > this.term) {
      this.say('debug', 'lost leadership because received a requestVote with a newer term', {})
      this.becomeFollower(term)
    }
    if (this.votedTerm === term) {
      this.say('info', 'duplicate requestVote for same term', { term })
      if (this.votedFor !== candidate) return false
      this.say('warn', 'duplicate requestVote from', { candidate })
      return true
    }
    if (!this.isUpToDate(request) || this.writes.failing) return false
    this.votedTerm = term
    this.votedFor = candidate
    this.saveHardState()
    this.awaitLeader()
    return true
  }

  /** Paper, section 5.4.1: who votes must not know more than the candidate. */
  private isUpToDate({ candidate, lastTerm, lastIndex }: VoteRequest | PreVoteRequest): boolean {
    const { log } = this
    if (log.lastTerm > lastTerm) {
      this.say('warn', 'rejecting vote request since our last term is greater', {
        candidate,
        'last-term': log.lastTerm,
        'last-candidate-term': lastTerm,
      })
      return false
    }
    if (log.lastTerm === lastTerm && log.lastIndex > lastIndex) {
      this.say('warn', 'rejecting vote request since our last index is greater', {
        candidate,
        'last-index': log.lastIndex,
        'last-candidate-index': lastIndex,
      })
      return false
    }
    return true
  }

  /** Would we vote for it? Changes nothing (thesis, section 9.6). */
  private onPreVote(id: number, request: PreVoteRequest): void {
    const unled = this.leader === '' || this.leader === request.candidate
    const granted = unled && request.term >= this.term && !this.writes.failing && this.isUpToDate(request)
    this.answer(id, { type: 'pre-vote', granted, term: this.term }, 0)
  }

  /** Answers when the hard state is durable, and the log up to `index`. */
  private answer(id: number, body: RaftReply, index: Index): void {
    if (!this.writes.waitsFor(index)) this.effects.push({ kind: 'answer', id, body })
    else if (this.writes.failing) this.effects.push({ kind: 'answer', id, body: this.turnedDown(body) })
    else this.writes.hold(id, body, index)
  }

  private turnedDown(body: RaftReply): RaftReply {
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

  // Followers and candidates.

  private becomeFollower(term: Term, why: RefusedWhy = 'lost-leadership'): void {
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
    if (!wasFollower) this.say('info', 'entering follower state', { follower: this.describe(), leader: '' })
    this.awaitLeader()
    this.announce()
  }

  private follow(leader: string): void {
    if (this.leader === leader) return
    this.leader = leader
    this.announce()
  }

  /** A new wait, of a new random length. A lone voter has nobody to wait for. */
  private awaitLeader(): void {
    this.electionSpan = this.timing.heartbeatTimeoutMs * (1 + this.random.float())
    this.electionDeadline = this.isSoleVoter() ? this.now : this.now + this.electionSpan
  }

  private tick(): void {
    if (this.leading !== null) {
      this.tickLeader(this.leading)
      return
    }
    if (this.role === 'shutdown' || this.restoring !== null || this.now < this.electionDeadline) return
    if (this.role === 'follower') {
      this.heartbeatTimedOut()
      return
    }
    if (!this.mayStand()) {
      this.becomeFollower(this.term)
      return
    }
    if (this.writes.failing) {
      this.postponeElection()
      return
    }
    this.say('warn', 'Election timeout reached, restarting election', {})
    this.stand()
  }

  private heartbeatTimedOut(): void {
    const lastLeader = this.leader
    this.awaitLeader()
    this.follow('')
    this.standing = null
    if (this.configurations.latest.servers.length === 0) {
      this.warnOnce('no known peers, aborting election')
      return
    }
    if (!this.mayStand()) {
      this.warnOnce('not part of stable configuration, aborting election')
      return
    }
    if (this.writes.failing) {
      this.postponeElection()
      return
    }
    this.say('warn', 'heartbeat timeout reached, starting election', { 'last-leader': lastLeader })
    this.stand()
  }

  private postponeElection(): void {
    this.electionDeadline = this.now + RETRY_MS
  }

  private mayStand(): boolean {
    return this.restoring === null && this.configurations.mayStand(this.id)
  }

  private stand(): void {
    if (this.preVote && !this.isSoleVoter()) this.askForPreVotes()
    else this.elect(false)
  }

  private beginBallot(pre: boolean, transfer: boolean): Standing {
    this.ballot++
    this.sent.clear()
    this.electionDeadline = this.now + this.timing.electionTimeoutMs * (1 + this.random.float())
    this.standing = { pre, transfer, asked: pre, votes: new Set() }
    return this.standing
  }

  /** Asks whether an election could be won, before disturbing anyone with a new term (thesis, section 9.6). */
  private askForPreVotes(): void {
    const standing = this.beginBallot(true, false)
    this.poll({
      type: 'pre-vote',
      term: this.term + 1,
      candidate: this.address,
      lastIndex: this.log.lastIndex,
      lastTerm: this.log.lastTerm,
    })
    if (this.configurations.isVoter(this.id)) this.countVote(standing, this.id)
  }

  private elect(transfer: boolean): void {
    this.beginBallot(false, transfer)
    this.role = 'candidate'
    this.leader = ''
    this.term++
    this.votedTerm = this.term
    this.votedFor = this.address
    this.saveHardState()
    this.say('info', 'entering candidate state', { node: this.describe(), term: this.term })
    this.say('debug', 'votes', { needed: majority(this.configurations.voters.length) })
    this.announce()
  }

  /** Our own vote is durable: count it, and ask for the others'. */
  private askForVotes(): void {
    const { standing } = this
    if (standing === null || standing.asked || !this.writes.hardStateDurable) return
    standing.asked = true
    this.poll({
      type: 'vote',
      term: this.term,
      candidate: this.address,
      lastIndex: this.log.lastIndex,
      lastTerm: this.log.lastTerm,
      leadershipTransfer: standing.transfer,
    })
    if (this.configurations.isVoter(this.id)) this.countVote(standing, this.id)
  }

  private poll(body: VoteRequest | PreVoteRequest): void {
    for (const voter of this.configurations.voters) {
      if (voter.id !== this.id) this.send(voter, body, body.type, this.ballot)
    }
  }

  private countVote(standing: Standing, from: ServerId): void {
    standing.votes.add(from)
    const tally = standing.votes.size
    if (!standing.pre) this.say('debug', 'vote granted', { from, term: this.term, tally })
    if (tally < majority(this.configurations.voters.length)) return
    if (standing.pre) {
      this.elect(false)
      return
    }
    this.say('info', 'election won', { tally })
    this.becomeLeader()
  }

  // The leader.

  private becomeLeader(): void {
    this.standing = null
    this.sent.clear()
    this.role = 'leader'
    this.leader = this.address
    const startIndex = this.log.lastIndex + 1
    const leading = new Leading(this.id, this.address, this.term, startIndex, this.now)
    this.leading = leading
    this.say('info', 'entering leader state', { leader: this.describe() })
    this.announce()
    this.syncPeers(leading)
    this.append('noop', NO_DATA, null)
  }

  private stopLeading(why: RefusedWhy, newTerm = false): void {
    const { leading } = this
    if (leading === null) return
    this.leading = null
    for (const ticket of leading.proposals.drain()) this.refuse(ticket, why)
    const { applying, verifyNow, verifyNext, change, changes, transfer } = leading
    for (const { ticket } of [...applying, ...verifyNow, ...verifyNext]) this.refuse(ticket, why)
    if (change !== null) this.refuse(change.ticket, why)
    for (const { ticket } of changes) this.refuse(ticket, why)
    if (transfer === null) return
    // Somebody stood for a newer term, as was asked.
    if (newTerm) this.effects.push({ kind: 'resolved', ticket: transfer.ticket })
    else this.refuse(transfer.ticket, why)
  }

  /** One progress for each other server of the latest configuration; those who left get their farewell. */
  private syncPeers(leading: Leading): void {
    const { latest, latestIndex } = this.configurations
    for (const server of latest.servers) {
      if (server.id === this.id) continue
      const known = leading.peers.get(server.id)
      if (known === undefined) {
        this.say('info', 'added peer, starting replication', { peer: server.id })
        leading.peers.set(server.id, new Progress(server, this.log.lastIndex + 1, this.now))
      } else {
        known.server = server
        known.leavesAt = null
      }
    }
    for (const [id, peer] of leading.peers) {
      if (peer.leavesAt !== null || this.configurations.find(id) !== undefined) continue
      this.say('info', 'removed peer, stopping replication', { peer: id, 'last-index': latestIndex })
      peer.leavesAt = latestIndex
      if (peer.match >= latestIndex) leading.peers.delete(id)
    }
    leading.leaseCheckAt = Math.min(leading.leaseCheckAt, this.now + this.timing.leaderLeaseTimeoutMs)
  }

  private tickLeader(leading: Leading): void {
    if (leading.transfer !== null && this.now >= leading.transfer.deadline) {
      this.giveUpTransfer(leading, 'leadership transfer timeout')
    }
    if (this.now >= leading.leaseCheckAt && !this.checkLease(leading)) return
    for (const peer of leading.peers.values()) {
      if (this.now >= peer.heartbeatAt) this.sendHeartbeat(leading, peer)
    }
  }

  /** @returns false when we no longer lead */
  private checkLease(leading: Leading): boolean {
    if (this.isSoleVoter()) {
      leading.leaseCheckAt = NEVER
      return true
    }
    const leaseMs = this.timing.leaderLeaseTimeoutMs
    const contactAt = leading.contactAt(this.configurations.voters, this.now)
    for (const { id } of this.configurations.voters) {
      const silentMs = this.now - (leading.peers.get(id)?.contactAt ?? this.now)
      if (silentMs <= leaseMs) continue
      const level = silentMs <= 3 * leaseMs ? 'warn' : 'debug'
      this.say(level, 'failed to contact', { 'server-id': id, time: formatGoDuration(silentMs * NANOS_PER_MS) })
    }
    if (this.now - contactAt > leaseMs) {
      this.say('warn', 'failed to contact quorum of nodes, stepping down', {})
      this.becomeFollower(this.term)
      return false
    }
    leading.leaseCheckAt = Math.max(contactAt + leaseMs, this.now + LEASE_CHECK_MS_MIN)
    return true
  }

  private sendHeartbeat(leading: Leading, peer: Progress): void {
    const intervalMs = this.timing.heartbeatTimeoutMs / HEARTBEATS_PER_TIMEOUT
    peer.heartbeatAt = this.now + intervalMs * (1 + this.random.float())
    if (peer.heartbeatsUnderWay >= HEARTBEATS_UNDER_WAY_MAX) return
    peer.heartbeatsUnderWay++
    this.send(peer.server, leading.heartbeat, 'heartbeat', peer.epoch, 0, 0, leading.round)
  }

  /** Sends what the follower lacks, as far as it may be under way. */
  private replicate(leading: Leading, peer: Progress): void {
    const { log } = this
    while (peer.wantsAppend(this.now, log.lastIndex)) {
      const prevIndex = peer.next - 1
      const prevTerm = log.termAt(prevIndex)
      if (prevTerm === undefined) {
        this.sendSnapshot(leading, peer)
        return
      }
      const entriesMax = Math.min(this.appendEntriesMax, peer.target(log.lastIndex) - prevIndex)
      const entries = log.batch(peer.next, entriesMax, APPEND_BYTES_MAX)
      const upTo = prevIndex + entries.length
      const body: AppendRequest = {
        type: 'append',
        term: this.term,
        leader: this.address,
        prevIndex,
        prevTerm,
        entries,
        commit: this.commitIndex,
      }
      this.send(peer.server, body, 'append', peer.epoch, prevIndex, upTo, leading.round)
      peer.sentAppend(this.now, upTo, this.timing, this.random)
      if (upTo > leading.sharedIndex) leading.sharedIndex = upTo
    }
  }

  /** The entries that it needs are compacted away. */
  private sendSnapshot(leading: Leading, peer: Progress): void {
    const { snapshot } = this
    assert(snapshot !== null, 'a compacted log without a snapshot')
    peer.sentInstall()
    const body: InstallRequest = {
      type: 'install',
      term: this.term,
      leader: this.address,
      lastIndex: snapshot.index,
      lastTerm: snapshot.term,
      configuration: snapshot.configuration,
      configurationIndex: snapshot.configurationIndex,
      size: 0,
    }
    this.send(peer.server, body, 'install', peer.epoch, peer.next - 1, snapshot.index, leading.round)
  }

  // Replies of peers.

  private send(
    to: Server,
    body: RaftRequest,
    kind: Sent['kind'],
    epoch: number,
    prevIndex: Index = 0,
    upTo: Index = 0,
    round = 0,
  ): void {
    const id = ++this.sends
    this.sent.set(id, { peer: to.id, kind, epoch, prevIndex, upTo, round })
    this.effects.push({ kind: 'send', id, peer: to.id, address: to.address, body, heartbeat: kind === 'heartbeat' })
  }

  private reply(id: number, body: RaftReply): void {
    const sent = this.sent.get(id)
    if (sent !== undefined && REPLY_TYPES[sent.kind] !== body.type) {
      this.lost(id, false)
      return
    }
    this.sent.delete(id)
    if (this.role === 'shutdown') return
    if (body.type !== 'timeout-now' && body.term > this.term) {
      if (this.leading === null) this.say('debug', 'newer term discovered, fallback to follower', {})
      else this.say('error', 'peer has newer term, stopping replication', { peer: sent?.peer ?? '' })
      this.becomeFollower(body.term)
      return
    }
    if (sent === undefined) return
    switch (body.type) {
      case 'vote':
      case 'pre-vote':
        if (body.granted) this.granted(sent)
        return
      case 'append':
      case 'install':
        if (this.leading !== null && body.term === this.term) this.replicated(this.leading, sent, body)
        return
      case 'timeout-now':
        return
      default:
        unreachable(body)
    }
  }

  private granted(sent: Sent): void {
    const { standing } = this
    if (standing === null || sent.epoch !== this.ballot) return
    this.countVote(standing, sent.peer)
  }

  private replicated(leading: Leading, sent: Sent, body: AppendReply | InstallReply): void {
    const peer = leading.peers.get(sent.peer)
    if (peer === undefined) return
    peer.contacted(this.now, sent.round)
    if (sent.kind === 'heartbeat') {
      peer.heartbeatsUnderWay--
    } else if (body.success) {
      this.advancePeer(leading, peer, sent)
    } else if (sent.epoch === peer.epoch) {
      this.retreatPeer(peer, sent, body)
    }
    // It may have told us that our own removal is committed.
    if (this.leading === leading) this.settleVerifyRound(leading)
  }

  private advancePeer(leading: Leading, peer: Progress, sent: Sent): void {
    const before = peer.match
    if (peer.accepted(sent.epoch, sent.upTo)) {
      this.say('info', 'pipelining replication', { peer: describeServer(peer.server) })
    }
    if (peer.match === before) return
    if (peer.leavesAt !== null && peer.match >= peer.leavesAt) leading.peers.delete(peer.server.id)
    this.pushTransfer(leading)
    this.advance()
  }

  private retreatPeer(peer: Progress, sent: Sent, body: AppendReply | InstallReply): void {
    const name = describeServer(peer.server)
    if (body.type === 'install') {
      peer.restartAt(peer.next)
      peer.failed(this.now)
      this.say('warn', 'installSnapshot rejected to', { peer: name })
      return
    }
    if (body.noRetryBackoff) {
      peer.restartAt(Math.min(sent.prevIndex, body.lastIndex + 1))
      peer.cleared()
    } else {
      // Not a disagreement: it cannot take entries now.
      peer.restartAt(Math.min(sent.prevIndex + 1, body.lastIndex + 1))
      peer.failed(this.now)
    }
    this.say('warn', 'appendEntries rejected, sending older logs', { peer: name, next: peer.next })
  }

  private lost(id: number, unknownType: boolean): void {
    const sent = this.sent.get(id)
    if (sent === undefined) return
    this.sent.delete(id)
    const { leading } = this
    if (sent.kind === 'vote') return
    // A peer that knows no pre-vote has nothing against a vote.
    if (sent.kind === 'pre-vote') {
      if (unknownType) this.granted(sent)
      return
    }
    const peer = leading?.peers.get(sent.peer)
    if (leading === null || peer === undefined) return
    if (sent.kind === 'timeout-now') {
      this.giveUpTransfer(leading, 'failed to transfer leadership')
      return
    }
    if (sent.kind === 'heartbeat') {
      peer.heartbeatsUnderWay--
      this.sayUnreachable(peer, 'failed to heartbeat to')
      return
    }
    if (sent.epoch !== peer.epoch) return
    if (sent.kind === 'install') peer.restartAt(peer.next)
    else peer.restartAt(peer.match === 0 ? sent.prevIndex + 1 : Math.min(peer.match, sent.prevIndex) + 1)
    peer.failed(this.now)
    this.sayUnreachable(peer, sent.kind === 'install' ? 'failed to install snapshot' : 'failed to appendEntries to')
    if (peer.leavesAt !== null) leading.peers.delete(peer.server.id)
  }

  /** Once an outage, not once a message. */
  private sayUnreachable(peer: Progress, message: string): void {
    if (peer.unreachable) return
    peer.unreachable = true
    this.say('error', message, { peer: describeServer(peer.server) })
  }

  // Words.

  private isSoleVoter(): boolean {
    const { voters } = this.configurations
    return voters.length === 1 && voters[0]!.id === this.id
  }

  private configurationIn(entry: Entry): Configuration | null {
    switch (entry.type) {
      case 'configuration':
      case 'add-peer':
      case 'remove-peer':
        return this.codec.decode(entry.type, entry.data)
      default:
        return null
    }
  }

  private leaderServer(): Server | null {
    if (this.leader === '') return null
    if (this.leader === this.address) {
      return { id: this.id, address: this.address, suffrage: this.configurations.find(this.id)?.suffrage ?? 'nonvoter' }
    }
    return this.configurations.findAddress(this.leader) ?? { id: '', address: this.leader, suffrage: 'voter' }
  }

  private announce(): void {
    this.effects.push({ kind: 'role', role: this.role, term: this.term, leader: this.leaderServer() })
  }

  private refuse(ticket: number, why: RefusedWhy, message?: string): void {
    this.effects.push(
      message === undefined ? { kind: 'refused', ticket, why } : { kind: 'refused', ticket, why, message },
    )
  }

  private warnOnce(message: string): void {
    if (this.warned) return
    this.warned = true
    this.say('warn', message, {})
  }

  private say(level: LogEffect['level'], message: string, fields: LogEffect['fields']): void {
    this.effects.push({ kind: 'log', level, message, fields })
  }

  private describe(): string {
    return `Node at ${this.address} [${ROLE_WORDS[this.role]}]`
  }
}

const ROLE_WORDS: Record<Role, string> = {
  follower: 'Follower',
  candidate: 'Candidate',
  leader: 'Leader',
  shutdown: 'Shutdown',
}

/** As hashicorp/raft names them in its log. */
const CHANGE_WORDS: Record<ServerChange['kind'], string> = {
  'add-voter': 'AddStaging',
  'add-nonvoter': 'AddNonvoter',
  demote: 'DemoteVoter',
  remove: 'RemoveServer',
}

const REPLY_TYPES: Record<Sent['kind'], RaftReply['type']> = {
  append: 'append',
  heartbeat: 'append',
  install: 'install',
  vote: 'vote',
  'pre-vote': 'pre-vote',
  'timeout-now': 'timeout-now',
}

/** @returns what is wrong with the entries that a peer sent, or undefined */
function entriesFault({ entries, prevIndex, term }: AppendRequest): string | undefined {
  if (entries === null) return undefined
  let lastTerm = 0
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    if (entry.index !== prevIndex + 1 + i) return `entry ${entry.index} is out of order`
    if (entry.term < lastTerm || entry.term > term) return `entry ${entry.index} has term ${entry.term}`
    lastTerm = entry.term
  }
  return undefined
}

/**
 * The saved entries that go with the snapshot. A crash between storing an installed snapshot and dropping the old log
 * leaves entries that end before the snapshot, or differ from it: then none are used.
 */
function usableEntries(snapshot: SnapshotMeta | null, entries: Entry[]): Entry[] {
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
