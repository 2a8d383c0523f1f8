/** Configuration entries read in slices: what comes of them, mistakes included, is what comes of them at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Resumable } from '../../base/resumable.ts'
import { nothingFound, readEntry } from './config-bodies.ts'

const KINDS = [
  ...['service-defaults', 'proxy-defaults', 'service-router', 'service-splitter', 'service-resolver'],
  ...['ingress-gateway', 'terminating-gateway', 'nonsense'],
]
const NAMES = [
  ...['Name', 'name', 'Meta', 'Config', 'MeshGateway', 'mesh_gateway', 'Mode', 'Expose', 'Paths', 'Path', 'Protocol'],
  ...['Routes', 'Match', 'HTTP', 'PathExact', 'path_exact', 'Header', 'Methods', 'Destination', 'RequestTimeout'],
  ...['Splits', 'Weight', 'Subsets', 'Filter', 'Redirect', 'Failover', 'Datacenters', 'Listeners', 'Services', 'Hosts'],
  ...['Port', 'TLS', 'Enabled', 'Namespace', 'x', '__proto__'],
]

const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, 0, 1.5, '', 'x', '10s', '8080', 'local'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 5 })
      .map((pairs) => Object.fromEntries(pairs)),
  ),
})).value

test('slices of any size make the same entry, or find the same faults', () => {
  const entries = fc.tuple(fc.constantFrom(...KINDS), fc.dictionary(fc.constantFrom(...NAMES), values))
  let [made, refused] = [0, 0]
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 6 }), ([Kind, fields], rounds) => {
      const body = { Kind, ...fields }
      const whole = readEntry(body)
      const found = nothingFound()
      const slices = new Resumable(() => readEntry(body, found))
      while (!slices.step(rounds)) {}
      assert.deepEqual(slices.result, whole)
      if (typeof whole === 'string') refused += 1
      else made += 1
    }),
    { numRuns: 1000, seed: 6 },
  )
  assert.ok(made > 50 && refused > 50, `${made} made, ${refused} refused`)
})
