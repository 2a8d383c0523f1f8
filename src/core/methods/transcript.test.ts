/**
 * Our catalog, sessions and key/value store hold the same conversation as the real Consul 1.8.7 held when the
 * transcripts were recorded: same outcomes, same rows, and every index moved by the same operation.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Replay } from '../../../test/support/catalog-replay.ts'
import { difference, type Step } from '../../../test/support/catalog-transcript.ts'

const TRANSCRIPTS = process.env.CATALOG_TRANSCRIPTS ?? join(import.meta.dirname, 'testdata')
for (const file of readdirSync(TRANSCRIPTS).filter((name) => /^catalog-.*\.json$/.test(name))) {
  test(`${file}: the same answers as the real Consul`, () => {
    const steps = JSON.parse(readFileSync(join(TRANSCRIPTS, file), 'utf8')) as Step[]
    const replay = new Replay()
    let before = replay.views()
    for (const [at, step] of steps.entries()) {
      const outcome = replay.perform(at, step.operation)
      const after = replay.views()
      const where = `step ${at}, ${JSON.stringify(step.operation)}`
      assert.equal(outcome, step.outcome, where)
      assert.deepEqual(JSON.parse(JSON.stringify(difference(before, after))), step.views, where)
      before = after
    }
  })
}
