/** Wire structs of sessions (protocol/rpc.md section 10). */
import type { Session, SessionRequest } from '../../model/session.ts'
import { int, list, RAFT_INDEX, struct, text, textOf, WRITE_REQUEST } from '../schema.ts'

const serviceCheck = struct<{ ID: string; Namespace: string }>({ ID: text, Namespace: text })

export const session = struct<Session>({
  ...RAFT_INDEX,
  ID: text,
  Name: text,
  Node: text,
  LockDelay: int,
  Behavior: text,
  TTL: text,
  NodeChecks: list(text),
  ServiceChecks: list(serviceCheck),
  Checks: list(text),
})

export const sessionRequest = struct<SessionRequest>({
  ...WRITE_REQUEST,
  Op: textOf<'create' | 'destroy'>(),
  Session: session,
})
