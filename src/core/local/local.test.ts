/** The local core as transcripts: what goes in, and what comes out. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_DEFINITION } from '../../model/health.ts'
import { asked, Bench, checkRow, service, tell, ttl, unnamed, web } from './local.testing.ts'
import type { LocalSettings } from './local.ts'

suite('local: the first comparison', () => {
  test('registers the node, and leaves alone what the leader keeps', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    assert.deepEqual(bench.read(), [
      'info started state syncer {}',
      'call Catalog.NodeServiceList',
      'call Health.NodeChecks',
      'debug Skipping remote check since it is managed automatically {"check":"serfHealth"}',
      'call Catalog.Register',
      'info Synced node info {}',
    ])
    assert.deepEqual(bench.catalog.node?.Meta, { rack: '7', 'consul-network-segment': '' })
    assert.deepEqual([...bench.catalog.services.keys()], ['consul'])
  })

  test('finds everything in sync the next time', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(3600))] }) }).settle()
    bench.read()
    bench.wake().settle()
    assert.ok(bench.now >= 60_000 && bench.now < 120_000, 'a minute, staggered by up to one more')
    assert.deepEqual(bench.read(), [
      'call Catalog.NodeServiceList',
      'call Health.NodeChecks',
      'debug Skipping remote check since it is managed automatically {"check":"serfHealth"}',
      'debug Node info in sync {}',
      'debug Service in sync {"service":"web"}',
      'debug Check in sync {"check":"service:web"}',
    ])
  })

  test('deregisters what only the catalog knows', () => {
    const bench = new Bench()
    bench.catalog.services.set('old', service('old', { ID: 'old' }))
    bench.catalog.checks.set('stray', checkRow('stray'))
    bench.say({ kind: 'start' }).settle()
    assert.deepEqual(bench.read().slice(-4).sort(), [
      'call Catalog.Deregister check stray',
      'call Catalog.Deregister service old',
      'info Deregistered check {"check":"stray"}',
      'info Deregistered service {"service":"old"}',
    ])
    assert.deepEqual([...bench.catalog.services.keys()], ['consul'])
    assert.deepEqual([...bench.catalog.checks.keys()], ['serfHealth'])
  })

  test('puts right what was changed behind its back, but takes over tags when they may be overridden', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() })
    bench.ask({
      kind: 'register-service',
      registration: web({ service: service('free', { EnableTagOverride: true, Tags: ['a'] }) }),
    })
    bench.settle()
    bench.catalog.services.set('web', { ...bench.catalog.services.get('web')!, Port: 81 })
    bench.catalog.services.set('free', { ...bench.catalog.services.get('free')!, Tags: ['b'] })
    bench.read()
    bench.wake().settle()
    assert.ok(bench.read().includes('call Catalog.Register service web'))
    assert.equal(bench.catalog.services.get('web')?.Port, 80)
    assert.deepEqual(bench.catalog.services.get('free')?.Tags, ['b'])
    const free = bench.local.services().find((one) => one.service.ID === 'free')
    assert.deepEqual(free?.service.Tags, ['b'])
  })
})

suite('local: failures', () => {
  test('a failed comparison is tried again after 15 to 30 seconds', () => {
    const bench = new Bench().say({ kind: 'start' }).failAll('No cluster leader')
    assert.deepEqual(bench.read().slice(-1), ['error failed to sync remote state {"error":"No cluster leader"}'])
    bench.wake().settle()
    assert.ok(bench.now >= 15_000 && bench.now < 30_000)
    assert.equal(bench.catalog.node?.Node, 'n1')
  })

  test('a leader that appears is asked at once by a lone node, and within three seconds by one of many', () => {
    const alone = new Bench().say({ kind: 'start' }).failAll('No cluster leader')
    alone.say({ kind: 'leader-changed' }).settle()
    assert.equal(alone.catalog.node?.Node, 'n1')

    const many = new Bench().say({ kind: 'cluster-size', nodes: 5 }).say({ kind: 'start' }).failAll('No cluster leader')
    many.say({ kind: 'leader-changed' })
    assert.equal(many.calls.length, 0)
    many.wake().settle()
    assert.ok(many.now < 3_000)
    assert.equal(many.catalog.node?.Node, 'n1')
  })

  test('a failed change waits for the retry, and is told', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() }).failAll('timed out')
    assert.deepEqual(bench.read().slice(-2), [
      'warn Syncing service failed. {"service":"web","error":"timed out"}',
      'error failed to sync changes {"error":"timed out"}',
    ])
    bench.wake().settle()
    assert.ok(bench.now < 30_000)
    assert.ok(bench.catalog.services.has('web'))
  })

  test('what a token may not do is not tried again before the next comparison', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ token: 'weak' }) })
    const [call] = bench.calls.splice(0)
    assert.equal(call?.args.Token, 'weak')
    bench.say({ kind: 'failed', id: call!.id, code: 'permission-denied', message: 'Permission denied' })
    assert.deepEqual(bench.read().slice(-1), [
      'warn Service registration blocked by ACLs {"service":"web","accessorID":""}',
    ])
    assert.equal(bench.calls.length, 0)
    bench.wake().settle()
    assert.ok(bench.now >= 60_000)
    assert.ok(bench.catalog.services.has('web'))
  })

  test('a change while its own call is under way is sent again', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() })
    bench.ask({ kind: 'register-service', registration: web({ service: service('web', { Port: 81 }) }) })
    assert.equal(bench.calls.length, 1, 'one call at a time for a service')
    bench.settle()
    assert.equal(bench.catalog.services.get('web')?.Port, 81)
  })

  test('a service that goes while its registration is under way goes from the catalog too', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    bench.ask({ kind: 'deregister-service', id: 'web' })
    bench.settle()
    assert.equal(bench.catalog.services.has('web'), false)
    assert.deepEqual([...bench.catalog.checks.keys()], ['serfHealth'])
    assert.deepEqual(bench.local.services(), [])
  })

  test('a service or check registered anew while its removal is under way stays', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() }).settle()
    bench.ask({ kind: 'deregister-service', id: 'web' })
    bench.ask({ kind: 'register-service', registration: web() })
    bench.settle()
    assert.equal(bench.local.services().length, 1)
    assert.ok(bench.catalog.services.has('web'))

    const mem = asked('mem', ttl(10))
    bench.ask({ kind: 'register-check', registration: mem }).settle()
    bench.ask({ kind: 'deregister-check', id: 'mem' })
    bench.ask({ kind: 'register-check', registration: mem })
    bench.settle()
    assert.equal(bench.local.checks().length, 1)
    assert.ok(bench.catalog.checks.has('mem'))
  })

  test('a report while the check is being sent is sent after it, without waiting for a comparison', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-check', registration: asked('mem', ttl(10)) })
    bench.ask({ kind: 'update-check', id: 'mem', status: 'passing', output: '', date: 0 })
    bench.settle()
    assert.equal(bench.catalog.checks.get('mem')?.Status, 'passing')
  })

  test('replies that come after the node has left change nothing', () => {
    const bench = new Bench().say({ kind: 'start' })
    const calls = bench.calls.splice(0)
    bench.say({ kind: 'stop' })
    bench.read()
    for (const call of calls) bench.answer(call)
    assert.deepEqual(bench.read(), [])
    assert.equal(bench.local.wakeAt(), null)
  })
})

suite('local: registering', () => {
  test('a service is stored, then acknowledged, then sent with its checks', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.read()
    const checks = [unnamed(ttl(10)), unnamed(ttl(20)), asked('own', ttl(5))]
    bench.ask({ kind: 'register-service', registration: web({ checks }) }).settle()
    assert.deepEqual(bench.read(), [
      'persist services web',
      'persist checks service:web:1',
      'persist checks service:web:2',
      'persist checks own',
      'done 1',
      'debug Node info in sync {}',
      'call Catalog.Register service web, checks service:web:1 service:web:2 own',
      'info Synced service {"service":"web"}',
    ])
    const shown = bench.local.checks().map(({ check: one }) => [one.CheckID, one.Name, one.Status, one.Type])
    assert.deepEqual(shown, [
      ['service:web:1', "Service 'web' check", 'critical', 'ttl'],
      ['service:web:2', "Service 'web' check", 'critical', 'ttl'],
      ['own', 'own', 'critical', 'ttl'],
    ])
    const kept = bench.catalog.checks.get('own')!
    assert.deepEqual(kept.Definition, NO_DEFINITION)
    assert.deepEqual([kept.Node, kept.ServiceID, kept.ServiceName], ['n1', 'web', 'web'])
  })

  test('what a definition leaves out is filled in', () => {
    const bench = new Bench()
    bench.ask({ kind: 'register-service', registration: web({ service: service('a', { Address: '10.0.0.1' }) }) })
    bench.ask({ kind: 'register-service', registration: web({ service: service('b', { Address: 'fd00::1' }) }) })
    bench.ask({ kind: 'register-service', registration: web({ service: service('c', { Address: 'host.example' }) }) })
    const [a, b, c] = bench.local.services().map((one) => one.service)
    assert.equal(a?.ID, 'a')
    assert.deepEqual(a?.Weights, { Passing: 1, Warning: 1 })
    const own = { Address: '10.0.0.1', Port: 80 }
    assert.deepEqual(a?.TaggedAddresses, { lan_ipv4: own, wan_ipv4: own })
    assert.deepEqual(Object.keys(b?.TaggedAddresses ?? {}), ['lan_ipv6', 'wan_ipv6'])
    assert.deepEqual(c?.TaggedAddresses, {})
  })

  test('registering again keeps the checks, unless they are to be replaced', () => {
    const bench = new Bench()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    bench.ask({
      kind: 'register-check',
      registration: asked('more', ttl(9), { ServiceID: 'web' }),
    })
    bench.ask({ kind: 'update-check', id: 'service:web', status: 'passing', output: 'fine', date: 0 })
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    const ids = () => bench.local.checks().map(({ check: one }) => `${one.CheckID} ${one.Status} ${one.Output}`.trim())
    assert.deepEqual(ids(), ['service:web passing fine', 'more critical'])
    bench.read()
    bench.ask({
      kind: 'register-service',
      registration: web({ checks: [unnamed(ttl(10))], replaceExistingChecks: true }),
    })
    assert.deepEqual(ids(), ['service:web passing fine'])
    assert.ok(bench.read().includes('forget checks more'))
  })

  test('a check of no service, and refusals in the words of the real one', () => {
    const bench = new Bench()
    bench.ask({ kind: 'register-check', registration: asked('mem', ttl(10)) })
    bench.ask({ kind: 'register-check', registration: asked('x', ttl(1), { ServiceID: 'zip' }) })
    bench.ask({ kind: 'update-check', id: 'nope', status: 'passing', output: '', date: 0 })
    bench.ask({
      kind: 'register-check',
      registration: asked('h', { HTTP: 'http://x/', Interval: 1e9 }),
    })
    bench.ask({ kind: 'update-check', id: 'h', status: 'passing', output: '', date: 0 })
    bench.ask({ kind: 'deregister-service', id: 'nope' })
    bench.ask({ kind: 'deregister-check', id: 'nope' })
    assert.deepEqual(bench.read(), [
      'persist checks mem',
      'done 1',
      'refused 2: ServiceID "zip" does not exist',
      'refused 3: CheckID "nope" does not have associated TTL',
      'persist checks h',
      'done 4',
      'refused 5: CheckID "h" does not have associated TTL',
      'warn Failed to deregister service {"service":"nope","error":"Service \\"nope\\" does not exist"}',
      'done 6',
      'debug removed check {"check":"nope"}',
      'done 7',
    ])
  })

  test('checks go with their service, in one call', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) }).settle()
    bench.read()
    bench.ask({ kind: 'deregister-service', id: 'web' }).settle()
    assert.deepEqual(bench.read(), [
      'forget services web',
      'forget checks service:web',
      'forget checks/state service:web',
      'debug removed check {"check":"service:web"}',
      'debug removed service {"service":"web"}',
      'done 2',
      'debug Node info in sync {}',
      'call Catalog.Deregister service web',
      'info Deregistered service {"service":"web"}',
    ])
  })

  test('a check with another token than its service travels alone', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ token: 't1' }) })
    bench.ask({
      kind: 'register-check',
      registration: asked('c', ttl(9), { ServiceID: 'web' }, 't2'),
    })
    const sent: string[] = []
    for (let next = bench.calls.shift(); next !== undefined; next = bench.calls.shift()) {
      if (next.method === 'Catalog.Register') sent.push(`${tell(next)} by ${next.args.Token}`)
      bench.answer(next)
    }
    assert.deepEqual(sent, [
      'call Catalog.Register service web by t1',
      'call Catalog.Register service web, check c critical by t2',
    ])
  })

  test('nothing is stored when nothing is to outlive the process', () => {
    const bench = new Bench({ durable: false })
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    bench.ask({ kind: 'update-check', id: 'service:web', status: 'passing', output: '', date: 0 })
    bench.ask({ kind: 'deregister-service', id: 'web' })
    assert.deepEqual(
      bench.read().filter((line) => /^(persist|forget)/.test(line)),
      [],
    )
  })
})

suite('local: TTL checks', () => {
  const started = (more: Partial<LocalSettings> = {}) => {
    const bench = new Bench(more).say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-check', registration: asked('ttl', ttl(10)) }).settle()
    bench.read()
    return bench
  }
  const state = (bench: Bench) => {
    const one = bench.local.checks()[0]!.check
    return `${one.Status}: ${one.Output}`
  }

  test('a report counts until the TTL is over, and each one begins it anew', () => {
    const bench = started()
    bench.now = 5_000
    bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: 'ok', date: 0 }).settle()
    assert.deepEqual(bench.read(), [
      'debug Check status updated {"check":"ttl","status":"passing"}',
      'persist checks/state ttl',
      'done 2',
      'debug Node info in sync {}',
      'call Catalog.Register check ttl passing',
      'info Synced check {"check":"ttl"}',
    ])
    assert.equal(bench.local.wakeAt(), 15_000)
    bench.now = 14_999
    bench.say({ kind: 'tick' })
    assert.equal(state(bench), 'passing: ok')
    bench.wake().settle()
    assert.equal(bench.now, 15_000)
    assert.equal(state(bench), 'critical: TTL expired (last output before timeout follows): ok')
    assert.equal(bench.catalog.checks.get('ttl')?.Status, 'critical')
    assert.equal(bench.read()[0], 'warn Check missed TTL, is now critical {"check":"ttl"}')
  })

  test('one that was never reported expires without an output to show', () => {
    const bench = started()
    bench.wake()
    assert.equal(state(bench), 'critical: TTL expired')
  })

  test('new output with the same status is sent later', () => {
    const bench = started()
    bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: '1', date: 0 }).settle()
    bench.read()
    for (let i = 2; i < 100; i++) {
      bench.now += 5_000
      bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: String(i), date: 0 }).settle()
      if (bench.catalog.checks.get('ttl')?.Output !== '1') break
    }
    assert.ok(
      bench.now >= 150_000 && bench.now <= 455_000,
      `half to one and a half times five minutes, not ${bench.now}`,
    )
  })

  test('output can be bounded, in bytes, or thrown away', () => {
    const bench = started({ checkOutputMaxSize: 5 })
    bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: 'äöüß', date: 0 })
    assert.match(state(bench), /^passing: äö\S* \.\.\. \(captured 5 of 8 bytes\)$/)
    const deaf = started({ discardCheckOutput: true })
    deaf.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: 'x', date: 0 })
    assert.equal(state(deaf), 'passing: ')
  })

  test('a service goes when its check was critical for too long', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    const how = { ...ttl(10), DeregisterCriticalServiceAfter: 90e9 }
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(how)] }) }).settle()
    bench.now = 9_000
    bench.ask({ kind: 'update-check', id: 'service:web', status: 'passing', output: '', date: 0 }).settle()
    const criticalAt = 19_000
    while (bench.local.services().length > 0 && bench.now < 600_000) bench.wake().settle()
    assert.ok(bench.now > criticalAt + 90_000 && bench.now <= criticalAt + 120_000)
    assert.equal(bench.catalog.services.has('web'), false)
    assert.ok(
      bench
        .read()
        .includes(
          'info Check for service has been critical for too long; deregistered service {"service":"web","check":"service:web"}',
        ),
    )
  })
})
