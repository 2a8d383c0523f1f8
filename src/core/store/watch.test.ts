import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Change, Footprint } from './store.ts'
import { Watches } from './watch.ts'

const TABLES = ['kvs', 'index'] as const
const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 })
const part = fc.tuple(fc.constantFrom(...TABLES), text).map(([table, key]) => `${table}\0${key}`)
const footprint = fc.record({
  keys: fc.uniqueArray(part, { maxLength: 3 }),
  prefixes: fc.uniqueArray(part, { maxLength: 3 }),
})

type Step =
  | { do: 'add'; keys: string[]; prefixes: string[] }
  | { do: 'stop'; which: number }
  | { do: 'touch'; changed: string }
  | { do: 'touch all' }
  | { do: 'wake' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: footprint.map((parts) => ({ do: 'add' as const, ...parts })) },
  { weight: 2, arbitrary: fc.nat({ max: 20 }).map((which) => ({ do: 'stop' as const, which })) },
  { weight: 4, arbitrary: part.map((changed) => ({ do: 'touch' as const, changed })) },
  { weight: 1, arbitrary: fc.constant({ do: 'touch all' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'wake' as const }) },
)

function change(changed: string): Change {
  const [table, key] = changed.split('\0') as [Change['table'], string]
  return { table, key }
}

suite('watches', () => {
  test('those are woken, each once, whom a plain list would name', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const watches = new Watches()
        const plain: { footprint: Footprint; state: 'watching' | 'touched' | 'over'; stop: () => void }[] = []
        const woken: number[] = []
        for (const next of steps) {
          if (next.do === 'add') {
            const watched = { keys: new Set(next.keys), prefixes: new Set(next.prefixes) }
            const at = plain.length
            plain.push({ footprint: watched, state: 'watching', stop: watches.add(watched, () => woken.push(at)) })
          } else if (next.do === 'stop') {
            const one = plain[next.which]
            one?.stop()
            if (one !== undefined) one.state = 'over'
          } else if (next.do === 'touch' || next.do === 'touch all') {
            if (next.do === 'touch') watches.touch([change(next.changed)])
            else watches.touchAll()
            for (const one of plain) {
              if (one.state !== 'watching') continue
              const { keys, prefixes } = one.footprint
              const hit =
                next.do === 'touch'
                  ? keys.has(next.changed) || [...prefixes].some((prefix) => next.changed.startsWith(prefix))
                  : keys.size + prefixes.size > 0
              if (hit) one.state = 'touched'
            }
          } else {
            watches.wake()
            const expected = plain.flatMap((one, at) => (one.state === 'touched' ? [at] : []))
            assert.deepEqual(
              woken.splice(0).sort((a, b) => a - b),
              expected,
            )
            for (const at of expected) plain[at]!.state = 'over'
          }
          assert.equal(watches.size, plain.filter(({ state }) => state !== 'over').length)
        }
      }),
    )
  })
})
