import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Registry } from '../base/metrics.ts'
import { dispatchMeters } from './meters.ts'

suite('what calls are counted as', () => {
  const make = () => {
    const metrics = new Registry({ prefix: '', host: '', allow: [], block: [], otherwise: true }, 0)
    const counted = () =>
      metrics
        .series()
        .filter(({ kind, total }) => kind === 'counter' && total.sum > 0)
        .map(({ name, labels, total }) => [name, ...Object.values(labels), total.sum])
    return { meters: dispatchMeters(metrics), counted }
  }

  test('who is looked for, with which tags, and in vain', () => {
    const { meters, counted } = make()
    assert.equal(meters.lookup('KVS.Get'), undefined)
    const health = meters.lookup('Health.ServiceNodes')!
    health({ ServiceName: 'web' }, { Nodes: [1] })
    health({ ServiceName: 'web', ServiceTags: [] }, { Nodes: [] })
    health({ ServiceName: 'web', ServiceTags: ['b', 'c', 'a'] }, { Nodes: [1] })
    health({ ServiceName: 'web', Connect: true }, { Nodes: [1] })
    health({ ServiceName: 'web', Ingress: true }, { Nodes: [1] })
    meters.lookup('Catalog.ServiceNodes')!({ ServiceName: 'db' }, { ServiceNodes: null })
    assert.deepEqual(counted(), [
      ['catalog.service.not-found', 'db', 1],
      ['catalog.service.query', 'db', 1],
      ['health.connect.query', 'web', 1],
      ['health.ingress.query', 'web', 1],
      ['health.service.not-found', 'web', 1],
      ['health.service.query', 'web', 3],
      ['health.service.query-tags', 'web', 'c', 1],
    ])
  })

  test('names that askers make up are counted up to a bound', () => {
    const { meters, counted } = make()
    const catalog = meters.lookup('Catalog.ServiceNodes')!
    for (let i = 0; i < 3000; i++) catalog({ ServiceName: `made-up-${i}` }, { ServiceNodes: [] })
    assert.equal(counted().filter(([name]) => name === 'catalog.service.query').length, 2000)
  })

  test('reads and writes whose cost is watched', () => {
    const { meters } = make()
    assert.ok(meters.took('KVS.Apply') !== undefined && meters.tookRead('Txn.Read') !== undefined)
    assert.ok(meters.took('KVS.Get') === undefined && meters.tookRead('KVS.Get') === undefined)
  })
})
