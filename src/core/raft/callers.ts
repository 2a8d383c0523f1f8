/**
 * What callers ask of a leader: to append, to confirm that it leads, to change the servers, to hand over. Whoever is
 * not the leader refuses, and says so at once.
 * Read: Raft paper, section 8; thesis, sections 4.1 (server changes), 3.10 (transfer) and 6.4 (reads).
 */
import { assert } from '../../base/assert.ts'
import type { Index, ServerId } from '../../base/units.ts'
import { changed, describeServers, faultOf } from './configuration.ts'
import { type Awaiting, CHANGES_WAITING_MAX, type Leading } from './leading.ts'
import type { ServerChange, SnapshotMeta } from './messages.ts'
import { sendHeartbeat, syncPeers } from './replication.ts'
import { NO_DATA, type RaftState } from './state.ts'

export function propose(raft: RaftState, ticket: number, data: Uint8Array, extensions: Uint8Array | null): void {
  const leading = leadingFor(raft, ticket)
  if (leading === null) return
  const index = raft.append('command', data, extensions)
  leading.proposals.push(index, ticket)
  raft.effects.push({ kind: 'accepted', ticket, index, term: raft.term })
}

export function barrier(raft: RaftState, ticket: number): void {
  const leading = leadingFor(raft, ticket)
  if (leading === null) return
  leading.applying.push({ ticket, index: raft.append('barrier', NO_DATA, null) })
}

export function verify(raft: RaftState, ticket: number): void {
  const { leading } = raft
  if (leading === null) {
    raft.refuse(ticket, raft.role === 'shutdown' ? 'shutdown' : 'not-leader')
    return
  }
  // Before our own first entry is committed, entries of earlier terms may be committed without our knowing.
  leading.verifyNext.push({ ticket, index: Math.max(raft.commitIndex, leading.startIndex) })
  if (raft.isSoleVoter() && leading.verifyNow.length === 0) beginVerifyRound(raft, leading)
}

/** Who may add to the log now: a leader with a working disk that is not handing over. Refuses the others. */
function leadingFor(raft: RaftState, ticket: number): Leading | null {
  const { leading } = raft
  if (leading === null) raft.refuse(ticket, raft.role === 'shutdown' ? 'shutdown' : 'not-leader')
  else if (leading.transfer !== null) raft.refuse(ticket, 'transfer-in-progress')
  else if (leading.restore !== null) raft.refuse(ticket, 'restore-in-progress')
  else if (raft.writes.failing) raft.refuse(ticket, 'disk')
  else return leading
  return null
}

/** One round is under way at a time; all who ask meanwhile share the next one. */
export function beginVerifyRound(raft: RaftState, leading: Leading): void {
  leading.round++
  leading.verifyNow = leading.verifyNext
  leading.verifyNext = []
  for (const { id } of raft.configurations.voters) {
    const peer = leading.peers.get(id)
    if (peer !== undefined) sendHeartbeat(raft, leading, peer)
  }
  settleVerifyRound(raft, leading)
}

export function settleVerifyRound(raft: RaftState, leading: Leading): void {
  if (leading.verifyNow.length === 0 || !leading.roundConfirmed(raft.configurations.voters)) return
  leading.applying.push(...leading.verifyNow)
  leading.verifyNow = []
  settleApplied(raft, leading)
}

export function settleApplied(raft: RaftState, leading: Leading): void {
  if (leading.applying.length === 0) return
  const waiting: Awaiting[] = []
  for (const each of leading.applying) {
    if (each.index <= raft.appliedIndex) raft.resolve(each.ticket)
    else waiting.push(each)
  }
  leading.applying = waiting
}

export function changeServers(raft: RaftState, ticket: number, change: ServerChange): void {
  const leading = leadingFor(raft, ticket)
  if (leading === null) return
  if (leading.changes.length >= CHANGES_WAITING_MAX) {
    raft.refuse(ticket, 'invalid', 'too many server changes are waiting')
    return
  }
  leading.changes.push({ ticket, change })
  startChange(raft, leading)
}

/**
 * Begins the next server change when the last one is committed, and an entry of our own term too: without the latter,
 * two leaders could each change one server from different bases (Ongaro, raft-dev, "bug in single-server changes").
 */
export function startChange(raft: RaftState, leading: Leading): void {
  const { configurations } = raft
  while (
    leading.changes.length > 0 &&
    leading.transfer === null &&
    leading.restore === null &&
    raft.commitIndex >= leading.startIndex &&
    raft.commitIndex >= configurations.latestIndex
  ) {
    const { ticket, change } = leading.changes.shift()!
    const next = changed(configurations.latest, change)
    const fault = faultOf(next)
    if (fault !== undefined) {
      raft.refuse(ticket, 'invalid', fault)
    } else if (next === configurations.latest) {
      raft.resolve(ticket)
    } else {
      raft.say('info', 'updating configuration', {
        command: CHANGE_WORDS[change.kind],
        'server-id': change.id,
        'server-addr': 'address' in change ? change.address : '',
        servers: describeServers(next.servers),
      })
      const index = raft.append('configuration', raft.codec.encode(next), null)
      configurations.append(index, next)
      leading.change = { ticket, index }
      syncPeers(raft, leading)
    }
  }
}

/**
 * A user's snapshot shall be the state from now on: as if it had been taken by us just now, beyond the end of our log,
 * so that every follower finds its own log to end before it and is sent it whole (hashicorp/raft, `Restore`). The log
 * has a gap there, and nothing in it can be committed any more. Should we fail before a majority has the snapshot, the
 * others go on with the old state, and we must not count as one of them: `refuseAstray` in follower.ts sees to that.
 */
export function restoreSnapshot(raft: RaftState, ticket: number, index: Index): void {
  const leading = leadingFor(raft, ticket)
  if (leading === null) return
  const { configurations } = raft
  if (raft.commitIndex < Math.max(configurations.latestIndex, leading.startIndex)) {
    const waited = `wait until the configuration entry at ${configurations.latestIndex} has been applied`
    raft.refuse(ticket, 'invalid', `cannot restore snapshot now, ${waited} (have applied ${raft.appliedIndex})`)
    return
  }
  for (const proposed of leading.proposals.drain()) raft.refuse(proposed, 'restored')
  const meta: SnapshotMeta = {
    index: Math.max(raft.log.lastIndex, index) + 1,
    term: raft.term,
    configuration: configurations.latest,
    configurationIndex: configurations.latestIndex,
  }
  leading.restore = { ticket, meta }
  raft.replacing = ticket
  raft.effects.push({ kind: 'replace', ticket, meta })
}

/** The user's snapshot is stored, and stands in place of the state. */
export function replaced(raft: RaftState, ticket: number, ok: boolean): void {
  if (raft.replacing !== ticket) return
  raft.replacing = null
  const { leading } = raft
  // Whoever no longer leads has said so, and gave the snapshot up with that.
  if (leading === null || leading.restore === null) {
    raft.awaitLeader()
    return
  }
  const { meta } = leading.restore
  leading.restore = null
  if (!ok) {
    raft.refuse(ticket, 'disk')
    startChange(raft, leading)
    return
  }
  const { log, writes, configurations } = raft
  assert(log.lastIndex < meta.index, 'the log went on while a snapshot was put in its place')
  writes.replaced(log.firstIndex, meta.index)
  log.reset(meta.index, meta.term)
  configurations.reset(meta.configuration, meta.configurationIndex, Number.POSITIVE_INFINITY)
  raft.snapshot = meta
  raft.commitIndex = meta.index
  raft.commitKnown = meta.index
  raft.appliedIndex = meta.index
  raft.say('info', 'restored user snapshot', { index: meta.index })
  // The old state may still win: this one is not read from either before others have it.
  leading.startIndex = raft.append('noop', NO_DATA, null)
  leading.applying.push({ ticket, index: leading.startIndex })
  settleApplied(raft, leading)
}

export function transferLeadership(raft: RaftState, ticket: number, to: ServerId | null): void {
  const leading = leadingFor(raft, ticket)
  if (leading === null) return
  if (to === raft.id) {
    raft.refuse(ticket, 'invalid', 'cannot transfer leadership to itself')
    return
  }
  const peer =
    to === null
      ? leading.mostCaughtUp(raft.configurations.voters, raft.now - raft.timing.leaderLeaseTimeoutMs)
      : raft.configurations.isVoter(to)
        ? leading.peers.get(to)
        : undefined
  if (peer === undefined) {
    raft.refuse(ticket, 'invalid', 'cannot find peer')
    return
  }
  const { id, address } = peer.server
  raft.say('debug', 'starting leadership transfer', { id, address })
  leading.transfer = { ticket, to: id, deadline: raft.now + raft.timing.electionTimeoutMs, sent: false }
  pushTransfer(raft, leading)
}

/** Once the chosen one has all of our log, it is told to stand at once. */
export function pushTransfer(raft: RaftState, leading: Leading): void {
  const { transfer } = leading
  if (transfer === null || transfer.sent) return
  const peer = leading.peers.get(transfer.to)
  if (peer === undefined || peer.match < raft.log.lastIndex) return
  transfer.sent = true
  leading.leaseBroken = true
  raft.send(peer.server, { type: 'timeout-now', term: raft.term }, { kind: 'timeout-now', peer: transfer.to })
}

export function giveUpTransfer(raft: RaftState, leading: Leading, message: string): void {
  if (leading.transfer === null) return
  raft.say('debug', message, {})
  raft.refuse(leading.transfer.ticket, 'invalid', message)
  leading.transfer = null
  startChange(raft, leading)
}

/** As hashicorp/raft names them in its log. */
const CHANGE_WORDS: Record<ServerChange['kind'], string> = {
  'add-voter': 'AddStaging',
  'add-nonvoter': 'AddNonvoter',
  demote: 'DemoteVoter',
  remove: 'RemoveServer',
}
