import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Registry } from '../base/metrics.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import { ConsulError } from '../model/errors.ts'
import { makeCache } from './cache.ts'

/** A cache over calls that the test answers, on a clock that the test turns. */
function setUp() {
  let now = 1000
  const alarms: { at: number; run: () => void }[] = []
  const calls: { args: Record<string, unknown>; answer(reply: unknown): void; fail(error: Error): void }[] = []
  const metrics = new Registry({ prefix: '', host: '', allow: [], block: [], otherwise: true }, 0)
  const cache = makeCache(
    {
      metrics,
      now: () => now,
      wake(at, run) {
        const alarm = { at, run }
        alarms.push(alarm)
        return () => void alarms.splice(alarms.indexOf(alarm), 1)
      },
    },
    {
      call: (_, args) =>
        new Promise((resolve, reject) => {
          calls.push({ args: args as never, answer: resolve as never, fail: reject })
        }),
    },
  )
  const settle = () => new Promise<void>((done) => setImmediate(done))
  return {
    cache,
    calls,
    /** What was counted, without what all of it begins with. */
    counted: () =>
      Object.fromEntries(
        metrics
          .series()
          .filter(({ kind, total }) => kind === 'counter' && total.sum > 0)
          .map(({ name, total }) => [name.replace('consul.cache.', ''), total.sum]),
      ),
    async answer(reply: object) {
      calls.shift()!.answer({ KnownLeader: true, LastContact: 0, ...reply })
      await settle()
    },
    async fail() {
      calls.shift()!.fail(new ConsulError('no-leader'))
      await settle()
    },
    async turn(ms: number) {
      now += ms
      for (const alarm of alarms.filter(({ at }) => at <= now)) {
        if (alarms.includes(alarm)) {
          alarms.splice(alarms.indexOf(alarm), 1)
          alarm.run()
        }
      }
      await settle()
    },
    settle,
  }
}

const WEB = { ServiceName: 'web', Datacenter: 'dc1' }

suite('the agent’s cache', () => {
  test('asks once for many, keeps asking for changes, and answers at once from then on', async () => {
    const { cache, calls, answer } = setUp()
    const both = [cache.get('Health.ServiceNodes', WEB), cache.get('Health.ServiceNodes', { ...WEB, UseCache: true })]
    assert.equal(calls.length, 1)
    assert.equal(calls[0]!.args.AllowStale, true)
    await answer({ Index: 7, Nodes: [] })
    for (const each of await Promise.all(both)) assert.deepEqual([each.hit, each.reply.Index], [false, 7])
    assert.equal(calls.length, 1)
    assert.equal(calls[0]!.args.MinQueryIndex, 7)
    const again = await cache.get('Health.ServiceNodes', WEB)
    assert.deepEqual([again.hit, again.ageMs, again.reply.Index], [true, 0, 7])
    await answer({ Index: 9, Nodes: [] })
    assert.equal((await cache.get('Health.ServiceNodes', WEB)).reply.Index, 9)
  })

  test('counts what it had, what it had not, and how asking went', async () => {
    const { cache, answer, fail, counted } = setUp()
    const first = cache.get('Health.ServiceNodes', WEB)
    await answer({ Index: 7 })
    await first
    await cache.get('Health.ServiceNodes', WEB)
    const next = cache.get('Health.ServiceNodes', { ...WEB, MinQueryIndex: 7 })
    const failed = assert.rejects(next)
    await fail()
    await failed
    assert.deepEqual(counted(), {
      'health-services.miss_new': 1,
      'health-services.miss_block': 1,
      'health-services.hit': 1,
      'health-services.fetch_success': 1,
      'health-services.fetch_error': 1,
      fetch_success: 1,
      fetch_error: 1,
    })
  })

  test('lets those wait who know the index, until an answer or their time', async () => {
    const { cache, answer, turn } = setUp()
    const first = cache.get('Health.ServiceNodes', WEB)
    await answer({ Index: 7 })
    await first
    const woken = cache.get('Health.ServiceNodes', { ...WEB, MinQueryIndex: 7 })
    const patient = cache.get('Health.ServiceNodes', { ...WEB, MinQueryIndex: 8, MaxQueryTime: 50 * NANOS_PER_MS })
    await answer({ Index: 8 })
    assert.deepEqual([(await woken).hit, (await woken).reply.Index], [false, 8])
    await turn(60)
    assert.equal((await patient).reply.Index, 8)
  })

  test('says how long it has been without contact, and goes on answering', async () => {
    const { cache, calls, answer, fail, turn } = setUp()
    const first = cache.get('Health.ServiceNodes', WEB)
    await answer({ Index: 7 })
    await first
    await fail()
    await turn(3000)
    const { hit, ageMs } = await cache.get('Health.ServiceNodes', WEB)
    assert.deepEqual([hit, ageMs], [true, 3000])
    assert.equal(calls.length, 1, 'it asks again after a pause')
    await answer({ Index: 8 })
    assert.equal((await cache.get('Health.ServiceNodes', WEB)).ageMs, 0)
  })

  test('keeps what is not refreshed for as long as the asker allows', async () => {
    const { cache, calls, answer, fail, turn } = setUp()
    const ask = (options = {}) => cache.get('Catalog.ListDatacenters', { ...options })
    const first = ask()
    await answer(['dc1'])
    assert.equal((await first).hit, false)
    await turn(5000)
    assert.deepEqual([(await ask()).hit, (await ask()).ageMs], [true, 5000])
    assert.equal(calls.length, 0)
    const young = ask({ MaxAge: 1000 * NANOS_PER_MS })
    await answer(['dc1', 'dc2'])
    assert.equal((await young).hit, false)
    const checked = ask({ MustRevalidate: true })
    await answer(['dc1'])
    assert.equal((await checked).hit, false)
    await turn(5000)
    const tooOld = assert.rejects(ask({ MaxAge: 1, StaleIfError: 9000 * NANOS_PER_MS }), { code: 'no-leader' })
    await fail()
    await tooOld
    // Looked at again in vain, it serves.
    const looked = ask({ MustRevalidate: true })
    await fail()
    assert.deepEqual([(await looked).hit, (await looked).ageMs], [false, 0])
    const lookedWhileYoung = ask({ MustRevalidate: true, MaxAge: 9000 * NANOS_PER_MS })
    await fail()
    assert.equal((await lookedWhileYoung).hit, false)
  })

  test('says so when the time is up and nothing is known, and keeps on asking', async () => {
    const { cache, calls, answer, turn } = setUp()
    const options = { ...WEB, MaxQueryTime: 50 * NANOS_PER_MS }
    const inVain = assert.rejects(
      cache.get('Health.ServiceNodes', options),
      /^ConsulError: internal error: response type/,
    )
    await turn(60)
    await inVain
    assert.equal(calls.length, 1)
    await answer({ Index: 7 })
    assert.equal((await cache.get('Health.ServiceNodes', options)).hit, true)
  })

  test('gives an error to those who know the index, and what it has to others', async () => {
    const { cache, answer, fail } = setUp()
    const first = cache.get('Health.ServiceNodes', WEB)
    await answer({ Index: 7 })
    await first
    const waiting = assert.rejects(cache.get('Health.ServiceNodes', { ...WEB, MinQueryIndex: 7 }), {
      code: 'no-leader',
    })
    await fail()
    await waiting
    assert.equal((await cache.get('Health.ServiceNodes', { ...WEB, MustRevalidate: true })).hit, true)
  })

  test('keeps no failure, and frees who waits when it stops or they leave', async () => {
    const { cache, calls, fail } = setUp()
    const failing = assert.rejects(cache.get('Health.ServiceNodes', WEB), { code: 'no-leader' })
    await fail()
    await failing
    const gone = new AbortController()
    const leaving = cache.get('Health.ServiceNodes', WEB, { signal: gone.signal })
    assert.equal(calls.length, 1)
    gone.abort()
    await assert.rejects(leaving)
    const waiting = cache.get('Health.ServiceNodes', WEB)
    cache.stop()
    await assert.rejects(waiting, { code: 'shutting-down' })
    await assert.rejects(cache.get('Health.ServiceNodes', WEB), { code: 'shutting-down' })
  })

  test('tells apart what differs in token, datacenter, filter and tags, not in how it is asked', async () => {
    const { cache, calls } = setUp()
    for (const args of [{}, { Token: 'a' }, { Datacenter: 'dc2' }, { Filter: 'x' }, { ServiceTags: ['a'] }]) {
      void cache.get('Health.ServiceNodes', { ...WEB, ...args }).catch(() => {})
    }
    assert.equal(calls.length, 5)
    for (const args of [{ MaxAge: 1 }, { AllowStale: true }, { MinQueryIndex: 9 }]) {
      void cache.get('Health.ServiceNodes', { ...WEB, ...args }).catch(() => {})
    }
    assert.equal(calls.length, 5)
    cache.stop()
  })
})
