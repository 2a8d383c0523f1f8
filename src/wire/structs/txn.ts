/** Wire structs of transactions (protocol/rpc.md section 10). */
import type {
  TxnCatalogVerb,
  TxnCheckOp,
  TxnError,
  TxnKVOp,
  TxnKVVerb,
  TxnNodeOp,
  TxnOp,
  TxnReadRequest,
  TxnReadResponse,
  TxnRequest,
  TxnResponse,
  TxnResult,
  TxnServiceOp,
  TxnSessionOp,
} from '../../model/txn.ts'
import { int, list, pointer, struct, text, textOf, WRITE_REQUEST } from '../schema.ts'
import { node, nodeService } from './catalog.ts'
import { healthCheck } from './health.ts'
import { intentionRequest } from './intention.ts'
import { dirEntry } from './kv.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, TO_DATACENTER } from './query.ts'
import { session } from './session.ts'

const catalogVerb = textOf<TxnCatalogVerb>()

const txnOp = struct<TxnOp>({
  KV: pointer(struct<TxnKVOp>({ Verb: textOf<TxnKVVerb>(), DirEnt: dirEntry })),
  Intention: pointer(intentionRequest),
  Node: pointer(struct<TxnNodeOp>({ Verb: catalogVerb, Node: node })),
  Service: pointer(struct<TxnServiceOp>({ Verb: catalogVerb, Node: text, Service: nodeService })),
  Check: pointer(struct<TxnCheckOp>({ Verb: catalogVerb, Check: healthCheck })),
  Session: pointer(struct<TxnSessionOp>({ Verb: textOf<'delete'>(), Session: session })),
})

export const txnRequest = struct<TxnRequest>({ ...WRITE_REQUEST, Ops: list(txnOp) })
export const txnReadRequest = struct<TxnReadRequest>({ ...QUERY_OPTIONS, ...TO_DATACENTER, Ops: list(txnOp) })

const txnResult = struct<TxnResult>({
  KV: pointer(dirEntry),
  Node: pointer(node),
  Service: pointer(nodeService),
  Check: pointer(healthCheck),
})

const RESPONSE = { Results: list(txnResult), Errors: list(struct<TxnError>({ OpIndex: int, What: text })) }
export const txnResponse = struct<TxnResponse>(RESPONSE)
export const txnReadResponse = struct<TxnReadResponse & Consistency>({ ...QUERY_META, ...RESPONSE })
