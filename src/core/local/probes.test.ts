/** Checks that are tried at intervals, and checks that follow others, through the local core's face. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../base/random.ts'
import type { CheckRun, Probe } from '../../model/check-run.ts'
import type { HealthCheck } from '../../model/health.ts'
import { asked, checkRow, PLAIN, service, web } from './local.testing.ts'
import { type LocalEffect, type LocalInput, makeLocal } from './local.ts'

const SECOND = 1e9

class Bench {
  now = 1_000
  readonly #local = makeLocal({ ...PLAIN, durable: false, random: seededRandom(3) })
  effects: LocalEffect[] = []

  say(input: LocalInput | { kind: 'tick' }): void {
    this.#local.step(this.now, input)
    this.effects.push(...this.#local.take())
  }

  register(id: string, run: Partial<CheckRun>, more: Partial<HealthCheck> = {}): void {
    this.say({ kind: 'register-check', ticket: 1, registration: asked(id, run, more, 'secret') })
  }

  service(name: string, checks: [id: string, run: Partial<CheckRun>, status?: string][] = []): void {
    const registration = web({
      service: service(name),
      checks: checks.map(([id, run, Status = '']) => asked(id, run, { Status })),
    })
    this.say({ kind: 'register-service', ticket: 1, registration })
  }

  /** Turns the clock to when the core asked to be woken, and wakes it. */
  wake(): void {
    const at = this.#local.wakeAt()
    assert.notEqual(at, null, 'the core wants to be woken')
    this.now = Math.max(this.now, at!)
    this.say({ kind: 'tick' })
  }

  takeAll<K extends LocalEffect['kind']>(kind: K): (LocalEffect & { kind: K })[] {
    const found = this.effects.filter((effect): effect is LocalEffect & { kind: K } => effect.kind === kind)
    this.effects = []
    return found
  }

  /** Wakes the core until it tries something. */
  attempt(): { attempt: number; check: string; probe: Probe } {
    for (let tries = 0; tries < 10; tries++) {
      const [probe] = this.takeAll('probe')
      if (probe !== undefined) return probe
      this.wake()
    }
    throw new Error('nothing was tried')
  }

  /** One attempt with that result. */
  result(status: 'passing' | 'warning' | 'critical', output = '', final = false): string {
    const { attempt, check } = this.attempt()
    this.say({ kind: 'probed', attempt, result: { status, output, final } })
    return this.status(check)
  }

  status(id: string): string {
    return this.row(id)?.Status ?? 'gone'
  }

  row(id: string): HealthCheck | undefined {
    return this.#local.checks().find(({ check }) => check.CheckID === id)?.check
  }
}

const http = (more: Partial<CheckRun> = {}): Partial<CheckRun> => ({ HTTP: 'http://x/', Interval: 5 * SECOND, ...more })

suite('checks at intervals', () => {
  test('the first attempt falls anywhere into the first interval, each later one an interval after the last ended', () => {
    const bench = new Bench()
    bench.register('h', http())
    const first = bench.attempt()
    assert.ok(bench.now >= 1_000 && bench.now < 6_000)
    const began = bench.now
    bench.now += 60_000
    bench.say({ kind: 'tick' })
    assert.deepEqual(bench.takeAll('probe'), [], 'none beside one that takes long')
    bench.say({ kind: 'probed', attempt: first.attempt, result: { status: 'passing', output: 'ok' } })
    bench.attempt()
    assert.equal(bench.now, began + 65_000)
  })

  test('the status and output are those of the last attempt', () => {
    const bench = new Bench()
    bench.register('h', http())
    assert.equal(bench.status('h'), 'critical', 'until it is known better')
    assert.equal(bench.result('passing', 'fine'), 'passing')
    assert.equal(bench.row('h')?.Output, 'fine')
    assert.equal(bench.row('h')?.Type, 'http')
    assert.equal(bench.result('warning'), 'warning')
    assert.equal(bench.result('critical'), 'critical')
  })

  test('thresholds: so many in a row before a status counts, but the first result counts at once', () => {
    const bench = new Bench()
    bench.register('h', http({ SuccessBeforePassing: 2, FailuresBeforeCritical: 3 }))
    const seen = (
      ['passing', 'critical', 'critical', 'passing', 'critical', 'critical', 'critical', 'passing', 'warning'] as const
    ).map((status) => bench.result(status))
    assert.deepEqual(seen, [
      ...['passing', 'passing', 'passing', 'passing', 'passing', 'passing', 'critical', 'critical', 'warning'],
    ])
  })

  test('it may warn before it is critical', () => {
    const bench = new Bench()
    bench.register('h', http({ FailuresBeforeWarning: 2, FailuresBeforeCritical: 3 }), { Status: 'passing' })
    assert.equal(bench.result('passing'), 'passing')
    const seen = [1, 2, 3].map(() => bench.result('critical'))
    assert.deepEqual(seen, ['passing', 'warning', 'critical'])
  })

  test('an attempt that could not be made counts whatever the thresholds', () => {
    const bench = new Bench()
    bench.register('s', { ScriptArgs: ['x'], Interval: SECOND, FailuresBeforeCritical: 9 }, { Status: 'passing' })
    bench.result('passing')
    assert.equal(bench.result('critical', 'no such file', true), 'critical')
  })

  test('an interval of less than a second is one of a second', () => {
    const bench = new Bench()
    bench.register('h', http({ Interval: SECOND / 100 }))
    bench.result('passing')
    const before = bench.now
    bench.attempt()
    assert.equal(bench.now, before + 1_000)
  })

  test('a check that goes abandons the attempt under way, and its late result changes nothing', () => {
    const bench = new Bench()
    bench.register('h', http())
    const { attempt } = bench.attempt()
    bench.say({ kind: 'deregister-check', ticket: 2, id: 'h' })
    assert.deepEqual(
      bench.takeAll('abandon').map((effect) => effect.attempt),
      [attempt],
    )
    bench.register('h', http())
    bench.say({ kind: 'probed', attempt, result: { status: 'passing', output: 'late' } })
    assert.equal(bench.row('h')?.Output, '')
  })

  test('whatever is registered, removed and answered, no check is ever tried twice at once', () => {
    const step = fc.record({
      what: fc.constantFrom('register', 'remove', 'answer', 'wait'),
      id: fc.constantFrom('a', 'b'),
      pick: fc.nat(5),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench()
        const underWay = new Map<number, string>()
        for (const { what, id, pick } of steps) {
          if (what === 'register') bench.register(id, http())
          if (what === 'remove') bench.say({ kind: 'deregister-check', ticket: 2, id })
          if (what === 'wait') {
            bench.now += 2_000
            bench.say({ kind: 'tick' })
          }
          if (what === 'answer') {
            const attempt = [...underWay.keys()][pick]
            if (attempt !== undefined) {
              underWay.delete(attempt)
              bench.say({ kind: 'probed', attempt, result: { status: 'passing', output: '' } })
            }
          }
          for (const effect of bench.effects) {
            if (effect.kind === 'abandon') assert.ok(underWay.delete(effect.attempt))
            if (effect.kind !== 'probe') continue
            assert.ok(![...underWay.values()].includes(effect.check))
            underWay.set(effect.attempt, effect.check)
          }
          bench.effects = []
        }
      }),
    )
  })
})

suite('aliases', () => {
  test('follow a service of this node at once, with the words of what is wrong with it', () => {
    const bench = new Bench()
    bench.register('a', { AliasService: 'web' })
    assert.equal(bench.row('a')?.Output, 'Service web could not be found on node ')
    bench.service('web', [['w', { TTL: 100 * SECOND }, 'passing']])
    assert.deepEqual([bench.status('a'), bench.row('a')?.Output], ['passing', 'All checks passing.'])
    bench.say({ kind: 'update-check', ticket: 3, id: 'w', status: 'warning', output: 'hot', date: 0 })
    assert.deepEqual([bench.status('a'), bench.row('a')?.Output], ['warning', 'Aliased check "w" failing: hot'])
    bench.say({ kind: 'deregister-service', ticket: 4, id: 'web' })
    assert.equal(bench.status('a'), 'critical')
  })

  test("count the node's own checks too, and no other service's", () => {
    const bench = new Bench()
    bench.service('web')
    bench.service('db', [['d', { TTL: 100 * SECOND }, 'critical']])
    bench.register('a', { AliasService: 'web' })
    assert.deepEqual([bench.status('a'), bench.row('a')?.Output], ['passing', 'No checks found.'])
    bench.register('disk', { TTL: 100 * SECOND }, { Status: 'critical' })
    assert.equal(bench.status('a'), 'critical')
  })

  test('ask the servers about another node, again for what is newer, and later and later when they fail', () => {
    const bench = new Bench()
    bench.register('a', { AliasNode: 'n2', AliasService: 'web' })
    const [first] = bench.takeAll('ask-alias')
    assert.deepEqual([first?.node, first?.service, first?.index, first?.token], ['n2', 'web', 0, 'secret'])
    const checks = [checkRow('w', { Node: 'n2', ServiceID: 'web', Status: 'passing' })]
    bench.say({ kind: 'alias-answer', question: first!.question, health: { index: 7, checks, exists: true } })
    assert.equal(bench.status('a'), 'passing')
    let [next] = bench.takeAll('ask-alias')
    assert.equal(next?.index, 7)
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      const before = bench.now
      bench.say({ kind: 'alias-failed', question: next!.question, message: 'No cluster leader' })
      if (i === 0) assert.equal(bench.status('a'), 'passing', 'once may happen')
      for (next = bench.takeAll('ask-alias')[0]; next === undefined; next = bench.takeAll('ask-alias')[0]) bench.wake()
      waits.push(bench.now - before)
    }
    assert.deepEqual(waits, [0, 0, 0, 2_000, 4_000, 8_000])
    assert.equal(bench.row('a')?.Output, 'Failure checking aliased node or service: No cluster leader')
    const gone = { index: 8, checks: [], exists: false }
    bench.say({ kind: 'alias-answer', question: next.question, health: gone })
    assert.equal(bench.row('a')?.Output, 'Service web could not be found on node n2')
  })

  test('one of itself, and two of one another, come to rest', () => {
    const bench = new Bench()
    bench.service('a', [['of-b', { AliasService: 'b' }, 'passing']])
    bench.service('b', [['of-a', { AliasService: 'a' }, 'passing']])
    bench.register('self', { AliasNode: '', AliasService: 'self' })
    bench.say({ kind: 'tick' })
    assert.deepEqual([bench.status('of-a'), bench.status('of-b')], ['critical', 'critical'])
  })
})
