/** LZW against Go's own output, against itself, and against input that was never LZW. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { compressLzw, decompressLzw, LzwError } from './lzw.ts'
import { Reader } from './msgpack.ts'
import { noVectors, vectorFile } from './testdata/vectors.ts'

/** A sequence that fills the code table several times. */
function pseudoRandom(length: number): Uint8Array {
  let x = 1
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0
    return (x >>> 16) & 63
  })
}

suite('lzw', () => {
  test('a large message is byte for byte what Go makes of it', { skip: noVectors }, () => {
    const r = new Reader(vectorFile('memberlist', 'lzw-large.bin'), 1)
    assert.equal(r.mapHeader(), 2)
    assert.equal(r.text(), 'Algo')
    r.int()
    assert.equal(r.text(), 'Buf')
    const golden = r.bytes()!
    const plain = pseudoRandom(40_000)
    assert.equal(
      createHash('sha256').update(plain).digest('hex'),
      '9878df8e01bd87c3acbcc0fe725ff8fd0acca951406578c8a7d508a7bd8de699'.slice(0, 64),
    )
    assert.ok(Buffer.from(decompressLzw(golden, 40_000)).equals(plain))
    assert.ok(Buffer.from(compressLzw(plain, true)).equals(golden))
  })

  test('whatever goes in comes out', () => {
    const inputs = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat(3), { maxLength: 3000 }).map((values) => Uint8Array.from(values)),
      fc.tuple(fc.nat(255), fc.nat(20_000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    )
    fc.assert(
      fc.property(inputs, (input) => {
        assert.deepEqual(decompressLzw(compressLzw(input), input.length), input)
      }),
      { numRuns: 300 },
    )
    const long = pseudoRandom(200_000)
    assert.ok(Buffer.from(decompressLzw(compressLzw(long), long.length)).equals(long))
  })

  test('streams of older encoders, without a clear code in front, read too', () => {
    // 'a' (9 bits), end (9 bits), low bits first.
    const bits = 97 | (257 << 9)
    assert.deepEqual(decompressLzw(Uint8Array.of(bits & 255, (bits >>> 8) & 255, bits >>> 16), 9), Uint8Array.of(97))
  })

  test('too much, too little and nonsense are refused', () => {
    const packed = compressLzw(new Uint8Array(10_000))
    assert.throws(() => decompressLzw(packed, 9999), LzwError)
    assert.throws(() => decompressLzw(packed.subarray(0, -2), 10_000), /ends early/)
    assert.throws(() => decompressLzw(Uint8Array.of(0xff, 0xff), 10), /invalid code/)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
        try {
          assert.ok(decompressLzw(input, 5000).length <= 5000)
        } catch (error) {
          assert.ok(error instanceof LzwError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
