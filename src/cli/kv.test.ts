/** `consul kv`: what is asked of the agent, and what is printed. The printed forms were taken from Consul 1.8.7. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { cannedAgent, type Ran, run } from './canned.suite.ts'

const row = (key: string, value: string | null, more = {}) => ({
  LockIndex: 0,
  Key: key,
  Flags: 0,
  Value: value === null ? null : Buffer.from(value, 'latin1').toString('base64'),
  CreateIndex: 15,
  ModifyIndex: 16,
  ...more,
})
const TREE = [row('a/b', 'hello world'), row('a/empty', null), row('a/z', 'x\ny', { Session: 's-1', LockIndex: 2 })]

suite('get', () => {
  const agent = cannedAgent({
    'GET /v1/kv/a/b': { body: [TREE[0]] },
    'GET /v1/kv/a/b?stale=': { body: [row('a/b', 'stale')] },
    'GET /v1/kv/a/empty': { body: [TREE[1]] },
    'GET /v1/kv/bin': { body: [row('bin', '\xff\x00\x80')] },
    'GET /v1/kv/big': {
      body: '[{"Key":"big","Flags":18446744073709551615,"Value":"djE=","LockIndex":0,"CreateIndex":1,"ModifyIndex":2}]',
    },
    'GET /v1/kv/a?recurse=': { body: TREE },
    'GET /v1/kv/?recurse=': { body: TREE },
    'GET /v1/kv/a?keys=&separator=%2F': { body: ['a/'] },
    'GET /v1/kv/a?keys=': { body: ['a/b', 'a/empty', 'a/z'] },
    'GET /v1/kv/?keys=&separator=-': { body: ['a/b'] },
    'GET /v1/kv/refused': { status: 403, body: 'Permission denied' },
  })
  const details = (key: string, value: string, session = '-', lock = 0) =>
    `CreateIndex      15\nFlags            0\nKey              ${key}\nLockIndex        ${lock}\nModifyIndex      16\nSession          ${session}\nValue${value === '' ? '' : `            ${value}`}\n`
  const cases: [string[], Partial<Ran>][] = [
    [['a/b'], { out: 'hello world\n' }],
    [['/a/b'], { out: 'hello world\n' }],
    [['-stale', 'a/b'], { out: 'stale\n' }],
    [['a/empty'], { out: '\n' }],
    [['bin'], { out: '\xff\x00\x80\n' }],
    [['-base64', 'bin'], { out: '/wCA\n' }],
    [['-detailed', 'a/b'], { out: details('a/b', 'hello world') }],
    [['-detailed', '-base64', 'a/b'], { out: details('a/b', 'aGVsbG8gd29ybGQ=') }],
    [['-detailed', 'a/empty'], { out: details('a/empty', '') }],
    [['-recurse', 'a'], { out: 'a/b:hello world\na/empty:\na/z:x\ny\n' }],
    [['-recurse'], { out: 'a/b:hello world\na/empty:\na/z:x\ny\n' }],
    [['-recurse', '-base64', 'a'], { out: 'a/b:aGVsbG8gd29ybGQ=\na/empty:\na/z:eAp5\n' }],
    [
      ['-recurse', '-detailed', 'a'],
      {
        out: `${details('a/b', 'hello world')}\n${details('a/empty', '')}\n${details('a/z', 'x\ny', 's-1', 2)}`,
      },
    ],
    [['-recurse', 'none'], { out: '' }],
    [['-keys', 'a'], { out: 'a/\n' }],
    [['-keys', '-separator=', 'a'], { out: 'a/b\na/empty\na/z\n' }],
    [['-keys', '-separator', '-'], { out: 'a/b\n' }],
    [['-keys', 'none'], { out: '' }],
    [['none'], { code: 1, err: 'Error! No key exists at: none\n' }],
    [[], { code: 1, err: 'Error! Missing KEY argument\n' }],
    [['/'], { code: 1, err: 'Error! Missing KEY argument\n' }],
    [['a', 'b'], { code: 1, err: 'Too many arguments (expected 1, got 2)\n' }],
    [['a/b', '-detailed'], { code: 1, err: 'Too many arguments (expected 1, got 2)\n' }],
    [['refused'], { code: 1, err: 'Error querying Consul agent: Unexpected response code: 403 (Permission denied)\n' }],
  ]
  for (const [argv, expected] of cases) {
    test(`kv get ${argv.join(' ')}`, async () => {
      const { env } = await agent
      assert.deepEqual(await run(['kv', 'get', ...argv], { env }), { code: 0, out: '', err: '', ...expected })
    })
  }
  test('64 bits of flags', async () => {
    const { env } = await agent
    assert.match((await run(['kv', 'get', '-detailed', 'big'], { env })).out, /^Flags {12}18446744073709551615$/m)
  })
})

suite('put', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'proconsul-kv-'))
    writeFileSync(join(folder, 'value'), Buffer.of(0xff, 0x0a))
  })
  after(() => rmSync(folder, { recursive: true }))
  const yes = { body: 'true' }
  const no = { body: 'false' }
  const agent = cannedAgent({
    'PUT /v1/kv/a': yes,
    'PUT /v1/kv/a?flags=7': yes,
    'PUT /v1/kv/a?cas=3': yes,
    'PUT /v1/kv/a?cas=4': no,
    'PUT /v1/kv/a?acquire=s': yes,
    'PUT /v1/kv/a?acquire=t': no,
    'PUT /v1/kv/a?release=s': yes,
    'PUT /v1/kv/a?release=t': no,
    'PUT /v1/kv/refused': { status: 403, body: 'Permission denied' },
    'PUT /v1/kv/refused?cas=3': { status: 403, body: 'Permission denied' },
  })
  const written = { out: 'Success! Data written to: a\n' }
  const failed = (err: string) => ({ code: 1, err: `${err}\n` })
  /** The arguments, what is printed, and the body that the agent got. */
  const cases: [string[], Partial<Ran>, string?][] = [
    [['a'], written, ''],
    [['a', 'v'], written, 'v'],
    [['a', '-5'], written, '-5'],
    [['--', 'a', 'v'], written, 'v'],
    [['a', '-'], written, 'from stdin'],
    [['-base64', 'a', 'aGk='], written, 'hi'],
    [['-flags=7', 'a', 'v'], written, 'v'],
    [['-flags=0x7', 'a', 'v'], written, 'v'],
    [['-cas', '-modify-index=3', 'a', 'v'], written, 'v'],
    [['-cas', '-modify-index=4', 'a', 'v'], failed('Error! Did not write to a: CAS failed')],
    [['-acquire', '-session=s', 'a', 'v'], { out: 'Success! Lock acquired on: a\n' }, 'v'],
    [['-acquire', '-session=t', 'a', 'v'], failed('Error! Did not acquire lock')],
    [['-release', '-session=s', 'a', 'v'], { out: 'Success! Lock released on: a\n' }, 'v'],
    [['-release', '-session=t', 'a', 'v'], failed('Error! Did not release lock')],
    [['-acquire', 'a'], failed('Error! Missing -session (required with -acquire and -release)')],
    [['-cas', 'a'], failed('Must specify -modify-index with -cas!')],
    [[], failed('Error! Missing KEY argument')],
    [['a', 'b', 'c'], failed('Error! Too many arguments (expected 1 or 2, got 3)')],
    [['/a', 'b'], failed("Error! Failed writing data: Invalid key. Key must not begin with a '/': /a")],
    [['-base64', 'a', '!'], failed('Error! Cannot base 64 decode data: illegal base64 data at input byte 0')],
    [['a', '@/none/such'], failed('Error! Failed to read file: open /none/such: no such file or directory')],
    [['refused', 'v'], failed('Error! Failed writing data: Unexpected response code: 403 (Permission denied)')],
    [
      ['-cas', '-modify-index=3', 'refused', 'v'],
      failed('Error! Did not write to refused: Unexpected response code: 403 (Permission denied)'),
    ],
  ]
  for (const [argv, expected, body] of cases) {
    test(`kv put ${argv.join(' ')}`, async () => {
      const { env, asked } = await agent
      const before = asked.length
      const ran = await run(['kv', 'put', ...argv], { env, stdin: 'from stdin' })
      assert.deepEqual(ran, { code: 0, out: '', err: '', ...expected })
      if (body !== undefined)
        assert.deepEqual(
          asked.slice(before).map((each) => each.body),
          [body],
        )
    })
  }
  test('a file is sent byte for byte', async () => {
    const { env, asked } = await agent
    const { code } = await run(['kv', 'put', 'a', `@${join(folder, 'value')}`], { env })
    assert.equal(code, 0)
    assert.equal(asked.at(-1)!.body, '\xff\n')
  })
  test('a folder is no file', async () => {
    const { code, err } = await run(['kv', 'put', 'a', `@${folder}`])
    assert.equal(code, 1)
    assert.equal(err, `Error! Failed to read file: read ${folder}: is a directory\n`)
  })
})

suite('delete', () => {
  const agent = cannedAgent({
    'DELETE /v1/kv/a': { body: 'true' },
    'DELETE /v1/kv/a?recurse=': { body: 'true' },
    'DELETE /v1/kv/?recurse=': { body: 'true' },
    'DELETE /v1/kv/a?cas=3': { body: 'true' },
    'DELETE /v1/kv/a?cas=4': { body: 'false' },
    'DELETE /v1/kv/refused': { status: 403, body: 'no' },
    'DELETE /v1/kv/refused?recurse=': { status: 403, body: 'no' },
  })
  const failed = (err: string) => ({ code: 1, err: `${err}\n` })
  const cases: [string[], Partial<Ran>][] = [
    [['a'], { out: 'Success! Deleted key: a\n' }],
    [['/a'], { out: 'Success! Deleted key: a\n' }],
    [['-recurse', 'a'], { out: 'Success! Deleted keys with prefix: a\n' }],
    [['-recurse'], { out: 'Success! Deleted keys with prefix: \n' }],
    [['-cas', '-modify-index=3', 'a'], { out: 'Success! Deleted key: a\n' }],
    [['-cas', '-modify-index=4', 'a'], failed('Error! Did not delete key a: CAS failed')],
    [['-cas', 'a'], failed('Must specify -modify-index with -cas!')],
    [['-modify-index=3', 'a'], failed('Cannot specify -modify-index without -cas!')],
    [['-cas', '-modify-index=3', '-recurse', 'a'], failed('Cannot specify both -cas and -recurse!')],
    [[], failed('Error! Missing KEY argument')],
    [['a', 'b'], failed('Too many arguments (expected 1, got 2)')],
    [['refused'], failed('Error deleting key refused: Unexpected response code: 403 (no)')],
    [['-recurse', 'refused'], failed('Error! Did not delete prefix refused: Unexpected response code: 403 (no)')],
  ]
  for (const [argv, expected] of cases) {
    test(`kv delete ${argv.join(' ')}`, async () => {
      const { env } = await agent
      assert.deepEqual(await run(['kv', 'delete', ...argv], { env }), { code: 0, out: '', err: '', ...expected })
    })
  }
})

suite('export and import', () => {
  const big = '[{"Key":"a<b>","Flags":18446744073709551615,"Value":"aGk="},{"Key":"b","Flags":0,"Value":null}]'
  const exported =
    '[\n\t{\n\t\t"key": "a\\u003cb\\u003e",\n\t\t"flags": 18446744073709551615,\n\t\t"value": "aGk="\n\t},\n\t{\n\t\t"key": "b",\n\t\t"flags": 0,\n\t\t"value": ""\n\t}\n]\n'
  const agent = cannedAgent({
    'GET /v1/kv/a?recurse=': { body: big },
    'PUT /v1/kv/a%3Cb%3E?flags=18446744073709551615': { body: 'true' },
    'PUT /v1/kv/b': { body: 'true' },
    'PUT /v1/kv/refused': { status: 403, body: 'no' },
  })
  test('the form is that of Consul', async () => {
    const { env } = await agent
    assert.deepEqual(await run(['kv', 'export', '/a'], { env }), { code: 0, out: exported, err: '' })
    assert.deepEqual(await run(['kv', 'export', 'none'], { env }), { code: 0, out: '[]\n', err: '' })
  })
  test('what was exported is imported', async () => {
    const { env, asked } = await agent
    const before = asked.length
    const ran = await run(['kv', 'import', '-'], { env, stdin: exported })
    assert.deepEqual(ran, { code: 0, out: 'Imported: a<b>\nImported: b\n', err: '' })
    assert.deepEqual(
      asked.slice(before).map(({ body }) => body),
      ['hi', ''],
    )
  })
  test('names may be written in any case, and what is null is as if not said', async () => {
    const { env, asked } = await agent
    const stdin = '[{"KEY":"a<b>","Flags":18446744073709551615,"VALUE":"aGk="},{"Key":"b","flags":null,"value":null}]'
    const { code } = await run(['kv', 'import', '-'], { env, stdin })
    assert.equal(code, 0)
    assert.deepEqual(
      asked.slice(-2).map(({ url, body }) => [url, body]),
      [
        ['/v1/kv/a%3Cb%3E?flags=18446744073709551615', 'hi'],
        ['/v1/kv/b', ''],
      ],
    )
  })
  const refused: [string[], RegExp][] = [
    [[], /^Error! Missing DATA argument\n$/],
    [[''], /^Error! Empty DATA argument\n$/],
    [['[]', '[]'], /^Error! Too many arguments \(expected 1, got 2\)\n$/],
    [['@/none/such'], /^Error! Failed to read file: open \/none\/such: no such file or directory\n$/],
    [['{'], /^Cannot unmarshal data: /],
    [['{}'], /^Cannot unmarshal data: /],
    [['[{"key":1}]'], /^Cannot unmarshal data: /],
    [['[{"key":"a","flags":"x"}]'], /^Cannot unmarshal data: /],
    [['[{"key":"a","value":"!"}]'], /^Error base 64 decoding value for key a: illegal base64 data at input byte 0\n$/],
    [['[{"key":"refused"}]'], /^Error! Failed writing data for key refused: Unexpected response code: 403 \(no\)\n$/],
  ]
  for (const [argv, message] of refused) {
    test(`kv import ${argv.join(' ')}`, async () => {
      const { env } = await agent
      const { code, out, err } = await run(['kv', 'import', ...argv], { env })
      assert.equal(code, 1)
      assert.equal(out, '')
      assert.match(err, message)
    })
  }
})
