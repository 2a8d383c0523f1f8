import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { OrderedMap, type OrderedView } from './ordered-map.ts'
import { seededRandom } from './random.ts'

function entries<V>(view: OrderedView<V>, prefix = ''): [string, V][] {
  const out: [string, V][] = []
  const cursor = view.cursor(prefix)
  while (cursor.next()) out.push([cursor.key, cursor.value!])
  return out
}

function sorted(model: Map<string, number>, prefix = ''): [string, number][] {
  return [...model].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Keys that share beginnings, end early, hold zero bytes and bytes above ASCII. */
const key = fc.oneof(
  fc.stringMatching(/^[ab\0\xff]{0,9}$/),
  fc.nat(3000).map((n) => `service/config/${n}`),
  fc.nat(300).map((n) => `service/config/${String(n).padStart(9, '0')}/x`),
)

suite('ordered map', () => {
  test('does what a sorted model does, in random order', () => {
    const step = fc.record({
      op: fc.constantFrom('set', 'set', 'set', 'delete', 'get', 'prefix'),
      key,
      value: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 3000, size: 'max' }), (steps) => {
        const map = new OrderedMap<number>()
        const model = new Map<string, number>()
        for (const { op, key, value } of steps) {
          if (op === 'set') {
            assert.equal(map.set(key, value), model.get(key))
            model.set(key, value)
          } else if (op === 'delete') {
            assert.equal(map.delete(key), model.get(key))
            model.delete(key)
          } else if (op === 'get') assert.equal(map.get(key), model.get(key))
          else assert.deepEqual(entries(map, key.slice(0, 2)), sorted(model, key.slice(0, 2)))
        }
        assert.equal(map.size, model.size)
        assert.deepEqual(entries(map), sorted(model))
      }),
      { numRuns: 30 },
    )
  })

  test('loses all keys with a prefix, and goes on as a sorted model does; snapshots keep them', () => {
    const step = fc.record({ op: fc.constantFrom('fill', 'fill', 'set', 'delete', 'under'), key, value: fc.nat(4000) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), fc.boolean(), (steps, shown) => {
        const map = new OrderedMap<number>()
        const model = new Map<string, number>()
        const put = (text: string, value: number) => {
          map.set(text, value)
          model.set(text, value)
        }
        for (const { op, key, value } of steps) {
          if (op === 'fill') for (let i = 0; i < 150; i++) put(`${key}/${(value * 31 + i * 7) % 997}`, i)
          else if (op === 'set') put(key, value)
          else if (op === 'delete') {
            assert.equal(map.delete(key), model.get(key))
            model.delete(key)
          } else {
            const prefix = key.slice(0, value % (key.length + 1))
            const before = shown ? { snapshot: map.snapshot(), all: sorted(model) } : undefined
            map.deleteUnder(prefix)
            for (const each of [...model.keys()]) if (each.startsWith(prefix)) model.delete(each)
            for (let i = 0; i < 3; i++) put(`${key}${i}`, i)
            if (before === undefined) continue
            assert.deepEqual(entries(before.snapshot), before.all)
            before.snapshot.release()
          }
          assert.equal(map.size, model.size)
        }
        assert.deepEqual(entries(map), sorted(model))
        for (const [text, value] of model) assert.equal(map.get(text), value)
        assert.deepEqual(entries(map, 'service'), sorted(model, 'service'))
      }),
      { numRuns: 150 },
    )
  })

  test('all under a prefix goes, however many levels lie within it and however much its keys share beyond it', () => {
    const map = new OrderedMap<number>()
    const names: string[] = []
    // Enough for four levels: at both ends of the gap there are then nodes that lie wholly within it.
    for (let n = 0; n < 250_000; n++) names.push(`service/${n % 1000}/key/${n}`)
    for (const [n, name] of names.entries()) map.set(name, n)
    let left = names
    for (const prefix of ['service/50/key/1', 'service/5', 'service/8/', 'service/', '']) {
      const snapshot = map.snapshot()
      map.deleteUnder(prefix)
      assert.deepEqual(entries(map, prefix), [], `under "${prefix}"`)
      assert.equal(entries(snapshot).length, left.length)
      snapshot.release()
      left = left.filter((name) => !name.startsWith(prefix))
      assert.equal(map.size, left.length)
      for (const name of left) assert.notEqual(map.get(name), undefined)
    }
  })

  test('grows and shrinks through several levels', () => {
    const random = seededRandom(7)
    const map = new OrderedMap<number>()
    const model = new Map<string, number>()
    const name = (n: number) => (n % 3 === 0 ? `a/${n}` : n % 3 === 1 ? `zz/long/shared/path/${n}` : `${n}`)
    for (let i = 0; i < 30_000; i++) {
      const n = random.int(20_000)
      map.set(name(n), i)
      model.set(name(n), i)
    }
    assert.deepEqual(entries(map), sorted(model))
    assert.deepEqual(entries(map, 'zz/long/shared/path/12'), sorted(model, 'zz/long/shared/path/12'))
    for (const [k] of [...model]) {
      if (random.int(50) === 0) continue
      assert.equal(map.delete(k), model.get(k))
      model.delete(k)
    }
    assert.deepEqual(entries(map), sorted(model))
    for (const [k, v] of model) assert.equal(map.get(k), v)
    for (const [k] of model) map.delete(k)
    assert.equal(map.size, 0)
    assert.deepEqual(entries(map), [])
  })

  test('keys in rising and in falling order', () => {
    for (const turn of [(n: number) => n, (n: number) => 9999 - n]) {
      const map = new OrderedMap<number>()
      for (let i = 0; i < 10_000; i++) map.set(`k/${String(turn(i)).padStart(5, '0')}`, i)
      assert.equal(map.size, 10_000)
      const all = entries(map)
      for (let i = 0; i < 10_000; i++) assert.deepEqual(all[i], [`k/${String(i).padStart(5, '0')}`, turn(i)])
    }
  })

  test('a snapshot stays while the map is rewritten, and several live side by side', () => {
    const random = seededRandom(3)
    const map = new OrderedMap<number>()
    const model = new Map<string, number>()
    const kept: { view: OrderedView<number>; model: [string, number][]; release(): void }[] = []
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 2000; i++) {
        const k = `key/${random.int(3000)}`
        if (random.int(3) === 0) {
          map.delete(k)
          model.delete(k)
        } else {
          map.set(k, i)
          model.set(k, i)
        }
      }
      const snapshot = map.snapshot()
      kept.push({ view: snapshot, model: sorted(model), release: () => snapshot.release() })
      if (round % 3 === 2) kept.splice(random.int(kept.length), 1)[0]!.release()
      for (const { view, model } of kept) assert.deepEqual(entries(view), model)
      const [k, v] = kept[0]!.model[17]!
      assert.equal(kept[0]!.view.get(k), v)
      assert.equal(kept[0]!.view.size, kept[0]!.model.length)
    }
    assert.deepEqual(entries(map), sorted(model))
  })

  test('a released snapshot may be released again', () => {
    const map = new OrderedMap<number>()
    map.set('a', 1)
    const first = map.snapshot()
    const second = map.snapshot()
    first.release()
    first.release()
    map.set('a', 2)
    assert.equal(second.get('a'), 1)
  })

  test('a cursor goes on after its key when the map changes under it', () => {
    const map = new OrderedMap<number>()
    for (let i = 0; i < 1000; i++) map.set(`k${String(i).padStart(4, '0')}`, i)
    const cursor = map.cursor('k')
    const seen: number[] = []
    while (cursor.next()) {
      seen.push(cursor.value!)
      map.delete(cursor.key)
      if (cursor.value === 500) map.set('k0500x', -1)
    }
    assert.equal(seen.length, 1001)
    assert.equal(seen[501], -1)
    assert.equal(map.size, 0)
  })

  test('a cursor sees values replaced before it, also under a snapshot', () => {
    const map = new OrderedMap<number>()
    for (let i = 0; i < 200; i++) map.set(`k${String(i).padStart(4, '0')}`, 0)
    const cursor = map.cursor()
    cursor.next()
    const snapshot = map.snapshot()
    for (let i = 0; i < 200; i++) map.set(`k${String(i).padStart(4, '0')}`, 1)
    let sum = 0
    while (cursor.next()) sum += cursor.value!
    assert.equal(sum, 199)
    assert.deepEqual(
      entries(snapshot).map(([, value]) => value),
      new Array(200).fill(0),
    )
  })

  test('clearing leaves snapshots alone', () => {
    const map = new OrderedMap<number>()
    map.set('a', 1)
    const snapshot = map.snapshot()
    map.clear()
    map.set('b', 2)
    assert.deepEqual(entries(snapshot), [['a', 1]])
    assert.deepEqual(entries(map), [['b', 2]])
  })
})
