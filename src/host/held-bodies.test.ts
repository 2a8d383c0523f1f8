import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { HeldBodies, type Holder } from './held-bodies.ts'

const MIB = 1 << 20

function aHolder(): Holder & { told: number } {
  return {
    told: 0,
    roomier() {
      this.told += 1
    },
  }
}

suite('held bodies', () => {
  test('small ones are never asked to wait, the eldest large one neither', () => {
    const held = new HeldBodies(4 * MIB)
    const [small, first, second] = [aHolder(), aHolder(), aHolder()]
    held.hold(small, MIB)
    held.hold(first, 2 * MIB)
    held.hold(second, 3 * MIB)
    assert.deepEqual([held.mayGrow(small), held.mayGrow(first), held.mayGrow(second)], [true, true, false])
    held.release(first)
    assert.equal(second.told, 1)
    assert.equal(held.mayGrow(second), true)
  })

  test('whatever comes and goes, one of them may grow, and all is free in the end', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 3 * MIB }), fc.boolean()), { maxLength: 40 })
    fc.assert(
      fc.property(steps, (given) => {
        const held = new HeldBodies(4 * MIB)
        const holders = Array.from({ length: 5 }, aHolder)
        const bytes = [0, 0, 0, 0, 0]
        for (const [at, more, leaves] of given) {
          const holder = holders[at]!
          if (leaves) {
            held.release(holder)
            bytes[at] = 0
          } else if (held.mayGrow(holder)) {
            bytes[at]! += more
            held.hold(holder, bytes[at]!)
          }
          const large = holders.filter((_, i) => bytes[i]! > MIB)
          assert.ok(large.length === 0 || large.some((each) => held.mayGrow(each)))
          const total = bytes.reduce((sum, each) => sum + (each > MIB ? each : 0), 0)
          if (total < 4 * MIB) assert.ok(holders.every((each) => held.mayGrow(each)))
          else assert.equal(large.filter((each) => held.mayGrow(each)).length, 1)
        }
        for (const holder of holders) held.release(holder)
        held.hold(holders[0]!, 3 * MIB)
        held.hold(holders[1]!, 3 * MIB)
        assert.deepEqual([held.mayGrow(holders[0]!), held.mayGrow(holders[1]!)], [true, false])
      }),
    )
  })
})
