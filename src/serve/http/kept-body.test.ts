/** Kept bodies are pressed once, others each time, and both say what was put in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { keptBody, pressedBody } from './kept-body.ts'

// Long ones are pressed elsewhere, and come later.
for (const text of ['{"a":["é"]}', 'x'.repeat(100_000)]) {
  test(`a kept body of ${text.length} characters is pressed once`, async () => {
    const body = keptBody(text)
    assert.equal(Buffer.from(body).toString(), text)
    const pressed = await pressedBody(body)
    assert.equal(gunzipSync(pressed).toString(), text)
    assert.equal(await pressedBody(body), pressed)
  })

  test(`any other of ${text.length} characters is pressed anew`, async () => {
    const body = Buffer.from(text)
    const [one, other] = [await pressedBody(body), await pressedBody(body)]
    assert.notEqual(one, other)
    assert.equal(gunzipSync(one).toString(), text)
    assert.equal(gunzipSync(await pressedBody(text)).toString(), text)
  })
}
