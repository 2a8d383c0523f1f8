import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { quoteGo, unquoteGo } from './go-quote.ts'

test('text is quoted as Go quotes it', () => {
  assert.equal(quoteGo('plain'), '"plain"')
  assert.equal(quoteGo('a"b\\c\n\t\x07\x01\x7f'), '"a\\"b\\\\c\\n\\t\\a\\x01\\x7f"')
  assert.equal(quoteGo('é😀\u200b\ue000\u{10fffd}\udcff'), '"é😀\\u200b\\ue000\\U0010fffd\\xff"')
})

test('what is quoted can be read back', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(unquoteGo(quoteGo(text)), text)))
})

test('literals that Go refuses are refused', () => {
  for (const literal of [
    '',
    '"',
    '"a',
    'a"',
    '"a\\"',
    '"\\q"',
    '"\\x4"',
    '"\\400"',
    '"\\ud800"',
    '"a\nb"',
    '"a"b"',
    '`a`b`',
  ]) {
    assert.equal(unquoteGo(literal), undefined, literal)
  }
  assert.equal(unquoteGo('`a\\n\r"`'), 'a\\n"')
  assert.equal(unquoteGo('"\\101\\x42\\u0043\\U00000044"'), 'ABCD')
})
