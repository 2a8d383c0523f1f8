import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { aCheck, anEntry, aRegistration, aService, makeCluster } from '../../../test/support/cluster.ts'
import type { TxnOp } from '../../model/txn.ts'
import type { Authorizer } from '../acl/authorizer.ts'

const NONE: TxnOp = { KV: null, Intention: null, Node: null, Service: null, Check: null, Session: null }
const kv = (Verb: string, Key: string, more = {}): TxnOp =>
  ({ ...NONE, KV: { Verb, DirEnt: anEntry({ Key, ...more }) } }) as TxnOp
const aNode = {
  ID: '',
  Node: 'n',
  Address: '',
  Datacenter: '',
  TaggedAddresses: null,
  Meta: null,
  CreateIndex: 0,
  ModifyIndex: 0,
}

suite('methods of transactions', () => {
  test('what is wrong with the operations is told without the log', () => {
    const cluster = makeCluster()
    cluster.resting.add('resting')
    const Ops: TxnOp[] = [
      kv('set', ''),
      kv('delete-tree', ''),
      kv('lock', 'resting', { Session: 'x' }),
      { ...NONE, Node: { Verb: 'set', Node: { ...aNode, Node: '' } } },
      { ...NONE, Node: { Verb: 'set', Node: { ...aNode, ID: 'x' } } },
      { ...NONE, Service: { Verb: 'set', Node: 'n', Service: aService({ ID: 'only', Service: '' }) } },
      { ...NONE, Service: { Verb: 'get', Node: 'n', Service: aService({ ID: 'only', Service: '' }) } },
    ]
    assert.deepEqual(cluster.call('Txn.Apply', { Ops }), {
      Results: null,
      Errors: [
        { OpIndex: 0, What: 'Must provide key' },
        { OpIndex: 2, What: 'failed to lock key "resting" due to lock delay' },
        { OpIndex: 3, What: 'Must provide node' },
        { OpIndex: 4, What: 'Bad node ID: uuid string is wrong length' },
        { OpIndex: 5, What: 'Must provide service name with ID' },
      ],
    })
    assert.equal(cluster.store.applied, 0)
  })

  test('ids that were left out are filled in before the log', () => {
    const cluster = makeCluster()
    const Ops: TxnOp[] = [
      { ...NONE, Service: { Verb: 'set', Node: 'n', Service: aService({ ID: '', Service: 'web' }) } },
      { ...NONE, Check: { Verb: 'set', Check: aCheck({ Node: 'n', CheckID: '', Name: 'alive' }) } },
    ]
    const command = cluster.propose('Txn.Apply', { Ops })
    assert.equal(command?.type, 'Txn')
    const proposed = command?.type === 'Txn' ? command.body.Ops! : []
    assert.deepEqual([proposed[0]!.Service!.Service.ID, proposed[1]!.Check!.Check.CheckID], ['web', 'alive'])
    assert.deepEqual([Ops[0]!.Service!.Service.ID, Ops[1]!.Check!.Check.CheckID], ['', ''])
  })

  test('each operation needs its right, and results are filtered by what may be read', () => {
    const cluster = makeCluster()
    cluster.call('Txn.Apply', { Ops: [kv('set', 'open/a'), kv('set', 'shut/a')] })
    cluster.call('Catalog.Register', aRegistration({ Node: 'n', Address: '10.0.0.1' }))
    const can: Authorizer = { all: false, allowed: (_resource, _access, segment) => segment.startsWith('open/') }
    const denied = 'Permission denied'
    const Ops: TxnOp[] = [
      kv('set', 'open/b'),
      kv('set', 'shut/b'),
      kv('check-index', 'shut/a'),
      kv('check-session', 'shut/a'),
      kv('get', 'shut/a'),
      { ...NONE, Node: { Verb: 'delete', Node: aNode } },
      { ...NONE, Check: { Verb: 'delete', Check: aCheck({ Node: 'n', CheckID: 'c' }) } },
      { ...NONE, Check: { Verb: 'delete', Check: aCheck({ CheckID: 'c', ServiceID: 's', ServiceName: 'open/s' }) } },
      { ...NONE, Node: { Verb: 'get', Node: aNode } },
    ]
    const refused = cluster.call('Txn.Apply', { Ops }, can).Errors!
    assert.deepEqual(
      refused,
      [1, 2, 3, 5, 6].map((OpIndex) => ({ OpIndex, What: denied })),
    )
    const reads = [kv('get-tree', 'open/'), kv('get', 'shut/a'), Ops[8]!]
    const seen = (found: { Results: { KV: { Key: string } | null }[] | null }) =>
      found.Results!.map(({ KV }) => KV?.Key)
    assert.deepEqual(seen(cluster.call('Txn.Read', { Ops: reads })), ['open/a', 'shut/a', undefined])
    assert.deepEqual(seen(cluster.call('Txn.Read', { Ops: [kv('get-tree', 'open/'), kv('get-tree', 'shut/')] }, can)), [
      'open/a',
    ])
    assert.deepEqual(seen(cluster.call('Txn.Apply', { Ops: [kv('set', 'open/c'), kv('get', 'shut/a')] }, can)), [
      'open/c',
    ])
  })
})
