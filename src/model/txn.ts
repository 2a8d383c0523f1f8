/** Transactions: several operations on keys, nodes, services and checks that happen all or not at all. */
import type { Node, NodeService } from './catalog.ts'
import type { HealthCheck } from './health.ts'
import type { IntentionRequest } from './intention.ts'
import type { DirEntry, KVOp } from './kv.ts'
import type { QueryMeta, QueryOptions, ToDatacenter, WriteRequest } from './query.ts'
import type { Session } from './session.ts'

export type TxnKVVerb = KVOp | 'get' | 'get-tree' | 'check-session' | 'check-index' | 'check-not-exists'
export type TxnCatalogVerb = 'get' | 'set' | 'cas' | 'delete' | 'delete-cas'

/** For `cas`, `delete-cas` and `check-index`, `ModifyIndex` of the row is the index to compare with. */
export interface TxnKVOp {
  Verb: TxnKVVerb
  DirEnt: DirEntry
}

export interface TxnNodeOp {
  Verb: TxnCatalogVerb
  Node: Node
}

export interface TxnServiceOp {
  Verb: TxnCatalogVerb
  /** Name of the node. */
  Node: string
  Service: NodeService
}

export interface TxnCheckOp {
  Verb: TxnCatalogVerb
  Check: HealthCheck
}

export interface TxnSessionOp {
  Verb: 'delete'
  Session: Session
}

/** One of them says what is to be done; of several, the first in the order KV, Intention, Node, Service, Check, Session. */
export interface TxnOp {
  KV: TxnKVOp | null
  /** Over RPC alone: no door offers it. */
  Intention: IntentionRequest | null
  Node: TxnNodeOp | null
  Service: TxnServiceOp | null
  Check: TxnCheckOp | null
  Session: TxnSessionOp | null
}

/** More in one transaction is refused at the HTTP door. */
export const TXN_OPS_MAX = 64

export interface TxnRequest extends WriteRequest, ToDatacenter {
  Ops: TxnOp[] | null
}

export interface TxnReadRequest extends QueryOptions, ToDatacenter {
  Ops: TxnOp[] | null
}

/** One of them is not null. Of keys that were written, the value is left out. */
export interface TxnResult {
  KV: DirEntry | null
  Node: Node | null
  Service: NodeService | null
  Check: HealthCheck | null
}

export interface TxnError {
  /** Which operation, from 0. */
  OpIndex: number
  What: string
}

/** With errors there are no results, and nothing has happened. */
export interface TxnResponse {
  Results: TxnResult[] | null
  Errors: TxnError[] | null
}

export interface TxnReadResponse extends TxnResponse, QueryMeta {}

export interface TxnMethods {
  'Txn.Apply': { args: TxnRequest; reply: TxnResponse }
  /** Without an index: it never blocks. */
  'Txn.Read': { args: TxnReadRequest; reply: TxnReadResponse }
}
