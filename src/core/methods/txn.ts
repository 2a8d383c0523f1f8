/**
 * The methods of transactions: what is judged of each operation before it reaches the log, so that all faults are told
 * at once, and which results the asker may see. Source: Consul's agent/consul/txn_endpoint.go, acl.go and filter.go.
 */
import { quoteGo } from '../../base/go-flags.ts'
import { uuidFault } from '../../base/uuid.ts'
import type { NodeService } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { TxnError, TxnKVOp, TxnOp, TxnResponse, TxnResult } from '../../model/txn.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { readTxn } from '../store/txn.ts'
import { vetService } from './catalog.ts'
import { demand, refused } from './refuse.ts'
import type { MethodTable } from './table.ts'

export const txnMethods = {
  'Txn.Apply': {
    kind: 'write',
    propose(_txn, args, can, env) {
      const { ops, errors } = prepare(args.Ops ?? [], can, env)
      if (errors.length > 0) return { answer: { Results: null, Errors: errors } }
      return { command: { type: 'Txn', body: { ...args, Ops: ops } } }
    },
    reply(result, _command, _index, can) {
      if (result.kind !== 'txn') throw refused(`unexpected return type ${result.kind}`)
      return visible(result.response, can)
    },
  },

  'Txn.Read': {
    kind: 'once',
    run(txn, args, can, around) {
      const { ops, errors } = prepare(args.Ops ?? [], can, around)
      return errors.length > 0 ? { Results: null, Errors: errors } : visible(readTxn(txn, ops), can)
    },
  },
} satisfies Partial<MethodTable>

interface Delays {
  lockDelayed(key: string): boolean
}

/** The operations with their defaults filled in, and what is wrong with them. */
function prepare(asked: readonly TxnOp[], can: Authorizer, delays: Delays): { ops: TxnOp[]; errors: TxnError[] } {
  const errors: TxnError[] = []
  const ops = asked.map((op, at) => {
    try {
      return prepared(op, can, delays)
    } catch (error) {
      if (!(error instanceof ConsulError)) throw error
      errors.push({ OpIndex: at, What: error.message })
      return op
    }
  })
  return { ops, errors }
}

function prepared(op: TxnOp, can: Authorizer, delays: Delays): TxnOp {
  if (op.KV !== null) {
    vetKey(op.KV, can, delays)
  } else if (op.Node !== null) {
    if (op.Node.Verb === 'get') return op
    const { ID, Node } = op.Node.Node
    if (Node === '') throw refused('Must provide node')
    const fault = ID === '' ? undefined : uuidFault(ID)
    if (fault !== undefined) throw refused(`Bad node ID: ${fault}`)
    demand(can, 'node', 'write', Node)
  } else if (op.Service !== null) {
    if (op.Service.Verb === 'get') return op
    const Service: NodeService = vetService(op.Service.Service)
    demand(can, 'service', 'write', Service.Service)
    return { ...op, Service: { ...op.Service, Service } }
  } else if (op.Check !== null) {
    if (op.Check.Verb === 'get') return op
    const Check: HealthCheck = { ...op.Check.Check, CheckID: op.Check.Check.CheckID || op.Check.Check.Name }
    if (Check.ServiceID === '') demand(can, 'node', 'write', Check.Node)
    else demand(can, 'service', 'write', Check.ServiceName)
    return { ...op, Check: { ...op.Check, Check } }
  }
  return op
}

function vetKey({ Verb, DirEnt: { Key } }: TxnKVOp, can: Authorizer, delays: Delays): void {
  if (Key === '' && Verb !== 'delete-tree') throw refused('Must provide key')
  switch (Verb) {
    // What these find is filtered afterwards.
    case 'get':
    case 'get-tree':
      break
    case 'check-session':
    case 'check-index':
      demand(can, 'key', 'read', Key)
      break
    default:
      demand(can, 'key', 'write', Key)
  }
  if (Verb === 'lock' && delays.lockDelayed(Key)) throw refused(`failed to lock key ${quoteGo(Key)} due to lock delay`)
}

function visible(response: TxnResponse, can: Authorizer): TxnResponse {
  if (can.all || response.Results === null) return response
  return { ...response, Results: response.Results.filter((result) => mayRead(result, can)) }
}

function mayRead({ KV, Node, Service, Check }: TxnResult, can: Authorizer): boolean {
  if (KV !== null) return can.allowed('key', 'read', KV.Key)
  if (Node !== null) return can.allowed('node', 'read', Node.Node)
  if (Service !== null) return can.allowed('service', 'read', Service.Service)
  if (Check === null) return true
  return Check.ServiceName !== ''
    ? can.allowed('service', 'read', Check.ServiceName)
    : can.allowed('node', 'read', Check.Node)
}
