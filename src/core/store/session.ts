/**
 * The rules and reads of sessions: creating one against the node's checks, and all that its end takes with it.
 * Reads: protocol/fsm-and-snapshot.md section 3; Consul's agent/consul/state/session.go.
 *
 * Lock delays run on every server's own clock and are no part of the state: `lockDelays` reads them off a commit.
 */

import type { Index, Nanos } from '../../base/units.ts'
import { NANOS_PER_SECOND } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import { ConsulError } from '../../model/errors.ts'
import type { DirEntry } from '../../model/kv.ts'
import type { Found } from '../../model/query.ts'
import type { IndexedSessions, Session, SessionRequest } from '../../model/session.ts'
import { setCounter } from './counters.ts'
import { kvDelete, kvRelease, sessionIdError } from './kv.ts'
import { deleteQueriesOf } from './prepared-query.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import type { Change } from './store.ts'
import { checkKey, checkPrefix, nodeKey, nodePrefix, sessionCheckKey, sessionKey, sessionPrefix } from './tables.ts'

/** However long a session asks a lock to rest, it rests no longer (structs.MaxLockDelay). */
const LOCK_DELAY_MAX: Nanos = 60 * NANOS_PER_SECOND

export function applySession(txn: WriteTxn, index: Index, body: SessionRequest): Result {
  switch (body.Op) {
    case 'create':
      return createSession(txn, index, body.Session)
    case 'destroy': {
      const malformed = sessionIdError(body.Session.ID)
      if (malformed !== undefined) return { kind: 'failed', message: `failed session lookup: ${malformed}` }
      destroySession(txn, index, body.Session.ID)
      return { kind: 'done' }
    }
    default:
      return { kind: 'failed', message: `Invalid Session operation '${String(body.Op)}'` }
  }
}

function createSession(txn: WriteTxn, index: Index, asked: Session): Result {
  if (asked.ID === '') return { kind: 'failed', message: 'Missing session ID' }
  const behavior = asked.Behavior === '' ? 'release' : asked.Behavior
  if (behavior !== 'release' && behavior !== 'delete') {
    return { kind: 'failed', message: `Invalid session behavior: ${behavior}` }
  }
  if (txn.get('nodes', nodeKey(asked.Node)) === undefined) {
    return { kind: 'failed', message: 'Missing node registration' }
  }
  const checks = checkIds(asked)
  for (const id of checks) {
    const check = txn.get('checks', checkKey(asked.Node, id))
    if (check === undefined) return { kind: 'failed', message: `Missing check '${id}' registration` }
    if (check.Status === 'critical') return { kind: 'failed', message: `Check '${id}' is in critical state` }
  }
  const malformed = sessionIdError(asked.ID)
  if (malformed !== undefined) return { kind: 'failed', message: `failed inserting session: ${malformed}` }
  putSession(txn, { ...asked, Behavior: behavior, CreateIndex: index, ModifyIndex: index })
  setCounter(txn, 'sessions', index)
  return { kind: 'text', value: asked.ID }
}

/** Stores the row and its check mappings, and moves no counter: for creating, and for restoring a snapshot. */
export function putSession(txn: WriteTxn, session: Session): void {
  txn.put('sessions', session)
  for (const id of checkIds(session)) {
    txn.put('session-checks', { Node: session.Node, CheckID: id, Session: session.ID })
  }
}

/** All checks a session stands on; service checks are looked up on its node by id like the others. */
function checkIds(session: Session): string[] {
  const ids = [...(session.Checks ?? []), ...(session.NodeChecks ?? [])]
  for (const check of session.ServiceChecks ?? []) ids.push(check.ID)
  return ids
}

/** Ends a session: its row, its locks, what tied it to checks, the queries bound to it. Nothing happens when there is none. */
export function destroySession(txn: WriteTxn, index: Index, id: string): void {
  const session = txn.get('sessions', sessionKey(id))
  if (session === undefined) return
  txn.delete('sessions', sessionKey(id))
  setCounter(txn, 'sessions', index)
  const held: DirEntry[] = [...txn.by('kvs-by-session', sessionPrefix(id))]
  for (const entry of held) {
    if (session.Behavior === 'delete') kvDelete(txn, index, entry.Key)
    else kvRelease(txn, index, entry)
  }
  for (const tie of [...txn.by('session-checks-by-session', sessionPrefix(id))]) {
    txn.delete('session-checks', sessionCheckKey(tie.Node, tie.CheckID, tie.Session))
  }
  deleteQueriesOf(txn, index, id)
}

/** Ids of the sessions that stand on a check, in order; safe to destroy while going through them. */
export function sessionsOfCheck(txn: ReadTxn, node: string, checkId: string): string[] {
  const ids: string[] = []
  for (const tie of txn.prefix('session-checks', checkPrefix(node, checkId))) ids.push(tie.Session)
  return ids
}

/** The sessions of a node, in order of their ids; safe to destroy while going through them. */
export function sessionsOfNode(txn: ReadTxn, node: string): Session[] {
  return [...txn.by('sessions-by-node', nodePrefix(node))]
}

/** @throws ConsulError when the id is no UUID, as Consul answers it */
export function sessionGet(txn: ReadTxn, id: string): Found<IndexedSessions> {
  const malformed = sessionIdError(id)
  if (malformed !== undefined) throw new ConsulError('refused', `failed session lookup: ${malformed}`)
  const session = txn.get('sessions', sessionKey(id))
  return { Index: txn.counter('sessions'), Sessions: session === undefined ? null : [session] }
}

export function sessionList(txn: ReadTxn): Found<IndexedSessions> {
  const sessions = [...txn.prefix('sessions', '')]
  return { Index: txn.counter('sessions'), Sessions: sessions.length === 0 ? null : sessions }
}

export function nodeSessions(txn: ReadTxn, node: string): Found<IndexedSessions> {
  const sessions = sessionsOfNode(txn, node)
  return { Index: txn.counter('sessions'), Sessions: sessions.length === 0 ? null : sessions }
}

/** A key that must rest before it can be locked again. */
export interface LockDelay {
  Key: string
  /** At most `LOCK_DELAY_MAX`, above 0. */
  delay: Nanos
}

/** The locks that sessions which ended in this commit let go, for the servers' own clocks to hold back. */
export function lockDelays(changes: readonly Change[]): LockDelay[] {
  let ended: Map<string, Nanos> | undefined
  for (const change of changes) {
    if (change.table !== 'sessions' || change.before === undefined || change.after !== undefined) continue
    const session = change.before as Session
    if (session.LockDelay <= 0) continue
    ended ??= new Map()
    ended.set(change.key, Math.min(session.LockDelay, LOCK_DELAY_MAX))
  }
  if (ended === undefined) return []
  const delays: LockDelay[] = []
  for (const change of changes) {
    if (change.table !== 'kvs' || change.before === undefined) continue
    const before = change.before as DirEntry
    const delay = before.Session === '' ? undefined : ended.get(sessionKey(before.Session))
    if (delay !== undefined) delays.push({ Key: before.Key, delay })
  }
  return delays
}
