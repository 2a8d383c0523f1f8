import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Command } from '../../model/command.ts'
import { applyAutopilot, autopilotConfig } from './autopilot.ts'
import { coordinateList, nodeCoordinates } from './coordinate.ts'
import { kvGet } from './kv.ts'
import { memoryRows } from './memory.ts'
import type { ReadTxn } from './rows.ts'
import { kvList, sampleCheck, sampleEntry, sampleNode } from './samples.ts'
import { sessionList } from './session.ts'
import { type Commit, makeStore, type Store } from './store.ts'

const newStore = () => makeStore(memoryRows())

function set(store: Store, key: string, flags = 0n): Commit {
  const command: Command = { type: 'KVS', body: { Op: 'set', DirEnt: sampleEntry(key, { Flags: flags }) } }
  return store.apply(store.applied + 1, command)
}

function remove(store: Store, key: string, op: 'delete' | 'delete-tree' = 'delete'): Commit {
  return store.apply(store.applied + 1, { type: 'KVS', body: { Op: op, DirEnt: sampleEntry(key) } })
}

/** Counts how often a read's footprint was touched. */
function watch(store: Store, query: (txn: ReadTxn) => unknown) {
  const state = { woken: 0, stop: () => {} }
  state.stop = store.watch(store.trace(query).footprint, () => {
    state.woken += 1
  })
  return state
}

suite('store', () => {
  test('commits carry index, changes and result, and reach listeners after their rows are readable', () => {
    const store = newStore()
    const seen: [number, boolean][] = []
    const stop = store.onCommit((commit) => {
      seen.push([commit.index, store.read((txn) => txn.get('kvs', 'a')) !== undefined])
    })
    const commit = set(store, 'a')
    assert.deepEqual(commit.result, { kind: 'done' })
    assert.deepEqual(
      commit.changes.map((change) => [change.table, change.key]),
      [
        ['kvs', 'a'],
        ['index', 'kvs'],
      ],
    )
    stop()
    set(store, 'b')
    assert.deepEqual(seen, [[1, true]])
  })

  test('a failed command changes nothing but the applied index', () => {
    const store = newStore()
    const command: Command = {
      type: 'Register',
      body: { Node: 'n', Address: '10.0.0.1', Checks: [sampleCheck('n', 'c'), sampleCheck('other', 'c')] },
    }
    const commit = store.apply(1, command)
    assert.equal(commit.result.kind, 'failed')
    assert.deepEqual(commit.changes, [])
    assert.equal(store.applied, 1)
    store.read((txn) => {
      assert.equal(txn.get('nodes', 'n'), undefined)
      assert.equal(txn.counter('nodes'), 0)
    })
  })

  test('entries are applied once and in order', () => {
    const store = newStore()
    set(store, 'a')
    store.advance(5)
    assert.equal(store.applied, 5)
    assert.throws(() => store.apply(5, { type: 'CoordinateBatchUpdate', body: [] }), /in order/)
    assert.throws(() => store.advance(4))
  })

  test('the store starts where its rows stand', () => {
    const rows = memoryRows()
    set(makeStore(rows), 'a')
    assert.equal(makeStore(rows).applied, 1)
  })

  test('restoring replaces everything; a load that throws replaces nothing', () => {
    const store = newStore()
    set(store, 'a')
    assert.throws(() =>
      store.restore(9, (txn) => {
        txn.put('kvs', sampleEntry('b'))
        throw new Error('cut short')
      }),
    )
    assert.deepEqual([store.applied, store.read((txn) => kvList(txn, '')).Entries?.length], [1, 1])
    store.restore(9, (txn) => txn.put('kvs', sampleEntry('b')))
    assert.equal(store.applied, 9)
    assert.deepEqual(
      store.read((txn) => kvList(txn, '')).Entries!.map((row) => row.Key),
      ['b'],
    )
  })

  test('a snapshot knows its index', () => {
    const store = newStore()
    set(store, 'a')
    store.advance(4)
    const { applied, rows } = store.snapshot()
    set(store, 'b')
    assert.equal(applied, 4)
    assert.deepEqual([...rows.prefix('kvs', '')].length, 1)
    rows.release()
  })
})

suite('watches', () => {
  test('a key wakes who read it, present or not, once', () => {
    const store = newStore()
    set(store, 'a')
    const a = watch(store, (txn) => kvGet(txn, 'a'))
    const b = watch(store, (txn) => kvGet(txn, 'b'))
    set(store, 'c')
    set(store, 'ab')
    remove(store, 'c')
    assert.deepEqual([a.woken, b.woken], [0, 0])
    set(store, 'a', 1n)
    set(store, 'b')
    assert.deepEqual([a.woken, b.woken], [1, 1])
    set(store, 'a', 2n)
    remove(store, 'b')
    assert.deepEqual([a.woken, b.woken], [1, 1])
  })

  test('a command that changes nothing wakes nobody', () => {
    const store = newStore()
    set(store, 'a')
    const a = watch(store, (txn) => kvGet(txn, 'a'))
    set(store, 'a')
    assert.equal(a.woken, 0)
  })

  test('a prefix wakes who listed it', () => {
    const store = newStore()
    const all = watch(store, (txn) => kvList(txn, ''))
    const ab = watch(store, (txn) => kvList(txn, 'a/b'))
    const a = watch(store, (txn) => kvList(txn, 'a/'))
    set(store, 'a')
    assert.deepEqual([all.woken, ab.woken, a.woken], [1, 0, 0])
    set(store, 'a/c')
    assert.deepEqual([ab.woken, a.woken], [0, 1])
    set(store, 'a/b')
    assert.deepEqual([all.woken, ab.woken, a.woken], [1, 1, 1])
  })

  test('a deleted tree wakes who read in it; reaping its tombstone does not', () => {
    const store = newStore()
    set(store, 'a/b/c')
    const key = watch(store, (txn) => kvGet(txn, 'a/b/c'))
    const below = watch(store, (txn) => kvList(txn, 'a/b/'))
    remove(store, 'a/', 'delete-tree')
    assert.deepEqual([key.woken, below.woken], [1, 1])
    const again = watch(store, (txn) => kvList(txn, 'a/'))
    store.apply(store.applied + 1, { type: 'Tombstone', body: { Op: 'reap', ReapIndex: store.applied } })
    assert.equal(again.woken, 0)
  })

  test('a counter wakes who asked it', () => {
    const store = newStore()
    store.restore(1, (txn) => txn.put('nodes', sampleNode('n')))
    const sessions = watch(store, sessionList)
    const web = watch(store, (txn) => txn.counter('service.Web'))
    const webb = watch(store, (txn) => txn.counter('service.webb'))
    store.apply(2, { type: 'CoordinateBatchUpdate', body: [] })
    set(store, 'service.web')
    assert.deepEqual([sessions.woken, web.woken, webb.woken], [0, 0, 0])
    const next = store.applied + 1
    store.restore(next, () => {})
    assert.deepEqual([sessions.woken, web.woken, webb.woken], [1, 1, 1], 'a restore wakes all')
  })

  test('stopping forgets everything, also when woken meanwhile', () => {
    const store = newStore()
    const first = watch(store, (txn) => kvList(txn, 'a/'))
    const second = watch(store, (txn) => kvList(txn, 'a/'))
    first.stop()
    first.stop()
    set(store, 'a/1')
    second.stop()
    assert.deepEqual([first.woken, second.woken], [0, 1])
  })

  test('who is woken may stop another that is due in the same commit', () => {
    const store = newStore()
    const { footprint } = store.trace((txn) => kvGet(txn, 'a'))
    const woken: string[] = []
    const stops = new Map<string, () => void>()
    for (const name of ['one', 'two']) {
      stops.set(
        name,
        store.watch(footprint, () => {
          woken.push(name)
          for (const stop of stops.values()) stop()
        }),
      )
    }
    set(store, 'a')
    assert.deepEqual(woken, ['one'])
  })

  test('watching again while being woken waits for the next commit', () => {
    const store = newStore()
    let woken = 0
    const again = () => {
      store.watch(store.trace((txn) => kvGet(txn, 'a')).footprint, () => {
        woken += 1
        again()
      })
    }
    again()
    set(store, 'a')
    set(store, 'a', 1n)
    assert.equal(woken, 2)
  })

  test('a batch wakes at its end, each watch once', () => {
    const store = newStore()
    const seen: number[] = []
    const commits: number[] = []
    store.onCommit((commit) => commits.push(commit.index))
    store.watch(store.trace((txn) => kvList(txn, '')).footprint, () => seen.push(store.applied))
    store.batch(() => {
      set(store, 'a')
      assert.deepEqual(commits, [1])
      store.batch(() => set(store, 'b'))
      assert.deepEqual(seen, [])
    })
    assert.deepEqual(seen, [2])
  })

  test('a commit wakes exactly those of many whose key it is', () => {
    const store = newStore()
    const states = Array.from({ length: 3000 }, (_, i) => watch(store, (txn) => kvGet(txn, `k/${i}`)))
    const lists = Array.from({ length: 300 }, (_, i) => watch(store, (txn) => kvList(txn, `k/${i}`)))
    set(store, 'k/1234')
    assert.deepEqual(
      states.flatMap((state, i) => (state.woken === 0 ? [] : [i])),
      [1234],
    )
    assert.deepEqual(
      lists.flatMap((state, i) => (state.woken === 0 ? [] : [i])),
      [1, 12, 123],
    )
  })
})

suite('the small nouns', () => {
  test('coordinates: unknown nodes and numbers that are none are passed over', () => {
    const store = newStore()
    store.restore(1, (txn) => txn.put('nodes', sampleNode('N1')))
    const coord = (height: number) => ({ Vec: [1, 2], Error: 1, Adjustment: 0, Height: height })
    const commit = store.apply(2, {
      type: 'CoordinateBatchUpdate',
      body: [
        { Node: 'n1', Segment: '', Coord: coord(1) },
        { Node: 'n1', Segment: 'x', Coord: coord(Number.NaN) },
        { Node: 'n1', Segment: 'y', Coord: null },
        { Node: 'gone', Segment: '', Coord: coord(1) },
      ],
    })
    assert.deepEqual(commit.result, { kind: 'done' })
    const expected = { Index: 2, Coordinates: [{ Node: 'n1', Segment: '', Coord: coord(1) }] }
    assert.deepEqual(store.read(coordinateList), expected)
    assert.deepEqual(
      store.read((txn) => nodeCoordinates(txn, 'N1')),
      expected,
    )
  })

  test('autopilot: the first index is kept, and cas needs a row', () => {
    const rows = memoryRows()
    const config = {
      CleanupDeadServers: true,
      LastContactThreshold: 2e8,
      MaxTrailingLogs: 250,
      MinQuorum: 0,
      ServerStabilizationTime: 1e10,
      RedundancyZoneTag: '',
      DisableUpgradeMigration: false,
      UpgradeVersionTag: '',
      CreateIndex: 0,
      ModifyIndex: 0,
    }
    const write = (index: number, cas: boolean, ModifyIndex: number) =>
      rows.write((txn) => applyAutopilot(txn, index, { CAS: cas, Config: { ...config, ModifyIndex } }))
    assert.deepEqual(write(3, true, 0), { kind: 'bool', value: false })
    assert.deepEqual(write(4, false, 0), { kind: 'done' })
    assert.deepEqual(write(5, true, 3), { kind: 'bool', value: false })
    assert.deepEqual(write(6, true, 4), { kind: 'bool', value: true })
    assert.deepEqual(rows.read(autopilotConfig), { ...config, CreateIndex: 4, ModifyIndex: 6 })
  })
})
