/**
 * What a leader sends to its followers: heartbeats, entries as far as they may be under way, snapshots.
 * Read: Raft paper, section 5.3; thesis, section 10.2 (batching and pipelining); progress.ts for when.
 */
import { assert } from '../../base/assert.ts'
import type { Index, Term } from '../../base/units.ts'
import type { Leading } from './leading.ts'
import type { AppendRequest, InstallRequest, SnapshotMeta } from './messages.ts'
import { HEARTBEATS_UNDER_WAY_MAX, Progress } from './progress.ts'
import type { RaftState } from './state.ts'

/** Data in one append, so that a follower far behind does not make us build huge messages. One entry always goes. */
const APPEND_BYTES_MAX = 512 * 1024
/** Heartbeats go out up to this many times within the time after which a follower gives up on us. */
const HEARTBEATS_PER_TIMEOUT = 10

/** One progress for each other server of the latest configuration; those who left get their farewell. */
export function syncPeers(raft: RaftState, leading: Leading): void {
  const { latest, latestIndex } = raft.configurations
  leading.leaseUntil = Number.NEGATIVE_INFINITY
  for (const server of latest.servers) {
    if (server.id === raft.id) continue
    const known = leading.peers.get(server.id)
    if (known === undefined) {
      raft.say('info', 'added peer, starting replication', { peer: server.id })
      leading.peers.set(server.id, new Progress(server, raft.log.lastIndex + 1, raft.now, raft.appendEntriesMax))
    } else {
      known.server = server
      known.leavesAt = null
    }
  }
  for (const [id, peer] of leading.peers) {
    if (peer.leavesAt !== null || raft.configurations.find(id) !== undefined) continue
    raft.say('info', 'removed peer, stopping replication', { peer: id, 'last-index': latestIndex })
    peer.leavesAt = latestIndex
    if (peer.match >= latestIndex) leading.peers.delete(id)
  }
  if (raft.isSoleVoter()) return
  leading.leaseCheckAt = Math.min(leading.leaseCheckAt, raft.now + raft.timing.leaderLeaseTimeoutMs)
}

/** Sends what the follower lacks, as far as it may be under way. */
export function replicate(raft: RaftState, leading: Leading, peer: Progress): void {
  const { log } = raft
  while (peer.wantsAppend(raft.now, log.lastIndex)) {
    if (peer.astray) {
      sendState(raft, leading, peer)
      return
    }
    const prevIndex = peer.next - 1
    const prevTerm = log.termAt(prevIndex)
    if (prevTerm === undefined) {
      assert(raft.snapshot !== null, 'a compacted log without a snapshot')
      sendSnapshot(raft, leading, peer, raft.snapshot)
      return
    }
    const entriesMax = Math.min(raft.appendEntriesMax, peer.target(log.lastIndex) - prevIndex)
    const body = appendFor(raft, leading, prevIndex, prevTerm, entriesMax)
    const upTo = prevIndex + body.entries!.length
    raft.send(peer.server, body, {
      kind: 'append',
      peer: peer.server.id,
      round: leading.round,
      at: raft.now,
      epoch: peer.epoch,
      prevIndex,
      upTo,
    })
    peer.sentAppend(raft.now, upTo, log.lastIndex, raft.timing, raft.random)
    if (upTo > leading.sharedIndex) leading.sharedIndex = upTo
  }
}

/** The append itself. Followers that keep pace get the same one, so that it is written as bytes once for all of them. */
function appendFor(
  raft: RaftState,
  leading: Leading,
  prevIndex: Index,
  prevTerm: Term,
  entriesMax: number,
): AppendRequest {
  const last = leading.lastAppend
  const entries = raft.log.batch(prevIndex + 1, entriesMax, APPEND_BYTES_MAX)
  if (
    last !== null &&
    last.prevIndex === prevIndex &&
    last.prevTerm === prevTerm &&
    last.commit === raft.commitIndex &&
    last.entries?.length === entries.length &&
    last.entries.at(-1) === entries.at(-1)
  ) {
    return last
  }
  leading.lastAppend = {
    type: 'append',
    term: raft.term,
    leader: raft.address,
    prevIndex,
    prevTerm,
    entries,
    commit: raft.commitIndex,
  }
  return leading.lastAppend
}

/** The newest snapshot, or one of the state as it stands, which will be taken. */
function sendState(raft: RaftState, leading: Leading, peer: Progress): void {
  const { snapshot, appliedIndex, configurations } = raft
  if (snapshot !== null) {
    sendSnapshot(raft, leading, peer, snapshot)
    return
  }
  const term = raft.log.termAt(appliedIndex)
  if (appliedIndex === 0 || term === undefined) {
    peer.failed(raft.now)
    return
  }
  sendSnapshot(raft, leading, peer, {
    index: appliedIndex,
    term,
    configuration: configurations.committed,
    configurationIndex: configurations.committedIndex,
  })
}

/** The entries that it needs are compacted away, or not enough. */
function sendSnapshot(raft: RaftState, leading: Leading, peer: Progress, snapshot: SnapshotMeta): void {
  peer.sentInstall()
  const body: InstallRequest = {
    type: 'install',
    term: raft.term,
    leader: raft.address,
    lastIndex: snapshot.index,
    lastTerm: snapshot.term,
    configuration: snapshot.configuration,
    configurationIndex: snapshot.configurationIndex,
    size: 0,
  }
  raft.send(peer.server, body, {
    kind: 'install',
    peer: peer.server.id,
    round: leading.round,
    at: raft.now,
    epoch: peer.epoch,
    prevIndex: peer.next - 1,
    upTo: snapshot.index,
  })
}

export function sendHeartbeat(raft: RaftState, leading: Leading, peer: Progress): void {
  const intervalMs = raft.timing.heartbeatTimeoutMs / HEARTBEATS_PER_TIMEOUT
  peer.heartbeatAt = raft.now + intervalMs * (1 + raft.random.float())
  if (peer.heartbeatsUnderWay >= HEARTBEATS_UNDER_WAY_MAX) return
  peer.heartbeatsUnderWay++
  raft.send(peer.server, leading.heartbeat, {
    kind: 'heartbeat',
    peer: peer.server.id,
    round: leading.round,
    at: raft.now,
  })
}
