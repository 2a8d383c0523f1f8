import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import type { Authorizer } from '../../core/acl/authorizer.ts'

/** Says no to everything, and keeps what it was asked. */
function denying() {
  const asked: string[] = []
  const can: Authorizer = {
    all: false,
    allowed(resource, access, segment) {
      asked.push(`${resource}:${access}:${segment}`)
      return false
    },
  }
  return { can, asked }
}

suite('the agent itself', () => {
  test('asks the authorizer, with the token of the asker, before it shows or does anything', async () => {
    const { can, asked } = denying()
    const tokens: string[] = []
    let open = true
    const door = makeDoor({
      authorize: (token) => {
        tokens.push(token)
        return open ? { all: true, allowed: () => true } : can
      },
    })
    await door.ask('PUT', '/v1/agent/service/register', { body: '{"Name":"web","Check":{"TTL":"1h"}}' })
    open = false
    const wanted: [string, string, number, string][] = [
      ['GET', '/v1/agent/self', 403, 'agent:read:x'],
      ['GET', '/v1/agent/host', 403, 'operator:read:'],
      ['GET', '/v1/agent/metrics', 403, 'agent:read:x'],
      ['GET', '/v1/agent/monitor', 403, 'agent:read:x'],
      ['GET', '/v1/agent/members', 200, 'node:read:x'],
      ['GET', '/v1/agent/services', 200, 'service:read:web'],
      ['GET', '/v1/agent/checks', 200, 'service:read:web'],
      ['GET', '/v1/agent/service/web', 403, 'service:read:web'],
      ['GET', '/v1/agent/health/service/id/web', 403, 'service:read:web'],
      ['GET', '/v1/agent/health/service/name/web', 403, 'service:read:web'],
      ['PUT', '/v1/agent/maintenance?enable=true', 403, 'node:write:x'],
      ['PUT', '/v1/agent/service/maintenance/web?enable=true', 403, 'service:write:web'],
      ['PUT', '/v1/agent/service/register', 403, 'service:write:web'],
      ['PUT', '/v1/agent/service/deregister/web', 403, 'service:write:web'],
      ['PUT', '/v1/agent/check/register', 403, 'node:write:x'],
      ['PUT', '/v1/agent/check/deregister/service:web', 403, 'service:write:web'],
      ['PUT', '/v1/agent/check/pass/service:web', 403, 'service:write:web'],
      ['PUT', '/v1/agent/check/warn/service:web', 403, 'service:write:web'],
      ['PUT', '/v1/agent/check/fail/service:web', 403, 'service:write:web'],
      ['PUT', '/v1/agent/join/1.2.3.4', 403, 'agent:write:x'],
      ['PUT', '/v1/agent/leave', 403, 'agent:write:x'],
      ['PUT', '/v1/agent/force-leave/y', 403, 'operator:write:'],
      ['GET', '/debug/pprof/heap', 403, 'operator:read:'],
    ]
    for (const [method, url, status, question] of wanted) {
      asked.length = 0
      tokens.length = 0
      const body = method === 'PUT' ? '{"Name":"web","TTL":"1h"}' : ''
      const sent = url.includes('check/register')
        ? '{"Name":"c","TTL":"1h"}'
        : url.includes('register')
          ? '{"Name":"web"}'
          : body
      const response = await door.ask(method, url, { body: sent, headers: { 'X-Consul-Token': 'secret' } })
      assert.equal(response.status, status, url)
      assert.equal(asked[0], question, url)
      assert.deepEqual(tokens, ['secret'], url)
      if (status === 200) assert.match(response.text, /^(\[\]|\{\})\s*$/, url)
    }
  })

  test('takes services and the node out of service and back', async () => {
    const door = makeDoor()
    await door.ask('PUT', '/v1/agent/service/register', { body: '{"Name":"web"}' })
    await door.ask('PUT', '/v1/agent/service/maintenance/web?enable=true&reason=why')
    const checks = JSON.parse((await door.ask('GET', '/v1/agent/checks')).text)
    assert.equal(checks['_service_maintenance:web'].Notes, 'why')
    assert.equal(checks['_service_maintenance:web'].Type, 'maintenance')
    assert.equal((await door.ask('GET', '/v1/agent/health/service/id/web')).status, 503)
    await door.ask('PUT', '/v1/agent/service/maintenance/web?enable=false')
    assert.equal((await door.ask('GET', '/v1/agent/health/service/id/web')).status, 200)
    await door.ask('PUT', '/v1/agent/maintenance?enable=true')
    assert.equal((await door.ask('GET', '/v1/agent/health/service/id/web')).status, 503)
  })

  test('tells its log as it is written, from the asked level up, until the asker is gone', async () => {
    const door = makeDoor()
    let leave = (): void => {}
    const response = await door.stream('GET', '/v1/agent/monitor?loglevel=warn&logjson', (run) => {
      leave = run
    })
    assert.equal(response.live, true)
    const lines = (response.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    door.log.info('not this')
    door.log.named('part').warn('this', { n: 1 })
    const { value } = await lines.next()
    assert.deepEqual(JSON.parse(Buffer.from(value).toString()), {
      '@level': 'warn',
      '@message': 'this',
      '@module': 'part',
      '@timestamp': JSON.parse(Buffer.from(value).toString())['@timestamp'],
      n: 1,
    })
    assert.equal(door.log.on('warn'), true)
    const last = lines.next()
    leave()
    assert.equal((await last).done, true)
    assert.equal(door.log.on('warn'), false)
    assert.equal((await door.ask('GET', '/v1/agent/monitor?loglevel=loud')).status, 400)
  })

  test('shows what it measured, to Prometheus only when asked to keep it', async () => {
    const door = makeDoor({ prometheus: true })
    door.measured.counter('rpc.request', { 'a"b': 'c"d' }).add(2)
    door.measured.sample('took').add(3)
    door.measured.gauge('level', () => 1.5)
    const { text } = await door.ask('GET', '/v1/agent/metrics?format=prometheus')
    assert.match(text, /^# HELP consul_level consul_level\n# TYPE consul_level gauge\nconsul_level 1.5\n/)
    assert.match(text, /\nconsul_rpc_request\{a_b="c\\"d"\} 2\n/)
    assert.match(text, /\nconsul_took\{quantile="0.99"\} 3\nconsul_took_sum 3\nconsul_took_count 1\n/)
    const interval = JSON.parse((await door.ask('GET', '/v1/agent/metrics')).text)
    assert.equal(interval.Timestamp, '1970-01-01 00:00:00 +0000 UTC')
    assert.deepEqual(interval.Points, [])
    assert.deepEqual(interval.Counters[0].Labels, { 'a"b': 'c"d' })
    const { status } = await makeDoor().ask('GET', '/v1/agent/metrics?format=prometheus')
    assert.equal(status, 415)
  })
})
