import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ConsulError } from '../../model/errors.ts'
import type { Fields } from './fields.ts'
import { filterLate, makeFilter } from './filter.ts'
import { parseFilter } from './parse.ts'

const FIELDS: Fields = {
  Name: { kind: 'text' },
  Port: { kind: 'int' },
  Native: { kind: 'bool' },
  Tags: { kind: 'list', of: { kind: 'text' } },
  Meta: { kind: 'map', of: { kind: 'text' } },
  Addresses: { kind: 'map', of: { kind: 'struct', fields: { Port: { kind: 'int' } } } },
  Checks: { kind: 'list', of: { kind: 'struct', fields: { Status: { kind: 'text' } } } },
  Inner: { kind: 'struct', fields: { Deep: { kind: 'text' } } },
}

const ROW = {
  Name: 'web-1',
  Port: 8080,
  Native: true,
  Tags: ['a', 'b c'],
  Meta: { env: 'prod', 'a.b': 'dots', empty: '' } as Record<string, string> | null,
  Addresses: { lan: { Port: 1 } },
  Checks: [{ Status: 'passing' }, { Status: 'warning' }],
  Inner: { Deep: 'x' },
}

const passes = (expression: string, row: object = ROW): boolean => makeFilter(expression, FIELDS)!(row)

function refusal(expression: string): string {
  try {
    makeFilter(expression, FIELDS)
  } catch (error) {
    assert.ok(error instanceof ConsulError)
    const prefix = 'Failed to create boolean expression evaluator: '
    assert.ok(error.message.startsWith(prefix), error.message)
    return error.message.slice(prefix.length)
  }
  return assert.fail(`${expression} is taken`)
}

suite('filters', () => {
  const TRUE = [
    'Name == "web-1"',
    'Name=="web-1"',
    'Name != web',
    'Name == `web-1`',
    '"web" in Name',
    'Name contains "eb-"',
    'web in Name',
    'Name not contains x',
    'x not in Name',
    'Name matches "^web-[0-9]$"',
    'Name not matches "^db"',
    'Port == 8080',
    'Port == "0x1F90"',
    'Port != -1',
    'Native == true',
    'Native == 1',
    'a in Tags',
    '"b c" in Tags',
    'Tags contains a',
    'Tags is not empty',
    'not Tags is empty',
    'Meta.env == prod',
    'Meta["a.b"] == dots',
    'env in Meta',
    'nope not in Meta',
    'Meta.nope != x',
    'Meta.nope matches "anything"',
    'Meta.empty == ""',
    'Addresses.lan.Port == 1',
    'Addresses.wan.Port != 1',
    'Checks.Status == passing',
    'Checks.Status != passing',
    'Checks is not empty',
    'Inner.Deep == x',
    '(Name == x or Port == 8080) and Native == true',
    'Name == x or Port == 8080 and Native == true',
    'not (Name == x)',
    'not not Port == 8080',
    '  ( ( Port == 8080 ) )  ',
    'Name == "w\\x65b-\\u0031"',
  ]
  test('let through what they describe', () => {
    for (const expression of TRUE) assert.equal(passes(expression), true, expression)
  })

  const FALSE = [
    'Name == web',
    'not Name == "web-1"',
    'Port == 1 or Native == false',
    'Checks.Status == critical',
    'Meta.nope == x',
    'nope in Meta',
    'toString in Meta',
    'Meta.constructor == x',
    'Name == "web-1" and Port == 1 or Native == false',
  ]
  test('and nothing else', () => {
    for (const expression of FALSE) assert.equal(passes(expression), false, expression)
  })

  test('take what is not there for empty', () => {
    const bare = { ...ROW, Tags: null, Meta: null, Checks: null, Addresses: null }
    assert.equal(passes('Tags is empty and Meta is empty and Checks is empty', bare), true)
    assert.equal(passes('a in Tags or env in Meta or Meta.env == prod or Checks.Status == x', bare), false)
    assert.equal(passes('Meta.env != prod', bare), true)
  })

  // What the real one says, but for its prefix.
  const REFUSED: [string, string][] = [
    ['Nope == 1', 'Selector "Nope" is not valid'],
    ['Inner.Nope == 1', 'Selector "Inner.Nope" is not valid'],
    ['Name.x == 1', 'Selector "Name.x" is not valid'],
    ['Inner == 1', 'Invalid match operator "Equal" for selector "Inner"'],
    ['Port contains 1', 'Invalid match operator "In" for selector "Port"'],
    ['Tags == a', 'Invalid match operator "Equal" for selector "Tags"'],
    ['Name is empty', 'Invalid match operator "Is Empty" for selector "Name"'],
    [
      'Port == abc',
      'Failed to coerce value "abc" for selector "Port": strconv.ParseInt: parsing "abc": invalid syntax',
    ],
    [
      'Port == 99999999999999999999',
      'Failed to coerce value "99999999999999999999" for selector "Port": strconv.ParseInt: parsing "99999999999999999999": value out of range',
    ],
    [
      'Native == maybe',
      'Failed to coerce value "maybe" for selector "Native": strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['Name matches "("', 'Failed to compile regular expression "(": error parsing regexp: missing closing ): `(`'],
    [
      'Name = 1',
      '1:6 (5): no match found, expected: "!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]',
    ],
    ['(Name == 1', '1:11 (10): rule "grouping": Unmatched parentheses'],
    ['Name == "x', '1:11 (10): rule "string": Unterminated string literal'],
    ['Name == 1x', '1:10 (9): rule "number": Invalid number literal'],
    ['Meta[1] == 1', '1:6 (5): rule "index": Invalid index'],
    ['Meta["a" == 1', '1:10 (9): rule "index": Unclosed index expression'],
    ['"x" in 1', '1:8 (7): rule "match": Invalid selector'],
  ]
  test('say what is wrong, and where', () => {
    for (const [expression, message] of REFUSED) {
      assert.equal(refusal(expression), message, expression)
    }
  })

  test('are nothing when there is none', () => {
    assert.equal(makeFilter('', FIELDS), undefined)
    assert.equal(makeFilter(undefined, FIELDS), undefined)
  })

  test('of the own checks look at selectors only when there is something to select from', () => {
    assert.deepEqual(filterLate('Nope == 1', FIELDS, []), [])
    assert.throws(() => filterLate('Nope == 1', FIELDS, [ROW]), { message: 'Selector "Nope" is not valid' })
    assert.throws(() => filterLate('Nope', FIELDS, []), /^ConsulError: Failed to create boolean/)
    assert.deepEqual(filterLate('Port == 8080', FIELDS, [ROW, { ...ROW, Port: 1 }]), [ROW])
  })

  const parts = [
    '(',
    ')',
    ' ',
    ' and ',
    ' or ',
    'not ',
    'Name',
    'Meta.env',
    'Tags',
    'Port',
    ' == ',
    ' != ',
    ' in ',
    ' contains ',
    ' is empty',
    ' is not empty',
    ' matches ',
    '"a"',
    '`b`',
    '1',
    '-2.5',
    '"',
    '[',
    ']',
    '["k"]',
    '.',
    '\n',
    'é',
    '\udcff',
  ]
  test('of any text are taken or refused, in little time', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.array(fc.constantFrom(...parts), { maxLength: 24 }).map((some) => some.join('')),
    )
    fc.assert(
      fc.property(text, (expression) => {
        try {
          makeFilter(expression, FIELDS)?.(ROW)
        } catch (error) {
          assert.ok(error instanceof ConsulError, `${expression}: ${error}`)
        }
      }),
      { numRuns: 3000 },
    )
  })

  const atom = fc.constantFrom(...TRUE, ...FALSE)
  test('mean by and, or and not what logic means by them', () => {
    fc.assert(
      fc.property(atom, atom, atom, (a, b, c) => {
        const [x, y, z] = [passes(a), passes(b), passes(c)]
        assert.equal(passes(`(${a}) and (${b})`), x && y)
        assert.equal(passes(`(${a}) or (${b}) and (${c})`), x || (y && z))
        assert.equal(passes(`not (${a}) or (${b}) or (${c})`), !x || y || z)
        assert.equal(passes(`not not not (${a})`), !x)
      }),
      { numRuns: 200 },
    )
  })

  test('are parsed in time that grows with their length, however they nest', () => {
    const deep = `${'('.repeat(150)}Name == x${')'.repeat(150)}`
    assert.equal(passes(deep), false)
    assert.match(refusal('('.repeat(150)), /no match found|Unmatched/)
    assert.match(refusal('('.repeat(10_000)), /more than 200 parentheses/)
    assert.equal(passes(Array.from({ length: 3000 }, (_, i) => `Port == ${i}`).join(' or ')), false)
    assert.equal(parseFilter(`${'not '.repeat(9001)}Name == x`).kind, 'not')
    assert.match(refusal(`Name == "${'x'.repeat(70_000)}"`), /longer than/)
  })
})
