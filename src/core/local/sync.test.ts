/**
 * Anti-entropy against a model: whatever happens on either side, the catalog ends up with what this node has. And how often
 * the two are compared.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { asked, Bench, service, ttl, unnamed, web } from './local.testing.ts'
import { scaleFactor } from './sync.ts'

suite('local: against a model of the catalog', () => {
  const NAMES = ['a', 'b', 'c']
  const how = fc.constantFrom(ttl(10), ttl(100), {})
  const step = fc.oneof(
    fc.record({
      do: fc.constant('register' as const),
      name: fc.constantFrom(...NAMES),
      port: fc.integer({ min: 1, max: 3 }),
      checks: fc.array(how, { maxLength: 2 }),
      replace: fc.boolean(),
    }),
    fc.record({ do: fc.constant('deregister' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({
      do: fc.constant('check' as const),
      id: fc.constantFrom('x', 'y'),
      of: fc.constantFrom('', ...NAMES),
      how,
    }),
    fc.record({ do: fc.constant('uncheck' as const), id: fc.constantFrom('x', 'y', 'service:a') }),
    fc.record({
      do: fc.constant('report' as const),
      id: fc.constantFrom('x', 'y', 'service:a', 'service:b:1'),
      status: fc.constantFrom('passing', 'warning', 'critical'),
    }),
    fc.record({ do: fc.constant('answer' as const), which: fc.nat(), fails: fc.boolean() }),
    fc.record({ do: fc.constant('vandalise' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 100_000 }) }),
  )

  test('whatever happened, a comparison later the catalog says what the node says', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new Bench({ checkUpdateInterval: 0 })
        bench.say({ kind: 'start' })
        const wanted = new Set<string>()
        for (const one of steps) {
          play(bench, one)
          if (one.do === 'register') wanted.add(one.name)
          if (one.do === 'deregister') wanted.delete(one.name)
        }
        bench.settle()
        while (bench.local.wakeAt() !== null && bench.now < 1_000_000) bench.wake().settle()
        const { catalog, local } = bench
        const services = new Map(local.services().map((one) => [one.service.ID, one.service]))
        const checks = new Map(local.checks().map((one) => [one.check.CheckID, one.check]))
        assert.ok(catalog.services.delete('consul'))
        assert.ok(catalog.checks.delete('serfHealth'))
        assert.deepEqual([...services.keys()].sort(), [...wanted].sort())
        assert.deepEqual(sorted(catalog.services), sorted(services))
        assert.deepEqual(sorted(catalog.checks), sorted(checks))
      }),
      { numRuns: 300 },
    )
  })

  function sorted<T>(map: Map<string, T>): [string, T][] {
    return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  function play(bench: Bench, one: typeof step extends fc.Arbitrary<infer S> ? S : never): void {
    switch (one.do) {
      case 'register': {
        const registration = web({
          service: service(one.name, { Port: one.port }),
          checks: one.checks.map(unnamed),
          replaceExistingChecks: one.replace,
        })
        bench.ask({ kind: 'register-service', registration })
        return
      }
      case 'deregister':
        bench.ask({ kind: 'deregister-service', id: one.name })
        return
      case 'check':
        bench.ask({
          kind: 'register-check',
          registration: asked(one.id, one.how, { ServiceID: one.of }),
        })
        return
      case 'uncheck':
        bench.ask({ kind: 'deregister-check', id: one.id })
        return
      case 'report':
        bench.ask({ kind: 'update-check', id: one.id, status: one.status, output: 'o', date: bench.now })
        return
      case 'answer': {
        const [call] = bench.calls.splice(one.which % Math.max(1, bench.calls.length), 1)
        if (call === undefined) return
        if (one.fails) bench.say({ kind: 'failed', id: call.id, code: 'no-leader', message: 'No cluster leader' })
        else bench.answer(call)
        return
      }
      case 'vandalise':
        bench.catalog.services.set(one.name, service(one.name, { ID: one.name, Port: 999 }))
        return
      case 'wait':
        bench.now += one.ms
        bench.say({ kind: 'tick' })
        return
    }
  }
})

test('the larger the cluster, the rarer the comparisons', () => {
  assert.deepEqual([1, 128, 129, 256, 257, 8192].map(scaleFactor), [1, 1, 2, 2, 3, 7])
})
