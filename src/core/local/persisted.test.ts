/** What of services and checks outlives the process: written at each change, read at the next start. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { NO_PROXY } from '../../model/catalog.ts'
import { type AskInput, asked, Bench, ttl, unnamed, web } from './local.testing.ts'
import type { LocalInput } from './local.ts'

suite('local: what outlives the process', () => {
  test('services, checks and the last report come back', () => {
    const before = new Bench()
    const files = {
      services: [] as unknown[],
      checks: [] as unknown[],
      states: [] as unknown[],
      configs: [] as unknown[],
    }
    const inputs: AskInput[] = [
      { kind: 'register-service', registration: web({ token: 't', checks: [unnamed(ttl(60))] }) },
      { kind: 'register-check', registration: asked('mem', ttl(60)) },
      { kind: 'update-check', id: 'service:web', status: 'passing', output: 'fine', date: 1_000_000 },
    ]
    for (const [ticket, input] of inputs.entries()) before.local.step(0, { ...input, ticket } as LocalInput)
    for (const effect of before.local.take()) {
      if (effect.kind !== 'persist') continue
      const list = {
        services: files.services,
        checks: files.checks,
        'checks/state': files.states,
        'services/configs': files.configs,
      }[effect.folder]
      list.push(JSON.parse(JSON.stringify(effect.value)))
    }

    const fresh = new Bench().say({ kind: 'restore', files, date: 1_030_000 })
    assert.deepEqual(fresh.local.services(), before.local.services())
    const shown = fresh.local.checks().map(({ check: one, token }) => [one.CheckID, one.Status, one.Output, token])
    assert.deepEqual(shown, [
      ['service:web', 'passing', 'fine', 't'],
      ['mem', 'critical', '', ''],
    ])
    fresh.say({ kind: 'start' }).settle()
    assert.equal(fresh.catalog.checks.get('service:web')?.Status, 'passing')

    const late = new Bench().say({ kind: 'restore', files, date: 1_060_000 })
    assert.deepEqual(
      late.local.checks().map(({ check: one }) => one.Status),
      ['critical', 'critical'],
    )
    assert.ok(late.read().includes('forget checks/state service:web'))
  })

  test('files of the real one are understood', () => {
    const files = {
      services: [
        {
          Token: '',
          Service: {
            ID: 'web',
            Service: 'web',
            Tags: ['a'],
            Meta: null,
            Port: 80,
            Address: '',
            Weights: { Passing: 1, Warning: 1 },
            EnableTagOverride: false,
            Proxy: { MeshGateway: {}, Expose: {} },
            Connect: {},
            CreateIndex: 0,
            ModifyIndex: 0,
          },
          Source: 'remote',
        },
      ],
      checks: [
        {
          Check: {
            Node: 'n1',
            CheckID: 'service:web',
            Name: 'x',
            Status: 'critical',
            ServiceID: 'web',
            Definition: {},
          },
          ChkType: { TTL: '30s', Interval: '' },
          Token: '',
          Source: 'remote',
        },
      ],
      states: [],
      configs: [],
    }
    const bench = new Bench().say({ kind: 'restore', files, date: 0 })
    assert.deepEqual(bench.local.services()[0]?.service.Proxy, NO_PROXY)
    assert.equal(bench.local.ttls(), 1)
  })

  test('whatever stands in the files, nothing breaks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.array(fc.jsonValue()),
        fc.array(fc.jsonValue()),
        (services, checks, states) => {
          const wrapped = [...services, ...services.map((Service) => ({ Service, Token: 1 }))]
          const bench = new Bench()
          bench.say({
            kind: 'restore',
            files: {
              services: wrapped,
              checks: [...checks, ...checks.map((Check) => ({ Check, ChkType: Check }))],
              states,
              configs: [...states, ...services.map((Defaults) => ({ ServiceID: 'a', Defaults }))],
            },
            date: 0,
          })
          bench.say({ kind: 'start' }).settle()
          assert.equal(bench.catalog.node?.Node, 'n1')
        },
      ),
      { numRuns: 100 },
    )
  })
})
