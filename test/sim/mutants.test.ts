/** Bugs that are known to break Raft, planted one at a time: the simulator finds each, within a bounded number of seeds. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { simulate } from '../../src/sim/run.ts'
import { shrink } from '../../src/sim/shrink.ts'
import { MUTANTS, type Mutant, type MutantName, mutantRaft } from './mutants.ts'

/** Most are found within a few; the rarest need a vote, a crash and a second candidate within a second of each other. */
const SEEDS_MAX = 400

suite('planted bugs are found', () => {
  for (const name of Object.keys(MUTANTS) as MutantName[]) {
    test(`${name}: ${MUTANTS[name].about}`, async (context) => {
      const makeRaft = await mutantRaft(name)
      const mutant: Mutant = MUTANTS[name]
      const { from, step } = mutant.seeds ?? { from: 1, step: 1 }
      for (let seed = from; seed < from + SEEDS_MAX * step; seed += step) {
        const { violation } = await simulate({ seed, makeRaft })
        // What the sound core shows too, if anything, is not what was planted.
        if (violation === undefined || (await simulate({ seed })).violation !== undefined) continue
        context.diagnostic(`seed ${seed}: ${violation.slice(0, 200)}`)
        return
      }
      assert.fail(`not found in ${SEEDS_MAX} seeds`)
    })
  }
})

test('a failing run is made shorter, and fails still', async () => {
  const makeRaft = await mutantRaft('any-log-elected')
  let seed = 1
  while ((await simulate({ seed, makeRaft })).violation === undefined) seed++
  const whole = await simulate({ seed, makeRaft })
  const short = await shrink({ seed, makeRaft }, 60)
  assert.notEqual(short.violation, undefined)
  assert(short.faults.length < whole.faults.length / 2, `${short.faults.length} of ${whole.faults.length} faults left`)
  assert.equal((await simulate({ seed, makeRaft, faults: short.faults })).violation, short.violation)
})
