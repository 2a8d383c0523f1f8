/**
 * How a leader is found: waiting for one, standing for election, and voting. What follows from winning is in leader.ts.
 * Read: Raft paper, sections 5.2 and 5.4.1; thesis, sections 4.2.3 (disruptive servers) and 9.6 (pre-vote).
 */
import type { ServerId } from '../../base/units.ts'
import { becomeLeader } from './leader.ts'
import { endsBefore } from './log.ts'
import type { PreVoteRequest, VoteRequest } from './messages.ts'
import { majority } from './quorum.ts'
import type { RaftState, Standing } from './state.ts'
import { RETRY_MS } from './writes.ts'

/** Time passed, and we do not lead. */
export function tickWithoutLeading(raft: RaftState): void {
  if (raft.role === 'shutdown' || raft.unsettled || raft.now < raft.electionDeadline) return
  if (raft.role === 'follower') {
    heartbeatTimedOut(raft)
    return
  }
  if (!mayStand(raft)) {
    raft.becomeFollower(raft.term)
    return
  }
  if (raft.writes.failing) {
    postponeElection(raft)
    return
  }
  raft.say('warn', 'Election timeout reached, restarting election', {})
  stand(raft)
}

function heartbeatTimedOut(raft: RaftState): void {
  const lastLeader = raft.leader
  raft.awaitLeader()
  raft.follow('')
  raft.standing = null
  if (raft.configurations.latest.servers.length === 0) {
    warnOnce(raft, 'no known peers, aborting election')
    return
  }
  if (!mayStand(raft)) {
    warnOnce(raft, 'not part of stable configuration, aborting election')
    return
  }
  if (raft.writes.failing) {
    postponeElection(raft)
    return
  }
  raft.say('warn', 'heartbeat timeout reached, starting election', { 'last-leader': lastLeader })
  stand(raft)
}

function postponeElection(raft: RaftState): void {
  raft.electionDeadline = raft.now + RETRY_MS
}

function warnOnce(raft: RaftState, message: string): void {
  if (raft.warned) return
  raft.warned = true
  raft.say('warn', message, {})
}

function stand(raft: RaftState): void {
  if (raft.preVote && !raft.isSoleVoter()) askForPreVotes(raft)
  else elect(raft, false)
}

/** Asks whether an election could be won, before disturbing anyone with a new term (thesis, section 9.6). */
function askForPreVotes(raft: RaftState): void {
  const standing = beginBallot(raft, true, false)
  poll(raft, {
    type: 'pre-vote',
    term: raft.term + 1,
    candidate: raft.address,
    lastIndex: raft.log.lastIndex,
    lastTerm: raft.log.lastTerm,
  })
  if (raft.configurations.isVoter(raft.id)) countVote(raft, standing, raft.id)
}

export function elect(raft: RaftState, transfer: boolean): void {
  beginBallot(raft, false, transfer)
  raft.role = 'candidate'
  raft.leader = ''
  raft.term++
  raft.votedTerm = raft.term
  raft.votedFor = raft.address
  raft.saveHardState()
  raft.say('info', 'entering candidate state', { node: raft.describe(), term: raft.term })
  raft.say('debug', 'votes', { needed: majority(raft.configurations.voters.length) })
  raft.announce()
}

function beginBallot(raft: RaftState, pre: boolean, transfer: boolean): Standing {
  raft.ballot++
  raft.sent.clear()
  raft.electionDeadline = raft.now + raft.timing.electionTimeoutMs * (1 + raft.random.float())
  raft.standing = { pre, transfer, asked: pre, votes: new Set() }
  return raft.standing
}

/** Our own vote is durable: count it, and ask for the others'. */
export function askForVotes(raft: RaftState): void {
  const { standing } = raft
  if (standing === null || standing.asked || !raft.writes.hardStateDurable) return
  standing.asked = true
  poll(raft, {
    type: 'vote',
    term: raft.term,
    candidate: raft.address,
    lastIndex: raft.log.lastIndex,
    lastTerm: raft.log.lastTerm,
    leadershipTransfer: standing.transfer,
  })
  if (raft.configurations.isVoter(raft.id)) countVote(raft, standing, raft.id)
}

function poll(raft: RaftState, body: VoteRequest | PreVoteRequest): void {
  for (const voter of raft.configurations.voters) {
    if (voter.id !== raft.id) raft.send(voter, body, { kind: body.type, peer: voter.id, ballot: raft.ballot })
  }
}

/** A peer gave its vote, or would give it. */
export function granted(raft: RaftState, peer: ServerId, ballot: number): void {
  if (raft.standing !== null && ballot === raft.ballot) countVote(raft, raft.standing, peer)
}

function countVote(raft: RaftState, standing: Standing, from: ServerId): void {
  standing.votes.add(from)
  const tally = standing.votes.size
  if (!standing.pre) raft.say('debug', 'vote granted', { from, term: raft.term, tally })
  if (tally < majority(raft.configurations.voters.length)) return
  if (standing.pre) {
    elect(raft, false)
    return
  }
  raft.say('info', 'election won', { tally })
  becomeLeader(raft)
}

export function onVote(raft: RaftState, id: number, request: VoteRequest): void {
  // Granting may adopt the candidate's term: the answer names the term after that.
  const granted = grants(raft, request)
  raft.answer(id, { type: 'vote', term: raft.term, granted }, 0)
}

function grants(raft: RaftState, request: VoteRequest): boolean {
  const { candidate, term } = request
  if (raft.leader !== '' && raft.leader !== candidate && !request.leadershipTransfer) {
    // Whoever can hear the leader does not help to unseat it, and does not even adopt the term (thesis, 4.2.3).
    raft.say('warn', 'rejecting vote request since we have a leader', { from: candidate, leader: raft.leader })
    return false
  }
  if (isQuiet(raft, candidate) && !request.leadershipTransfer) return false
  if (term < raft.term) return false
  if (term > raft.term) {
    raft.say('debug', 'lost leadership because received a requestVote with a newer term', {})
    raft.becomeFollower(term)
  }
  if (raft.votedTerm === term) {
    raft.say('info', 'duplicate requestVote for same term', { term })
    if (raft.votedFor !== candidate) return false
    raft.say('warn', 'duplicate requestVote from', { candidate })
    return true
  }
  if (!isUpToDate(raft, request) || raft.writes.failing) return false
  raft.votedTerm = term
  raft.votedFor = candidate
  raft.saveHardState()
  raft.awaitLeader()
  return true
}

/** A leader that we heard of may still read by its lease, also when we no longer know of it. */
function isQuiet(raft: RaftState, candidate: string): boolean {
  return raft.now < raft.quietUntil && raft.leader !== candidate
}

/** Would we vote for it? Changes nothing (thesis, section 9.6). */
export function onPreVote(raft: RaftState, id: number, request: PreVoteRequest): void {
  const unled = raft.leader === '' ? !isQuiet(raft, request.candidate) : raft.leader === request.candidate
  const granted = unled && request.term >= raft.term && !raft.writes.failing && isUpToDate(raft, request)
  raft.answer(id, { type: 'pre-vote', term: raft.term, granted }, 0)
}

/** Paper, section 5.4.1: who votes must not know more than the candidate. */
function isUpToDate(raft: RaftState, { candidate, lastTerm, lastIndex }: VoteRequest | PreVoteRequest): boolean {
  const { owed } = raft
  if (!endsBefore({ index: lastIndex, term: lastTerm }, owed)) return true
  if (owed.term > lastTerm) {
    raft.say('warn', 'rejecting vote request since our last term is greater', {
      candidate,
      'last-term': owed.term,
      'last-candidate-term': lastTerm,
    })
  } else {
    raft.say('warn', 'rejecting vote request since our last index is greater', {
      candidate,
      'last-index': owed.index,
      'last-candidate-index': lastIndex,
    })
  }
  return false
}

/** Whoever gave up a log for an older state waits for a leader to bring the rest: it would not even vote for itself. */
export function mayStand(raft: RaftState): boolean {
  return !raft.unsettled && !endsBefore(raft.log.end, raft.owed) && raft.configurations.mayStand(raft.id)
}
