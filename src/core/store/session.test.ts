import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NANOS_PER_SECOND } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import type { Session } from '../../model/session.ts'
import { memoryRows } from './memory.ts'
import { sampleCheck, sampleEntry, sampleNode, sampleSession } from './samples.ts'
import { lockDelays, nodeSessions, sessionGet, sessionList, sessionsOfCheck, sessionsOfNode } from './session.ts'
import { type Commit, makeStore, type Store } from './store.ts'

const S1 = '11111111-2222-3333-4444-555555555555'
const S2 = 'aaaaaaaa-2222-3333-4444-555555555555'

function newStore(): Store {
  const store = makeStore(memoryRows())
  store.restore(10, (txn) => {
    txn.put('nodes', sampleNode('Node1'))
    txn.put('checks', sampleCheck('Node1', 'serfHealth'))
    txn.put('checks', sampleCheck('Node1', 'sick', { Status: 'critical' }))
    txn.put('checks', sampleCheck('Node1', 'warned', { Status: 'warning' }))
  })
  return store
}

function apply(store: Store, op: 'create' | 'destroy', id: string, more: Partial<Session> = {}): Commit {
  return store.apply(store.applied + 1, {
    type: 'Session',
    body: { Op: op, Session: sampleSession(id, 'node1', more) },
  })
}

function lock(store: Store, key: string, session: string): Commit {
  const commit = store.apply(store.applied + 1, {
    type: 'KVS',
    body: { Op: 'lock', DirEnt: sampleEntry(key, { Session: session }) },
  })
  assert.deepEqual(commit.result, { kind: 'bool', value: true })
  return commit
}

suite('session rules', () => {
  const REFUSED: [string, string, Partial<Session>, string][] = [
    ['no id', '', {}, 'Missing session ID'],
    ['an id that is none', 'x', {}, 'failed inserting session: index error: UUID must be 36 characters'],
    ['an unknown behaviour', S1, { Behavior: 'keep' }, 'Invalid session behavior: keep'],
    ['an unknown node', S1, { Node: 'n2' }, 'Missing node registration'],
    ['an unknown check', S1, { Checks: ['no'] }, "Missing check 'no' registration"],
    ['a critical node check', S1, { NodeChecks: ['sick'] }, "Check 'sick' is in critical state"],
    [
      'a critical service check',
      S1,
      { ServiceChecks: [{ ID: 'sick', Namespace: '' }] },
      "Check 'sick' is in critical state",
    ],
  ]
  for (const [title, id, more, message] of REFUSED) {
    test(`refuses ${title}`, () => {
      const store = newStore()
      const commit = apply(store, 'create', id, more)
      assert.deepEqual(commit.result, { kind: 'failed', message } satisfies Result)
      assert.deepEqual(commit.changes, [])
      assert.equal(store.applied, 11)
      assert.equal(store.read(sessionList).Sessions, null)
    })
  }

  test('create keeps the row, its checks in any case, and answers the id', () => {
    const store = newStore()
    const commit = apply(store, 'create', S1, { Behavior: '', NodeChecks: ['SerfHealth'], Checks: ['warned'] })
    assert.deepEqual(commit.result, { kind: 'text', value: S1 })
    store.read((txn) => {
      const { Index, Sessions } = sessionGet(txn, S1.toUpperCase())
      assert.equal(Index, 11)
      assert.deepEqual(Sessions, [
        sampleSession(S1, 'node1', {
          Behavior: 'release',
          NodeChecks: ['SerfHealth'],
          Checks: ['warned'],
          CreateIndex: 11,
          ModifyIndex: 11,
        }),
      ])
      assert.deepEqual(sessionsOfCheck(txn, 'NODE1', 'serfhealth'), [S1])
      assert.deepEqual(sessionsOfCheck(txn, 'node1', 'warned'), [S1])
      assert.deepEqual(sessionsOfCheck(txn, 'node1', 'sick'), [])
    })
  })

  test('reads answer the sessions counter', () => {
    const store = newStore()
    apply(store, 'create', S2)
    apply(store, 'create', S1)
    store.read((txn) => {
      assert.deepEqual(
        sessionList(txn).Sessions!.map((row) => row.ID),
        [S1, S2],
      )
      assert.equal(sessionList(txn).Index, 12)
      assert.deepEqual(
        sessionsOfNode(txn, 'NODE1').map((row) => row.ID),
        [S1, S2],
      )
      assert.deepEqual(nodeSessions(txn, 'other'), { Index: 12, Sessions: null })
      assert.deepEqual(sessionGet(txn, S1.replace('1', '9')), { Index: 12, Sessions: null })
      assert.throws(() => sessionGet(txn, 'x'), /^ConsulError: failed session lookup: index error: UUID must be 36/)
    })
  })

  test('the end of a session releases its locks, and unties its checks', () => {
    const store = newStore()
    apply(store, 'create', S1, { LockDelay: 15 * NANOS_PER_SECOND, NodeChecks: ['serfHealth'] })
    apply(store, 'create', S2)
    lock(store, 'a', S1)
    lock(store, 'b', S1)
    lock(store, 'c', S2)
    const commit = apply(store, 'destroy', S1)
    assert.deepEqual(commit.result, { kind: 'done' })
    store.read((txn) => {
      assert.equal(txn.counter('sessions'), 16)
      assert.equal(txn.counter('kvs'), 16)
      assert.equal(txn.counter('tombstones'), 0)
      const { Session: holder, LockIndex, ModifyIndex } = txn.get('kvs', 'a')!
      assert.deepEqual([holder, LockIndex, ModifyIndex], ['', 1, 16])
      assert.equal(txn.get('kvs', 'c')!.Session, S2)
      assert.deepEqual(sessionsOfCheck(txn, 'node1', 'serfHealth'), [])
    })
    assert.deepEqual(lockDelays(commit.changes), [
      { Key: 'a', delay: 15e9 },
      { Key: 'b', delay: 15e9 },
    ])
  })

  test('or deletes the keys, with tombstones', () => {
    const store = newStore()
    apply(store, 'create', S1, { Behavior: 'delete', LockDelay: 300 * NANOS_PER_SECOND })
    lock(store, 'a', S1)
    const commit = apply(store, 'destroy', S1)
    store.read((txn) => {
      assert.equal(txn.get('kvs', 'a'), undefined)
      assert.deepEqual(txn.get('tombstones', 'a'), { Key: 'a', Index: 13 })
    })
    assert.deepEqual(lockDelays(commit.changes), [{ Key: 'a', delay: 60e9 }], 'a minute at most')
  })

  test('no delay where none was asked, nor when a lock is given back', () => {
    const store = newStore()
    apply(store, 'create', S1)
    lock(store, 'a', S1)
    assert.deepEqual(lockDelays(apply(store, 'destroy', S1).changes), [])
    apply(store, 'create', S2, { LockDelay: 1e9 })
    lock(store, 'a', S2)
    const unlock = store.apply(store.applied + 1, {
      type: 'KVS',
      body: { Op: 'unlock', DirEnt: sampleEntry('a', { Session: S2 }) },
    })
    assert.deepEqual(lockDelays(unlock.changes), [])
  })

  test('ending what is not there does nothing', () => {
    const store = newStore()
    const commit = apply(store, 'destroy', S1)
    assert.deepEqual([commit.result, commit.changes], [{ kind: 'done' }, []])
    assert.equal(
      store.read((txn) => txn.counter('sessions')),
      0,
    )
  })

  test('an operation that nobody knows', () => {
    const store = newStore()
    const commit = apply(store, 'renew' as 'create', S1)
    assert.deepEqual(commit.result, { kind: 'failed', message: "Invalid Session operation 'renew'" })
  })
})
