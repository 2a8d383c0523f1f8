import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from '../base/metrics.ts'
import { metricsText } from './metrics-text.ts'

test('gauges, counters and samples, a line each', () => {
  const date = Date.UTC(2026, 10, 23, 4, 42, 0)
  const registry = new Registry({ prefix: 'consul', host: '', allow: [], block: [], otherwise: true }, date)
  registry.gauge('runtime.alloc_bytes', () => 12.5)
  registry.counter('rpc.request').add(1)
  registry.counter('rpc.request').add(1)
  const took = registry.sample('http', { path: 'v1 kv:_' })
  for (const value of [1, 2]) took.add(value)
  registry.turn(date + 10_000)
  assert.deepEqual(metricsText(registry.latest()).split('\n'), [
    "[2026-11-23 04:42:00 +0000 UTC][G] 'consul.runtime.alloc_bytes': 12.500",
    "[2026-11-23 04:42:00 +0000 UTC][C] 'consul.rpc.request': Count: 2 Sum: 2.000 LastUpdated: 2026-11-23 04:42:10 +0000 UTC",
    "[2026-11-23 04:42:00 +0000 UTC][S] 'consul.http.v1_kv__': Count: 2 Min: 1.000 Mean: 1.500 Max: 2.000 Stddev: 0.707 Sum: 3.000 LastUpdated: 2026-11-23 04:42:10 +0000 UTC",
  ])
})
