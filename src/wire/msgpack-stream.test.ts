import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { MsgpackError, Reader } from './msgpack.ts'
import { ValueScanner } from './msgpack-stream.ts'

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
/** A struct, a list, scalars of every width, text and bytes of every header, one after the other. */
const STREAM = bytesOf(
  '83a14101a14290a1439301c0c2' +
    '05' +
    'c0' +
    'ccff' +
    'cd0100' +
    'ce00010000' +
    'cf0000000100000000' +
    'd080' +
    'd18000' +
    'd280000000' +
    'd38000000000000000' +
    'ca3f000000' +
    'cb3ff8000000000000' +
    'a0' +
    'a161' +
    'd90161' +
    'da000161' +
    'db0000000161' +
    'c40161' +
    'c5000161' +
    'c60000000161' +
    'dc0001c0' +
    'dd00000001c0' +
    'de0001a16101' +
    'df00000001a16101' +
    '80' +
    '90' +
    '9190',
)

function ends(): number[] {
  const reader = new Reader(STREAM)
  const out: number[] = []
  while (reader.at < STREAM.length) {
    reader.skip()
    out.push(reader.at)
  }
  return out
}

suite('the end of a value on a stream', () => {
  test('is found where the reader finds it', () => {
    const scanner = new ValueScanner(1000)
    const found: number[] = []
    for (let at = 0; at < STREAM.length; ) {
      at = scanner.push(STREAM, at)
      found.push(at)
    }
    assert.deepEqual(found, ends())
  })

  test('is found however the stream is cut', () => {
    const cuts = fc.array(fc.nat(STREAM.length), { maxLength: STREAM.length })
    const property = fc.property(cuts, (at) =>
      assert.deepEqual(scan([0, ...at.sort((a, b) => a - b), STREAM.length]), ends()),
    )
    fc.assert(property)
    assert.deepEqual(scan(Array.from({ length: STREAM.length + 1 }, (_, at) => at)), ends())
  })

  test('a value longer than the bound is refused as soon as its header says so', () => {
    assert.throws(() => new ValueScanner(100).push(bytesOf('dbffffffff')), { fault: 'too-large' })
    assert.throws(() => new ValueScanner(100).push(bytesOf('ddffffffff')), { fault: 'too-large' })
    const scanner = new ValueScanner(100)
    assert.equal(scanner.push(bytesOf('da0061')), -1)
    assert.equal(scanner.push(new Uint8Array(0x61)), 0x61)
    const nested = new ValueScanner(100)
    assert.throws(() => nested.push(bytesOf('91'.repeat(200))), { fault: 'too-large' })
  })

  test('random bytes are refused by the codec, or give ends that the reader agrees with', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          const end = new ValueScanner(1000).push(bytes)
          const reader = new Reader(bytes)
          if (end < 0) assert.throws(() => reader.skip(), { fault: 'truncated' })
          else {
            reader.skip()
            assert.equal(reader.at, end)
          }
        } catch (error) {
          assert.ok(error instanceof MsgpackError, String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

/** Feeds the stream in the parts between the edges; offsets of the ends found. */
function scan(edges: number[]): number[] {
  const scanner = new ValueScanner(1000)
  const found: number[] = []
  for (let i = 1; i < edges.length; i++) {
    const part = STREAM.subarray(edges[i - 1], edges[i])
    for (let at = 0; at < part.length; ) {
      const end = scanner.push(part, at)
      if (end < 0) break
      found.push(edges[i - 1]! + end)
      at = end
    }
  }
  return found
}
