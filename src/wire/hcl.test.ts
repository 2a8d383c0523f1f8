import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { HclError, parseHcl } from './hcl.ts'
import { JsonError } from './json-decode.ts'

/** Plain objects and numbers, as a test writes them down. */
function plain(text: string): unknown {
  return JSON.parse(JSON.stringify(parseHcl(text), (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
}

/** Begins an interpolation. */
const OPEN = '$' + '{'

suite('HCL', () => {
  test('scalars: whole numbers apart from fractions, hexadecimal and octal, exponents', () => {
    assert.deepEqual(
      { ...parseHcl('a = 1 b = 1.0 c = -0x1F d = 017 e = 1e3 f = .5 g = true h = "x"') },
      { a: 1n, b: 1, c: -31n, d: 15n, e: 1000, f: 0.5, g: true, h: 'x' },
    )
  })

  test('strings: escapes, characters by number and by byte, nothing unescaped within an interpolation', () => {
    const cases: [string, string][] = [
      ['"\\t\\n\\"\\\\"', '\t\n"\\'],
      ['"\\x41\\u00e9\\U0001F600\\101"', 'Aé😀A'],
      ['"\\xc3\\xa9"', 'é'],
      [`"a ${OPEN} f("b\\\\n") } c"`, `a ${OPEN} f("b\\\\n") } c`],
      ['"ü"', 'ü'],
    ]
    for (const [written, meant] of cases) assert.deepEqual(plain(`a = ${written}`), { a: meant })
  })

  test('heredocs keep their text; with a dash, what the last line is indented by goes', () => {
    assert.deepEqual(plain('a = <<EOF\n x\n\ty\nEOF\n'), { a: ' x\n\ty\n' })
    assert.deepEqual(plain('a = <<-EOF\n   x\n     y\n   EOF\nb = 1'), { a: 'x\n  y\n', b: 1 })
    assert.deepEqual(plain('a = <<-EOF\n x\n   y\n   EOF\n'), { a: ' x\n   y\n' })
    assert.deepEqual(plain('a = <<EOF\r\nx\r\nEOF\r\n'), { a: 'x\n' })
  })

  test('blocks become lists, labels objects around them, comments nothing', () => {
    const text = `
      # one
      dns_config { a = 1 } // two
      service { name = "a" } /* three
      */ service { name = "b" }
      check "web" { port = 80 }
      check "db" "x" { port = 81 }
      checks = [{ id = 1 }, { id = 2, },]
      "quoted key" = [[1], "x"]
    `
    assert.deepEqual(plain(text), {
      dns_config: [{ a: 1 }],
      service: [{ name: 'a' }, { name: 'b' }],
      check: [{ web: [{ port: 80 }] }, { db: [{ x: [{ port: 81 }] }] }],
      checks: [{ id: 1 }, { id: 2 }],
      'quoted key': [[1], 'x'],
    })
  })

  test('a key that comes again: lists grow, scalars are replaced in the type of the first', () => {
    assert.deepEqual(plain('a = "x" a = "y" b = ["x"] b = ["y"] c = "1" c = 2 d = 1 d = "2"'), {
      a: 'y',
      b: ['x', 'y'],
      c: '2',
      d: 2,
    })
  })

  test('text that begins with a brace is JSON, read as the HCL of the same meaning', () => {
    assert.deepEqual(
      plain(' {"a": {"b": {"c": 1}, "d": {"e": 2}}, "l": [{"x": 1}, {"y": 2}], "n": null, "s": [1, "z"]}'),
      {
        a: [{ b: [{ c: 1 }] }, { d: [{ e: 2 }] }],
        l: [{ x: 1 }, { y: 2 }],
        n: '',
        s: [1, 'z'],
      },
    )
  })

  test('no key is special', () => {
    const value = parseHcl('__proto__ { a = 1 }')
    assert.deepEqual(Object.keys(value), ['__proto__'])
  })

  test('errors say line, column and reason', () => {
    const cases: [string, string][] = [
      ['a = }\n', 'At 1:5: Unknown token: 1:5 RBRACE }'],
      ['x { a = }\n', 'At 2:1: object expected closing RBRACE got: EOF'],
      ['é = "b\nc = 1', 'At 1:7: literal not terminated'],
      ['a b = 1', 'At 1:5: nested object expected: LBRACE got: ASSIGN'],
      ['a b', "At 1:4: key 'a b' expected start of object ('{') or assignment ('=')"],
      ['a = [1 2]', 'At 1:8: error parsing list, expected comma or list end, got: NUMBER'],
      [
        'a = [{ b }]',
        "At 1:6: error while trying to parse object within list: At 1:10: key 'b' expected start of object ('{') or assignment ('=')",
      ],
      ['a = 08', 'At 1:5: strconv.ParseInt: parsing "08": invalid syntax'],
      ['a = 99999999999999999999', 'At 1:5: strconv.ParseInt: parsing "99999999999999999999": value out of range'],
      ['a = <<EOF\nx\n', 'At 3:1: heredoc not terminated'],
      ['/* a', 'At 1:5: comment not terminated'],
      ['\n $', 'At 2:2: illegal char'],
      ['a = "\0"', 'At 1:6: unexpected null character (0x00)'],
      ['a = "\udcff"', 'At 1:6: illegal UTF-8 encoding'],
      ['= 1', 'At 1:1: no object keys found!'],
      ['}', 'At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE'],
    ]
    for (const [text, message] of cases) assert.throws(() => parseHcl(text), { name: 'HclError', message }, text)
  })

  test('a file may end behind an equals sign, as with the real one', () => {
    assert.deepEqual(plain('a = 1\nb ='), { a: 1 })
  })

  test('nesting has a bound', () => {
    for (const [start, open] of [
      ['', 'a {'],
      ['a = ', '['],
      ['', '{"a":'],
    ] as const) {
      assert.throws(() => parseHcl(start + open.repeat(5000)), /nested more than|exceeded max depth/)
    }
  })

  test('whatever comes in, an answer or an error with its place goes out', () => {
    const token = fc.constantFrom(
      'a',
      '"b"',
      '=',
      '{',
      '}',
      '[',
      ']',
      ',',
      '1',
      '1.',
      '0x',
      '"\\',
      '${',
      '<<E\n',
      'E\n',
      '\n',
      '#',
      '/*',
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(token).map((tokens) => tokens.join(' ')),
    )
    fc.assert(
      fc.property(text, (written) => {
        try {
          parseHcl(written)
        } catch (error) {
          if (error instanceof JsonError) return
          assert.ok(error instanceof HclError, String(error))
          assert.ok(error.line <= written.split('\n').length)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('what is written as HCL is read back', () => {
    const scalar = fc.oneof(fc.boolean(), fc.integer(), fc.string({ unit: 'grapheme' }))
    const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/).filter((name) => name !== 'true' && name !== 'false')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
      object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    }))
    const write = (given: unknown): string => {
      if (typeof given === 'string') return JSON.stringify(given).replaceAll('\\/', '/').replaceAll('$', '\\x24')
      if (Array.isArray(given)) return `[${given.map(write).join(', ')}]`
      if (typeof given !== 'object' || given === null) return String(given)
      return `{ ${Object.entries(given)
        .map(([name, item]) => `${name} = ${write(item)}`)
        .join('\n')} }`
    }
    const expect = (given: unknown, element: boolean): unknown => {
      if (Array.isArray(given)) return given.map((item) => expect(item, true))
      if (typeof given !== 'object' || given === null) return given
      const object = Object.fromEntries(Object.entries(given).map(([name, item]) => [name, expect(item, false)]))
      return element ? object : [object]
    }
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 4 }), (object) => {
        const text = Object.entries(object).map(([name, item]) => `${name} = ${write(item)}\n`)
        assert.deepEqual(plain(text.join('')), expect({ ...object }, true))
      }),
    )
  })
})
