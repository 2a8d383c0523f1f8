import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake2b256 } from './blake2b.ts'
import { bytesFromText } from './text.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('digests are those of other implementations, at and around the ends of blocks', () => {
  // By Python's hashlib.blake2b(digest_size=32).
  const known: [text: string, digest: string][] = [
    ['', '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8'],
    ['abc', 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319'],
    ['a'.repeat(128), 'ae2aa48507885c4c950fb809b2076f959cde9f8ea6da260d9a3587df33dac450'],
    ['a'.repeat(129), '2f64744a6de0d2c0b56e64cf6e29a5aaa255010d415d51c75ccc82f73dccd865'],
    ['a'.repeat(300), '3c1292de00a518e36823f9ff908ac2da46be38718c018713403461df077e15f6'],
  ]
  for (const [text, digest] of known) {
    assert.equal(hex(blake2b256([bytesFromText(text)])), digest, `${text.length}`)
    assert.equal(hex(blake2b256([bytesFromText(text.slice(0, 7)), bytesFromText(text.slice(7))])), digest)
  }
})
