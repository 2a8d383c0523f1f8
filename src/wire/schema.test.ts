import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { time, ZERO_TIME } from './go-time.ts'
import { encodeWith, Reader } from './msgpack.ts'
import { bool, bytes, type Codec, filled, float32, int, list, map, pointer, struct, text, u64 } from './schema.ts'
import { healthCheck } from './structs/health.ts'

const write = <T>(codec: Codec<T>, value: T | undefined) =>
  Buffer.from(encodeWith((w) => codec.write(w, value))).toString('hex')
const read = <T>(codec: Codec<T>, hex: string) => codec.read(new Reader(new Uint8Array(Buffer.from(hex, 'hex'))))

interface Inner {
  A: string
  B: number
}
interface Outer {
  r: boolean
  Zed: bigint
  D: Inner
  Bo: string[] | null
  P: Inner | null
  Alpha: Record<string, number> | null
  By: Uint8Array | null
}
const inner = struct<Inner>({ B: int, A: text })
const outer = struct<Outer>({
  r: bool,
  Zed: u64,
  D: inner,
  Bo: list(text),
  P: pointer(inner),
  Alpha: map(int),
  By: bytes,
})
const ZERO: Outer = { r: false, Zed: 0n, D: { A: '', B: 0 }, Bo: null, P: null, Alpha: null, By: null }

suite('structs', () => {
  test('are written whole, sorted by name, upper case first', () => {
    const value: Outer = { ...ZERO, r: true, Alpha: { k: 1 }, By: new Uint8Array(), P: { A: 'x', B: 2 } }
    const want = '87a5416c70686181a16b01a2426fc0a24279a0a14482a141a0a14200a15082a141a178a14202a35a656400a172c3'
    assert.equal(write(outer, value), want)
    assert.deepEqual(read(outer, want), value)
  })

  test('have the zero value for what is missing, nil or absent', () => {
    assert.deepEqual(read(outer, '80'), ZERO)
    assert.deepEqual(read(outer, 'c0'), ZERO)
    assert.deepEqual(read(outer, '81a144c0'), ZERO)
    assert.equal(write(outer, undefined), write(outer, ZERO))
    assert.deepEqual(outer.zero(), ZERO)
  })

  test('are read in any order, with unknown keys passed over, the last of duplicates counting', () => {
    assert.deepEqual(read(outer, '82a172c3a35a656407'), { ...ZERO, r: true, Zed: 7n })
    assert.deepEqual(read(outer, '83a15a93c080a0a172c3a25aff01'), { ...ZERO, r: true })
    assert.deepEqual(read(outer, '82a172c3a172c2'), ZERO)
    assert.deepEqual(read(outer, '82a172c2a25a65c0'), ZERO)
  })

  test('take a key in a longer form than it needs', () => {
    assert.deepEqual(read(outer, '81d90172c3'), { ...ZERO, r: true })
  })

  test('do not take another kind of value', () => {
    assert.throws(() => read(outer, 'a161'), { fault: 'mismatch' })
    assert.throws(() => read(outer, '81a14405'), { fault: 'mismatch' })
    assert.throws(() => read(outer, '8101c3'), { fault: 'mismatch' })
  })

  test('cannot be made in numbers that the input does not pay for', () => {
    const checks = filled(list(healthCheck), () => [])
    for (const element of ['80', 'c0'])
      assert.throws(() => read(checks, `dd00010000${element.repeat(65536)}`), { fault: 'too-large' })
    const real = write(healthCheck, healthCheck.zero())
    assert.equal(read(checks, `dd00010000${real.repeat(65536)}`).length, 65536)
  })
})

suite('lists, maps and pointers', () => {
  test('tell nil from empty', () => {
    assert.deepEqual([write(list(int), null), write(list(int), [])], ['c0', '90'])
    assert.deepEqual([write(map(int), null), write(map(int), {})], ['c0', '80'])
    assert.deepEqual([read(list(int), 'c0'), read(list(int), '90')], [null, []])
    assert.deepEqual([read(map(int), 'c0'), read(map(int), '80')], [null, {}])
    assert.deepEqual([write(pointer(inner), null), read(pointer(inner), 'c0')], ['c0', null])
  })

  test('fill what the model does not know as null', () => {
    const codec = filled(list(int), () => [])
    assert.deepEqual(read(codec, 'c0'), [])
    assert.equal(write(codec, [1]), '9101')
  })

  test('come back as they were', () => {
    const codec = map(list(map(text)))
    const value = fc.dictionary(
      fc.string(),
      fc.option(fc.array(fc.option(fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true })))),
      { noNullPrototype: true },
    )
    fc.assert(fc.property(value, (each) => assert.deepEqual(read(codec, write(codec, each)), each)))
  })
})

suite('scalars', () => {
  test('flags use all 64 bits', () => {
    for (const value of [0n, 2n ** 64n - 1n, 2n ** 63n]) assert.equal(read(u64, write(u64, value)), value)
  })

  test('a 32-bit float is written as one', () => {
    assert.equal(write(float32, 33.5), 'ca42060000')
    assert.equal(read(float32, 'ca42060000'), 33.5)
  })
})

suite('times', () => {
  const golden: [string, object][] = [
    ['af01000000000000000000000000ffff', ZERO_TIME],
    ['af010000000ed6f00700075bcd15ffff', { seconds: 1600000000, nanos: 123456789, offsetMin: null, offsetSec: 0 }],
    ['af010000000ed6f00700000000000078', { seconds: 1600000000, nanos: 0, offsetMin: 120, offsetSec: 0 }],
    ['b0020000000ed6f0070000000000007813', { seconds: 1600000000, nanos: 0, offsetMin: 120, offsetSec: 19 }],
  ]

  test('are read and written as Go does', () => {
    for (const [hex, value] of golden) {
      assert.deepEqual(read(time, hex), value)
      assert.equal(write(time, read(time, hex)), hex)
    }
    assert.deepEqual(read(time, `c40f${golden[1]![0].slice(2)}`), golden[1]![1])
    assert.equal(read(time, 'c0'), ZERO_TIME)
    assert.equal(write(time, undefined), golden[0]![0])
  })

  test('of a wrong version or length are refused', () => {
    for (const hex of [
      'a0',
      'af03000000000000000000000000ffff',
      'b00100000000000000000000000000ffff',
      'ae010000000000000000000000ffff',
    ])
      assert.throws(() => read(time, hex), { fault: 'mismatch' })
  })
})
