/**
 * The typed client at work, on our agent and on the real one: locks that exclude each other and the real `consul lock`,
 * semaphores, sessions that live as long as they are held, services that report for themselves, reads that are followed.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { type Consul, connect, follow, LockConflict } from '../src/api/index.ts'
import { type AgentProcess, realConsul, startAgentProcess } from './support/process.ts'

const run = promisify(execFile)
const real = realConsul()

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason)
    else signal.addEventListener('abort', () => resolve(signal.reason))
  })
}

for (const [name, command] of Object.entries({ Proconsul: undefined, 'the real Consul': real })) {
  const skip = name !== 'Proconsul' && command === undefined && 'the real Consul is not here'
  suite(`the typed client on ${name}`, { skip }, () => {
    let agent: AgentProcess
    let consul: Consul
    before(async () => {
      agent = await startAgentProcess(['-dev', '-node=x', '-log-level=err'], { command })
      consul = connect({ address: `http://127.0.0.1:${agent.ports.http}` })
    })
    after(() => agent?.kill())

    test('a lock is held by one at a time, and passes on when it is released', async () => {
      const first = await consul.lock('lock/a', { value: 'first' })
      assert.equal(await consul.lock('lock/a', { tryMs: 0 }), null)
      const { value } = await consul.kv.get('lock/a')
      assert.equal(value?.Session, first!.session)
      assert.equal(new TextDecoder().decode(value?.Value), 'first')
      const second = consul.lock('lock/a')
      await first!.release()
      assert.equal(first!.lost.aborted, true)
      const held = await second
      assert.notEqual(held!.session, first!.session)
      await held!.release()
      assert.equal((await consul.session.info(first!.session)).value, null)
    })

    test('a lock is lost with its session, and when somebody takes it away', async () => {
      const first = await consul.lock('lock/b')
      const lost = aborted(first!.lost)
      await consul.session.destroy(first!.session)
      await lost
      await first!.release().catch(() => {})
      const second = await consul.lock('lock/c')
      const gone = aborted(second!.lost)
      await consul.kv.delete('lock/c')
      await gone
      await second!.release()
    })

    test('a key that is used for something else is no lock', async () => {
      await consul.kv.put('lock/d', 'x', { flags: 7n })
      await assert.rejects(consul.lock('lock/d'), LockConflict)
      assert.equal((await consul.session.list()).value.length, 0)
    })

    test('an asker can go while it waits', async () => {
      const held = await consul.lock('lock/e')
      const gone = new AbortController()
      const waiting = assert.rejects(consul.lock('lock/e', { signal: gone.signal }))
      gone.abort()
      await waiting
      await held!.release()
    })

    test('a semaphore has so many places', async () => {
      const one = await consul.semaphore('sem', 2)
      const two = await consul.semaphore('sem', 2)
      assert.equal(await consul.semaphore('sem', 2, { tryMs: 0 }), null)
      await assert.rejects(consul.semaphore('sem', 3), /semaphore limit conflict \(lock: 2, local: 3\)/)
      const three = consul.semaphore('sem', 2)
      await one!.release()
      const held = await three
      await Promise.all([two!.release(), held!.release()])
      assert.deepEqual((await consul.kv.keys('sem/')).value, ['sem/.lock'])
    })

    test('locks exclude those of the real client', {
      skip: real === undefined && 'the real Consul is not here',
    }, async () => {
      const address = `-http-addr=127.0.0.1:${agent.ports.http}`
      const held = await consul.lock('both/.lock')
      const tried = run(real!, ['lock', address, '-try=1s', 'both', 'echo had it'])
      await assert.rejects(tried)
      await held!.release()
      const { stdout } = await run(real!, ['lock', address, '-try=30s', 'both', 'echo had it'])
      assert.match(stdout, /had it/)
    })

    test('a service reports for itself until it is stopped', async () => {
      let health: 'passing' | 'critical' = 'passing'
      const announced = await consul.announce({ Name: 'web', Port: 80 }, { ttl: '10s', check: () => health })
      const states: (string | undefined)[] = []
      for await (const { value } of follow((options) => consul.health.service('web', options))) {
        const state = value[0]?.Checks.find(({ CheckID }) => CheckID === 'proconsul:web')?.Status
        if (state === states.at(-1)) continue
        states.push(state)
        if (state === 'passing' && health === 'passing') {
          health = 'critical'
          await announced.report({ status: 'critical', output: 'unwell' })
        } else if (state === 'critical' && states.includes('passing')) await announced.stop()
        else if (value.length === 0 && states.length > 1) break
      }
      assert.deepEqual(states.slice(-3), ['passing', 'critical', undefined])
      assert.deepEqual(await consul.agent.services(), {})
    })

    test('the agent tells of itself, its machine, its measurements, its log and the health of its services', async () => {
      await consul.agent.registerService({ Name: 'own', Check: { TTL: '1h', Status: 'passing' } })
      assert.equal((await consul.agent.health({ id: 'own' })).status, 'passing')
      const { ContentHash: hash } = (await consul.agent.service('own'))!
      const changed = consul.agent.service('own', { hash, waitMs: 60_000 })
      await consul.agent.registerService({ Name: 'own', Port: 81, Check: { TTL: '1h' } })
      assert.equal((await changed)?.Port, 81)
      await consul.agent.maintain({ enable: true, service: 'own' })
      const { status, services } = await consul.agent.health({ name: 'own' })
      assert.deepEqual([status, services.length], ['maintenance', 1])
      await consul.agent.deregisterService('own')
      assert.equal(await consul.agent.service('own'), null)
      assert.equal((await consul.agent.health({ name: 'own' })).status, '')
      assert.ok('Memory' in (await consul.agent.host()))
      assert.ok(Array.isArray((await consul.agent.metrics()).Samples))
      const enough = new AbortController()
      const lines: string[] = []
      await assert.rejects(async () => {
        const noise = setInterval(() => void consul.agent.self().catch(() => {}), 20)
        try {
          const log = await consul.agent.monitor({ level: 'debug' }, { signal: enough.signal })
          for await (const bytes of log) {
            lines.push(new TextDecoder().decode(bytes))
            if (/\/v1\/agent\/self/.test(lines.join(''))) enough.abort()
          }
        } finally {
          clearInterval(noise)
        }
      })
      assert.match(lines.join(''), /\[DEBUG\] agent\.http: Request finished/)
    })

    test('a transaction happens as a whole or not at all', async () => {
      const done = await consul.txn([
        { KV: { Verb: 'set', Key: 'txn/a', Value: 'é' } },
        { KV: { Verb: 'get', Key: 'txn/a' } },
      ])
      assert.equal(done.committed, true)
      assert.equal(done.results.length, 2)
      const undone = await consul.txn([
        { KV: { Verb: 'delete', Key: 'txn/a' } },
        { KV: { Verb: 'check-not-exists', Key: 'txn/a' } },
        { KV: { Verb: 'cas', Key: 'txn/a', Index: 1, Value: 'x' } },
      ])
      assert.equal(undone.committed, false)
      assert.equal(undone.errors[0]?.OpIndex, 2)
      assert.equal(new TextDecoder().decode((await consul.kv.get('txn/a')).value?.Value), 'é')
    })

    test('a prepared query is kept, asked, explained and deleted', async () => {
      const id = await consul.query.create({ Name: 'q', Service: { Service: 'consul', OnlyPassing: true } })
      assert.equal((await consul.query.get(id))?.Name, 'q')
      assert.equal((await consul.query.execute('q', { limit: 1 }))?.Nodes[0]?.Node.Node, 'x')
      await consul.query.update({ ID: id, Name: 'r', Service: { Service: 'consul' } })
      assert.deepEqual(
        (await consul.query.list()).value.map(({ Name }) => Name),
        ['r'],
      )
      assert.equal(await consul.query.execute('q'), null)
      await consul.query.delete(id)
      assert.equal(await consul.query.get(id), null)
    })
  })
}
