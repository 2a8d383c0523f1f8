import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type FlagSpec, flagValueName, parseGoFlags, quoteGo } from './go-flags.ts'

const TABLE = [
  { name: 'dev', kind: 'bool', help: '', numbers: 'strconv' },
  { name: 'cas', kind: 'bool', help: '' },
  { name: 'port', kind: 'int', help: '', numbers: 'strconv' },
  { name: 'n', kind: 'int', help: '' },
  { name: 'flags', kind: 'uint64', help: '' },
  { name: 'wait', kind: 'duration', help: '' },
  { name: 'node', kind: 'string', help: '' },
  { name: 'join', kind: 'strings', help: '' },
  { name: 'join-also', kind: 'strings', help: '', as: 'join' },
  { name: 'meta', kind: 'pairs', help: '' },
  { name: 'node-meta', kind: 'pairs', help: '', separator: ':' },
] as const satisfies readonly FlagSpec[]

/** Errors as `consul agent`, `consul kv put`, `consul lock` and `consul catalog nodes` of 1.8.7 print them. */
const REFUSED: [string[], string][] = [
  [['-bogus'], 'flag provided but not defined: -bogus'],
  [['--bogus=3'], 'flag provided but not defined: -bogus'],
  [['-port=x'], 'invalid value "x" for flag -port: strconv.Atoi: parsing "x": invalid syntax'],
  [['-port', ''], 'invalid value "" for flag -port: strconv.Atoi: parsing "": invalid syntax'],
  [['-port=0x50'], 'invalid value "0x50" for flag -port: strconv.Atoi: parsing "0x50": invalid syntax'],
  [['-port=1_0'], 'invalid value "1_0" for flag -port: strconv.Atoi: parsing "1_0": invalid syntax'],
  [
    ['-port=99999999999999999999'],
    'invalid value "99999999999999999999" for flag -port: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
  [['-dev=maybe'], 'invalid boolean value "maybe" for -dev: strconv.ParseBool: parsing "maybe": invalid syntax'],
  [['-dev='], 'invalid boolean value "" for -dev: strconv.ParseBool: parsing "": invalid syntax'],
  [['-cas=m'], 'invalid boolean value "m" for -cas: parse error'],
  [['-n=x'], 'invalid value "x" for flag -n: parse error'],
  [['-flags=-1'], 'invalid value "-1" for flag -flags: parse error'],
  [['-flags=99999999999999999999999'], 'invalid value "99999999999999999999999" for flag -flags: value out of range'],
  [['-wait=5'], 'invalid value "5" for flag -wait: parse error'],
  [['-meta=x'], 'invalid value "x" for flag -meta: Missing "=" value in argument: x'],
  [['-port'], 'flag needs an argument: -port'],
  [['--='], 'bad flag syntax: --='],
  [['---dev'], 'bad flag syntax: ---dev'],
]

suite('Go flags', () => {
  test('every form of a value is read', () => {
    const { values, rest, errors, help } = parseGoFlags(TABLE, [
      '-dev',
      '--port',
      '-5',
      '-n=0x1f',
      '-flags=18446744073709551615',
      '-wait=1m30s',
      '-node=a=b',
      '-join=x',
      '--join',
      'y',
      '-join-also=z',
      '-join=w',
      '-meta=a=b=c',
      '-meta=d=',
      '-node-meta=a:b:c',
      '-node-meta=d',
      'word',
      '-dev=false',
    ])
    assert.deepEqual(values, {
      dev: true,
      port: -5,
      n: 31,
      flags: 2n ** 64n - 1n,
      wait: 90e9,
      node: 'a=b',
      join: ['x', 'y', 'z', 'w'],
      meta: { a: 'b=c', d: '' },
      'node-meta': { a: 'b:c', d: '' },
    })
    assert.deepEqual(rest, ['word', '-dev=false'])
    assert.deepEqual(errors, [])
    assert.equal(help, false)
  })

  test('a boolean takes no following word, and the last of several counts', () => {
    const { values, rest } = parseGoFlags(TABLE, ['-dev', '-dev=F', '-port=1', '-port', '2', 'true'])
    assert.deepEqual(values, { dev: false, port: 2 })
    assert.deepEqual(rest, ['true'])
  })

  test('two dashes end the flags; one dash is an argument', () => {
    assert.deepEqual(parseGoFlags(TABLE, ['-dev', '--', '-port']).rest, ['-port'])
    assert.deepEqual(parseGoFlags(TABLE, ['-', '-port']).rest, ['-', '-port'])
  })

  test('help is told apart from an unknown flag', () => {
    for (const word of ['-h', '--help', '-help']) {
      const { help, errors } = parseGoFlags(TABLE, ['-dev', word, '-bogus'])
      assert.equal(help, true, word)
      assert.deepEqual(errors, [])
    }
  })

  for (const [argv, text] of REFUSED) {
    test(`refuses ${argv.join(' ')}`, () => {
      const { errors, values } = parseGoFlags(TABLE, [...argv, '-node=after'])
      if (argv[0] === '-port' && argv.length === 1) {
        assert.deepEqual(parseGoFlags(TABLE, argv).errors, [text])
        return
      }
      assert.deepEqual(errors, [text])
      assert.equal(values.node, undefined, 'parsing stops at the error')
    })
  }

  test('leading zeros are octal where Go says so', () => {
    assert.equal(parseGoFlags(TABLE, ['-n=010']).values.n, 8)
    assert.equal(parseGoFlags(TABLE, ['-port=010']).values.port, 10)
    assert.equal(parseGoFlags(TABLE, ['-n=0']).values.n, 0)
    assert.equal(parseGoFlags(TABLE, ['-n=08']).errors.length, 1)
  })

  test('help names the values as Go does', () => {
    assert.deepEqual(TABLE.map(flagValueName), [
      '',
      '',
      'value',
      'int',
      'uint',
      'duration',
      'string',
      'value',
      'value',
      'value',
      'value',
    ])
  })

  test('quotes like %q', () => {
    assert.equal(quoteGo('a"b\\u0001\n\x01'), '"a\\"b\\\\u0001\\n\\x01"')
  })
})
