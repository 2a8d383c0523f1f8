import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { TxnCatalogVerb, TxnKVVerb, TxnOp, TxnResponse } from '../../model/txn.ts'
import { memoryRows } from './memory.ts'
import { sampleCheck, sampleEntry, sampleNode, sampleService, sampleSession } from './samples.ts'
import { makeStore, type Store } from './store.ts'
import { TABLE_NAMES } from './tables.ts'
import { readTxn } from './txn.ts'

const SESSION = '5e0ff3d2-0000-1111-2222-333344445555'
const NONE: TxnOp = { KV: null, Intention: null, Node: null, Service: null, Check: null, Session: null }
const bytes = (text: string) => new TextEncoder().encode(text)

const kv = (Verb: string, key: string, more: Parameters<typeof sampleEntry>[1] = {}): TxnOp => ({
  ...NONE,
  KV: { Verb: Verb as TxnKVVerb, DirEnt: sampleEntry(key, more) },
})
const node = (Verb: string, name: string, more: Parameters<typeof sampleNode>[1] = {}): TxnOp => ({
  ...NONE,
  Node: { Verb: Verb as TxnCatalogVerb, Node: sampleNode(name, { ModifyIndex: 0, ...more }) },
})
const service = (Verb: string, on: string, name: string, ModifyIndex = 0): TxnOp => ({
  ...NONE,
  Service: { Verb: Verb as TxnCatalogVerb, Node: on, Service: { ...sampleService(on, name).Service, ModifyIndex } },
})
const check = (Verb: string, on: string, id: string, more: Parameters<typeof sampleCheck>[2] = {}): TxnOp => ({
  ...NONE,
  Check: { Verb: Verb as TxnCatalogVerb, Check: sampleCheck(on, id, { ModifyIndex: 0, ...more }) },
})

function emptyStore(): Store {
  const store = makeStore(memoryRows())
  store.advance(9)
  return store
}

function run(store: Store, ...Ops: TxnOp[]): TxnResponse {
  const { result } = store.apply(store.applied + 1, { type: 'Txn', body: { Ops } })
  assert.equal(result.kind, 'txn')
  return (result as { response: TxnResponse }).response
}

/** What went wrong, by operation. */
function faults({ Results, Errors }: TxnResponse): string[] {
  assert.equal(Results, null)
  return Errors!.map(({ OpIndex, What }) => `${OpIndex}: ${What}`)
}

function dump(store: Store): Record<string, unknown[]> {
  return store.read((txn) => Object.fromEntries(TABLE_NAMES.map((table) => [table, [...txn.prefix(table, '')]])))
}

suite('transactions', () => {
  test('an operation sees what those before it did, and all carry one index', () => {
    const { Results, Errors } = run(
      emptyStore(),
      kv('set', 'a', { Value: bytes('1'), Flags: 3n }),
      kv('get', 'a'),
      kv('get-tree', ''),
      kv('check-not-exists', 'b'),
      node('set', 'n'),
      service('set', 'n', 'web'),
      check('set', 'n', 'c', { ServiceID: 'web' }),
      check('get', 'N', 'C'),
    )
    assert.equal(Errors, null)
    const [set, get, tree, registered, web, checked, looked] = Results!
    assert.equal(Results!.length, 7)
    assert.deepEqual([set!.KV!.Value, get!.KV!.Value, tree!.KV!.Value], [null, bytes('1'), bytes('1')])
    assert.deepEqual([set!.KV!.CreateIndex, registered!.Node!.ModifyIndex, web!.Service!.CreateIndex], [10, 10, 10])
    assert.equal(checked!.Check!.ServiceName, 'web')
    assert.deepEqual(looked!.Check, checked!.Check)
  })

  test('one that fails undoes all, and all that fail are told', () => {
    const store = emptyStore()
    run(store, kv('set', 'kept', { Value: bytes('old') }), node('set', 'n'))
    const before = dump(store)
    const found = run(
      store,
      kv('set', 'kept', { Value: bytes('new') }),
      kv('get', 'none'),
      node('delete', 'n'),
      service('set', 'n', 'web'),
      kv('check-index', 'kept', { ModifyIndex: 7 }),
      { ...NONE },
    )
    assert.deepEqual(faults(found), [
      `1: key "none" doesn't exist`,
      '3: Missing node registration',
      '4: failed index check for key "kept", current modify index 11 != 7',
      '5: no operation specified',
    ])
    assert.deepEqual(dump(store), before)
    assert.equal(store.applied, 11)
  })

  test('the verbs of keys compare, lock and refuse', () => {
    const store = emptyStore()
    store.apply(10, {
      type: 'Register',
      body: { Node: 'n', Address: '10.0.0.1' },
    })
    store.apply(11, { type: 'Session', body: { Op: 'create', Session: sampleSession(SESSION, 'n') } })
    assert.deepEqual(run(store, kv('cas', 'a'), kv('lock', 'l', { Session: SESSION })).Errors, null)
    assert.deepEqual(
      faults(
        run(
          store,
          kv('cas', 'a'),
          kv('delete-cas', 'a', { ModifyIndex: 1 }),
          kv('lock', 'l', { Session: '5e0ff3d2-0000-1111-2222-333344445556' }),
          kv('unlock', 'l', { Session: '5e0ff3d2-0000-1111-2222-333344445556' }),
          kv('unlock', 'l'),
          kv('check-session', 'l', { Session: 'other' }),
          kv('check-session', 'none'),
          kv('check-index', 'none'),
          kv('check-not-exists', 'l'),
          kv('frob "x"', 'l'),
        ),
      ),
      [
        '0: failed to set key "a", index is stale',
        '1: failed to delete key "a", index is stale',
        '2: invalid session "5e0ff3d2-0000-1111-2222-333344445556"',
        `3: failed to unlock key "l", lock isn't held, or is held by another session`,
        '4: missing session',
        `5: failed session check for key "l", current session "${SESSION}" != "other"`,
        `6: failed to check session, key "none" doesn't exist`,
        `7: failed to check index, key "none" doesn't exist`,
        '8: key "l" exists',
        '9: unknown KV verb "frob \\"x\\""',
      ],
    )
    const index = store.read((txn) => txn.get('kvs', 'a')!.ModifyIndex)
    const done = run(store, kv('delete-cas', 'a', { ModifyIndex: index }), kv('unlock', 'l', { Session: SESSION }))
    assert.deepEqual(
      done.Results!.map(({ KV }) => [KV!.Key, KV!.Session, KV!.LockIndex]),
      [['l', '', 1]],
    )
  })

  test('a check that cannot be is forgotten by cas, and refused by set', () => {
    const store = emptyStore()
    const done = run(store, check('cas', 'none', 'c'), kv('set', 'a'))
    assert.equal(done.Errors, null)
    assert.deepEqual(
      done.Results?.map(({ KV }) => KV?.Key),
      ['a'],
    )
    assert.deepEqual(faults(run(store, check('set', 'none', 'c'))), ['0: Missing node registration'])
  })

  test('rows of the catalog change only from the index that was seen', () => {
    const store = emptyStore()
    run(store, node('cas', 'n'), service('cas', 'n', 'web'), check('cas', 'n', 'c'))
    const stale = [
      ...[node('cas', 'n'), node('cas', 'n', { ModifyIndex: 3 }), node('cas', 'x', { ModifyIndex: 3 })],
      ...[node('delete-cas', 'n', { ModifyIndex: 3 }), node('delete-cas', 'x')],
      ...[service('cas', 'n', 'web'), service('delete-cas', 'n', 'web', 3), service('delete-cas', 'n', 'x')],
      ...[check('cas', 'n', 'c'), check('delete-cas', 'n', 'c', { ModifyIndex: 3 }), check('delete-cas', 'n', 'x')],
    ]
    for (const op of stale) assert.match(faults(run(store, op))[0]!, /^0: failed to (set|delete) .*, index is stale$/)
    const right = { ModifyIndex: 10 }
    const changed = run(
      store,
      check('cas', 'n', 'c', { ...right, Status: 'warning' }),
      service('delete-cas', 'n', 'web', 10),
      node('cas', 'n', { ...right, Address: '10.0.0.2' }),
    )
    assert.equal(changed.Errors, null)
    assert.equal(run(store, node('delete-cas', 'n', { ModifyIndex: store.applied })).Errors, null)
    assert.deepEqual(faults(run(store, node('get', 'n'), service('get', 'n', 'web'), check('get', 'n', 'c'))), [
      `0: node "n" doesn't exist`,
      `1: service "web" on node "n" doesn't exist`,
      `2: check "c" on node "n" doesn't exist`,
    ])
  })

  test('a read-only one writes nothing', () => {
    const store = emptyStore()
    run(store, kv('set', 'a', { Value: bytes('1') }))
    const found = store.read((txn) => readTxn(txn, [kv('get', 'a'), kv('check-index', 'a', { ModifyIndex: 10 })]))
    assert.deepEqual(
      found.Results!.map(({ KV }) => KV!.Value),
      [bytes('1'), null],
    )
    const refused = store.read((txn) => readTxn(txn, [kv('set', 'a'), kv('delete', 'a'), kv('get', 'b')]))
    assert.deepEqual(faults(refused), [
      '0: cannot insert in read-only transaction',
      '1: cannot insert in read-only transaction',
      `2: key "b" doesn't exist`,
    ])
  })
})

const keys = fc.constantFrom('a', 'a/b', 'b', '')
const anyOp: fc.Arbitrary<TxnOp> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('set', 'cas', 'delete', 'delete-cas', 'delete-tree', 'get', 'get-tree', 'check-index', 'lock'),
      keys,
      fc.nat(14),
    )
    .map(([verb, key, ModifyIndex]) =>
      kv(verb, key, { ModifyIndex, Value: bytes(`${ModifyIndex}`), Session: SESSION }),
    ),
  fc
    .tuple(fc.constantFrom('set', 'cas', 'delete', 'get', 'delete-cas'), fc.constantFrom('n', 'm'), fc.nat(14))
    .map(([verb, name, ModifyIndex]) => node(verb, name, { ModifyIndex })),
  fc
    .tuple(fc.constantFrom('set', 'cas', 'delete', 'get'), fc.constantFrom('n', 'm'), fc.constantFrom('web', 'db'))
    .map(([verb, on, name]) => service(verb, on, name)),
  fc
    .tuple(fc.constantFrom('set', 'delete', 'get'), fc.constantFrom('n', 'm'), fc.constantFrom('passing', 'critical'))
    .map(([verb, on, Status]) => check(verb, on, 'c', { Status })),
)

test('any transaction happens wholly, or not at all', () => {
  let refusedOnes = 0
  fc.assert(
    fc.property(fc.array(fc.array(anyOp, { maxLength: 5 }), { maxLength: 6 }), (transactions) => {
      const store = emptyStore()
      const commits: number[] = []
      store.onCommit(({ changes }) => commits.push(changes.length))
      for (const Ops of transactions) {
        const before = dump(store)
        const response = run(store, ...Ops)
        assert.ok((response.Results === null) !== (response.Errors === null))
        if (response.Errors === null) continue
        refusedOnes += 1
        assert.deepEqual(dump(store), before)
        assert.equal(commits.at(-1), 0)
      }
    }),
    { numRuns: 150, seed: 1 },
  )
  assert.ok(refusedOnes > 50, `only ${refusedOnes} were refused`)
})

test('a transaction of one write does what the plain command does, indexes and all', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('set', 'delete', 'delete-tree', 'cas'), keys, fc.nat(14)), { maxLength: 8 }),
      (writes) => {
        const plain = emptyStore()
        const within = emptyStore()
        for (const [Op, key, ModifyIndex] of writes) {
          const more = { ModifyIndex, Value: bytes(`${ModifyIndex % 3}`) }
          plain.apply(plain.applied + 1, { type: 'KVS', body: { Op: Op as 'set', DirEnt: sampleEntry(key, more) } })
          run(within, kv(Op, key, more))
        }
        assert.deepEqual(dump(within), dump(plain))
      },
    ),
    { numRuns: 100, seed: 2 },
  )
})
