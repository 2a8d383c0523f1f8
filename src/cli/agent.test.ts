/** `consul agent` when it does not get as far as starting. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { run } from './canned.suite.ts'

suite('refused', () => {
  test('a flag that there is none of: the flags, and the reason once more below them', async () => {
    const { code, out, err } = await run(['agent', '-bogus'])
    assert.deepEqual([code, out], [1, ''])
    assert.ok(err.startsWith('flag provided but not defined: -bogus\nUsage:\n  -advertise value\n    \t'))
    assert.ok(err.endsWith('\n==> error parsing flags: flag provided but not defined: -bogus\n'))
  })
  test('a value that is none', async () => {
    const { code, err } = await run(['agent', '-dev=maybe'])
    assert.equal(code, 1)
    assert.match(err, /^invalid boolean value "maybe" for -dev: /)
  })
  test('arguments', async () => {
    const ran = await run(['agent', '-dev', 'a', 'b'])
    assert.deepEqual(ran, { code: 1, out: '', err: '==> Unexpected extra arguments: [a b]\n' })
  })
  test('no data directory', async () => {
    const { code, out, err } = await run(['agent', '-server', '-bootstrap', '-bind=127.0.0.1'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^==> data_dir cannot be empty\n/)
  })
})
