/** What the configuration defines: taken up, changed and dropped at reloads, beside what was registered over the API. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import type { NodeService } from '../../model/catalog.ts'
import type { CheckRun } from '../../model/check-run.ts'
import type { HealthCheck } from '../../model/health.ts'
import { asked, service as fixture, PLAIN, ttl } from './local.testing.ts'
import { type LocalDefinitions, type LocalEffect, type LocalServiceRegistration, makeLocal } from './local.ts'

function service(ID: string, more: Partial<NodeService> = {}): NodeService {
  return fixture(ID, { ID, ...more })
}

function check(id: string, run: Partial<CheckRun> = ttl(60), more: Partial<HealthCheck> = {}) {
  return asked(id, run, more)
}

function registration(one: NodeService, ...checks: ReturnType<typeof check>[]): LocalServiceRegistration {
  return { service: one, checks, token: '', replaceExistingChecks: false }
}

function play() {
  const local = makeLocal({ ...PLAIN, random: seededRandom(1) })
  let ticket = 0
  const ask = (input: object): LocalEffect[] => {
    ticket += 1
    local.step(0, { ...input, ticket } as never)
    return local.take().filter(({ kind }) => kind !== 'log')
  }
  const load = (wish: Partial<LocalDefinitions>) =>
    ask({ kind: 'load', definitions: { services: [], checks: [], meta: {}, discardCheckOutput: false, ...wish } })
  return {
    ask,
    load,
    step: local.step,
    services: () => local.services().map(({ service: one }) => `${one.ID}:${one.Port}`),
    checks: () => local.checks().map(({ check: one }) => `${one.CheckID}=${one.Status}`),
  }
}

suite('definitions of the configuration', () => {
  test('they come, change and go, and nothing of them is stored', () => {
    const local = play()
    assert.deepEqual(local.load({ services: [registration(service('a'), check('')), registration(service('b'))] }), [
      { kind: 'done', ticket: 1 },
    ])
    assert.deepEqual(local.services(), ['a:80', 'b:80'])
    assert.deepEqual(local.checks(), ['service:a=critical'])
    const effects = local.load({ services: [registration(service('b', { Port: 81 }))], checks: [check('own')] })
    assert.deepEqual(
      effects.map(({ kind }) => kind),
      ['forget', 'done'],
    )
    assert.deepEqual(local.services(), ['b:81'])
    assert.deepEqual(local.checks(), ['own=critical'])
  })

  test('of two definitions of one service the later counts, with the checks of both', () => {
    const local = play()
    const first = registration(service('a'), check('c'), check(''))
    const services = [first, registration(service('b')), registration(service('a', { Port: 81 }), check(''))]
    for (let times = 0; times < 2; times++) {
      local.load({ services })
      assert.deepEqual(local.services(), ['a:81', 'b:80'])
      assert.deepEqual(local.checks(), ['c=critical', 'service:a:2=critical', 'service:a=critical'])
    }
    local.load({ services: services.slice(1) })
    assert.deepEqual(local.checks(), ['service:a=critical'])
  })

  test('a check that stays keeps its status', () => {
    const local = play()
    const both = { services: [registration(service('a'), check('of-a'))], checks: [check('own')] }
    local.load(both)
    for (const id of ['of-a', 'own']) {
      local.ask({ kind: 'update-check', id, status: 'passing', output: 'fine', date: 0 })
    }
    local.load(both)
    assert.deepEqual(local.checks(), ['of-a=passing', 'own=passing'])
    local.load({ ...both, services: [registration(service('a', { Port: 1 }), check('of-a'))] })
    assert.deepEqual(local.checks(), ['of-a=passing', 'own=passing'])
  })

  test('what was registered over the API stays; where both name one, the configuration has it', () => {
    const local = play()
    local.ask({ kind: 'register-service', registration: registration(service('api'), check('')) })
    local.ask({ kind: 'register-service', registration: registration(service('both')) })
    const effects = local.load({ services: [registration(service('both', { Port: 9 }))] })
    assert.deepEqual(
      effects.filter(({ kind }) => kind === 'forget'),
      [{ kind: 'forget', folder: 'services', id: 'both' }],
    )
    assert.deepEqual(local.services(), ['api:80', 'both:9'])
    local.load({})
    assert.deepEqual(local.services(), ['api:80'])
    assert.deepEqual(local.checks(), ['service:api=critical'])
  })

  test('a check of a service that there is not is refused, and changes nothing', () => {
    const local = play()
    local.load({ services: [registration(service('a'))] })
    const wrong = check('c', {}, { ServiceID: 'none' })
    assert.deepEqual(local.load({ checks: [wrong], services: [registration(service('b'))] }), [
      {
        kind: 'refused',
        ticket: 2,
        message: `Failed to register check 'c': ServiceID "none" does not exist`,
      },
    ])
    assert.deepEqual(local.services(), ['a:80'])
  })

  test('a file of the data directory gives way to the configuration', () => {
    const local = play()
    local.load({ services: [registration(service('a', { Port: 1 }))] })
    const files = { services: [{ Service: service('a', { Port: 2 }), Token: '' }], checks: [], states: [], configs: [] }
    const effects = local.ask({ kind: 'restore', files, date: 0 })
    assert.deepEqual(effects, [{ kind: 'forget', folder: 'services', id: 'a' }])
    assert.deepEqual(local.services(), ['a:1'])
  })

  test('a sidecar goes with its service', () => {
    const local = play()
    const sidecar = service('a-sidecar-proxy', { LocallyRegisteredAsSidecar: true, Port: 21000 })
    local.ask({ kind: 'register-service', registration: registration(service('a')) })
    local.ask({ kind: 'register-service', registration: registration(sidecar) })
    local.ask({ kind: 'deregister-service', id: 'a' })
    assert.deepEqual(local.services(), [])
  })

  test('maintenance is a critical check that is stored, and survives a reload', () => {
    const local = play()
    local.load({ services: [registration(service('a'))] })
    const wish = { kind: 'maintain', service: 'a', enable: true, reason: '', token: '' }
    assert.deepEqual(
      local.ask(wish).map((effect) => (effect.kind === 'persist' ? effect.id : effect.kind)),
      ['_service_maintenance:a', 'done'],
    )
    assert.deepEqual(local.ask(wish), [{ kind: 'done', ticket: 3 }])
    local.ask({ ...wish, service: '', reason: 'new disks' })
    local.load({ services: [registration(service('a'))] })
    assert.deepEqual(local.checks(), ['_service_maintenance:a=critical', '_node_maintenance=critical'])
    local.ask({ ...wish, enable: false })
    local.ask({ ...wish, service: '', enable: false })
    assert.deepEqual(local.checks(), [])
    assert.deepEqual(local.ask({ ...wish, service: 'none' }), [
      { kind: 'refused', ticket: 8, message: 'No service registered with ID "none"' },
    ])
  })
})
