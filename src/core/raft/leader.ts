/**
 * The life of a leader: taking office, keeping its lease, hearing from its followers, committing what a majority has.
 * Read: Raft paper, sections 5.3 and 5.4.2; thesis, section 6.2 (a leader that is cut off steps down).
 */
import { formatGoDuration } from '../../base/go-duration.ts'
import { NANOS_PER_MS } from '../../base/units.ts'
import { giveUpTransfer, pushTransfer, settleVerifyRound, startChange } from './callers.ts'
import { describeServer } from './configuration.ts'
import { Leading } from './leading.ts'
import type { AppendReply, InstallReply } from './messages.ts'
import type { Progress } from './progress.ts'
import { sendHeartbeat, syncPeers } from './replication.ts'
import { type Carried, NO_DATA, type RaftState, type Sent } from './state.ts'

/** A leader looks at its lease at most this often. */
const LEASE_CHECK_MS_MIN = 10

/** What a leader asks of its followers over and over. */
type ToPeer = Extract<Sent, { kind: 'append' | 'install' | 'heartbeat' }>

/** The election is won: everyone hears of it, and an entry of our own term lets older ones be committed. */
export function becomeLeader(raft: RaftState): void {
  raft.standing = null
  raft.sent.clear()
  raft.role = 'leader'
  raft.leader = raft.address
  const startIndex = raft.log.lastIndex + 1
  const leading = new Leading(raft.id, raft.address, raft.term, startIndex)
  raft.leading = leading
  raft.say('info', 'entering leader state', { leader: raft.describe() })
  raft.announce()
  syncPeers(raft, leading)
  raft.append('noop', NO_DATA, null)
}

export function tickLeader(raft: RaftState, leading: Leading): void {
  if (leading.transfer !== null && raft.now >= leading.transfer.deadline) {
    giveUpTransfer(raft, leading, 'leadership transfer timeout')
  }
  if (raft.now >= leading.leaseCheckAt && !checkLease(raft, leading)) return
  for (const peer of leading.peers.values()) {
    if (raft.now >= peer.heartbeatAt) sendHeartbeat(raft, leading, peer)
  }
}

/** @returns false when we no longer lead */
function checkLease(raft: RaftState, leading: Leading): boolean {
  if (raft.isSoleVoter()) {
    leading.leaseCheckAt = Number.POSITIVE_INFINITY
    return true
  }
  const leaseMs = raft.timing.leaderLeaseTimeoutMs
  const contactAt = leading.contactAt(raft.configurations.voters, raft.now)
  for (const { id } of raft.configurations.voters) {
    const silentMs = raft.now - (leading.peers.get(id)?.contactAt ?? raft.now)
    if (silentMs <= leaseMs) continue
    const level = silentMs <= 3 * leaseMs ? 'warn' : 'debug'
    raft.say(level, 'failed to contact', { 'server-id': id, time: formatGoDuration(silentMs * NANOS_PER_MS) })
  }
  if (raft.now - contactAt > leaseMs) {
    raft.say('warn', 'failed to contact quorum of nodes, stepping down', {})
    raft.becomeFollower(raft.term)
    return false
  }
  leading.leaseCheckAt = Math.max(contactAt + leaseMs, raft.now + LEASE_CHECK_MS_MIN)
  return true
}

/** Commits what a majority has, as far as it is on our own disk too, and goes on with what waited for that. */
export function advanceLeader(raft: RaftState, leading: Leading): void {
  const { configurations, log } = raft
  const reached = leading.replicated(configurations.voters, raft.writes.durableIndex)
  // Entries of earlier terms are only committed by one of ours after them (paper, section 5.4.2).
  if (reached > raft.commitKnown && log.termAt(reached) === raft.term) raft.commitKnown = reached
  if (!raft.advance()) return
  leading.proposals.settleTo(raft.commitIndex)
  if (leading.change !== null && leading.change.index <= raft.commitIndex) {
    raft.resolve(leading.change.ticket)
    leading.change = null
  }
  if (raft.commitIndex >= configurations.latestIndex && !configurations.isVoter(raft.id)) {
    raft.say('info', 'removed ourself, transitioning to follower', {})
    raft.becomeFollower(raft.term)
  } else {
    startChange(raft, leading)
  }
}

/**
 * A lone leader's disk failed. Nobody else could do better, so it goes on leading: its state can still be read. What
 * is not on disk was promised to nobody; what nobody else was sent either is as if it had never been proposed.
 */
export function withdraw(raft: RaftState, leading: Leading): void {
  const { durableIndex } = raft.writes
  for (const ticket of leading.proposals.drain()) raft.refuse(ticket, 'disk')
  leading.applying = leading.applying.filter((each) => {
    if (each.index <= Math.max(durableIndex, leading.startIndex)) return true
    raft.refuse(each.ticket, 'disk')
    return false
  })
  for (const { ticket } of leading.changes) raft.refuse(ticket, 'disk')
  leading.changes = []
  if (leading.change !== null) raft.refuse(leading.change.ticket, 'disk')
  leading.change = null
  const from = Math.max(durableIndex, leading.sharedIndex) + 1
  if (from > raft.log.lastIndex) return
  raft.truncate(from)
  for (const peer of leading.peers.values()) peer.next = Math.min(peer.next, from)
  syncPeers(raft, leading)
  if (raft.log.lastIndex < leading.startIndex) raft.append('noop', NO_DATA, null)
}

/** A follower answered an append, a heartbeat or a snapshot, in our term. */
export function answeredByPeer(
  raft: RaftState,
  leading: Leading,
  sent: ToPeer,
  body: AppendReply | InstallReply,
): void {
  const peer = leading.peers.get(sent.peer)
  if (peer === undefined) return
  peer.contacted(raft.now, sent)
  if (sent.kind === 'heartbeat') peer.heartbeatsUnderWay--
  else if (body.success) advancePeer(raft, leading, peer, sent)
  else if (sent.epoch === peer.epoch) retreatPeer(raft, peer, sent, body)
  // It may have told us that our own removal is committed.
  if (raft.leading === leading) settleVerifyRound(raft, leading)
}

function advancePeer(raft: RaftState, leading: Leading, peer: Progress, sent: Carried): void {
  const before = peer.match
  if (sent.kind === 'install') peer.astray = false
  if (peer.accepted(sent.epoch, sent.upTo, raft.now, raft.log.lastIndex)) {
    raft.say('info', 'pipelining replication', { peer: describeServer(peer.server) })
  }
  if (peer.match === before) return
  if (peer.leavesAt !== null && peer.match >= peer.leavesAt) leading.peers.delete(peer.server.id)
  pushTransfer(raft, leading)
  advanceLeader(raft, leading)
}

function retreatPeer(raft: RaftState, peer: Progress, sent: Carried, body: AppendReply | InstallReply): void {
  const name = describeServer(peer.server)
  if (body.type === 'install') {
    peer.restartAt(peer.next)
    peer.failed(raft.now)
    raft.say('warn', 'installSnapshot rejected to', { peer: name })
    return
  }
  // An empty log would be a disagreement; this is a follower that asks for a snapshot.
  if (body.lastIndex === 0 && !body.noRetryBackoff && sent.prevIndex > 0) {
    peer.astray = true
    peer.restartAt(sent.prevIndex + 1)
    peer.failed(raft.now)
    raft.say('warn', 'the state of a follower is not ours, sending a snapshot', { peer: name })
    return
  }
  if (body.noRetryBackoff) {
    peer.restartAt(Math.min(sent.prevIndex, body.lastIndex + 1))
    peer.cleared()
  } else {
    // Not a disagreement: it cannot take entries now.
    peer.restartAt(Math.min(sent.prevIndex + 1, body.lastIndex + 1))
    peer.failed(raft.now)
  }
  raft.say('warn', 'appendEntries rejected, sending older logs', { peer: name, next: peer.next })
}

/** A request that was sent to a follower will not be answered, or not to any purpose. */
export function lostByPeer(raft: RaftState, leading: Leading, sent: ToPeer): void {
  const peer = leading.peers.get(sent.peer)
  if (peer === undefined) return
  if (sent.kind === 'heartbeat') {
    peer.heartbeatsUnderWay--
    sayUnreachable(raft, peer, 'failed to heartbeat to')
    return
  }
  if (sent.epoch !== peer.epoch) return
  if (sent.kind === 'install') {
    peer.restartAt(peer.next)
    sayUnreachable(raft, peer, 'failed to install snapshot')
  } else {
    // Of a pipeline, anything after the last known match may be lost with it.
    peer.restartAt(peer.match === 0 ? sent.prevIndex + 1 : Math.min(peer.match, sent.prevIndex) + 1)
    sayUnreachable(raft, peer, 'failed to appendEntries to')
  }
  peer.failed(raft.now)
  if (peer.leavesAt !== null) leading.peers.delete(sent.peer)
}

/** Once an outage, not once a message. */
function sayUnreachable(raft: RaftState, peer: Progress, message: string): void {
  if (peer.unreachable) return
  peer.unreachable = true
  raft.say('error', message, { peer: describeServer(peer.server) })
}
