import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { allowAll } from '../core/acl/authorizer.ts'
import { kvMethods } from '../core/methods/kv.ts'
import type { Read } from '../core/methods/table.ts'
import { memoryRows } from '../core/store/memory.ts'
import { kvKeys, kvList, sampleEntry } from '../core/store/samples.ts'
import { makeStore, type Store } from '../core/store/store.ts'
import type { IndexedDirEntries } from '../model/kv.ts'
import type { Found, QueryOptions } from '../model/query.ts'
import { makeReads } from './reads.ts'

const KEYS = 20_000
const LIST = kvMethods['KVS.List']
const all = { Key: 'k/' }

/** A host whose clock goes on by that, a slice at least, at each look, and whose turns are taken by hand. */
function makeTurns(stepMs = 5) {
  let now = 0
  const queue: (() => void)[] = []
  const timers = new Map<number, () => void>()
  return {
    host: {
      now: () => (now += stepMs),
      soon: (run: () => void) => void queue.push(run),
      wake(at: number, run: () => void) {
        timers.set(at, run)
        return () => void timers.delete(at)
      },
    },
    timers,
    /** Lets others have their turn until `done`; `between` runs in each. @returns how many turns it took */
    async until<T>(done: Promise<T>, between: (turn: number) => void = () => {}): Promise<{ value: T; turns: number }> {
      let turns = 0
      let settled = false
      const value = done.finally(() => {
        settled = true
      })
      value.catch(() => {})
      for (;;) {
        // Promises settle before the next turn.
        for (let i = 0; i < 10; i++) await undefined
        if (settled) return { value: await value, turns }
        if (queue.length === 0) throw new Error('it waits')
        between(turns++)
        queue.shift()!()
      }
    },
  }
}

function set(store: Store, key: string, flags = 0n): void {
  store.apply(store.applied + 1, { type: 'KVS', body: { Op: 'set', DirEnt: sampleEntry(key, { Flags: flags }) } })
}

function fill(keys = KEYS): { store: Store; snapshots: () => number } {
  const store = makeStore(memoryRows())
  for (let i = 0; i < keys; i++) set(store, `k/${i}`)
  let alive = 0
  const counted: Store = Object.assign(Object.create(store) as Store, {
    snapshot() {
      const { applied, rows } = store.snapshot()
      const release = rows.release.bind(rows)
      rows.release = () => {
        alive -= 1
        release()
      }
      alive += 1
      return { applied, rows }
    },
  })
  return { store: counted, snapshots: () => alive }
}

const listed = (store: Store) => store.read((txn) => kvList(txn, 'k/'))

suite('a large read', () => {
  test('is not made at once, a small one is', () => {
    const { store } = fill()
    const reads = makeReads(makeTurns().host, store)
    assert.equal(reads.peek(LIST, all, allowAll), undefined)
    assert.equal(reads.peek(LIST, { Key: 'k/777' }, allowAll)?.Entries?.length, 11)
  })

  test('takes many turns, and sees the state of one moment: that of its first', async () => {
    const { store, snapshots } = fill()
    const turns = makeTurns()
    const reads = makeReads(turns.host, store)
    const before = listed(store)
    const found = await turns.until(reads.find(LIST, all, allowAll), (turn) => {
      if (turn === 0) return
      assert.equal(snapshots(), 1)
      set(store, `k/0-${turn}`)
      set(store, `k/9999`, BigInt(turn))
    })
    assert.ok(found.turns >= 10, `${found.turns} turns`)
    assert.deepEqual(found.value, before)
    assert.notDeepEqual(listed(store), before)
    assert.equal(snapshots(), 0)
    const keys = await turns.until(reads.find(kvMethods['KVS.ListKeys'], { Prefix: 'k/', Seperator: '' }, allowAll))
    assert.deepEqual(
      keys.value,
      store.read((txn) => kvKeys(txn, 'k/', '')),
    )
    assert.ok(keys.turns >= 10)
  })

  test('whose asker goes away ends at the next turn, and frees its snapshot', async () => {
    const { store, snapshots } = fill()
    const turns = makeTurns()
    const reads = makeReads(turns.host, store)
    const gone = new AbortController()
    let last = 0
    const found = turns.until(reads.find(LIST, all, allowAll, gone.signal), (turn) => {
      last = turn
      if (turn === 3) gone.abort()
    })
    await assert.rejects(found, { code: 'shutting-down' })
    assert.deepEqual([last, snapshots()], [3, 0])
  })

  test('that waits for a change does not miss one that comes while it gathers', async () => {
    const { store, snapshots } = fill()
    const turns = makeTurns()
    const reads = makeReads(turns.host, store)
    const index = listed(store).Index
    const fresh = (found: Found<IndexedDirEntries>) => found.Index > index
    const { value } = await turns.until(
      reads.findFresh(LIST, all, allowAll, { fresh, until: 1e9 }),
      (turn) => void (turn === 5 && set(store, 'k/0', 7n)),
    )
    assert.deepEqual(value, listed(store))
    assert.equal(value.Entries![0]!.Flags, 7n)
    assert.deepEqual([snapshots(), turns.timers.size], [0, 0])
  })

  test('that waits is woken by a change, ended by its time, freed by a stop', async () => {
    const { store, snapshots } = fill()
    const turns = makeTurns()
    const reads = makeReads(turns.host, store)
    const index = listed(store).Index
    const fresh = (found: Found<IndexedDirEntries>) => found.Index > index
    const wait = (until: number) => reads.findFresh(LIST, all, allowAll, { fresh, until })

    const late = wait(1e6)
    await assert.rejects(turns.until(late), /it waits/)
    assert.equal(snapshots(), 0)
    turns.timers.get(1e6)!()
    assert.deepEqual((await turns.until(late)).value, listed(store))

    const woken = wait(1e6)
    await assert.rejects(turns.until(woken), /it waits/)
    set(store, 'k/0', 1n)
    assert.equal((await turns.until(woken)).value.Index, index + 1)

    const freed = reads.findFresh(LIST, all, allowAll, { fresh: () => false, until: 1e6 })
    await assert.rejects(turns.until(freed), /it waits/)
    reads.stop()
    await assert.rejects(freed, { code: 'shutting-down' })
    assert.deepEqual([snapshots(), turns.timers.size], [0, 0])
  })
})

suite('reads that wait for one key', () => {
  const GET: Read<'KVS.Get'> = kvMethods['KVS.Get']
  const args = { Key: 'k/0' }
  const MANY = 10

  function waiting() {
    const { store } = fill(1)
    const turns = makeTurns()
    const reads = makeReads(turns.host, store)
    const { Index: index } = reads.peek(GET, args, allowAll)!
    const signal = new AbortController()
    const wait = (until = 1e9, beyond = index, gone?: AbortSignal) =>
      reads.findFresh(GET, args, allowAll, {
        fresh: ({ Index }) => Index > beyond,
        until,
        ...(gone && { signal: gone }),
      })
    return { store, turns, index, signal, wait }
  }

  test('are answered in slices, between which others have their turn, and hold nothing afterwards', async () => {
    const { store, turns, index, wait } = waiting()
    let answered = 0
    const all = Promise.all(Array.from({ length: MANY }, (_, i) => wait(1e9 + i).finally(() => answered++)))
    assert.equal(turns.timers.size, MANY)
    set(store, 'k/0', 1n)
    const after: number[] = []
    const { value } = await turns.until(all, () => after.push(answered))
    assert.deepEqual(
      value.map(({ Index }) => Index),
      Array(MANY).fill(index + 1),
    )
    // The clock goes on by a slice at each look, so each turn is for one of them.
    assert.deepEqual(
      after,
      Array.from({ length: MANY - 1 }, (_, i) => i + 1),
    )
    assert.equal(turns.timers.size, 0)
  })

  test('look once for all who ask the same, each for what he asked', async () => {
    const { store } = fill(3)
    const turns = makeTurns(0)
    let looks = 0
    const counted: Store = Object.assign(Object.create(store) as Store, {
      trace: ((query) => {
        looks += 1
        return store.trace(query)
      }) satisfies Store['trace'],
    })
    const reads = makeReads(turns.host, counted)
    const { applied } = store
    const ask = (asked: QueryOptions & { Key: string }) =>
      reads.findFresh(GET, asked, allowAll, { fresh: ({ Index }) => Index > applied, until: 1e9 })
    const asked = ['k/0', 'k/0', 'k/0', 'k/1', 'k/1'].map((Key, i) => ask({ Key, MinQueryIndex: i + 1 }))
    const withToken = ask({ Key: 'k/1', Token: 't' })
    looks = 0
    store.batch(() => {
      set(store, 'k/0', 7n)
      set(store, 'k/1', 8n)
    })
    const found = await Promise.all([...asked, withToken])
    assert.deepEqual(
      found.map(({ Entries }) => Entries![0]!.Flags),
      [7n, 7n, 7n, 8n, 8n, 8n],
    )
    assert.equal(looks, 3)

    const later = ask({ Key: 'k/0' })
    assert.equal((await later).Entries![0]!.Flags, 7n)
    assert.equal(looks, 4)
  })

  test('go on waiting when the change was not theirs to see, and see the next', async () => {
    const { store, turns, index, wait } = waiting()
    const patient = wait(1e9, index + 1)
    set(store, 'k/0', 1n)
    await assert.rejects(turns.until(patient), /it waits/)
    set(store, 'k/0', 2n)
    assert.equal((await turns.until(patient)).value.Entries![0]!.Flags, 2n)
  })

  test('may be given up, and run out of time, between being woken and their turn', async () => {
    const { store, turns, index, signal, wait } = waiting()
    const first = wait()
    const left = assert.rejects(wait(1e9 + 1, index, signal.signal), { code: 'shutting-down' })
    const late = wait(1e9 + 2)
    set(store, 'k/0', 1n)
    await first
    signal.abort()
    turns.timers.get(1e9 + 2)!()
    assert.equal((await late).Entries![0]!.Flags, 1n)
    await left
    assert.equal(turns.timers.size, 0)
  })

  test('end when another state takes the place of this one, be its index lower', async () => {
    const { store, turns, wait } = waiting()
    const found = wait(1e9, 1_000)
    store.restore(1, () => {})
    assert.equal((await turns.until(found)).value.Entries, null)
    assert.equal(turns.timers.size, 0)
  })
})
