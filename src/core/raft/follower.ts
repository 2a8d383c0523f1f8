/**
 * What a follower does with its leader's requests: appends to the log, and snapshots when the log is too far behind.
 * Read: Raft paper, section 5.3 and figure 2 (AppendEntries), section 7 and figure 13 (InstallSnapshot).
 */
import type { Index, Term } from '../../base/units.ts'
import { faultOf } from './configuration.ts'
import { endsBefore } from './log.ts'
import type { AppendRequest, Configuration, Entry, InstallRequest } from './messages.ts'
import type { RaftState } from './state.ts'

/** Adopts the term and the leader that a peer claims to be. @returns false when it is not to be believed */
function heardLeader(raft: RaftState, term: Term, leader: string): boolean {
  if (term < raft.term) return false
  if (raft.leading !== null && term === raft.term) {
    raft.say('error', 'another server claims to lead our term', { leader, term })
    return false
  }
  if (term > raft.term || raft.role !== 'follower') raft.becomeFollower(term)
  raft.standing = null
  raft.warned = false
  raft.lastContact = raft.now
  raft.quietUntil = raft.now + raft.timing.heartbeatTimeoutMs
  raft.electionDeadline = raft.now + raft.electionSpan
  raft.follow(leader)
  return true
}

export function onAppend(raft: RaftState, id: number, request: AppendRequest): void {
  const lastIndex = raft.log.lastIndex
  const refuse = (last: Index, noRetryBackoff: boolean): void =>
    raft.answer(id, { type: 'append', term: raft.term, lastIndex: last, success: false, noRetryBackoff }, 0)
  if (!heardLeader(raft, request.term, request.leader)) {
    refuse(lastIndex, false)
    return
  }

  const entries = request.entries ?? []
  const { prevIndex } = request
  const fault = entriesFault(request)
  if (fault !== undefined) {
    raft.say('error', 'refusing a malformed append', { error: fault, leader: request.leader })
    refuse(lastIndex, false)
    return
  }
  if (prevIndex > lastIndex) {
    raft.say('warn', 'failed to get previous log', {
      'previous-index': prevIndex,
      'last-index': lastIndex,
      error: 'log not found',
    })
    refuse(lastIndex, true)
    return
  }
  if (raft.log.contradicts(prevIndex, request.prevTerm)) {
    const ours = raft.log.termAt(prevIndex)
    if (ours === undefined || prevIndex <= raft.commitIndex) {
      refuseAstray(raft, id, prevIndex, request.leader)
      return
    }
    raft.say('warn', 'previous log term mis-match', { ours, remote: request.prevTerm })
    refuse(Math.min(lastIndex, raft.log.beforeTermOf(prevIndex, raft.commitIndex)), true)
    return
  }
  if (entries.length > 0) {
    if (raft.unsettled || raft.writes.failing) {
      refuse(lastIndex, false)
      return
    }
    const astray =
      entries[0]!.index > raft.commitIndex
        ? undefined
        : entries.find(({ index, term }) => index <= raft.commitIndex && raft.log.contradicts(index, term))
    if (astray !== undefined) {
      refuseAstray(raft, id, astray.index, request.leader)
      return
    }
    const broken = adopt(raft, entries)
    if (broken !== undefined) {
      raft.say('error', 'refusing an append', { error: broken, leader: request.leader })
      refuse(lastIndex, false)
      return
    }
  }
  const upTo = prevIndex + entries.length
  raft.commitKnown = Math.max(raft.commitKnown, Math.min(request.commit, upTo))
  raft.advance()
  raft.answer(id, { type: 'append', term: raft.term, lastIndex, success: true, noRetryBackoff: false }, upTo)
}

/**
 * A user's snapshot that we put in place of the state as the leader reached nobody else, and the others went on with the
 * old one. What we have of the log is not theirs, also where we no longer know its entries: to take theirs for ours
 * would count us among those who hold them. Only a snapshot of theirs helps, and that is what 0 asks for. It may end
 * before ours, where the leader needs us to commit more: our vote then still goes by what we had before.
 */
function refuseAstray(raft: RaftState, id: number, index: Index, leader: string): void {
  raft.say('error', 'our state is not the cluster’s, waiting for a snapshot', { index, leader })
  raft.astrayIn = raft.term
  if (raft.floor === null || endsBefore(raft.floor, raft.log.end)) {
    raft.floor = raft.log.end
    raft.saveHardState()
  }
  raft.answer(id, { type: 'append', term: raft.term, lastIndex: 0, success: false, noRetryBackoff: false }, 0)
}

/** Skips what we have, drops what conflicts, appends the rest. @returns why not, or undefined */
function adopt(raft: RaftState, entries: Entry[]): string | undefined {
  const { log } = raft
  let fresh = 0
  while (fresh < entries.length) {
    const entry = entries[fresh]!
    if (entry.index > log.lastIndex) break
    if (log.contradicts(entry.index, entry.term)) break
    fresh++
  }
  if (fresh === entries.length) return undefined
  const configurations = new Map<Index, Configuration>()
  try {
    for (let i = fresh; i < entries.length; i++) {
      const configuration = raft.configurationIn(entries[i]!)
      if (configuration !== null) configurations.set(entries[i]!.index, configuration)
    }
  } catch (error) {
    return `unreadable configuration: ${error instanceof Error ? error.message : String(error)}`
  }
  const from = entries[fresh]!.index
  if (from <= log.lastIndex) {
    raft.say('warn', 'clearing log suffix', { from, to: log.lastIndex })
    raft.truncate(from)
  }
  for (let i = fresh; i < entries.length; i++) log.append(entries[i]!)
  for (const [index, configuration] of configurations) raft.configurations.append(index, configuration)
  return undefined
}

export function onInstall(raft: RaftState, id: number, request: InstallRequest): void {
  const believed = heardLeader(raft, request.term, request.leader)
  if (!believed) {
    raft.say('info', 'ignoring installSnapshot request with older term than current term', {
      'request-term': request.term,
      'current-term': raft.term,
    })
  }
  if (!believed || raft.unsettled || raft.writes.failing || faultOf(request.configuration) !== undefined) {
    raft.answer(id, { type: 'install', term: raft.term, success: false }, 0)
    return
  }
  const { lastIndex: index, lastTerm: term, configuration, configurationIndex } = request
  const astray = raft.astrayIn === raft.term
  if (!astray && index <= raft.commitIndex && !raft.log.contradicts(index, term)) {
    raft.answer(id, { type: 'install', term: raft.term, success: true }, 0)
    return
  }
  raft.restoring = { id, meta: { index, term, configuration, configurationIndex }, astray }
  raft.effects.push({ kind: 'restore', id, meta: raft.restoring.meta, alone: astray })
}

export function restored(raft: RaftState, id: number, ok: boolean): void {
  const { restoring } = raft
  if (restoring === null || restoring.id !== id) return
  raft.restoring = null
  raft.awaitLeader()
  if (!ok) {
    raft.effects.push({ kind: 'answer', id, body: { type: 'install', term: raft.term, success: false } })
    return
  }
  const { meta, astray } = restoring
  const { log, writes } = raft
  if (astray) raft.astrayIn = 0
  if (!astray && log.termAt(meta.index) === meta.term && writes.durableIndex >= meta.index) {
    // What follows the snapshot is ours and good (paper, section 7, rule 6).
    raft.configurations.reset(meta.configuration, meta.configurationIndex, meta.index)
  } else {
    writes.replaced(Math.min(log.firstIndex, meta.index + 1), meta.index)
    raft.disown(meta.index)
    // Beyond it nothing that we took for committed counts: see `refuseAstray`.
    if (meta.index <= raft.commitIndex) raft.commitKnown = meta.index
    log.reset(meta.index, meta.term)
    raft.configurations.reset(meta.configuration, meta.configurationIndex, Number.POSITIVE_INFINITY)
  }
  raft.snapshot = meta
  raft.commitIndex = meta.index
  raft.commitKnown = Math.max(raft.commitKnown, meta.index)
  raft.appliedIndex = meta.index
  raft.say('info', 'Installed remote snapshot', {})
  raft.answer(id, { type: 'install', term: raft.term, success: true }, meta.index)
  raft.advance()
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
