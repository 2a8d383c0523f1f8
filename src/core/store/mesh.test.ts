/** Configuration entries, gateways, intentions and the certificate authority: what their log commands do to rows and counters. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ConfigEntry, ConfigEntryRequest } from '../../model/config-entry.ts'
import type { CaRequest } from '../../model/connect-ca.ts'
import type { IntentionOp } from '../../model/intention.ts'
import { customizationHash } from './customization-hash.ts'
import { gatewayMappings } from './gateway-services.ts'
import { matchingIntentions } from './intention.ts'
import { memoryRows } from './memory.ts'
import { sampleConfigEntries, sampleMeshRows } from './mesh-samples.ts'
import { sampleService } from './samples.ts'
import { makeStore, type Store } from './store.ts'

function applier(store: Store) {
  let index = 10
  return (Op: ConfigEntryRequest['Op'], Entry: ConfigEntry) =>
    store.apply(++index, { type: 'ConfigEntry', body: { Op, Entry } }).result
}

const [ingress, proxy, defaults, resolver, router, splitter, terminating] = sampleConfigEntries() as [
  Extract<ConfigEntry, { Kind: 'ingress-gateway' }>,
  Extract<ConfigEntry, { Kind: 'proxy-defaults' }>,
  Extract<ConfigEntry, { Kind: 'service-defaults' }>,
  Extract<ConfigEntry, { Kind: 'service-resolver' }>,
  Extract<ConfigEntry, { Kind: 'service-router' }>,
  Extract<ConfigEntry, { Kind: 'service-splitter' }>,
  Extract<ConfigEntry, { Kind: 'terminating-gateway' }>,
]

suite('configuration entries', () => {
  test('keep the index of their making, move one counter, and compare theirs when asked', () => {
    const store = makeStore(memoryRows())
    const apply = applier(store)
    const counter = () => store.read((txn) => txn.counter('config-entries'))
    const plain = { ...defaults, ExternalSNI: '' }
    assert.deepEqual(apply('upsert-cas', { ...plain, ModifyIndex: 5 }), { kind: 'bool', value: false })
    assert.equal(counter(), 0)
    assert.deepEqual(apply('upsert-cas', { ...plain, ModifyIndex: 0 }), { kind: 'bool', value: true })
    assert.deepEqual(apply('upsert-cas', { ...plain, ModifyIndex: 0 }), { kind: 'bool', value: false })
    assert.deepEqual(apply('upsert-cas', { ...plain, Name: 'WEB', ModifyIndex: 12 }), { kind: 'bool', value: true })
    const row = store.read((txn) => [...txn.prefix('config-entries', '')])
    assert.deepEqual(row, [{ ...plain, Name: 'WEB', CreateIndex: 12, ModifyIndex: 14 }])
    assert.deepEqual(apply('delete', { ...plain, Name: 'none' }), { kind: 'done' })
    assert.equal(counter(), 14)
    apply('delete', plain)
    assert.equal(counter(), 16)
  })

  test('that contradict each other are refused, and change nothing', () => {
    const store = makeStore(memoryRows())
    const apply = applier(store)
    const http = { ...defaults, ExternalSNI: '' }
    const refusals: [ConfigEntry, RegExp][] = [
      [
        { ...splitter, Splits: splitter.Splits!.map((split) => ({ ...split, ServiceSubset: '' })) },
        /uses a protocol "tcp" that does not permit advanced routing/,
      ],
      [{ ...router, Routes: null }, /uses a protocol "tcp"/],
    ]
    for (const [entry, message] of refusals) {
      const result = apply('upsert', entry)
      assert.ok(result.kind === 'failed' && message.test(result.message), JSON.stringify(result))
    }
    apply('upsert', http)
    apply('upsert', { ...http, Name: 'api' })
    const failed = (result: ReturnType<typeof apply>) => (result.kind === 'failed' ? result.message : result.kind)
    assert.equal(failed(apply('upsert', splitter)), 'service "web" does not have a subset named "v1"')
    assert.equal(failed(apply('upsert', resolver)), 'bool')
    assert.equal(failed(apply('upsert', splitter)), 'bool')
    assert.match(failed(apply('delete', resolver)), /does not have a subset named "v1"/)
    assert.match(failed(apply('upsert', { ...http, Name: 'api', Protocol: 'grpc' })), /uses inconsistent protocols/)
    assert.match(
      failed(
        apply('upsert', {
          ...ingress,
          Listeners: [{ Port: 1, Protocol: 'tcp', Services: [{ Name: 'web', Hosts: null, Meta: null }] }],
        }),
      ),
      /does not match defined listener protocol "tcp"/,
    )
    const redirect = (to: string) => ({
      ...resolver,
      Subsets: null,
      DefaultSubset: '',
      Failover: null,
      Redirect: { Service: to, ServiceSubset: '', Namespace: '', Datacenter: '' },
    })
    apply('upsert', { ...redirect('b'), Name: 'a' })
    assert.match(failed(apply('upsert', { ...redirect('a'), Name: 'b' })), /^detected circular resolver redirect: \[/)
    assert.equal(
      store.read((txn) => [...txn.prefix('config-entries', '')].length),
      5,
    )
    assert.match(failed(apply('upsert', { ...proxy, Config: { protocol: 'tcp' } })), /bool/)
  })

  test('of gateways name services, and with "*" those that come and go', () => {
    const store = makeStore(memoryRows())
    const apply = applier(store)
    const behind = () =>
      store.read((txn) => [...gatewayMappings(txn, 'out')].map((row) => [row.Service.Name, row.FromWildcard]))
    const register = (index: number, name: string) => {
      const { Service } = sampleService('n', name)
      store.apply(index, { type: 'Register', body: { Node: 'n', Address: '1.1.1.1', Service } })
    }
    const linked = terminating.Services![0]!
    apply('upsert', { ...terminating, Services: [linked, { ...linked, Name: '*' }] })
    assert.deepEqual(behind(), [
      ['*', false],
      ['db', false],
    ])
    register(20, 'web')
    register(21, 'consul')
    // The entry's own word of db gives way to that of "*", and goes with the last instance: so 1.8.7 has it.
    register(22, 'db')
    assert.deepEqual(behind(), [
      ['*', false],
      ['db', true],
      ['web', true],
    ])
    assert.equal(
      store.read((txn) => txn.counter('gateway-services')),
      22,
    )
    for (const [index, ServiceID] of [
      [23, 'web'],
      [24, 'db'],
    ] as const) {
      store.apply(index, { type: 'Deregister', body: { Node: 'n', ServiceID } })
    }
    assert.deepEqual(behind(), [['*', false]])
    assert.equal(
      store.read((txn) => txn.counter('gateway-services')),
      24,
    )
    store.apply(30, { type: 'ConfigEntry', body: { Op: 'delete', Entry: terminating } })
    assert.deepEqual(behind(), [])
  })
})

test('chains with overrides are told apart as the real Consul tells them', () => {
  // As 1.8.7 answers POST /v1/discovery-chain with these overrides.
  const none = { meshGateway: '', protocol: '', connectTimeout: 0 }
  assert.equal(customizationHash({ ...none, protocol: 'http2' }), '49c19fe6')
  assert.equal(customizationHash({ ...none, connectTimeout: 7e9 }), '8b1bc506')
  assert.equal(customizationHash({ ...none, meshGateway: 'remote' }), 'dd412229')
  assert.equal(customizationHash({ ...none, protocol: 'http2', connectTimeout: 7e9 }), 'da22bab0')
})

suite('intentions', () => {
  test('are one between two ends, and the more exact one decides first', () => {
    const store = makeStore(memoryRows())
    const [sample] = sampleMeshRows().intentions
    let index = 0
    const apply = (Op: IntentionOp, source: string, destination: string, last: string) => {
      const ID = `ca615337-6213-a8f3-98d3-505a19d3ad4${last}`
      const Intention = { ...sample!, ID, SourceName: source, DestinationName: destination, Meta: null }
      return store.apply(++index, { type: 'Intention', body: { Op, Intention } }).result
    }
    apply('create', '*', '*', '1')
    apply('create', 'web', '*', '2')
    apply('create', '*', 'db', '3')
    apply('create', 'web', 'db', '4')
    const again = apply('create', 'WEB', 'DB', '5')
    assert.match(
      again.kind === 'failed' ? again.message : '',
      /^duplicate intention found: DENY default\/web => default\/db/,
    )
    const { Index, Matches } = store.read((txn) =>
      matchingIntentions(txn, {
        Type: 'destination',
        Entries: [
          { Namespace: 'default', Name: 'db' },
          { Namespace: 'default', Name: 'other' },
          { Namespace: '*', Name: '*' },
        ],
      }),
    )
    assert.equal(Index, 4)
    const precedences = Matches.map((rows) => rows?.map((row) => row.Precedence) ?? null)
    assert.deepEqual(precedences, [[9, 8, 6, 5], [6, 5], null])
    assert.deepEqual(Matches[0]![0]!.Meta, {})
    apply('delete', '', '', '9')
    assert.equal(
      store.read((txn) => txn.counter('connect-intentions')),
      4,
    )
    apply('delete', '', '', '4')
    assert.equal(
      store.read((txn) => txn.counter('connect-intentions')),
      7,
    )
  })
})

suite('the certificate authority', () => {
  const NONE: CaRequest = { Op: 'set-config', Index: 0, Roots: null, Config: null, ProviderState: null }
  const rows = sampleMeshRows()

  test('has its roots set all at once, from where they stood', () => {
    const store = makeStore(memoryRows())
    const [root] = rows['ca-roots']
    const set = (index: number, Index: number, ...ids: string[]) => {
      const Roots = ids.map((ID, i) => ({ ...root!, ID, Active: i === 0 }))
      return store.apply(index, { type: 'ConnectCA', body: { ...NONE, Op: 'set-roots', Index, Roots } }).result
    }
    assert.deepEqual(set(5, 0, 'a', 'b'), { kind: 'bool', value: true })
    assert.deepEqual(set(6, 0, 'c'), { kind: 'bool', value: false })
    assert.equal(set(7, 5).kind, 'failed')
    assert.deepEqual(set(8, 5, 'c', 'a'), { kind: 'bool', value: true })
    const found = store.read((txn) =>
      [...txn.prefix('ca-roots', '')].map((each) => [each.ID, each.CreateIndex, each.ModifyIndex]),
    )
    assert.deepEqual(found, [
      ['a', 5, 8],
      ['c', 8, 8],
    ])
  })

  test('counts serial numbers apart from the log, and its configuration keeps the cluster', () => {
    const store = makeStore(memoryRows())
    const apply = (index: number, body: Partial<CaRequest>) =>
      store.apply(index, { type: 'ConnectCA', body: { ...NONE, ...body } }).result
    const [ProviderState] = rows['ca-provider-state']
    const Config = { ...rows['ca-config'][0]!, ModifyIndex: 0 }
    apply(5, { Op: 'set-provider-state', ProviderState })
    assert.deepEqual(apply(6, { Op: 'increment-provider-serial' }), { kind: 'number', value: 6 })
    assert.deepEqual(apply(9, { Op: 'increment-provider-serial' }), { kind: 'number', value: 7 })
    assert.deepEqual(apply(10, { Config }), { kind: 'done' })
    assert.deepEqual(apply(11, { Config: { ...Config, ClusterID: '', ModifyIndex: 9 } }), {
      kind: 'bool',
      value: false,
    })
    assert.deepEqual(apply(12, { Config: { ...Config, ClusterID: '', ModifyIndex: 10 } }), {
      kind: 'bool',
      value: true,
    })
    assert.equal(store.read((txn) => txn.get('ca-config', 'config'))?.ClusterID, Config.ClusterID)
    assert.deepEqual(store.apply(13, { type: 'ConnectCALeaf', body: { Op: 'increment-index' } }).changes, [])
  })
})
