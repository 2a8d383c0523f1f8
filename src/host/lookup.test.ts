import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookUp } from './lookup.ts'

test('numbers are names of nobody, but for four that fit', async () => {
  const asked: string[] = []
  const ask = async (name: string) => {
    asked.push(name)
    return ['10.0.0.1']
  }
  for (const name of [
    '1',
    '0',
    '127.1',
    '1.2.3',
    '0x7f000001',
    '0x7F.1',
    '2130706433',
    '256.1.1.1',
    '1.2.3.0x4',
    '0x',
  ]) {
    await assert.rejects(lookUp(name, ask), { code: 'ENOTFOUND' }, name)
  }
  assert.deepEqual(await lookUp('010.0.0.08', ask), ['10.0.0.8'])
  assert.deepEqual(asked, [])
  for (const name of ['a', '1a', '1.2.3.4.5', '1.example', 'x0', '.1', '1.', '']) {
    assert.deepEqual(await lookUp(name, ask), ['10.0.0.1'], name)
  }
  assert.equal(asked.length, 8)
})
