/**
 * The methods of sessions. Whatever chance or clock decides (the id) is decided here, before the log.
 * Source: Consul's agent/consul/session_endpoint.go.
 */
import { formatGoDuration, goDurationFault, parseGoDuration } from '../../base/go-duration.ts'
import { NANOS_PER_SECOND, type Nanos } from '../../base/units.ts'
import type { Found } from '../../model/query.ts'
import type { IndexedSessions, Session, SessionRequest, SessionSpecificRequest } from '../../model/session.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import type { ReadTxn } from '../store/rows.ts'
import { nodeSessions, sessionGet, sessionList } from '../store/session.ts'
import { demand, refused } from './refuse.ts'
import type { Env, MethodTable } from './table.ts'

/** Below this a session would die in an ordinary election (Consul's `session_ttl_min`). */
/** Where servers are told nothing else (session_ttl_min). */
const TTL_MIN_NANOS = 10 * NANOS_PER_SECOND
const TTL_MAX_NANOS = 24 * 3600 * NANOS_PER_SECOND

export const sessionMethods = {
  'Session.Apply': {
    kind: 'write',
    propose(txn, args, can, env) {
      switch (args.Op) {
        case 'create':
          return { command: { type: 'Session', body: creation(txn, args, can, env) } }
        case 'destroy': {
          const { ID } = args.Session
          if (ID === '') throw refused('Must provide ID')
          if (!can.all) {
            const session = sessionGet(txn, ID).Sessions?.[0]
            if (session === undefined) return { answer: '' }
            demand(can, 'session', 'write', session.Node)
          }
          return { command: { type: 'Session', body: { ...args, Session: withBehavior(args.Session) } } }
        }
        default:
          throw refused(`Invalid Session operation '${String((args as { Op: unknown }).Op)}'`)
      }
    },
    reply: (result) => (result.kind === 'text' ? result.value : ''),
  },

  'Session.Get': {
    kind: 'read',
    run: (txn, args, can) => visible(sessionGet(txn, args.SessionID || args.Session || ''), can),
  },
  'Session.List': { kind: 'read', run: (txn, _args, can) => visible(sessionList(txn), can) },
  'Session.NodeSessions': { kind: 'read', run: (txn, args, can) => visible(nodeSessions(txn, args.Node), can) },
  'Session.Renew': { kind: 'act' },
} satisfies Partial<MethodTable>

/**
 * The state's part of `Session.Renew`: the session whose timer the leader must set back, or none.
 * @throws ConsulError permission-denied, refused
 */
export function renewal(txn: ReadTxn, args: SessionSpecificRequest, can: Authorizer): Found<IndexedSessions> {
  const found = sessionGet(txn, args.SessionID || args.Session || '')
  for (const session of found.Sessions ?? []) demand(can, 'session', 'write', session.Node)
  return found
}

function creation(txn: ReadTxn, args: SessionRequest, can: Authorizer, env: Env): SessionRequest {
  if (args.Session.Node === '') throw refused('Must provide Node')
  demand(can, 'session', 'write', args.Session.Node)
  const session = withBehavior(args.Session)
  if (session.TTL !== '') checkTtl(session.TTL, env.sessionTtlMin || TTL_MIN_NANOS)
  let id = env.uuid()
  while (sessionGet(txn, id).Sessions !== null) id = env.uuid()
  return { ...args, Session: { ...session, ID: id } }
}

function withBehavior(session: Session): Session {
  switch (session.Behavior) {
    case 'release':
    case 'delete':
      return session
    case '':
      return { ...session, Behavior: 'release' }
    default:
      throw refused(`Invalid Behavior setting '${session.Behavior}'`)
  }
}

function checkTtl(text: string, min: Nanos): void {
  const ttl = parseGoDuration(text)
  if (ttl === undefined) throw refused(`Session TTL '${text}' invalid: ${goDurationFault(text)}`)
  if (ttl !== 0 && (ttl < min || ttl > TTL_MAX_NANOS)) {
    const bounds = `${formatGoDuration(min)}=${formatGoDuration(TTL_MAX_NANOS)}`
    throw refused(`Invalid Session TTL '${ttl}', must be between [${bounds}]`)
  }
}

function visible(found: Found<IndexedSessions>, can: Authorizer): Found<IndexedSessions> {
  if (can.all || found.Sessions === null) return found
  const sessions = found.Sessions.filter((session) => can.allowed('session', 'read', session.Node))
  return { Index: found.Index, Sessions: sessions.length === 0 ? null : sessions }
}
