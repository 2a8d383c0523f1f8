import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  bool,
  type Decode,
  decodeJson,
  decodeJsonSlowly,
  duration,
  int,
  type Json,
  JsonError,
  JsonNumber,
  JsonTooLarge,
  list,
  map,
  struct,
  text,
  textMap,
  texts,
  uint64,
  untyped,
} from './json-decode.ts'
import { parseJson } from './json-parse.ts'

const encode = (given: string) => new TextEncoder().encode(given)

function read<T>(given: string, decode: Decode<T>): T | undefined {
  return decodeJson(encode(given), decode)
}

function complaint(given: string, decode: Decode<unknown> = untyped): string {
  try {
    read(given, decode)
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error))
    return error.message
  }
  return 'none'
}

suite('parser', () => {
  test('any JSON means what JSON.parse says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const given = JSON.stringify(value, null, space)
        assert.deepEqual(read(given, untyped), JSON.parse(given))
      }),
    )
  })

  test('what is cut off never passes, and ends in EOF', () => {
    const given = JSON.stringify({ a: [1, 'x\u00e9\\"', null, true, { b: 1.5e3 }], c: false })
    for (let length = 0; length < given.length; length++) {
      assert.match(
        complaint(given.slice(0, length)),
        length === 0 ? /^EOF$/ : /^unexpected EOF$/,
        given.slice(0, length),
      )
    }
  })

  test('any bytes either pass or are refused by a JsonError', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.string({ maxLength: 20 }).map(encode))
    fc.assert(
      fc.property(bytes, (given) => {
        try {
          parseJson(given)
        } catch (error) {
          assert.ok(error instanceof JsonError)
        }
      }),
    )
  })

  test('the first value counts, what follows is not looked at', () => {
    assert.deepEqual(read('{"a":1} trailing', untyped), { a: 1 })
    assert.deepEqual(read(' [1] ]', untyped), [1])
  })

  test('complaints are Go’s', () => {
    const cases: [string, string][] = [
      [' \n', 'EOF'],
      ['[1 2]', "invalid character '2' after array element"],
      ['{"a" 1}', "invalid character '1' after object key"],
      ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
      ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
      ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
      ['[1,]', "invalid character ']' looking for beginning of value"],
      ['nulx', "invalid character 'x' in literal null (expecting 'l')"],
      ['"a\nb"', "invalid character '\\n' in string literal"],
      ['"\\x"', "invalid character 'x' in string escape code"],
      ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
      ['-x', "invalid character 'x' in numeric literal"],
      ['[1.x]', "invalid character 'x' after decimal point in numeric literal"],
      ['[1e+]', "invalid character ']' in exponent of numeric literal"],
      ['é', "invalid character 'Ã' looking for beginning of value"],
      ['😀', "invalid character 'ð' looking for beginning of value"],
      ['[\\', "invalid character '\\\\' looking for beginning of value"],
      ['[\x01', "invalid character '\\x01' looking for beginning of value"],
    ]
    for (const [given, expected] of cases) assert.equal(complaint(given), expected, given)
  })

  test('bytes and escapes that are no text become U+FFFD, pairs of escapes one character', () => {
    assert.equal(decodeJson(Uint8Array.of(0x22, 0x61, 0xff, 0xc3, 0x22), untyped), 'a\ufffd\ufffd')
    assert.equal(read('"\\ud83d\\ude00 \\ud83d x \\ude00"', untyped), '😀 \ufffd x \ufffd')
  })

  test('numbers are kept as written, nesting has a bound', () => {
    assert.deepEqual(parseJson(encode('1.50')), new JsonNumber('1.50'))
    assert.equal(complaint('['.repeat(5000)), 'exceeded max depth')
  })

  test('no name is special', () => {
    const value = read('{"__proto__":{"x":1},"constructor":2}', untyped) as object
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
  })
})

suite('types', () => {
  test('whole numbers only, within their range, however large', () => {
    assert.deepEqual([read('5', int), read('-5', int), read('null', int)], [5, -5, undefined])
    assert.match(complaint('1.5', int), /cannot unmarshal number 1\.5 into Go value of type int/)
    assert.match(complaint('1e3', int), /number 1e3/)
    assert.match(complaint('9223372036854775808', int), /number 9223372036854775808/)
    assert.equal(read('18446744073709551615', uint64), 2 ** 64)
    assert.match(complaint('-1', uint64), /number -1 into Go value of type uint64/)
    assert.match(complaint('"1"', int), /cannot unmarshal string/)
  })

  test('durations are text or nanoseconds; other kinds are passed over', () => {
    assert.deepEqual([read('"1m30s"', duration), read('5', duration), read('1.9', duration)], [90e9, 5, 1])
    assert.deepEqual(
      [read('null', duration), read('true', duration), read('[]', duration)],
      [undefined, undefined, undefined],
    )
    assert.equal(complaint('"x"', duration), 'time: invalid duration "x"')
    assert.equal(complaint('"5"', duration), 'time: missing unit in duration "5"')
    assert.equal(complaint('"5x"', duration), 'time: unknown unit "x" in duration "5x"')
    assert.equal(complaint('"9999999h"', duration), 'time: invalid duration "9999999h"')
    assert.equal(complaint('"1h5y"', duration), 'time: unknown unit "y" in duration "1h5y"')
  })

  test('lists and maps: null is none, null inside is empty text', () => {
    assert.deepEqual([read('null', texts), read('[]', texts), read('["a",null]', texts)], [null, [], ['a', '']])
    assert.deepEqual([read('null', textMap), read('{"a":"b","c":null}', textMap)], [null, { a: 'b', c: '' }])
    assert.match(complaint('{}', texts), /cannot unmarshal object into Go value of type \[\]string/)
    assert.match(complaint('{"a":[]}', textMap), /cannot unmarshal array/)
    assert.deepEqual(read('{"a":[1]}', map(list(int, '[]int'), 'map[string][]int')), { a: [1] })
  })
})

interface Inner {
  Port: number
  Name: string
}
interface Outer {
  Inner: Partial<Inner>
  Own: Partial<Inner>
  Flag: boolean
}

const inner = struct<Inner>({ Port: int, Name: text }, { type: 'structs.Inner' })
const own = struct<Inner>({ Port: int, Name: text }, { type: 'structs.Own', own: true, ignoreUnknown: true })
const outer = struct<Outer>({ Inner: inner, Own: own, Flag: bool }, { type: 'structs.Outer' })

suite('structures', () => {
  test('names in any case, the last one wins, only what was given is there', () => {
    assert.deepEqual(read('{"inner":{"PORT":1,"port":2}}', outer), { Inner: { Port: 2 } })
    assert.deepEqual([read('{}', outer), read('null', outer)], [{}, undefined])
    assert.deepEqual(read('{"Inner":null,"Flag":null}', outer), {})
  })

  test('unknown names are refused, but where Consul passes over them', () => {
    assert.equal(complaint('{"Foo":1}', outer), 'json: unknown field "Foo"')
    assert.deepEqual(read('{"Own":{"Foo":1}}', outer), { Own: {} })
  })

  test('complaints name the structure and the way to the field, as far as Go does', () => {
    assert.match(
      complaint('{"Inner":{"Port":"x"}}', outer),
      /string into Go struct field Inner\.Inner\.Port of type int$/,
    )
    assert.match(complaint('{"Flag":1}', outer), /number into Go struct field Outer\.Flag of type bool$/)
    assert.match(complaint('{"Own":{"Port":"x"}}', outer), /into Go struct field Outer\.Own of type int$/)
    assert.match(complaint('{"Port":"x"}', own), /into Go struct field \.Port of type int$/)
    assert.match(complaint('[]', outer), /array into Go value of type structs\.Outer$/)
  })

  test('any JSON is taken or refused by a JsonError', () => {
    const names = fc.constantFrom('Inner', 'Own', 'Flag', 'Port', 'name', '__proto__', 'x')
    const values = fc.letrec<{ json: Json }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue() as fc.Arbitrary<never>,
        fc.array(fc.tuple(names, tie('json'))).map((pairs) => Object.fromEntries(pairs)) as fc.Arbitrary<never>,
      ),
    })).json
    fc.assert(
      fc.property(values, (value) => {
        try {
          read(JSON.stringify(value), outer)
        } catch (error) {
          assert.ok(error instanceof JsonError, String(error))
        }
      }),
    )
  })
})

/** What comes of it, errors in words: to be compared. */
function outcome(run: () => unknown): unknown {
  try {
    return { value: run() }
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error))
    return { error: error.message }
  }
}

/** @returns what comes of it in slices of that size, and how many there were */
function slowly(bytes: Uint8Array, decode: Decode<unknown>, windowBytes: number, rounds: number) {
  let slices = 1
  const seen = outcome(() => {
    const slicing = decodeJsonSlowly(bytes, decode, windowBytes, rounds)
    for (;;) {
      const step = slicing.next()
      if (step.done) return step.value
      slices += 1
    }
  })
  return { outcome: seen, slices }
}

suite('in slices', () => {
  const sizes = fc.record({ windowBytes: fc.integer({ min: 1, max: 40 }), rounds: fc.integer({ min: 1, max: 5 }) })
  const names = fc.constantFrom('Inner', 'inner', 'Own', 'Flag', 'Port', 'Name', '__proto__', 'x', 'Ünïcode 😀 "\\')
  const values = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false, 0, -1.5e30, 80, 1e21, '', 'é😀', 'a\n"\\\u2028\u0000', 'long '.repeat(20)),
      fc.array(tie('json'), { maxLength: 5 }),
      fc.array(fc.tuple(names, tie('json')), { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs)),
    ),
  })).json
  const decoders: Decode<unknown>[] = [untyped, outer, map(list(textMap, '[]m'), 'map[string][]m'), texts]

  test('a text means what it means at once, wherever its slices end', () => {
    fc.assert(
      fc.property(values, sizes, fc.constantFrom(undefined, 1), (value, { windowBytes, rounds }, space) => {
        const bytes = encode(JSON.stringify(value, null, space))
        for (const decode of decoders) {
          const whole = outcome(() => decodeJson(bytes, decode))
          assert.deepEqual(slowly(bytes, decode, windowBytes, rounds).outcome, whole)
        }
      }),
    )
  })

  test('a text that is spoilt is refused in the words that it is refused in at once', () => {
    const spoilt = fc.record({ at: fc.nat(), cut: fc.nat({ max: 3 }), by: fc.uint8Array({ maxLength: 3 }) })
    const put = fc.constantFrom(
      ...['"', '\\', '\\u12', '{', '}', '[', ']', ',', ':', '-', '1.', '1e', 'tru', ' '].map(encode),
    )
    fc.assert(
      fc.property(values, fc.oneof(spoilt, fc.tuple(spoilt, put)), sizes, (value, how, { windowBytes, rounds }) => {
        const bytes = encode(JSON.stringify(value))
        const [{ at, cut, by }, more] = Array.isArray(how) ? how : [how, new Uint8Array(0)]
        const from = at % (bytes.length + 1)
        const spoiltBytes = Buffer.concat([bytes.subarray(0, from), by, more, bytes.subarray(from + cut)])
        for (const decode of decoders) {
          const whole = outcome(() => decodeJson(spoiltBytes, decode))
          assert.deepEqual(slowly(spoiltBytes, decode, windowBytes, rounds).outcome, whole)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('no slice has more than its share, however the text is made', () => {
    const texts: unknown[] = [
      Array.from({ length: 3000 }, (_, i) => ({ Port: i })),
      { a: { b: Array.from({ length: 3000 }, () => []) } },
      Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`name ${i}`, [i]])),
      'é'.repeat(20_000),
    ]
    for (const value of texts) {
      const bytes = encode(JSON.stringify(value))
      const { outcome: found, slices } = slowly(bytes, untyped, 1000, 100)
      assert.deepEqual(found, { value })
      assert.ok(slices >= bytes.length / 1000, `${slices} slices of ${bytes.length} bytes`)
    }
  })

  test('nesting as deep as it may be gets on by one round at a time', () => {
    const bytes = encode(`${'['.repeat(1000)}${']'.repeat(1000)}`)
    assert.deepEqual(
      slowly(bytes, untyped, 4, 1).outcome,
      outcome(() => decodeJson(bytes, untyped)),
    )
  })

  test('values that come to far more memory than their text are refused', () => {
    const bytes = Buffer.alloc(4_500_000, '{},')
    bytes[0] = 0x5b
    bytes[1] = 0x31
    assert.throws(() => parseJson(bytes), JsonTooLarge)
  })
})
