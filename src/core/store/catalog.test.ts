/** The rules of Register and Deregister, one by one and by invariant; transcript.test.ts holds them against Consul's. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { Replay } from '../../../test/support/catalog-replay.ts'
import { script } from '../../../test/support/catalog-transcript.ts'
import {
  aCheck,
  anEntry,
  aRegistration,
  aService,
  aSession,
  makeCluster,
  type TestCluster,
} from '../../../test/support/cluster.ts'
import type { NodeService, RegisterRequest } from '../../model/catalog.ts'
import { checkServiceNodes } from './health-reads.ts'
import type { ReadTxn } from './rows.ts'
import { checkKey, nodeKey, serviceKey, sessionKey } from './tables.ts'

const ID = ['11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222'] as const
const PASSING = aCheck({ CheckID: 'serfHealth', Status: 'passing' })
const CRITICAL = aCheck({ CheckID: 'serfHealth', Status: 'critical' })

function register(cluster: TestCluster, fields: Partial<RegisterRequest> & { Node: string }): void {
  cluster.call('Catalog.Register', aRegistration(fields))
}

function counters(cluster: TestCluster): Record<string, number> {
  return cluster.store.read((txn) =>
    Object.fromEntries([...txn.prefix('index', '')].map((row) => [row.Key, row.Value])),
  )
}

suite('who may take a node name', () => {
  const taken = 'Node name web is reserved by node'
  const cases: { what: string; holder: Partial<RegisterRequest>; taker: Partial<RegisterRequest>; refused: boolean }[] =
    [
      {
        what: 'another id, holder healthy',
        holder: { ID: ID[0], Check: PASSING },
        taker: { ID: ID[1] },
        refused: true,
      },
      {
        what: 'another id, holder critical',
        holder: { ID: ID[0], Check: CRITICAL },
        taker: { ID: ID[1] },
        refused: false,
      },
      { what: 'another id, holder unknown to gossip', holder: { ID: ID[0] }, taker: { ID: ID[1] }, refused: false },
      { what: 'an id for a holder without', holder: { Check: PASSING }, taker: { ID: ID[1] }, refused: false },
      { what: 'no id at all', holder: { ID: ID[0], Check: PASSING }, taker: {}, refused: false },
      { what: 'the same id', holder: { ID: ID[0], Check: PASSING }, taker: { ID: ID[0] }, refused: false },
    ]
  for (const { what, holder, taker, refused } of cases) {
    test(`${what}: ${refused ? 'refused' : 'taken'}`, () => {
      const cluster = makeCluster()
      register(cluster, { Node: 'web', ...holder })
      const attempt = () => register(cluster, { Node: 'web', Address: '10.0.0.9', ...taker })
      if (refused) assert.throws(attempt, (error: Error) => error.message.includes(taken))
      else attempt()
      const address = cluster.store.read((txn) => txn.get('nodes', nodeKey('web'))?.Address)
      assert.equal(address, refused ? '10.0.0.1' : '10.0.0.9')
    })
  }

  test('a rename onto a healthy node without an id is refused', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'web', Check: PASSING })
    register(cluster, { Node: 'old', ID: ID[0] })
    assert.throws(() => register(cluster, { Node: 'web', ID: ID[0] }), /Error while renaming Node ID/)
  })

  test('a rename keeps the CreateIndex and drops all that was on the node', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'old', ID: ID[0], Service: aService({ Service: 'web' }), Check: PASSING })
    register(cluster, { Node: 'new', ID: ID[0] })
    cluster.store.read((txn) => {
      assert.deepEqual([...txn.prefix('services', '')], [])
      assert.deepEqual([...txn.prefix('checks', '')], [])
      const nodes = [...txn.prefix('nodes', '')]
      assert.deepEqual(
        nodes.map((node) => [node.Node, node.CreateIndex, node.ModifyIndex]),
        [['new', 1, 2]],
      )
    })
  })
})

suite('registering', () => {
  test('is all or nothing', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'a' })
    const before = counters(cluster)
    const lost = aCheck({ CheckID: 'c', ServiceID: 'nowhere' })
    assert.throws(
      () => register(cluster, { Node: 'b', Service: aService({ Service: 'web' }), Checks: [PASSING, lost] }),
      /Missing service registration on node "b"/,
    )
    assert.deepEqual(counters(cluster), before)
    cluster.store.read((txn) => assert.equal(txn.get('nodes', nodeKey('b')), undefined))
  })

  test('the same again moves `checks` alone, and keeps every row object', () => {
    const cluster = makeCluster()
    const body = { Node: 'a', Service: aService({ Service: 'web', Tags: ['x'] }), Check: PASSING }
    register(cluster, body)
    const rows = (txn: ReadTxn) => [
      txn.get('nodes', nodeKey('a')),
      txn.get('services', serviceKey('a', 'web')),
      txn.get('checks', checkKey('a', 'serfHealth')),
    ]
    const first = cluster.store.read(rows)
    const before = counters(cluster)
    register(cluster, structuredClone(body))
    for (const [i, row] of cluster.store.read(rows).entries()) assert.equal(row, first[i])
    assert.deepEqual(counters(cluster), { ...before, checks: 2 })
  })

  test('a change of what only lists show wakes nobody, yet is seen', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'a', Service: aService({ Service: 'web' }), Check: { ...PASSING, Type: 'ttl' } })
    register(cluster, { Node: 'a', Check: { ...PASSING, Type: 'http' } })
    const found = cluster.call('Health.ServiceNodes', { ServiceName: 'web' })
    assert.equal(found.Index, 1)
    assert.equal(found.Nodes?.[0]?.Checks[0]?.Type, 'http')
  })

  test('null and empty differ, the order of tags counts', () => {
    const services: Partial<NodeService>[] = [
      { Tags: null },
      { Tags: [] },
      { Tags: ['a', 'b'] },
      { Tags: ['b', 'a'] },
      { Meta: {} },
      { TaggedAddresses: {} },
      { EnableTagOverride: true },
      { Proxy: { ...aService({}).Proxy, Config: { depth: 1 } } },
    ]
    const cluster = makeCluster()
    for (const [i, fields] of services.entries()) {
      register(cluster, { Node: 'a', Service: aService({ Service: 'web', ...fields }) })
      assert.equal(counters(cluster)['service.web'], i + 1, JSON.stringify(fields))
    }
  })

  test('weights that DNS could not carry become 1 and 1', () => {
    const cluster = makeCluster()
    const kept = (weights: NodeService['Weights']) => {
      register(cluster, { Node: 'a', Service: aService({ Service: 'web', Weights: weights }) })
      return cluster.store.read((txn) => txn.get('services', serviceKey('a', 'web'))?.Service.Weights)
    }
    assert.deepEqual(kept(null), { Passing: 1, Warning: 1 })
    assert.deepEqual(kept({ Passing: 10, Warning: 0 }), { Passing: 10, Warning: 0 })
    assert.deepEqual(kept({ Passing: 0, Warning: 1 }), { Passing: 1, Warning: 1 })
    assert.deepEqual(kept({ Passing: 65536, Warning: 1 }), { Passing: 1, Warning: 1 })
  })

  test('service metadata is judged as every server judges it', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, '']))
    const cases: [Record<string, string>, RegExp | null][] = [
      [{ 'a-b_C9': 'x'.repeat(512) }, null],
      [{ ['k'.repeat(128)]: '' }, null],
      [{ ['k'.repeat(129)]: '' }, /Key is too long \(limit: 128 characters\)/],
      [{ k: 'x'.repeat(513) }, /Value is too long \(limit: 512 characters\)/],
      [{ k: 'ä'.repeat(257) }, /Value is too long/],
      [{ '': 'x' }, /Key cannot be blank/],
      [{ 'a.b': 'x' }, /Key contains invalid characters/],
      [{ 'consul-x': 'x' }, /Key prefix 'consul-' is reserved for internal use/],
      [many, /Node metadata cannot contain more than 64 key\/value pairs/],
    ]
    for (const [Meta, fault] of cases) {
      const attempt = () => register(makeCluster(), { Node: 'a', Service: aService({ Service: 'web', Meta }) })
      if (fault === null) attempt()
      else assert.throws(attempt, fault)
    }
    const gateway = { Service: 'gw', Port: 443, Meta: { 'consul-wan-federation': '1' } }
    register(makeCluster(), { Node: 'a', Service: aService({ ...gateway, Kind: 'mesh-gateway' }) })
    assert.throws(() => register(makeCluster(), { Node: 'a', Service: aService(gateway) }), /reserved/)
  })

  test('a critical check ends the sessions that stand on it, and they let go of their locks', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'a', Check: PASSING })
    const id = cluster.call('Session.Apply', {
      Op: 'create',
      Session: aSession({ Node: 'a', NodeChecks: ['serfHealth'] }),
    })
    assert.equal(cluster.call('KVS.Apply', { Op: 'lock', DirEnt: anEntry({ Key: 'k', Session: id }) }), true)
    register(cluster, { Node: 'a', Check: CRITICAL })
    assert.equal(cluster.call('Session.Get', { SessionID: id }).Sessions, null)
    const entry = cluster.call('KVS.Get', { Key: 'k' }).Entries?.[0]
    assert.deepEqual([entry?.Session, entry?.LockIndex, entry?.ModifyIndex], ['', 1, 4])
  })
})

suite('deregistering', () => {
  test('the last instance of a service takes its counter along and marks the extinction', () => {
    const cluster = makeCluster()
    for (const Node of ['a', 'b']) register(cluster, { Node, Service: aService({ Service: 'web' }) })
    cluster.call('Catalog.Deregister', { Node: 'a', ServiceID: 'web' })
    assert.equal(counters(cluster)['service.web'], 3)
    assert.equal(counters(cluster).service_last_extinction, undefined)
    cluster.call('Catalog.Deregister', { Node: 'b' })
    assert.equal(counters(cluster)['service.web'], undefined)
    assert.equal(counters(cluster).service_last_extinction, 4)
    const found = cluster.call('Health.ServiceNodes', { ServiceName: 'web' })
    assert.deepEqual(found, { Index: 4, Nodes: null })
  })

  test('what is not there moves nothing', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'a' })
    const before = counters(cluster)
    for (const fields of [{ Node: 'b' }, { Node: 'a', ServiceID: 'x' }, { Node: 'a', CheckID: 'x' }]) {
      cluster.call('Catalog.Deregister', fields)
    }
    assert.deepEqual(counters(cluster), before)
  })

  test('a node takes its coordinates with it', () => {
    const cluster = makeCluster()
    register(cluster, { Node: 'a' })
    const Coord = { Vec: [0], Error: 1, Adjustment: 0, Height: 0 }
    cluster.apply({ type: 'CoordinateBatchUpdate', body: [{ Node: 'a', Segment: '', Coord }] })
    cluster.call('Catalog.Deregister', { Node: 'a' })
    assert.equal(counters(cluster).coordinates, 3)
    cluster.store.read((txn) => assert.deepEqual([...txn.prefix('coordinates', '')], []))
  })
})

suite('whatever happens', () => {
  /** Every row hangs on rows that exist, and no counter is ahead of the log. */
  function checkRows(txn: ReadTxn, applied: number): void {
    for (const row of txn.prefix('services', '')) {
      assert.ok(txn.get('nodes', nodeKey(row.Node)), `node of service ${row.Service.ID}`)
      assert.ok(txn.counter(`service.${row.Service.Service}`) >= row.Service.ModifyIndex)
    }
    for (const check of txn.prefix('checks', '')) {
      assert.ok(txn.get('nodes', nodeKey(check.Node)), `node of check ${check.CheckID}`)
      if (check.ServiceID === '') continue
      assert.ok(txn.get('services', serviceKey(check.Node, check.ServiceID)), `service of check ${check.CheckID}`)
    }
    for (const session of txn.prefix('sessions', '')) assert.ok(txn.get('nodes', nodeKey(session.Node)))
    for (const tie of txn.prefix('session-checks', '')) {
      assert.ok(txn.get('sessions', sessionKey(tie.Session)))
      assert.notEqual(txn.get('checks', checkKey(tie.Node, tie.CheckID))?.Status ?? 'critical', 'critical')
    }
    for (const entry of txn.prefix('kvs', '')) {
      if (entry.Session !== '') assert.ok(txn.get('sessions', sessionKey(entry.Session)))
    }
    for (const counter of txn.prefix('index', '')) assert.ok(counter.Value <= applied)
  }

  /** The health list as a scan of all tables would have it. */
  function slowInstances(txn: ReadTxn, name: string): unknown[] {
    const checks = [...txn.prefix('checks', '')]
    return [...txn.prefix('services', '')]
      .filter(({ Service }) => Service.Service.toLowerCase() === name)
      .map((row) => {
        const node = txn.get('nodes', nodeKey(row.Node))!
        const near = checks.filter((check) => nodeKey(check.Node) === nodeKey(row.Node))
        const own = near.filter((check) => check.ServiceID.toLowerCase() === row.Service.ID.toLowerCase())
        return { Node: node, Service: row.Service, Checks: [...near.filter((check) => check.ServiceID === ''), ...own] }
      })
  }

  test('rows hold together, counters only grow, and remembered lists are true', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const replay = new Replay()
        const { cluster } = replay
        let before = counters(cluster)
        for (const [at, operation] of script(seed, 60).entries()) {
          const outcome = replay.perform(at, operation)
          const after = counters(cluster)
          if (outcome !== '') assert.deepEqual(after, before, 'what was refused changed nothing')
          cluster.store.read((txn) => {
            checkRows(txn, cluster.store.applied)
            for (const name of ['web', 'db']) {
              assert.deepEqual(checkServiceNodes(txn, name).Nodes ?? [], slowInstances(txn, name))
            }
            for (const [name, value] of Object.entries(before)) {
              const now = txn.counter(name)
              const extinct = name.startsWith('service.') && now === 0
              assert.ok(now >= value || extinct, `${name} fell from ${value} to ${now}`)
            }
          })
          before = after
        }
      }),
      { numRuns: 40 },
    )
  })
})
