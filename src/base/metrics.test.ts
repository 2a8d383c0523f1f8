import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeMetrics } from './metrics.ts'

test('the last whole interval is shown, or the one that has begun', () => {
  let now = 1_000_000
  const metrics = makeMetrics({ date: () => now })
  metrics.count('rpc.request')
  metrics.count('rpc.request', 3)
  metrics.sample('http.GET.v1.kv._', 2, [{ name: 'a', value: 'b' }])
  metrics.gauge('raft.last_index', 7)
  const first = metrics.interval()
  assert.equal(first.from, 1_000_000)
  assert.deepEqual(first.counters, [
    { name: 'consul.rpc.request', labels: [], count: 2, sum: 4, sumOfSquares: 10, min: 1, max: 3 },
  ])
  assert.equal(first.samples[0]?.labels[0]?.value, 'b')
  now += 10_000
  metrics.count('rpc.request', 5)
  assert.equal(metrics.interval().counters[0]?.sum, 4)
  now += 30_000
  assert.deepEqual(metrics.interval().counters, [])
  assert.equal(metrics.totals().counters[0]?.sum, 9)
})

test('gauges can be brought up to date when they are read', () => {
  const metrics = makeMetrics({ date: () => 0, prefix: 'p' })
  metrics.onRead(() => metrics.gauge('x', 1))
  assert.deepEqual(metrics.interval().gauges, [{ name: 'p.x', labels: [], value: 1 }])
  assert.deepEqual(metrics.totals().gauges, [{ name: 'p.x', labels: [], value: 1 }])
})
