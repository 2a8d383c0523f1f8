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
import type { Random } from '../../base/random.ts'
import type { Index, Instant, ServerId, Term } from '../../base/units.ts'
import {
  barrier,
  beginVerifyRound,
  changeServers,
  giveUpTransfer,
  propose,
  replaced,
  restoreSnapshot,
  settleApplied,
  transferLeadership,
  verify,
} from './callers.ts'
import { describeServers, faultOf } from './configuration.ts'
import { askForVotes, elect, granted, mayStand, onPreVote, onVote, tickWithoutLeading } from './election.ts'
import { onAppend, onInstall, restored } from './follower.ts'
import { advanceLeader, answeredByPeer, lostByPeer, tickLeader, withdraw } from './leader.ts'
import type {
  Configuration,
  ConfigurationCodec,
  Entry,
  HardState,
  RaftEffect,
  RaftInput,
  RaftReply,
  RaftRequest,
  RaftTiming,
  Role,
  Server,
  SnapshotMeta,
  TimeoutNowRequest,
} from './messages.ts'
import { replicate } from './replication.ts'
import { RaftState, type Sent } from './state.ts'

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
  /** Ask before standing for election. Peers that do not know such questions are taken to have nothing against it. */
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
  /** As `leaseHolds` says. */
  leaseValid: boolean
}

export interface Raft extends Core<RaftInput, RaftEffect> {
  status(now: Instant): RaftStatus
  /** This server leads, and nobody else can by now: what it has applied is the newest, and may be read without a quorum. */
  leaseHolds(now: Instant): boolean
}

export function makeRaft(options: RaftOptions): Raft {
  const raft = new RaftState(options)
  return {
    step: (now, input) => step(raft, now, input),
    take: () => take(raft),
    wakeAt: () => wakeAt(raft),
    status: (now) => status(raft, now),
    leaseHolds: (now) => leaseHolds(raft, now),
  }
}

const NEVER = Number.POSITIVE_INFINITY

function step(raft: RaftState, now: Instant, input: RaftInput): void {
  assert(now >= raft.now, 'time went backwards')
  raft.now = now
  if (input.kind === 'bootstrap') bootstrap(raft, input.configuration)
  if (!raft.opened) open(raft)
  switch (input.kind) {
    case 'propose':
      propose(raft, input.ticket, input.data, input.extensions ?? null)
      break
    case 'persisted':
      persisted(raft, input.write)
      break
    case 'applied':
      applied(raft, input.index)
      break
    case 'tick':
      if (raft.leading !== null) tickLeader(raft, raft.leading)
      else tickWithoutLeading(raft)
      break
    case 'request':
      request(raft, input.id, input.body)
      break
    case 'reply':
      reply(raft, input.id, input.body)
      break
    case 'lost':
      lost(raft, input.id, input.unknownType === true)
      break
    case 'persist-failed':
      persistFailed(raft, input.write, input.why)
      break
    case 'barrier':
      barrier(raft, input.ticket)
      break
    case 'verify':
      verify(raft, input.ticket)
      break
    case 'change-servers':
      changeServers(raft, input.ticket, input.change)
      break
    case 'transfer-leadership':
      transferLeadership(raft, input.ticket, input.to)
      break
    case 'restore-snapshot':
      restoreSnapshot(raft, input.ticket, input.index)
      break
    case 'replaced':
      replaced(raft, input.ticket, input.ok)
      break
    case 'snapshot-taken':
      snapshotTaken(raft, input.meta)
      break
    case 'restored':
      restored(raft, input.id, input.ok)
      break
    case 'bootstrap':
      return
    case 'shutdown':
      shutdown(raft)
      break
    default:
      unreachable(input)
  }
}

function take(raft: RaftState): RaftEffect[] {
  if (!raft.opened) open(raft)
  const { leading } = raft
  if (leading !== null) {
    if (leading.verifyNext.length > 0 && leading.verifyNow.length === 0) beginVerifyRound(raft, leading)
    for (const peer of leading.peers.values()) replicate(raft, leading, peer)
  }
  const write = raft.writes.flush(raft.now, raft.log)
  if (write !== null) raft.effects.push(write)
  const { effects } = raft
  raft.effects = []
  return effects
}

function wakeAt(raft: RaftState): Instant | null {
  if (!raft.opened) return raft.now
  if (raft.role === 'shutdown') return null
  let at = raft.writes.wakeAt(raft.log) ?? NEVER
  const { leading } = raft
  if (leading === null) {
    if (!raft.unsettled) at = Math.min(at, raft.electionDeadline)
  } else {
    at = Math.min(at, leading.leaseCheckAt, leading.transfer?.deadline ?? NEVER)
    for (const peer of leading.peers.values()) {
      at = Math.min(at, peer.heartbeatAt, peer.appendDueAt(raft.log.lastIndex))
    }
  }
  return at === NEVER ? null : at
}

function status(raft: RaftState, now: Instant): RaftStatus {
  const { leading, configurations } = raft
  return {
    role: raft.role,
    term: raft.term,
    leader: raft.leaderServer(),
    lastIndex: raft.log.lastIndex,
    lastTerm: raft.log.lastTerm,
    commitIndex: raft.commitIndex,
    appliedIndex: raft.appliedIndex,
    snapshotIndex: raft.snapshot?.index ?? 0,
    snapshotTerm: raft.snapshot?.term ?? 0,
    configuration: configurations.latest,
    configurationIndex: configurations.latestIndex,
    committedConfiguration: configurations.committed,
    committedConfigurationIndex: configurations.committedIndex,
    lastContact: leading === null ? raft.lastContact : now,
    leaseValid: leaseHolds(raft, now),
  }
}

function leaseHolds({ leading, commitIndex, configurations, timing }: RaftState, now: Instant): boolean {
  if (leading === null || commitIndex < leading.startIndex) return false
  return leading.leaseHolds(configurations.voters, now, timing.leaderLeaseTimeoutMs)
}

function open(raft: RaftState): void {
  raft.opened = true
  const { latest, latestIndex } = raft.configurations
  raft.say('info', 'initial configuration', { index: latestIndex, servers: describeServers(latest.servers) })
  raft.say('info', 'entering follower state', { follower: raft.describe(), leader: '' })
  raft.announce()
}

function bootstrap(raft: RaftState, configuration: Configuration): void {
  const fault =
    raft.log.lastIndex > 0 || raft.term > 0 ? 'bootstrap only works on new clusters' : faultOf(configuration)
  if (fault !== undefined) {
    raft.say('error', 'failed to bootstrap', { error: fault })
    return
  }
  raft.term = 1
  raft.saveHardState()
  raft.configurations.append(raft.append('configuration', raft.codec.encode(configuration), null), configuration)
  raft.awaitLeader()
}

function shutdown(raft: RaftState): void {
  if (raft.role === 'shutdown') return
  raft.stopLeading('shutdown')
  raft.standing = null
  raft.restoring = null
  raft.sent.clear()
  raft.role = 'shutdown'
  raft.leader = ''
  raft.announce()
}

function applied(raft: RaftState, index: Index): void {
  assert(index <= raft.commitIndex, 'applied beyond the commit index')
  if (index > raft.appliedIndex) raft.appliedIndex = index
  if (raft.leading !== null) settleApplied(raft, raft.leading)
}

function persisted(raft: RaftState, write: number): void {
  raft.release(raft.writes.persisted(write))
  if (raft.role === 'shutdown') return
  askForVotes(raft)
  if (raft.leading !== null) advanceLeader(raft, raft.leading)
  else raft.advance()
}

function persistFailed(raft: RaftState, write: number, why: string): void {
  for (const { id, body } of raft.writes.failed(write, raft.now)) {
    raft.effects.push({ kind: 'answer', id, body: raft.turnedDown(body) })
  }
  const { leading } = raft
  raft.say('error', leading === null ? 'failed to append to logs' : 'failed to commit logs', { error: why })
  if (leading === null) return
  if (raft.isSoleVoter()) withdraw(raft, leading)
  else raft.becomeFollower(raft.term, 'disk')
}

function snapshotTaken(raft: RaftState, meta: SnapshotMeta): void {
  if (raft.role === 'shutdown') return
  // Meanwhile a leader's may have come, also one in place of a state that was not the cluster's.
  if (raft.snapshot !== null && (meta.index <= raft.snapshot.index || meta.term < raft.snapshot.term)) return
  assert(meta.index <= raft.appliedIndex, 'a snapshot beyond what was applied')
  raft.snapshot = meta
  const from = raft.log.firstIndex
  // A lone server has no slow follower to keep entries for.
  const trailing = raft.configurations.latest.servers.length > 1 ? raft.trailingLogs : 0
  const to = Math.min(meta.index, raft.log.lastIndex - trailing)
  if (to < from) {
    raft.say('info', 'no logs to truncate', {})
    return
  }
  raft.say('info', 'compacting logs', { from, to })
  raft.log.compactTo(to)
  raft.writes.compacted(to)
}

function request(raft: RaftState, id: number, body: RaftRequest): void {
  if (raft.role === 'shutdown') return
  switch (body.type) {
    case 'append':
      onAppend(raft, id, body)
      break
    case 'vote':
      onVote(raft, id, body)
      break
    case 'pre-vote':
      onPreVote(raft, id, body)
      break
    case 'install':
      onInstall(raft, id, body)
      break
    case 'timeout-now':
      raft.effects.push({ kind: 'answer', id, body: { type: 'timeout-now' } })
      toldToStand(raft, body)
      return
    default:
      unreachable(body)
  }
}

/**
 * Whoever sent it reads no more by its lease, in the term in which it sent it. A leader of a later term knows nothing of
 * it, and would go on reading while we are elected: so what was on its way for so long is too late.
 */
function toldToStand(raft: RaftState, { term }: TimeoutNowRequest): void {
  if (raft.role !== 'follower' || !mayStand(raft)) return
  if (term === null || term >= raft.term) elect(raft, true)
  else raft.say('info', 'ignoring timeoutNow request with older term than current term', { term, current: raft.term })
}

function reply(raft: RaftState, id: number, body: RaftReply): void {
  const sent = raft.sent.get(id)
  raft.sent.delete(id)
  if (raft.role === 'shutdown') return
  // Also from those whom we no longer wait for.
  if (body.type !== 'timeout-now' && body.term > raft.term) {
    if (raft.leading === null) raft.say('debug', 'newer term discovered, fallback to follower', {})
    else raft.say('error', 'peer has newer term, stopping replication', { peer: sent?.peer ?? '' })
    raft.becomeFollower(body.term)
    return
  }
  if (sent !== undefined) settle(raft, sent, body)
}

function lost(raft: RaftState, id: number, unknownType: boolean): void {
  const sent = raft.sent.get(id)
  raft.sent.delete(id)
  // Whoever would really vote for us answers that too, so nobody who could be elected is kept from standing.
  if (sent?.kind === 'pre-vote' && unknownType) granted(raft, sent.peer, sent.ballot)
  else if (sent !== undefined) settle(raft, sent, null)
}

/** @param body null when no answer will come; an answer of the wrong type, or of an older term, is as good as none */
function settle(raft: RaftState, sent: Sent, body: RaftReply | null): void {
  const { leading } = raft
  switch (sent.kind) {
    case 'vote':
    case 'pre-vote':
      if (body?.type === sent.kind && body.granted) granted(raft, sent.peer, sent.ballot)
      return
    case 'timeout-now':
      if (leading !== null && body === null) giveUpTransfer(raft, leading, 'failed to transfer leadership')
      return
    case 'append':
    case 'heartbeat':
    case 'install': {
      if (leading === null) return
      const type = sent.kind === 'install' ? 'install' : 'append'
      if ((body?.type === 'append' || body?.type === 'install') && body.type === type && body.term === raft.term) {
        answeredByPeer(raft, leading, sent, body)
      } else {
        lostByPeer(raft, leading, sent)
      }
      return
    }
    default:
      unreachable(sent)
  }
}
