/**
 * Our catalog, sessions and key/value store hold the same conversation as the real Consul 1.8.7 held when the
 * transcripts were recorded: same outcomes, same rows, and every index moved by the same operation.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Replay } from '../../../test/support/catalog-replay.ts'
import { difference, READS, type Step, script, type View } from '../../../test/support/catalog-transcript.ts'

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

/**
 * A missing key's index is that of the whole store and rises with other keys: then waking would tell nothing.
 */
function concerns(read: string, before: View, after: View): boolean {
  if (after.index <= before.index) return false
  return !/^(key|list) /.test(read) || JSON.stringify(before.rows) !== JSON.stringify(after.rows)
}

test('whoever waits for a read`s index to rise is woken when it rises', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const replay = new Replay()
      const { store } = replay.cluster
      for (const [at, operation] of script(seed, 40).entries()) {
        const waiting = READS.map((read) => {
          const wait = { woken: false }
          let unwatch = () => {}
          replay.cluster.traced = (footprint) => {
            unwatch = store.watch(footprint, () => {
              wait.woken = true
            })
          }
          const before = replay.view(read)
          return { read, before, wait, unwatch }
        })
        replay.cluster.traced = undefined
        replay.perform(at, operation)
        for (const { read, before, wait, unwatch } of waiting) {
          const concerned = concerns(read, before, replay.view(read))
          assert.ok(wait.woken || !concerned, `${read} after ${JSON.stringify(operation)}`)
          unwatch()
        }
      }
    }),
    { numRuns: 20 },
  )
})
