/** Several operations at once, or none of them. At most 64; values of keys are bytes or text. */
import { type Caller, decodeJson, expectOk, type RequestOptions } from './client.ts'

export interface KVOp {
  Verb:
    | 'set'
    | 'cas'
    | 'lock'
    | 'unlock'
    | 'get'
    | 'get-tree'
    | 'check-index'
    | 'check-session'
    | 'check-not-exists'
    | 'delete'
    | 'delete-tree'
    | 'delete-cas'
  Key: string
  Value?: string | Uint8Array
  Flags?: number
  Index?: number
  Session?: string
}

/** Operations on the catalog, as Consul's documentation of `/v1/txn` has them. */
export interface CatalogOp {
  Verb: 'get' | 'set' | 'cas' | 'delete' | 'delete-cas'
  [field: string]: unknown
}

export type TxnOp = { KV: KVOp } | { Node: CatalogOp } | { Service: CatalogOp } | { Check: CatalogOp }

export interface TxnAnswer {
  /** False: nothing was done, for these errors. */
  committed: boolean
  results: Record<string, Record<string, unknown>>[]
  errors: { OpIndex: number; What: string }[]
}

/** @throws ApiError for what is no transaction; one that was rolled back is an answer */
export type Txn = (ops: readonly TxnOp[], options?: RequestOptions) => Promise<TxnAnswer>

const CONFLICT = 409

export function makeTxn(caller: Caller): Txn {
  return async (ops, options) => {
    const body = JSON.stringify(ops.map(encodeOp))
    const response = await caller.send('PUT', '/v1/txn', options, {}, body)
    const committed = response.status !== CONFLICT
    if (committed) expectOk(response)
    const { Results, Errors } = decodeJson<{
      Results: TxnAnswer['results'] | null
      Errors: TxnAnswer['errors'] | null
    }>(response)
    return { committed, results: Results ?? [], errors: Errors ?? [] }
  }
}

function encodeOp(op: TxnOp): object {
  if (!('KV' in op) || op.KV.Value === undefined) return op
  const { Value } = op.KV
  const bytes = typeof Value === 'string' ? new TextEncoder().encode(Value) : Value
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return { KV: { ...op.KV, Value: btoa(binary) } }
}
