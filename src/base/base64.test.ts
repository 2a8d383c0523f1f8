import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64 } from './base64.ts'

test('what was encoded is read back, line breaks or not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(20), (bytes, breakAt) => {
      const text = Buffer.from(bytes).toString('base64')
      const broken = `${text.slice(0, breakAt)}\r\n${text.slice(breakAt)}`
      for (const each of [text, broken]) {
        const decoded = decodeBase64(each)
        assert.deepEqual(decoded, { ok: true, bytes })
      }
    }),
  )
})

/** Offsets as Go's encoding/base64 gives them. */
const WRONG: [string, number][] = [
  ['!', 0],
  ['!!!!', 0],
  ['aGk', 0],
  ['aGkx!Gkx', 4],
  ['a=Gk', 1],
  ['aGk=aGk=', 4],
  ['aG=k', 3],
  ['====', 0],
]
for (const [text, at] of WRONG) {
  test(`refused: ${text}`, () => {
    assert.deepEqual(decodeBase64(text), { ok: false, problem: `illegal base64 data at input byte ${at}` })
  })
}
