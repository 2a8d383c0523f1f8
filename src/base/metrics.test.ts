/** Instruments, intervals, names and filters. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MetricsNaming, quantile, Registry, standardDeviation } from './metrics.ts'

const NAMING: MetricsNaming = { prefix: 'consul', host: '', allow: [], block: [], otherwise: true }

function made(more: Partial<MetricsNaming> = {}): Registry {
  return new Registry({ ...NAMING, ...more }, 0)
}

test('an interval tells what was added since the one before', () => {
  const registry = made()
  const puts = registry.sample('kvs.apply')
  puts.add(1)
  puts.add(3)
  registry.counter('rpc.query').add(1)
  registry.turn(10_000)
  puts.add(7)
  const { began, samples, counters } = registry.latest()
  assert.equal(began, 0)
  assert.deepEqual(
    samples.map(({ series, aggregate }) => [series.name, aggregate]),
    [['consul.kvs.apply', { count: 2, sum: 4, sumOfSquares: 10, min: 1, max: 3 }]],
  )
  assert.equal(counters[0]?.series.name, 'consul.rpc.query')
  registry.turn(20_000)
  assert.deepEqual(
    registry.latest().samples.map(({ aggregate }) => aggregate.sum),
    [7],
  )
  assert.deepEqual(registry.latest().counters, [], 'nothing was counted')
})

test('before the first interval has ended, what there is so far', () => {
  const registry = made()
  registry.counter('a').add(2)
  assert.equal(registry.latest().counters[0]?.aggregate.sum, 2)
  assert.equal(registry.latest().counters[0]?.aggregate.sum, 2, 'and looking does not take it away')
})

test('an instrument asked for twice is one, and another with other labels', () => {
  const registry = made()
  assert.equal(registry.counter('a', { op: 'set' }), registry.counter('a', { op: 'set' }))
  assert.notEqual(registry.counter('a', { op: 'set' }), registry.counter('a', { op: 'get' }))
})

test('gauges are looked at when somebody wants to know, and carry the host', () => {
  const registry = made({ host: 'web1' })
  let value = 1
  registry.gauge('raft.last_index', () => value)
  registry.gauge('unknown', () => Number.NaN)
  value = 5
  registry.turn(1)
  const shown = registry.latest().gauges.map(({ series, value: now }) => [series.name, now])
  assert.deepEqual(shown, [['consul.web1.raft.last_index', 5]])
})

test('the longest prefix that fits lets a name through or not; block wins a draw', () => {
  const names = (more: Partial<MetricsNaming>) => {
    const registry = made(more)
    for (const name of ['http.get', 'http.put', 'rpc.query']) registry.counter(name).add(1)
    return registry.series().map(({ name }) => name)
  }
  assert.deepEqual(names({ block: ['consul.http'], allow: ['consul.http.put'] }), [
    'consul.http.put',
    'consul.rpc.query',
  ])
  assert.deepEqual(names({ otherwise: false, allow: ['consul.rpc'] }), ['consul.rpc.query'])
  assert.deepEqual(names({ block: ['consul.http'], allow: ['consul.http'] }), ['consul.rpc.query'])
})

test('other names can be given while it runs', () => {
  const registry = made()
  const counter = registry.counter('a')
  registry.rename({ ...NAMING, prefix: 'x', block: ['x.a'] })
  counter.add(1)
  assert.deepEqual(registry.series(), [])
  registry.rename({ ...NAMING, prefix: '' })
  counter.add(1)
  assert.deepEqual(
    registry.series().map(({ name, total }) => [name, total.sum]),
    [['a', 1]],
  )
})

test('a tap hears every addition', () => {
  const registry = made()
  const heard: string[] = []
  registry.tap(({ name, kind }, value) => heard.push(`${kind} ${name} ${value}`))
  registry.sample('a').add(1.5)
  registry.counter('b').add(1)
  assert.deepEqual(heard, ['sample consul.a 1.5', 'counter consul.b 1'])
})

test('names made of what others send do not fill the memory', () => {
  const registry = made()
  for (let i = 0; i < 30_000; i++) registry.counter(`n${i}`).add(1)
  assert.equal(registry.series().length, 20_000)
})

test('quantiles and deviation', () => {
  assert.deepEqual([quantile([3, 1, 2], 0.5), quantile([1, 2, 3, 4], 0.99), quantile([], 0.5)], [2, 4, Number.NaN])
  const of = (...values: number[]) => {
    const registry = made()
    for (const value of values) registry.sample('a').add(value)
    return standardDeviation(registry.latest().samples[0]!.aggregate)
  }
  assert.equal(of(5), 0)
  assert.equal(of(2, 4, 4, 4, 5, 5, 7, 9).toFixed(4), '2.1381')
})
