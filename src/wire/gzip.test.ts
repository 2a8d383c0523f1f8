import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { acceptsGzip, gzip } from './gzip.ts'

test('short bodies are pressed at once, long ones later, both to the same', async () => {
  for (const length of [0, 1, 32 << 10, (32 << 10) + 1, 1 << 20]) {
    const body = 'é'.repeat(length)
    const pressed = gzip(body)
    assert.equal(pressed instanceof Promise, length > 32 << 10)
    assert.equal(gunzipSync(await pressed).toString(), body)
    assert.deepEqual(gunzipSync(await gzip(Buffer.from(body))), Buffer.from(body))
  }
})

test('who takes gzip', () => {
  for (const header of ['gzip', 'GZip', 'deflate, gzip', 'gzip;q=0.1', 'gzip; q=1', 'br;q=1,gzip;x=y']) {
    assert.equal(acceptsGzip(header), true, header)
  }
  for (const header of [undefined, '', '*', 'deflate', 'gzip;q=0', 'x-gzip', 'gzip;q=none']) {
    assert.equal(acceptsGzip(header), false, String(header))
  }
})
