import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { loop, Resumable } from './resumable.ts'

type Tree = number | Tree[]

/** A fold whose order shows in the result; it counts how often a leaf is looked at. */
function told(tree: Tree, seen: { leaves: number }): string {
  if (typeof tree === 'number') {
    seen.leaves += 1
    return String(tree)
  }
  const { parts } = loop(
    tree,
    () => ({ parts: [] as string[] }),
    (state) => {
      const next = tree[state.parts.length]
      if (next === undefined) return false
      state.parts.push(told(next, seen))
      return true
    },
  )
  return `(${parts.join(' ')})`
}

const trees = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5 }, fc.nat(), fc.array(tie('tree'), { maxLength: 6 })),
})).tree

suite('resumable', () => {
  test('slices of any size come to what one run comes to, and look at each leaf once', () => {
    fc.assert(
      fc.property(trees, fc.integer({ min: 1, max: 10 }), (tree, rounds) => {
        const whole = { leaves: 0 }
        const sliced = { leaves: 0 }
        const expected = told(tree, whole)
        const slices = new Resumable(() => told(tree, sliced))
        while (!slices.step(rounds)) {}
        assert.equal(slices.result, expected)
        assert.equal(sliced.leaves, whole.leaves)
      }),
    )
  })

  test('a slice does no more rounds than it may', () => {
    const seen = { leaves: 0 }
    const slices = new Resumable(() => told([1, 2, 3, 4, 5, 6, 7], seen))
    assert.equal(slices.step(3), false)
    assert.ok(seen.leaves <= 3)
  })

  test('what the computation throws comes out, and one within another has slices of its own', () => {
    const failing = new Resumable(() => {
      throw new TypeError('x')
    })
    assert.throws(() => failing.step(1), TypeError)
    const seen = { leaves: 0 }
    const tree = [1, [2]]
    const outer = new Resumable(() => {
      const inner = new Resumable(() => told(tree, seen))
      while (!inner.step(1)) {}
      return inner.result
    })
    assert.equal(outer.step(1), true)
    assert.equal(outer.result, '(1 (2))')
  })
})
