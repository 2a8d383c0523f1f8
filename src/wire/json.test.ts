import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { textFromBytes } from '../base/text.ts'
import {
  fragments,
  indentJson,
  jsonArray,
  jsonBytes,
  jsonMap,
  jsonObject,
  jsonText,
  jsonTextMap,
  jsonTexts,
  jsonValue,
  sortedKeys,
} from './json.ts'

suite('text', () => {
  test('escapes are Go’s: HTML’s three, line separators, controls in long form', () => {
    assert.equal(jsonText('a"b\\c/'), '"a\\"b\\\\c/"')
    assert.equal(jsonText('<a> & b'), '"\\u003ca\\u003e \\u0026 b"')
    assert.equal(jsonText('\u2028\u2029'), '"\\u2028\\u2029"')
    assert.equal(jsonText('\n\r\t\b\f\v\0\x1f\x7f'), '"\\n\\r\\t\\u0008\\u000c\\u000b\\u0000\\u001f\x7f"')
    assert.equal(jsonText('é😀'), '"é😀"')
  })

  test('bytes that are not UTF-8 are spelled \\ufffd, a real U+FFFD stays', () => {
    assert.equal(jsonText(textFromBytes(Uint8Array.of(0x61, 0xff, 0xc3, 0x62))), '"a\\ufffd\\ufffdb"')
    assert.equal(jsonText('\ufffd'), '"\ufffd"')
    assert.equal(jsonText('😀\ud83d'), '"😀\\ufffd"')
  })

  test('any text reads back as what people see of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        assert.equal(JSON.parse(jsonText(given)), given.toWellFormed())
      }),
    )
  })
})

suite('values', () => {
  test('bytes are base64, none are null', () => {
    assert.equal(jsonBytes(new TextEncoder().encode('hello')), '"aGVsbG8="')
    assert.equal(jsonBytes(new Uint8Array([9, 255, 0]).subarray(1)), '"/wA="')
    assert.deepEqual([jsonBytes(null), jsonBytes(new Uint8Array())], ['null', 'null'])
  })

  test('map keys are sorted by their bytes, none is special', () => {
    assert.equal(jsonTextMap({ b: '1', a: '2', B: '3' }), '{"B":"3","a":"2","b":"1"}')
    assert.deepEqual(sortedKeys({ '\u{10000}': 1, '\uffee': 1, é: 1, z: 1 }), ['z', 'é', '\uffee', '\u{10000}'])
    assert.equal(jsonTextMap(Object.fromEntries([['__proto__', 'x']])), '{"__proto__":"x"}')
    assert.deepEqual([jsonTextMap(null), jsonTextMap({}), jsonMap(undefined, jsonText)], ['null', '{}', 'null'])
    assert.deepEqual([jsonTexts(null), jsonTexts([]), jsonTexts(['a', 'b'])], ['null', '[]', '["a","b"]'])
  })

  test('any value: numbers as Go writes them, maps sorted, structures in order', () => {
    assert.equal(jsonValue([1, 1.5, 1e21, 1e-7, -0, 2n ** 64n - 1n]), '[1,1.5,1e+21,1e-7,-0,18446744073709551615]')
    assert.equal(jsonValue({ b: undefined, a: null, c: new Uint8Array([1]) }), '{"a":null,"c":"AQ=="}')
    assert.equal(jsonValue({ b: { d: 1, c: 2 }, a: 1 }, true), '{"b":{"d":1,"c":2},"a":1}')
    assert.equal(jsonValue([Number.NaN, Number.POSITIVE_INFINITY, undefined]), '[null,null,null]')
  })

  test('nesting has a bound', () => {
    let deep: unknown = 1
    for (let i = 0; i < 2000; i++) deep = [deep]
    assert.throws(() => jsonValue(deep), RangeError)
  })
})

suite('layout', () => {
  test('four spaces a level; what is empty stays closed', () => {
    assert.equal(
      indentJson('{"a":[1,{"b":"x,:{}[]\\""}],"c":{},"d":[],"e":null}'),
      `{
    "a": [
        1,
        {
            "b": "x,:{}[]\\""
        }
    ],
    "c": {},
    "d": [],
    "e": null
}`,
    )
    assert.equal(indentJson('{"a":1}', 2), '{\n            "a": 1\n        }')
    assert.deepEqual(
      ['"a\\\\"', '1', '[]', '""'].map((text) => indentJson(text)),
      ['"a\\\\"', '1', '[]', '""'],
    )
  })

  test('the same as JSON.stringify lays out', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const compact = JSON.stringify(value)
        assert.equal(indentJson(compact), JSON.stringify(JSON.parse(compact), null, 4))
      }),
    )
  })

  test('arrays and objects of fragments', () => {
    assert.deepEqual([jsonArray([], 0), jsonArray(['1', '2'], -1)], ['[]', '[1,2]'])
    assert.equal(jsonArray(['1', '2'], 1), '[\n        1,\n        2\n    ]')
    assert.deepEqual([jsonObject([], 0), jsonObject(['a', '1', 'b', '2'], -1)], ['{}', '{"a":1,"b":2}'])
    assert.equal(jsonObject(['a', '1'], 0), '{\n    "a": 1\n}')
  })
})

suite('fragments', () => {
  test('a row is encoded once for each depth', () => {
    let encoded = 0
    const fragment = fragments((row: { n: number }) => {
      encoded += 1
      return `{"n":${row.n}}`
    })
    const row = { n: 1 }
    assert.deepEqual([fragment(row, -1), fragment(row, 1)], ['{"n":1}', '{\n        "n": 1\n    }'])
    assert.deepEqual([fragment(row, -1), fragment(row, 1)], ['{"n":1}', '{\n        "n": 1\n    }'])
    assert.equal(encoded, 2)
    assert.equal(fragment({ n: 1 }, -1), '{"n":1}')
    assert.equal(encoded, 3)
  })

  test('what is used stays remembered, what is not is forgotten', () => {
    const encoded = new Map<object, number>()
    const fragment = fragments((row: { n: number }) => {
      encoded.set(row, (encoded.get(row) ?? 0) + 1)
      return String(row.n)
    })
    const used = { n: -1 }
    const unused = { n: -2 }
    fragment(unused, -1)
    for (let n = 0; n < 20_000; n++) {
      fragment(used, -1)
      fragment({ n }, -1)
    }
    fragment(unused, -1)
    assert.deepEqual([encoded.get(used), encoded.get(unused)], [1, 2])
  })
})
