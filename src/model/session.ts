/** Sessions: rows and commands. */
import type { Nanos } from '../base/units.ts'
import type { NodeSpecificRequest } from './catalog.ts'
import type { QueryMeta, QueryOptions, RaftIndex, ToDatacenter, WriteRequest } from './query.ts'

export interface Session extends RaftIndex {
  ID: string
  Name: string
  Node: string
  LockDelay: Nanos
  Behavior: string
  /** A Go duration, or "". */
  TTL: string
  NodeChecks: string[] | null
  ServiceChecks: { ID: string; Namespace: string }[] | null
  /** The old way to list node checks. */
  Checks: string[] | null
}

/** One of which nothing is said. Shared, so never changed. */
export const NO_SESSION: Session = Object.freeze({
  ID: '',
  Name: '',
  Node: '',
  LockDelay: 0,
  Behavior: '',
  TTL: '',
  NodeChecks: null,
  ServiceChecks: null,
  Checks: null,
  CreateIndex: 0,
  ModifyIndex: 0,
})

export interface SessionRequest extends WriteRequest, ToDatacenter {
  Op: 'create' | 'destroy'
  Session: Session
}

export interface SessionSpecificRequest extends QueryOptions, ToDatacenter {
  SessionID: string
  /** The older name of the same field; senders fill both. */
  Session?: string
}

export interface IndexedSessions extends QueryMeta {
  Sessions: Session[] | null
}

export interface SessionMethods {
  /** Create answers the id, destroy "". */
  'Session.Apply': { args: SessionRequest; reply: string }
  'Session.Get': { args: SessionSpecificRequest; reply: IndexedSessions }
  'Session.List': { args: QueryOptions & ToDatacenter; reply: IndexedSessions }
  'Session.NodeSessions': { args: NodeSpecificRequest; reply: IndexedSessions }
  'Session.Renew': { args: SessionSpecificRequest; reply: IndexedSessions }
}
