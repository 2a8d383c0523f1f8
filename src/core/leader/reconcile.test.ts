/** What the catalog is told of members, and when it is left alone. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { aCheck, aRegistration, aService, makeCluster, type TestCluster } from '../../../test/support/cluster.ts'
import type { RegisterRequest } from '../../model/catalog.ts'
import { type GossipMember, type Reconciliation, reapUnknown, reconcileMember } from './reconcile.ts'

const SELF = { nodeName: 's1', datacenter: 'dc1' }
const ID = '11111111-1111-1111-1111-111111111111'
const SERVER_ID = '22222222-2222-2222-2222-222222222222'

function client(fields: Partial<GossipMember> = {}): GossipMember {
  return {
    name: 'c1',
    addr: '10.0.0.7',
    status: 'alive',
    tags: { role: 'node', dc: 'dc1', id: ID },
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    ...fields,
  }
}

function server(fields: Partial<GossipMember> = {}): GossipMember {
  const tags = { role: 'consul', dc: 'dc1', id: SERVER_ID, port: '8300', vsn: '2', raft_vsn: '3', build: '1.8.7:abc' }
  return client({ name: 's1', ...fields, tags: { ...tags, ...fields.tags } })
}

/** Reconciles, and applies what that asks for. */
function settle(cluster: TestCluster, member: GossipMember): Reconciliation | undefined {
  const decided = cluster.store.read((txn) => reconcileMember(txn, member, SELF))
  if (decided?.command !== undefined) {
    assert.equal(cluster.apply(decided.command).result.kind, 'done')
    const again = cluster.store.read((txn) => reconcileMember(txn, member, SELF))
    assert.equal(again?.command, undefined, 'settled the first time')
  }
  return decided
}

function serfHealth(cluster: TestCluster, node: string): string | undefined {
  const { HealthChecks } = cluster.call('Health.NodeChecks', { Node: node })
  return HealthChecks?.find((check) => check.CheckID === 'serfHealth')?.Status
}

suite('a member alive', () => {
  test('is registered with a passing check', () => {
    const cluster = makeCluster()
    const decided = settle(cluster, client())
    assert.deepEqual(
      [decided?.level, decided?.message, decided?.fields],
      ['info', 'member joined, marking health alive', { member: 'c1' }],
    )
    const [node] = cluster.call('Catalog.ListNodes', {}).Nodes ?? []
    assert.deepEqual([node?.ID, node?.Node, node?.Address, node?.Datacenter], [ID, 'c1', '10.0.0.7', 'dc1'])
    const [check] = cluster.call('Health.NodeChecks', { Node: 'c1' }).HealthChecks ?? []
    assert.deepEqual(
      [check?.CheckID, check?.Name, check?.Status, check?.Output],
      ['serfHealth', 'Serf Health Status', 'passing', 'Agent alive and reachable'],
    )
    assert.deepEqual(cluster.call('Catalog.ListServices', {}).Services, Object.create(null))
  })

  test('that is a server stands in the catalog as `consul`', () => {
    const cluster = makeCluster()
    settle(cluster, server())
    const [row] = cluster.call('Catalog.ServiceNodes', { ServiceName: 'consul' }).ServiceNodes ?? []
    assert.deepEqual([row?.Node, row?.ServiceID, row?.ServicePort, row?.ServiceTags], ['s1', 'consul', 8300, []])
    assert.deepEqual(row?.ServiceWeights, { Passing: 1, Warning: 1 })
    assert.deepEqual(row?.ServiceMeta, {
      non_voter: 'false',
      raft_version: '3',
      serf_protocol_current: '2',
      serf_protocol_max: '5',
      serf_protocol_min: '1',
      version: '1.8.7',
    })
  })

  test('keeps what its agent wrote: addresses and metadata', () => {
    const cluster = makeCluster()
    const TaggedAddresses = { lan: '10.0.0.7' }
    const NodeMeta = { rack: '1' }
    cluster.call('Catalog.Register', aRegistration({ Node: 'c1', ID, TaggedAddresses, NodeMeta }))
    settle(cluster, client())
    const [node] = cluster.call('Catalog.ListNodes', {}).Nodes ?? []
    assert.deepEqual([node?.Address, node?.TaggedAddresses, node?.Meta], ['10.0.0.7', TaggedAddresses, NodeMeta])
  })

  const changes: [what: string, before: GossipMember, after: GossipMember][] = [
    ['has moved', client(), client({ addr: '10.0.0.8' })],
    ['is back', client({ status: 'alive' }), client({ status: 'failed' })],
    ['runs another version', server(), server({ tags: { build: '1.9.0' } })],
    ['speaks another protocol', server(), server({ protocolCur: 3 })],
    ['became a server', client({ name: 's1' }), server({ tags: { id: ID } })],
  ]
  for (const [what, before, after] of changes) {
    test(`is registered anew when it ${what}`, () => {
      const cluster = makeCluster()
      settle(cluster, before)
      assert.equal(settle(cluster, after)?.command?.type, 'Register')
    })
  }
})

suite('a member failed', () => {
  test('gets a critical check, and its node is left as it is', () => {
    const cluster = makeCluster()
    settle(cluster, client())
    const decided = settle(cluster, client({ status: 'failed' }))
    assert.equal(decided?.message, 'member failed, marking health critical')
    assert.equal((decided?.command?.body as RegisterRequest | undefined)?.SkipNodeUpdate, true)
    assert.equal(serfHealth(cluster, 'c1'), 'critical')
    assert.equal(cluster.call('Catalog.ListNodes', {}).Nodes?.[0]?.ModifyIndex, 1)
    settle(cluster, client())
    assert.equal(serfHealth(cluster, 'c1'), 'passing')
  })

  test('that the catalog does not know is not brought in', () => {
    const decided = settle(makeCluster(), client({ status: 'failed' }))
    assert.equal(decided?.command, undefined)
    assert.match(decided?.message ?? '', /does not exist in the catalog/)
  })
})

suite('a member gone', () => {
  for (const [status, reason] of [
    ['left', 'left'],
    ['reap', 'reaped'],
  ] as const) {
    test(`is deregistered (${reason}), once`, () => {
      const cluster = makeCluster()
      settle(cluster, client())
      assert.deepEqual(settle(cluster, client({ status }))?.fields, { member: 'c1', reason })
      assert.equal(cluster.call('Catalog.ListNodes', {}).Nodes, null)
      assert.equal(settle(cluster, client({ status })), undefined)
    })
  }

  test('is left to others when it is this server', () => {
    const cluster = makeCluster()
    settle(cluster, server())
    const decided = settle(cluster, server({ status: 'left' }))
    assert.deepEqual([decided?.command, decided?.level], [undefined, 'warn'])
  })
})

test('members on their way, and members of others, are passed over', () => {
  const cluster = makeCluster()
  assert.equal(settle(cluster, client({ status: 'leaving' })), undefined)
  assert.equal(settle(cluster, client({ status: 'none' })), undefined)
  const others = [
    client({ tags: { role: 'node', dc: 'dc2' } }),
    client({ tags: { role: 'prophet', dc: 'dc1' } }),
    server({ tags: { dc: 'dc2' } }),
    server({ tags: { segment: 'alpha' } }),
    server({ tags: { port: 'eighty' } }),
    server({ tags: { build: 'unknown' } }),
  ]
  for (const member of others) assert.match(settle(cluster, member)?.message ?? '', /skipping reconcile/)
  assert.equal(cluster.store.applied, 0)
})

test('nodes that gossip has forgotten are reaped; those registered by hand stay', () => {
  const cluster = makeCluster()
  settle(cluster, server())
  settle(cluster, client())
  settle(cluster, client({ name: 'c2', tags: { role: 'node', dc: 'dc1' } }))
  const byHand = { Service: aService({ Service: 'db' }), Check: aCheck({ CheckID: 'ping', Status: 'passing' }) }
  cluster.call('Catalog.Register', aRegistration({ Node: 'external', ...byHand }))
  const reap = (known: string[]) => cluster.store.read((txn) => reapUnknown(txn, new Set(known), SELF))
  assert.deepEqual(reap(['s1', 'c1', 'c2']), [])
  const found = reap(['c2'])
  assert.deepEqual(
    found.map(({ command, fields }) => [command?.type, fields.member]),
    [
      ['Deregister', 'c1'],
      [undefined, 's1'],
    ],
  )
})
