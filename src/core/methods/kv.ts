/**
 * The methods of the key/value store. Lock delays are judged here, before the log: they follow the leader's own clock,
 * which no other server shares. Source: Consul's agent/consul/kvs_endpoint.go.
 */
import type { KVOp } from '../../model/kv.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { kvGet, kvKeysSlices, kvListSlices } from '../store/kv.ts'
import { demand, refused } from './refuse.ts'
import { type MethodTable, sliced } from './table.ts'

const OPS: Record<KVOp, true> = {
  set: true,
  delete: true,
  'delete-cas': true,
  'delete-tree': true,
  cas: true,
  lock: true,
  unlock: true,
}

export const kvMethods = {
  'KVS.Apply': {
    kind: 'write',
    propose(_txn, args, can, env) {
      const key = args.DirEnt.Key
      if (key === '' && args.Op !== 'delete-tree') throw refused('Must provide key')
      if (!Object.hasOwn(OPS, args.Op)) throw refused(`Invalid KVS operation '${args.Op}'`)
      demand(can, 'key', 'write', key)
      if (args.Op === 'lock' && env.lockDelayed(key)) return { answer: false }
      return { command: { type: 'KVS', body: args } }
    },
    reply: (result) => result.kind === 'bool' && result.value,
  },

  'KVS.Get': {
    kind: 'read',
    run(txn, args, can) {
      demand(can, 'key', 'read', args.Key)
      return kvGet(txn, args.Key)
    },
  },

  'KVS.List': sliced<'KVS.List'>((txn, args, can) => kvListSlices(txn, args.Key, readable(can))),

  'KVS.ListKeys': sliced<'KVS.ListKeys'>((txn, args, can) =>
    kvKeysSlices(txn, args.Prefix, args.Seperator, readable(can)),
  ),
} satisfies Partial<MethodTable>

function readable(can: Authorizer): ((key: string) => boolean) | undefined {
  return can.all ? undefined : (key) => can.allowed('key', 'read', key)
}
