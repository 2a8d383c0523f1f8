/**
 * Many KV entries deleted at once, against the simple way of one by one: two engines are told the same, one of which cuts
 * every range however small, and nobody may see a difference: not in reads, in snapshots, in indexes, in who is woken.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { DirEntry } from '../../model/kv.ts'
import { memoryRows } from './memory.ts'
import type { Cutting } from './packed-entries.ts'
import type { ReadTxn, Rows, RowsSnapshot, WriteTxn } from './rows.ts'
import { sampleEntry } from './samples.ts'
import { type Change, makeStore } from './store.ts'

const SESSIONS = ['', '', '11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222']
const ONE_BY_ONE = { entriesMin: Number.POSITIVE_INFINITY, tidyEntries: 0 }

const key = fc
  .array(fc.constantFrom('a', 'b', '/', '\xff'), { maxLength: 4, size: 'max' })
  .map((parts) => parts.join(''))
const op = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key, session: fc.nat(3), size: fc.nat(90) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('under' as const), key }) },
)
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never
const act = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      ops: fc.array(op, { maxLength: 8, size: 'max' }),
      fails: fc.nat(4),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
)

function all(txn: ReadTxn): unknown {
  const entries = [...txn.prefix('kvs', '')]
  return {
    entries,
    single: entries.map(({ Key }) => txn.get('kvs', bytesOf(Key))),
    absent: ['', 'a', 'b', 'a/', 'ab'].map((name) => txn.get('kvs', name)),
    under: ['a', 'a/', 'b', 'bb'].map((name) => [...txn.prefix('kvs', name)].map(({ Key }) => Key)),
    locked: [...txn.by('kvs-by-session', '')],
  }
}

/** The text of a sample's key as a key of rows. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function perform(txn: WriteTxn, ops: Op[], index: number): void {
  for (const each of ops) {
    switch (each.kind) {
      case 'put':
        txn.put('kvs', sampleEntry(each.key, entryOf(each.session, each.size, index)))
        break
      case 'delete':
        txn.delete('kvs', bytesOf(each.key))
        break
      case 'under':
        txn.deleteUnder('kvs', bytesOf(each.key))
        break
    }
  }
}

function entryOf(session: number, size: number, index: number): Partial<DirEntry> {
  return { Session: SESSIONS[session]!, Value: new Uint8Array(size).fill(index), ModifyIndex: index }
}

suite('many entries deleted at once', () => {
  test('read as if they had gone one by one', () => {
    let ranges = 0
    fc.assert(
      fc.property(fc.array(act, { minLength: 30, maxLength: 60, size: 'max' }), (acts) => {
        const [cutting, plain]: [Rows, Rows] = [memoryRows({ entriesMin: 1, tidyEntries: 1 }), memoryRows(ONE_BY_ONE)]
        const snapshots: [RowsSnapshot, RowsSnapshot][] = []
        for (const [index, each] of acts.entries()) {
          if (each.kind === 'snapshot') snapshots.push([cutting.snapshot(), plain.snapshot()])
          else if (each.kind === 'release') for (const one of snapshots.shift() ?? []) one.release()
          else {
            for (const rows of [cutting, plain]) {
              const changes: Change[] = []
              try {
                rows.write(
                  (txn) => {
                    perform(txn, each.ops, index)
                    if (each.fails === 0) throw new Error('undone')
                  },
                  index,
                  changes,
                )
              } catch (error) {
                assert.equal((error as Error).message, 'undone')
              }
              ranges += changes.filter(({ range }) => range !== undefined).length
            }
          }
          assert.deepEqual(cutting.read(all), plain.read(all))
          for (const [a, b] of snapshots) assert.deepEqual(all(a), all(b))
        }
      }),
      { numRuns: 150, seed: 11 },
    )
    assert(ranges > 1000, `only ${ranges} ranges went at once`)
  })

  test('what they leave is cleared away by later writes, and its room is used again', () => {
    const rows = memoryRows({ entriesMin: 100, tidyEntries: 2 })
    const fill = (round: number) => {
      for (let n = 0; n < 3000; n++) rows.write((txn) => txn.put('kvs', sampleEntry(`a/${n}`, entryOf(0, 50, round))))
    }
    // Each round is cleared away while the next one is put: were it not, the hash would find the dead.
    for (let round = 1; round <= 5; round++) {
      fill(round)
      const changes: Change[] = []
      rows.write((txn) => txn.deleteUnder('kvs', 'a/'), round, changes)
      assert.equal(changes.length, 1)
      assert.equal(
        rows.read((txn) => [...txn.prefix('kvs', '')].length),
        0,
      )
    }
    fill(6)
    rows.read((txn) => {
      for (let n = 0; n < 3000; n++) assert.equal(txn.get('kvs', `a/${n}`)?.ModifyIndex, 6)
    })
  })

  test('wakes those whom it concerns, and nobody else', () => {
    const woken = (cutting: Cutting): string[] => {
      const store = makeStore(memoryRows(cutting))
      let index = 0
      const set = (Key: string) =>
        store.apply(++index, { type: 'KVS', body: { Op: 'set', DirEnt: sampleEntry(Key), Datacenter: 'dc1' } as never })
      for (const name of ['a/1', 'a/2/x', 'a/3', 'b/1', 'a']) set(name)
      const heard: string[] = []
      const watch = (name: string, read: (txn: ReadTxn) => unknown) =>
        store.watch(store.trace(read).footprint, () => heard.push(name))
      for (const name of ['a/1', 'a/none', 'a/2', 'a', 'b/1']) watch(`key ${name}`, (txn) => txn.get('kvs', name))
      for (const name of ['', 'a', 'a/', 'a/2', 'a/2/', 'a/4', 'b', 'a/1/']) {
        watch(`under ${name}`, (txn) => [...txn.prefix('kvs', name)])
      }
      store.apply(++index, {
        type: 'KVS',
        body: { Op: 'delete-tree', DirEnt: sampleEntry('a/'), Datacenter: 'dc1' } as never,
      })
      return heard.sort()
    }
    const heard = woken({ entriesMin: 1, tidyEntries: 1 })
    assert.deepEqual(heard, woken(ONE_BY_ONE))
    assert.deepEqual(heard, ['key a/1', 'under ', 'under a', 'under a/', 'under a/2', 'under a/2/'])
  })
})
