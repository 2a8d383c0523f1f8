/** Coordinates are gathered for a round, the newest of each node, and no more than a round can hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  COORDINATE_BATCH_MAX,
  COORDINATE_BATCHES_MAX,
  COORDINATE_ROUND_MS,
  makeCoordinateBatches,
} from './coordinates.ts'

const at = (node: string, Height: number, Segment = '') => ({
  kind: 'update' as const,
  coordinate: { Node: node, Segment, Coord: { Vec: [0], Error: 1, Adjustment: 0, Height } },
})
const tick = { kind: 'tick' } as const

test('one command a round, with the newest of each node and segment', () => {
  const batches = makeCoordinateBatches()
  assert.equal(batches.wakeAt(), null)
  batches.step(100, at('a', 1))
  batches.step(200, at('b', 1))
  batches.step(300, at('a', 2))
  batches.step(300, at('a', 3, 'alpha'))
  assert.deepEqual(batches.take(), [])
  assert.equal(batches.wakeAt(), 100 + COORDINATE_ROUND_MS)
  batches.step(100 + COORDINATE_ROUND_MS, tick)
  const [first, ...more] = batches.take()
  assert.deepEqual(more, [])
  assert.deepEqual(
    first?.command.body,
    [at('a', 2), at('b', 1), at('a', 3, 'alpha')].map((each) => each.coordinate),
  )
  assert.equal(batches.wakeAt(), null)
})

test('large rounds are cut into commands, and what does not fit is dropped', () => {
  const batches = makeCoordinateBatches()
  const room = COORDINATE_BATCH_MAX * COORDINATE_BATCHES_MAX
  for (let n = 0; n < room + 3; n++) batches.step(0, at(`n${n}`, n))
  batches.step(0, at('n0', 7))
  batches.step(0 + COORDINATE_ROUND_MS, tick)
  const sizes = batches.take().map(({ command }) => (command.body as unknown[]).length)
  assert.deepEqual(sizes, Array(COORDINATE_BATCHES_MAX).fill(COORDINATE_BATCH_MAX))
  assert.equal(batches.dropped, 3)
})

test('who leads no more forgets them', () => {
  const batches = makeCoordinateBatches()
  batches.step(0, at('a', 1))
  batches.step(1, { kind: 'follow' })
  assert.equal(batches.wakeAt(), null)
  batches.step(0 + COORDINATE_ROUND_MS, tick)
  assert.deepEqual(batches.take(), [])
})
