/**
 * How a server learns whether a peer knows pre-votes, which Consul 1.8.7 does not: on an unknown message it closes the
 * connection and writes an error into its log, so it must never get one. Before the first pre-vote on a connection goes a
 * question that every version can read: a heartbeat of term 0, of nobody. The real one finds it older than its own term
 * and says so; a real one that has no term yet finds it fine, and learns of no leader by it. Our servers refuse it with a
 * flag that no other server sets in that answer.
 *
 * Told by the connection itself, it cannot be out of date: where a real server takes the place of one of ours, at the
 * same address and in a moment, there is another connection, and the question is asked again. A tag in gossip would be
 * late for that, and would show in everything that lists members. And a real peer has answered before it counts as having
 * nothing against an election: a server that is cut off from it stays in its term.
 */
import type { AppendReply, AppendRequest, RaftReply, RaftRequest } from '../core/raft/messages.ts'

export const PRE_VOTE_QUESTION: AppendRequest = {
  type: 'append',
  term: 0,
  leader: '',
  prevIndex: 0,
  prevTerm: 0,
  entries: null,
  commit: 0,
}

export const PRE_VOTE_KNOWN: AppendReply = {
  type: 'append',
  term: 0,
  lastIndex: 0,
  success: false,
  noRetryBackoff: true,
}

/** No leader has term 0. */
export function asksForPreVote(body: RaftRequest): boolean {
  return body.type === 'append' && body.term === 0
}

/** @param body the answer to the question */
export function knowsPreVote(body: RaftReply): boolean {
  return body.type === 'append' && !body.success && body.noRetryBackoff
}
