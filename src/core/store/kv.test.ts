import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { byteKey } from '../../base/text.ts'
import type { Result } from '../../model/command.ts'
import type { DirEntry, KVOp } from '../../model/kv.ts'
import { kvGet, sessionIdError } from './kv.ts'
import { memoryRows } from './memory.ts'
import { kvKeys, kvList, sampleEntry, sampleNode, sampleSession } from './samples.ts'
import { makeStore, type Store } from './store.ts'

const S1 = '11111111-2222-3333-4444-555555555555'
const S2 = '22222222-2222-3333-4444-555555555555'
const bytes = (text: string) => new TextEncoder().encode(text)

function newStore(): Store {
  const store = makeStore(memoryRows())
  store.restore(1, (txn) => {
    txn.put('nodes', sampleNode('n'))
    for (const id of [S1, S2]) txn.put('sessions', sampleSession(id, 'n'))
  })
  return store
}

/** One command at the next index; short forms for what a case names. */
function kv(store: Store, op: KVOp, key: string, more: Partial<DirEntry> & { text?: string } = {}): Result {
  const { text, ...rest } = more
  const entry = sampleEntry(key, text === undefined ? rest : { ...rest, Value: bytes(text) })
  return store.apply(store.applied + 1, { type: 'KVS', body: { Op: op, DirEnt: entry } }).result
}

const entry = (store: Store, key: string) => store.read((txn) => txn.get('kvs', byteKey(key)))
const counters = (store: Store) => store.read((txn) => [txn.counter('kvs'), txn.counter('tombstones')])
const DONE: Result = { kind: 'done' }
const bool = (value: boolean): Result => ({ kind: 'bool', value })
const failed = (message: string): Result => ({ kind: 'failed', message })

/** What is left of an entry in a case: value, flags, lock index, session, create and modify index. */
function show(row: DirEntry | undefined): string {
  if (row === undefined) return '-'
  const value = row.Value === null ? 'null' : new TextDecoder().decode(row.Value)
  return `${value} f${row.Flags} l${row.LockIndex} s${row.Session.slice(0, 1)} c${row.CreateIndex} m${row.ModifyIndex}`
}

type Step = [op: KVOp, more: Partial<DirEntry> & { text?: string }, result: Result, entry: string, counters: number[]]

const CASES: Record<string, Step[]> = {
  'set makes, changes, and leaves alone what is equal': [
    ['set', { text: 'a' }, DONE, 'a f0 l0 s c2 m2', [2, 0]],
    ['set', { text: 'b', Flags: 9n }, DONE, 'b f9 l0 s c2 m3', [3, 0]],
    ['set', { text: 'b', Flags: 9n }, DONE, 'b f9 l0 s c2 m3', [3, 0]],
    ['set', { text: 'b', Flags: 2n ** 64n - 1n }, DONE, `b f${2n ** 64n - 1n} l0 s c2 m5`, [5, 0]],
  ],
  'null and empty are the same value': [
    ['set', {}, DONE, 'null f0 l0 s c2 m2', [2, 0]],
    ['set', { text: '' }, DONE, 'null f0 l0 s c2 m2', [2, 0]],
  ],
  'the session of a set is not believed': [['set', { text: 'a', Session: S1 }, DONE, 'a f0 l0 s c2 m2', [2, 0]]],
  'cas by index, 0 for absent': [
    ['cas', { text: 'a', ModifyIndex: 7 }, bool(false), '-', [0, 0]],
    ['cas', { text: 'a' }, bool(true), 'a f0 l0 s c3 m3', [3, 0]],
    ['cas', { text: 'b' }, bool(false), 'a f0 l0 s c3 m3', [3, 0]],
    ['cas', { text: 'b', ModifyIndex: 2 }, bool(false), 'a f0 l0 s c3 m3', [3, 0]],
    ['cas', { text: 'b', ModifyIndex: 3 }, bool(true), 'b f0 l0 s c3 m6', [6, 0]],
    ['cas', { text: 'b', ModifyIndex: 6 }, bool(true), 'b f0 l0 s c3 m6', [6, 0]],
  ],
  'delete leaves a tombstone, but only of what was there': [
    ['delete', {}, DONE, '-', [0, 0]],
    ['set', { text: 'a' }, DONE, 'a f0 l0 s c3 m3', [3, 0]],
    ['delete', {}, DONE, '-', [4, 4]],
    ['delete', {}, DONE, '-', [4, 4]],
    ['set', { text: 'a' }, DONE, 'a f0 l0 s c6 m6', [6, 4]],
  ],
  'delete-cas is content with an absent key': [
    ['delete-cas', { ModifyIndex: 5 }, bool(true), '-', [0, 0]],
    ['set', { text: 'a' }, DONE, 'a f0 l0 s c3 m3', [3, 0]],
    ['delete-cas', {}, bool(false), 'a f0 l0 s c3 m3', [3, 0]],
    ['delete-cas', { ModifyIndex: 3 }, bool(true), '-', [5, 5]],
  ],
  'lock counts those who took it': [
    ['lock', { text: 'a', Session: S1 }, bool(true), 'a f0 l1 s1 c2 m2', [2, 0]],
    ['lock', { text: 'b', Session: S1 }, bool(true), 'b f0 l1 s1 c2 m3', [3, 0]],
    ['lock', { text: 'b', Session: S1 }, bool(true), 'b f0 l1 s1 c2 m3', [3, 0]],
    ['lock', { text: 'c', Session: S2 }, bool(false), 'b f0 l1 s1 c2 m3', [3, 0]],
    ['unlock', { text: 'c', Session: S2 }, bool(false), 'b f0 l1 s1 c2 m3', [3, 0]],
    ['unlock', { text: 'd', Flags: 4n, Session: S1 }, bool(true), 'd f4 l1 s c2 m7', [7, 0]],
    ['unlock', { text: 'd', Session: S1 }, bool(false), 'd f4 l1 s c2 m7', [7, 0]],
    ['lock', { text: 'e', Session: S2 }, bool(true), 'e f0 l2 s2 c2 m9', [9, 0]],
  ],
  'a set on a locked key keeps the session and forgets the count': [
    ['lock', { text: 'a', Session: S1 }, bool(true), 'a f0 l1 s1 c2 m2', [2, 0]],
    ['set', { text: 'a' }, DONE, 'a f0 l0 s1 c2 m3', [3, 0]],
    ['lock', { text: 'a', Session: S1 }, bool(true), 'a f0 l0 s1 c2 m3', [3, 0]],
    ['unlock', { text: 'a', Session: S1 }, bool(true), 'a f0 l0 s c2 m5', [5, 0]],
    ['lock', { text: 'a', Session: S1 }, bool(true), 'a f0 l1 s1 c2 m6', [6, 0]],
    ['delete', {}, DONE, '-', [7, 7]],
  ],
  'locks that cannot be': [
    ['lock', {}, failed('missing session'), '-', [0, 0]],
    ['unlock', {}, failed('missing session'), '-', [0, 0]],
    ['lock', { Session: S1.replaceAll('1', '9') }, failed(`invalid session "${S1.replaceAll('1', '9')}"`), '-', [0, 0]],
    ['lock', { Session: 'x' }, failed('failed session lookup: index error: UUID must be 36 characters'), '-', [0, 0]],
    ['unlock', { Session: 'x' }, bool(false), '-', [0, 0]],
  ],
  'an operation that nobody knows': [
    ['bogus' as KVOp, { text: 'a' }, failed("Invalid KVS operation 'bogus'"), '-', [0, 0]],
  ],
}

suite('kv rules', () => {
  for (const [title, steps] of Object.entries(CASES)) {
    test(title, () => {
      const store = newStore()
      for (const [at, [op, more, result, row, moved]] of steps.entries()) {
        const said = `step ${at + 1}, ${op}`
        assert.deepEqual(kv(store, op, 'k', more), result, said)
        assert.equal(show(entry(store, 'k')), row, said)
        assert.deepEqual(counters(store), moved, said)
      }
    })
  }

  test('delete-tree leaves one tombstone for the prefix, none for the whole tree', () => {
    const store = newStore()
    for (const key of ['a', 'a/1', 'a/2', 'b']) kv(store, 'set', key)
    kv(store, 'delete-tree', 'x/')
    assert.deepEqual(counters(store), [5, 0])
    kv(store, 'delete-tree', 'a/')
    const stones = () => store.read((txn) => [...txn.prefix('tombstones', '')])
    assert.deepEqual(stones(), [{ Key: 'a/', Index: 7 }])
    assert.deepEqual(counters(store), [7, 7])
    assert.deepEqual(store.read((txn) => kvKeys(txn, '', '')).Keys, ['a', 'b'])
    kv(store, 'delete-tree', '')
    assert.deepEqual(stones(), [{ Key: 'a/', Index: 7 }])
    assert.deepEqual(counters(store), [8, 7])
  })

  test('reaping takes the tombstones up to an index, and moves no counter', () => {
    const store = newStore()
    for (const key of ['a', 'b', 'c']) kv(store, 'set', key)
    for (const key of ['a', 'b', 'c']) kv(store, 'delete', key)
    const reap = store.apply(8, { type: 'Tombstone', body: { Op: 'reap', ReapIndex: 6 } })
    assert.deepEqual(reap.result, DONE)
    assert.deepEqual(
      store.read((txn) => [...txn.prefix('tombstones', '')]),
      [{ Key: 'c', Index: 7 }],
    )
    assert.deepEqual(counters(store), [7, 7])
  })

  test('the value is a copy: what the command was cut from may be used again', () => {
    const store = newStore()
    const page = bytes('xxvaluexx')
    kv(store, 'set', 'k', { Value: page.subarray(2, 7) })
    page.fill(0)
    assert.deepEqual(entry(store, 'k')!.Value, bytes('value'))
  })
})

suite('kv reads', () => {
  const indexOf = (store: Store, key: string) => store.read((txn) => kvGet(txn, key)).Index
  const list = (store: Store, prefix: string) => {
    const found = store.read((txn) => kvList(txn, prefix))
    return [found.Index, ...(found.Entries ?? []).map((row) => row.Key)]
  }

  test("get answers the entry's own index, or the store's when there is none", () => {
    const store = newStore()
    assert.equal(indexOf(store, 'a'), 0)
    kv(store, 'set', 'a')
    kv(store, 'set', 'b')
    assert.equal(indexOf(store, 'a'), 2)
    assert.equal(indexOf(store, 'c'), 3)
    assert.deepEqual(store.read((txn) => kvGet(txn, 'c')).Entries, null)
    kv(store, 'delete', 'a')
    assert.equal(indexOf(store, 'a'), 4)
  })

  test('list answers the highest of its matches and their tombstones', () => {
    const store = newStore()
    for (const key of ['a/1', 'a/2', 'b/1', 'c']) kv(store, 'set', key)
    assert.deepEqual(list(store, 'a/'), [3, 'a/1', 'a/2'])
    assert.deepEqual(list(store, 'z'), [5])
    assert.deepEqual(list(store, ''), [5, 'a/1', 'a/2', 'b/1', 'c'])
    kv(store, 'delete', 'a/1')
    assert.deepEqual(list(store, 'a/'), [6, 'a/2'])
    assert.deepEqual(list(store, 'b/'), [4, 'b/1'])
    kv(store, 'delete-tree', 'a/')
    kv(store, 'set', 'c', { Flags: 1n })
    assert.deepEqual(list(store, 'a/'), [7])
    assert.deepEqual(list(store, 'a/2'), [8], 'a tombstone of the tree does not match what is longer')
    store.apply(9, { type: 'Tombstone', body: { Op: 'reap', ReapIndex: 8 } })
    assert.deepEqual(list(store, 'a/'), [8])
  })

  test('keys fold at the separator, and count what they leave out', () => {
    const store = newStore()
    for (const key of ['a', 'a/1', 'a/2/x', 'a/2/y', 'a/é/z', 'b//c', 'c']) kv(store, 'set', key)
    const keys = (prefix: string, separator: string) => store.read((txn) => kvKeys(txn, prefix, separator))
    assert.deepEqual(keys('', '/').Keys, ['a', 'a/', 'b/', 'c'])
    assert.deepEqual(keys('a/', '/'), { Index: 6, Keys: ['a/1', 'a/2/', 'a/é/'] })
    assert.deepEqual(keys('a', '/').Keys, ['a', 'a/'])
    assert.deepEqual(keys('b/', '/').Keys, ['b//'])
    assert.deepEqual(keys('a/2', '').Keys, ['a/2/x', 'a/2/y'])
    assert.deepEqual(keys('none', '/').Keys, null)
  })
})

test('session ids that no lookup accepts', () => {
  assert.equal(sessionIdError(S1), undefined)
  assert.equal(sessionIdError(S1.toUpperCase()), undefined)
  assert.match(sessionIdError('')!, /36 characters/)
  assert.match(sessionIdError('1111-111-2222-3333-4444-5555555555555'.slice(0, 36))!, /maximum of 4 "-"; got 5/)
  assert.match(sessionIdError(`${S1.slice(0, 35)}-`)!, /maximum of 4/)
  assert.match(sessionIdError(`${S1.slice(0, 35)}g`)!, /invalid byte: U\+0067 'g'$/)
  assert.match(sessionIdError('11111111222233334444555555555555555-')!, /even length/)
})
