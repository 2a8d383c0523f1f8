/**
 * Which expressions Go takes: testdata/go-regexp-syntax.tsv holds what the real Consul 1.8.7 said of each when it was to
 * be part of a prepared query. All servers of a cluster must agree on that.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compileGoRegexp } from './go-regexp.ts'

const lines = readFileSync(new URL('testdata/go-regexp-syntax.tsv', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

test('the same expressions are taken and refused as by the real one', () => {
  assert.ok(lines.length > 90)
  for (const line of lines) {
    const [pattern, verdict] = line.split('\t') as [string, string]
    if (verdict === 'ok') assert.doesNotThrow(() => compileGoRegexp(pattern), pattern)
    else assert.throws(() => compileGoRegexp(pattern), /^GoRegexpError: error parsing regexp: /, pattern)
  }
})

test('what repeats behind quoted text repeats its last character alone', () => {
  assert.deepEqual(compileGoRegexp('^\\Qa.b\\E+$').groups('a.bbb'), ['a.bbb'])
  assert.equal(compileGoRegexp('^\\Qab\\E*$').test('abab'), false)
})
