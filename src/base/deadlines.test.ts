import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadlines } from './deadlines.ts'

type Step = { do: 'set'; key: number; at: number } | { do: 'delete'; key: number } | { do: 'take'; now: number }

const key = fc.nat({ max: 9 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, at: fc.nat({ max: 50 }) }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('take' as const), now: fc.nat({ max: 50 }) }),
)

test('deadlines are those of a plain map, sorted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const deadlines = new Deadlines<number>()
      const plain = new Map<number, number>()
      for (const next of steps) {
        if (next.do === 'set') {
          deadlines.set(next.key, next.at)
          plain.set(next.key, next.at)
        } else if (next.do === 'delete') {
          deadlines.delete(next.key)
          plain.delete(next.key)
        } else {
          const earliest = Math.min(...plain.values())
          const taken = deadlines.takeDue(next.now)
          if (earliest > next.now) assert.equal(taken, undefined)
          else assert.equal(plain.get(taken!), earliest)
          if (taken !== undefined) plain.delete(taken)
        }
        assert.equal(deadlines.size, plain.size)
        assert.equal(deadlines.next(), plain.size === 0 ? null : Math.min(...plain.values()))
        for (const [each, at] of plain) assert.equal(deadlines.at(each), at)
      }
      deadlines.clear()
      assert.equal(deadlines.next(), null)
    }),
  )
})
