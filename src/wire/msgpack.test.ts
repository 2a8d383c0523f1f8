import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { DEPTH_MAX, encodeWith, MsgpackError, Reader, Writer } from './msgpack.ts'
import { untyped } from './schema.ts'
import { noVectors, says, vectorFile, vectors } from './testdata/vectors.ts'

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const write = (run: (w: Writer) => void) => hexOf(encodeWith(run))
const read = <T>(hex: string, run: (r: Reader) => T) => run(new Reader(bytesOf(hex)))

const I64_MIN = -(2n ** 63n)
const U64_MAX = 2n ** 64n - 1n
/** Around every limit between the widths. */
const EDGES: [bigint, string][] = [
  [0n, '00'],
  [127n, '7f'],
  [128n, 'cc80'],
  [255n, 'ccff'],
  [256n, 'cd0100'],
  [65535n, 'cdffff'],
  [65536n, 'ce00010000'],
  [4294967295n, 'ceffffffff'],
  [4294967296n, 'cf0000000100000000'],
  [2n ** 53n - 1n, 'cf001fffffffffffff'],
  [U64_MAX, 'cfffffffffffffffff'],
  [-1n, 'ff'],
  [-32n, 'e0'],
  [-33n, 'd0df'],
  [-128n, 'd080'],
  [-129n, 'd1ff7f'],
  [-32768n, 'd18000'],
  [-32769n, 'd2ffff7fff'],
  [-2147483648n, 'd280000000'],
  [-2147483649n, 'd3ffffffff7fffffff'],
  [I64_MIN, 'd38000000000000000'],
]

suite('integers', () => {
  test('take the shortest form, unsigned unless negative', () => {
    for (const [value, hex] of EDGES) {
      assert.equal(
        write((w) => w.bigint(value)),
        hex,
      )
      assert.equal(
        read(hex, (r) => r.bigint()),
        value,
      )
      if (Number.isSafeInteger(Number(value))) {
        assert.equal(
          write((w) => w.int(Number(value))),
          hex,
        )
        assert.equal(
          read(hex, (r) => r.int()),
          Number(value),
        )
      }
    }
  })

  test('are read in any form', () => {
    for (const hex of [
      '05',
      'cc05',
      'cd0005',
      'ce00000005',
      'cf0000000000000005',
      'd005',
      'd10005',
      'd200000005',
      'd30000000000000005',
    ]) {
      assert.equal(
        read(hex, (r) => r.int()),
        5,
      )
      assert.equal(
        read(hex, (r) => r.bigint()),
        5n,
      )
      assert.equal(
        read(hex, (r) => r.float()),
        5,
      )
    }
  })

  test('beyond 2^53 become the nearest double, and are held inside 64 bits when written', () => {
    assert.equal(
      read('cfffffffffffffffff', (r) => r.int()),
      2 ** 64,
    )
    assert.equal(
      write((w) => w.int(2 ** 64)),
      'cfffffffffffffffff',
    )
    assert.equal(
      write((w) => w.int(2 ** 63)),
      'cf8000000000000000',
    )
    assert.equal(
      write((w) => w.int(-(2 ** 70))),
      'd38000000000000000',
    )
  })

  test('come back as they were', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(
          read(
            write((w) => w.int(value)),
            (r) => r.int(),
          ),
          value,
        )
      }),
    )
    fc.assert(
      fc.property(fc.bigInt({ min: I64_MIN, max: U64_MAX }), (value) => {
        assert.equal(
          read(
            write((w) => w.bigint(value)),
            (r) => r.bigint(),
          ),
          value,
        )
      }),
    )
  })
})

suite('text and bytes', () => {
  test('never use the headers that old peers do not know', () => {
    for (const [size, header] of [
      [0, 'a0'],
      [31, 'bf'],
      [32, 'da0020'],
      [255, 'da00ff'],
      [65535, 'daffff'],
      [65536, 'db00010000'],
    ] as const) {
      const body = '61'.repeat(size)
      assert.equal(
        write((w) => w.text('a'.repeat(size))),
        header + body,
      )
      assert.equal(
        write((w) => w.bytes(Buffer.alloc(size, 'a'))),
        header + body,
      )
      assert.equal(
        read(header + body, (r) => r.text()),
        'a'.repeat(size),
      )
    }
  })

  test('tell text from bytes in user events alone', () => {
    const event = (run: (w: Writer) => void) => {
      const w = new Writer(8, 'event')
      run(w)
      return hexOf(w.take()).slice(0, 10)
    }
    assert.equal(
      event((w) => w.bytes(new Uint8Array())),
      'c400',
    )
    assert.equal(
      event((w) => w.bytes(new Uint8Array(256))),
      'c501000000',
    )
    assert.equal(
      event((w) => w.bytes(new Uint8Array(65536))),
      'c600010000',
    )
    assert.equal(
      event((w) => w.text('')),
      'a0',
    )
    assert.equal(event((w) => w.text('a'.repeat(32))).slice(0, 4), 'd920')
    assert.equal(event((w) => w.text('a'.repeat(256))).slice(0, 6), 'da0100')
  })

  test('a text field takes no bytes headers, a bytes field takes both', () => {
    for (const hex of ['c40161', 'c5000161', 'c60000000161']) {
      assert.throws(() => read(hex, (r) => r.text()), { fault: 'mismatch' })
      assert.deepEqual(
        read(hex, (r) => r.bytes()),
        Uint8Array.of(0x61),
      )
    }
    for (const hex of ['a161', 'd90161', 'da000161', 'db0000000161']) {
      assert.equal(
        read(hex, (r) => r.text()),
        'a',
      )
      assert.deepEqual(
        read(hex, (r) => r.bytes()),
        Uint8Array.of(0x61),
      )
    }
  })

  test('keep every byte, also those that are not UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const hex = write((w) => w.bytes(bytes))
        const text = read(hex, (r) => r.text())
        assert.equal(
          write((w) => w.text(text)),
          hex,
        )
        assert.deepEqual(
          read(hex, (r) => r.bytes()),
          bytes,
        )
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        assert.equal(
          read(
            write((w) => w.text(text)),
            (r) => r.text(),
          ),
          text,
        )
      }),
    )
    assert.equal(
      read(
        write((w) => w.text('\ufeff\ufffd')),
        (r) => r.text(),
      ),
      '\ufeff\ufffd',
    )
  })

  test('small bytes are copies, so the input can be let go', () => {
    const input = new Uint8Array(1000)
    input.set([0xa2, 1, 2])
    const value = new Reader(input).bytes()!
    assert.notEqual(value.buffer, input.buffer)
    assert.ok(!Buffer.isBuffer(value))
    assert.notEqual(new Reader(input).bytes(), value)
  })

  test('large bytes are views of an input that is little else', () => {
    const input = bytesOf(write((w) => w.bytes(new Uint8Array(5000))))
    assert.equal(new Reader(input).bytes()!.buffer, input.buffer)
    const shared = new Uint8Array(50_000)
    shared.set(input)
    assert.notEqual(new Reader(shared).bytes()!.buffer, shared.buffer)
    assert.equal(new Reader(shared, 0, shared.length, true).bytes()!.buffer, shared.buffer)
  })

  test('a recurring text reads as any text, whatever was remembered before', () => {
    const known = fc.constantFrom('', 'node-1', 'node-2', 'nöde', '\ufffd', '\0', 'a'.repeat(31), 'b'.repeat(32))
    fc.assert(
      fc.property(fc.array(fc.oneof(known, fc.string({ unit: 'binary', maxLength: 40 }))), (texts) => {
        const bytes = encodeWith((w) => {
          for (const text of texts) w.text(text)
        })
        const plain = new Reader(bytes)
        const recurring = new Reader(bytes)
        for (const _ of texts) assert.equal(recurring.recurring(), plain.text())
        assert.equal(recurring.at, plain.at)
      }),
    )
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600, size: 'max' }), { maxLength: 8 }), (values) => {
        for (const dialect of ['plain', 'event'] as const) {
          const w = new Writer(64, dialect)
          for (const value of values) for (const again of [value, null, value]) w.bytes(again)
          const bytes = w.take()
          const [plain, recurring] = [new Reader(bytes), new Reader(bytes)]
          for (let i = 0; i < values.length * 3; i++) assert.deepEqual(recurring.recurringBytes(), plain.bytes())
          assert.equal(recurring.at, plain.at)
        }
      }),
      { numRuns: 30 },
    )
    assert.throws(() => new Reader(Uint8Array.of(0xa3, 97)).recurringBytes(), MsgpackError)
    assert.throws(() => new Reader(new Uint8Array(0)).recurringBytes(), MsgpackError)
    // Of each pair the lengths in bytes and characters mislead.
    for (const raw of [
      [0xa2, 0xc3, 0xa9],
      [0xa2, 0x43, 0x29],
      [0xa1, 0xe9],
      [0xa1, 0x69],
      [0xa1, 0xe9],
    ]) {
      assert.equal(new Reader(Uint8Array.from(raw)).recurring(), new Reader(Uint8Array.from(raw)).text())
    }
    assert.throws(() => new Reader(Uint8Array.of(0xa3, 97)).recurring(), MsgpackError)
  })
})

suite('other values', () => {
  test('floats keep their width and are never shortened', () => {
    assert.equal(
      write((w) => w.float64(2)),
      'cb4000000000000000',
    )
    assert.equal(
      write((w) => w.float32(0.5)),
      'ca3f000000',
    )
    assert.equal(
      read('ca3f000000', (r) => r.float()),
      0.5,
    )
    assert.ok(
      Object.is(
        read(
          write((w) => w.float64(-0)),
          (r) => r.float(),
        ),
        -0,
      ),
    )
  })

  test('booleans are also read as integers 0 and 1', () => {
    assert.deepEqual(
      ['c2', 'c3', '00', '01', 'c0'].map((hex) => read(hex, (r) => r.bool())),
      [false, true, false, true, false],
    )
    assert.throws(() => read('02', (r) => r.bool()), { fault: 'mismatch' })
  })

  test('nil is the zero value of everything', () => {
    assert.equal(
      read('c0', (r) => r.int()),
      0,
    )
    assert.equal(
      read('c0', (r) => r.bigint()),
      0n,
    )
    assert.equal(
      read('c0', (r) => r.float()),
      0,
    )
    assert.equal(
      read('c0', (r) => r.text()),
      '',
    )
    assert.equal(
      read('c0', (r) => r.bytes()),
      null,
    )
    assert.equal(
      read('c0', (r) => r.arrayHeader()),
      -1,
    )
    assert.equal(
      read('c0', (r) => r.mapHeader()),
      -1,
    )
  })

  test('a writer with a bound stops there, whatever is written, and then begins anew', () => {
    const w = new Writer(4, 'plain', 100)
    for (const write of [
      () => w.text('x'.repeat(101)),
      () => w.bytes(new Uint8Array(100)),
      () => w.text('é'.repeat(60)),
      () => {
        for (let i = 0; i < 101; i++) w.int(1)
      },
    ]) {
      assert.throws(write, { name: 'MsgpackError', fault: 'too-large' })
      w.clear()
    }
    w.bytes(new Uint8Array(90))
    assert.equal(w.take().length, 93)
  })

  test('counts have the shortest header that fits', () => {
    assert.deepEqual(
      [0, 15, 16, 65535, 65536].map((n) => write((w) => w.arrayHeader(n))),
      ['90', '9f', 'dc0010', 'dcffff', 'dd00010000'],
    )
    assert.deepEqual(
      [0, 15, 16, 65535, 65536].map((n) => write((w) => w.mapHeader(n))),
      ['80', '8f', 'de0010', 'deffff', 'df00010000'],
    )
  })

  test('a key like __proto__ is a key like any other', () => {
    const value = read('81a95f5f70726f746f5f5f81a16101', (r) => r.any()) as Record<string, unknown>
    assert.deepEqual(Object.keys(value), ['__proto__'])
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(
      write((w) => untyped.write(w, value)),
      '81a95f5f70726f746f5f5f81a16101',
    )
  })

  test('any value comes back as it was', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, false),
        fc.double({ noNaN: true }),
        fc.bigInt({ min: I64_MIN, max: U64_MAX }),
        fc.string(),
        fc.array(tie('value'), { maxLength: 20 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 20, noNullPrototype: true }),
      ),
    }))
    fc.assert(
      fc.property(value, (each) => {
        const bytes = encodeWith((w) => untyped.write(w, each))
        const reader = new Reader(bytes)
        assert.deepEqual(reader.any(), each)
        assert.equal(reader.at, bytes.length)
        const skipping = new Reader(bytes)
        skipping.skip()
        assert.equal(skipping.at, bytes.length)
        for (let end = 0; end < bytes.length; end++) {
          assert.throws(() => new Reader(bytes, 0, end).any(), { fault: 'truncated' })
          assert.throws(() => new Reader(bytes, 0, end).skip(), { fault: 'truncated' })
        }
      }),
    )
  })
})

suite('hostile input', () => {
  test('a length or count beyond the input is refused before anything is made', () => {
    for (const hex of [
      'dbffffffff',
      'ddffffffff',
      'dfffffffff',
      'c6ffffffff',
      'daffff61',
      'dcffffc0',
      'deffffc0',
      'df80000001c0c0',
    ]) {
      assert.throws(() => read(hex, (r) => r.any()), { fault: 'truncated' })
      assert.throws(() => read(hex, (r) => r.skip()), { fault: 'truncated' })
    }
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 1000; i++) assert.throws(() => read('c6ffffffff61', (r) => r.bytes()), { fault: 'truncated' })
    assert.ok(process.memoryUsage().arrayBuffers - before < 50e6)
  })

  test('nesting has an end, and skipping needs none', () => {
    const deep = (levels: number) => `${'91'.repeat(levels)}c0`
    assert.ok(Array.isArray(read(deep(DEPTH_MAX), (r) => r.any())))
    assert.throws(() => read(deep(DEPTH_MAX + 1), (r) => r.any()), { fault: 'too-large' })
    assert.throws(() => read('81a16b'.repeat(100_000), (r) => r.any()), { fault: 'too-large' })
    read(deep(100_000), (r) => r.skip())
  })

  test('bytes that start no value are malformed', () => {
    for (const hex of ['c1', 'c7', 'c9', 'd4', 'd8']) {
      assert.throws(() => read(hex, (r) => r.any()), { fault: 'malformed' })
      assert.throws(() => read(hex, (r) => r.skip()), { fault: 'malformed' })
    }
  })

  test('random bytes are refused by the codec and by nothing else', () => {
    const reads = [
      (r: Reader) => r.any(),
      (r: Reader) => r.skip(),
      (r: Reader) => r.int(),
      (r: Reader) => r.bigint(),
      (r: Reader) => r.float(),
      (r: Reader) => r.text(),
      (r: Reader) => r.bytes(),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...reads), fc.uint8Array({ maxLength: 60 }), (each, bytes) => {
        try {
          each(new Reader(bytes))
        } catch (error) {
          assert.ok(error instanceof MsgpackError, String(error))
        }
      }),
      { numRuns: 3000 },
    )
  })
})

suite('golden bytes of go-msgpack', { skip: noVectors }, () => {
  const whole = vectors('msgpack').filter(({ name }) => !name.startsWith('ext_'))
  const file = (name: string) => vectorFile('msgpack', `${name}.bin`)

  test('are read as they were meant', () => {
    const plain = whole.filter(({ decoded }) => !/\$(gotime|prefix|bytesOf)/.test(JSON.stringify(decoded)))
    assert.ok(plain.length > 40)
    for (const { name, decoded } of plain) assert.ok(says(new Reader(file(name)).any(), decoded), name)
  })

  test('are written again as they were', () => {
    for (const { name } of whole) {
      // 32-bit floats and the newer bytes headers have no untyped form of their own.
      if (/float32|struct_outer|time_ext/.test(name)) continue
      const bytes = file(name)
      assert.equal(
        write((w) => untyped.write(w, new Reader(bytes).any())),
        hexOf(bytes),
        name,
      )
    }
  })
})

test('what is kept shares memory only with what else is kept, and one is never written over by the next', () => {
  const w = new Writer(16)
  const keep = (size: number, fill: number) => {
    for (let i = 0; i < size; i++) w.byte(fill)
    return w.takeKept()
  }
  const pool = new Set<ArrayBufferLike>()
  const kept: { bytes: Uint8Array; fill: number }[] = []
  for (let n = 0; n < 400; n++) {
    const size = n % 50 === 49 ? 5000 : (n * 37) % 700
    kept.push({ bytes: keep(size, n & 0xff), fill: n & 0xff })
    pool.add(encodeWith((other) => other.text('an answer')).buffer)
    assert.equal(kept.at(-1)!.bytes.length, size)
    // A large one has memory of its own; small ones have little beside them.
    assert(kept.at(-1)!.bytes.buffer.byteLength === size || kept.at(-1)!.bytes.buffer.byteLength <= 16 * 1024)
  }
  for (const { bytes, fill } of kept) {
    assert(!pool.has(bytes.buffer))
    assert(bytes.every((byte) => byte === fill))
  }
})
