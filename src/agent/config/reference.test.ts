import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { keyRows, referenceText } from './reference.ts'

const PAPER = resolve(import.meta.dirname, '../../../docs/configuration.md')

test('the paper holds what the tables say: `node scripts/configuration-reference.ts` writes it anew', () => {
  const text = readFileSync(PAPER, 'utf8')
  assert.equal(text.slice(text.indexOf('### Keys of a file')), referenceText())
})

test('every key has a row, with its default and its flag', () => {
  const rows = new Map(keyRows().map((row) => [row.key, row]))
  assert.deepEqual(rows.get('ports.http'), {
    key: 'ports.http',
    type: 'whole number',
    initial: '8500',
    dev: '',
    flags: ['-http-port'],
  })
  assert.equal(rows.get('bind_addr')?.dev, '"127.0.0.1"')
  assert.ok(rows.size > 250)
})
