/** The requests that the client makes, and what it makes of the answers. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { type ApiRequest, type ApiResponse, escapePath, fetchTransport, follow, type Reply } from './client.ts'
import { ApiDecodeError, ApiError, connect } from './index.ts'

/** A client whose requests are kept, and answered with what the test says. */
function make(answer: { status?: number; headers?: Record<string, string>; body?: unknown } = {}, options = {}) {
  const asked: ApiRequest[] = []
  const consul = connect({
    address: 'http://agent:8500',
    ...options,
    async transport(request): Promise<ApiResponse> {
      asked.push(request)
      const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? null)
      return {
        status: answer.status ?? 200,
        header: (name) => answer.headers?.[name] ?? null,
        body: new TextEncoder().encode(body),
      }
    },
  })
  return { asked, consul }
}

suite('requests', () => {
  const cases: [string, (consul: ReturnType<typeof connect>) => Promise<unknown>, string, unknown?][] = [
    ['kv get', (c) => c.kv.get('a/b c'), 'GET /v1/kv/a/b%20c'],
    ['kv list', (c) => c.kv.list('a/', { stale: true }), 'GET /v1/kv/a/?recurse=&stale='],
    ['kv keys', (c) => c.kv.keys('a', { separator: '/' }), 'GET /v1/kv/a?keys=&separator=%2F', []],
    ['kv put', (c) => c.kv.put('a', 'v', { flags: 2n ** 64n - 1n }), 'PUT /v1/kv/a?flags=18446744073709551615'],
    ['kv put if new', (c) => c.kv.put('a', 'v', { cas: 0 }), 'PUT /v1/kv/a?cas=0'],
    ['kv lock', (c) => c.kv.put('a', 'v', { acquire: 's' }), 'PUT /v1/kv/a?acquire=s'],
    ['kv unlock', (c) => c.kv.put('a', 'v', { release: 's' }), 'PUT /v1/kv/a?release=s'],
    ['kv delete', (c) => c.kv.delete('a', { cas: 7n }), 'DELETE /v1/kv/a?cas=7'],
    ['kv delete a tree', (c) => c.kv.delete('a', { recurse: true }), 'DELETE /v1/kv/a?recurse='],
    ['datacenters', (c) => c.catalog.datacenters(), 'GET /v1/catalog/datacenters', []],
    [
      'nodes',
      (c) => c.catalog.nodes({ near: '_agent', nodeMeta: { b: 'c', a: 'x y' }, filter: 'Node == "n"' }),
      'GET /v1/catalog/nodes?filter=Node+%3D%3D+%22n%22&near=_agent&node-meta=b%3Ac&node-meta=a%3Ax+y',
      [],
    ],
    ['services', (c) => c.catalog.services({ consistent: true }), 'GET /v1/catalog/services?consistent=', {}],
    [
      'service by tags',
      (c) => c.catalog.service('web', { tags: ['a', 'b'] }),
      'GET /v1/catalog/service/web?tag=a&tag=b',
      [],
    ],
    ['node', (c) => c.catalog.node('n', { cached: true }), 'GET /v1/catalog/node/n?cached='],
    ['register', (c) => c.catalog.register({ Node: 'n', Address: '1.2.3.4' }), 'PUT /v1/catalog/register', 'true'],
    ['deregister', (c) => c.catalog.deregister({ Node: 'n' }), 'PUT /v1/catalog/deregister', 'true'],
    [
      'health',
      (c) => c.health.service('web', { passing: true, index: 7, waitMs: 90_000 }),
      'GET /v1/health/service/web?index=7&passing=&wait=1m30s',
      [],
    ],
    ['checks of a node', (c) => c.health.node('n'), 'GET /v1/health/node/n', []],
    ['checks of a service', (c) => c.health.checks('web'), 'GET /v1/health/checks/web', []],
    ['checks by state', (c) => c.health.state('critical'), 'GET /v1/health/state/critical', []],
    ['self', (c) => c.agent.self(), 'GET /v1/agent/self', {}],
    ['members', (c) => c.agent.members({ segment: '_all', wan: true }), 'GET /v1/agent/members?segment=_all&wan=1', []],
    ['register a service', (c) => c.agent.registerService({ Name: 'web' }), 'PUT /v1/agent/service/register', ''],
    ['deregister a service', (c) => c.agent.deregisterService('a b'), 'PUT /v1/agent/service/deregister/a%20b', ''],
    ['register a check', (c) => c.agent.registerCheck({ TTL: '10s' }), 'PUT /v1/agent/check/register', ''],
    ['deregister a check', (c) => c.agent.deregisterCheck('c'), 'PUT /v1/agent/check/deregister/c', ''],
    ['update a check', (c) => c.agent.updateCheck('c', 'passing'), 'PUT /v1/agent/check/update/c', ''],
    ['own services', (c) => c.agent.services(), 'GET /v1/agent/services', {}],
    ['own checks', (c) => c.agent.checks(), 'GET /v1/agent/checks', {}],
    ['leave', (c) => c.agent.leave(), 'PUT /v1/agent/leave', ''],
    ['leader', (c) => c.status.leader(), 'GET /v1/status/leader', '""'],
    ['peers', (c) => c.status.peers({ datacenter: 'dc2' }), 'GET /v1/status/peers?dc=dc2', []],
    ['create a session', (c) => c.session.create({ TTL: '15s' }), 'PUT /v1/session/create', { ID: 'i' }],
    ['destroy a session', (c) => c.session.destroy('i'), 'PUT /v1/session/destroy/i', 'true'],
    ['renew a session', (c) => c.session.renew('i'), 'PUT /v1/session/renew/i', [{ ID: 'i' }]],
    ['info of a session', (c) => c.session.info('i'), 'GET /v1/session/info/i', []],
    ['sessions', (c) => c.session.list(), 'GET /v1/session/list', []],
    ['sessions of a node', (c) => c.session.node('n'), 'GET /v1/session/node/n', []],
  ]
  for (const [what, ask, expected, body] of cases) {
    test(what, async () => {
      const { asked, consul } = make({ body })
      await ask(consul)
      assert.deepEqual(
        asked.map(({ method, url }) => `${method} ${url.slice('http://agent:8500'.length)}`),
        [expected],
      )
    })
  }
  test('tokens, datacenters and namespaces of the client are those of a request that has none', async () => {
    const { asked, consul } = make(
      { body: {} },
      { token: 't', datacenter: 'dc1', namespace: 'n', auth: { user: 'ü', password: 'p' } },
    )
    await consul.catalog.services()
    await consul.catalog.services({ token: 'own', datacenter: 'dc2', namespace: 'm' })
    assert.deepEqual(
      asked.map((each) => each.url.split('?')[1]),
      ['dc=dc1&ns=n', 'dc=dc2&ns=m'],
    )
    assert.deepEqual(
      asked.map((each) => each.headers['X-Consul-Token']),
      ['t', 'own'],
    )
    assert.equal(asked[0]!.headers.Authorization, `Basic ${Buffer.from('ü:p').toString('base64')}`)
  })
  test('a path keeps what may stand in it', () => {
    assert.equal(escapePath("a/b$&+,:;=@-_.~!'()*?#%é "), 'a/b$&+,:;=@-_.~%21%27%28%29%2A%3F%23%25%C3%A9%20')
  })
})

suite('answers', () => {
  test('an entry has its bytes and all its 64 bits', async () => {
    const row = `[{"LockIndex":1,"Key":"k","Flags":18446744073709551615,"Value":"/wA=","CreateIndex":2,"ModifyIndex":3}]`
    const { consul } = make({
      body: row,
      headers: {
        'X-Consul-Index': '3',
        'X-Consul-KnownLeader': 'true',
        'X-Consul-LastContact': '12',
        'X-Cache': 'HIT',
      },
    })
    const { value, meta } = await consul.kv.get('k')
    assert.deepEqual(value, {
      LockIndex: 1,
      Key: 'k',
      Flags: 2n ** 64n - 1n,
      Value: Uint8Array.of(255, 0),
      CreateIndex: 2,
      ModifyIndex: 3,
    })
    assert.deepEqual(meta, { index: 3, knownLeader: true, lastContactMs: 12, cacheHit: true })
  })
  test('a key without a value has an empty one', async () => {
    const { consul } = make({ body: [{ Key: 'k', Flags: 0, Value: null }] })
    assert.deepEqual((await consul.kv.list('k')).value[0]!.Value, new Uint8Array())
  })
  test('no such key: null and empty lists, and an index to wait with', async () => {
    const { consul } = make({ status: 404, body: '', headers: { 'X-Consul-Index': '9' } })
    assert.deepEqual((await consul.kv.get('k')).value, null)
    assert.deepEqual((await consul.kv.list('k')).value, [])
    const { value, meta } = await consul.kv.keys('k')
    assert.deepEqual(value, [])
    assert.equal(meta.index, 9)
  })
  test('a condition that was not met is false', async () => {
    assert.equal(await make({ body: 'false' }).consul.kv.put('k', 'v', { cas: 1 }), false)
    assert.equal(await make({ body: 'true\n' }).consul.kv.delete('k'), true)
  })
  test('a session that has ended is null', async () => {
    assert.equal(await make({ status: 404, body: 'gone' }).consul.session.renew('i'), null)
  })
  test("an error has the agent's status and words", async () => {
    const { consul } = make({ status: 403, body: 'Permission denied' })
    for (const ask of [() => consul.kv.put('k', 'v'), () => consul.catalog.nodes(), () => consul.session.renew('i')]) {
      await assert.rejects(ask, (error) => {
        assert.ok(error instanceof ApiError)
        assert.equal(error.message, 'Unexpected response code: 403 (Permission denied)')
        assert.deepEqual([error.status, error.body], [403, 'Permission denied'])
        return true
      })
    }
  })
  test('what is not JSON is an error of its own', async () => {
    const { consul } = make({ body: '<html>' })
    await assert.rejects(() => consul.catalog.nodes(), ApiDecodeError)
    await assert.rejects(() => consul.kv.get('k'), ApiDecodeError)
  })
})

suite('following', () => {
  const reply = (index: number, value: string): Reply<string> => ({
    value,
    meta: { index, knownLeader: true, lastContactMs: 0, cacheHit: false },
  })
  test('each change once; an index that falls back is not waited with', async () => {
    const answers = [reply(5, 'a'), reply(5, 'a'), reply(8, 'b'), reply(2, 'c'), reply(2, 'c'), reply(3, 'd')]
    const waits: (number | undefined)[] = []
    const seen: string[] = []
    const changes = follow(async ({ index }) => {
      waits.push(index)
      return answers[waits.length - 1]!
    })
    for await (const { value } of changes) {
      seen.push(value)
      if (value === 'd') break
    }
    assert.deepEqual(seen, ['a', 'b', 'c', 'c', 'd'])
    assert.deepEqual(waits, [0, 5, 5, 8, 0, 2])
  })
  test('an aborted signal ends it', async () => {
    const stop = new AbortController()
    const seen: string[] = []
    let index = 0
    for await (const { value } of follow(async () => reply(++index, `v${index}`), { signal: stop.signal })) {
      seen.push(value)
      if (index === 3) stop.abort()
    }
    assert.deepEqual(seen, ['v1', 'v2', 'v3'])
  })
})

suite('over fetch', () => {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      response.writeHead(200, { 'X-Consul-Index': '4' })
      response.end(
        JSON.stringify({ asked: `${request.method} ${request.url}`, body, token: request.headers['x-consul-token'] }),
      )
    })
  })
  before(() => new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening)))
  after(() => server.close())
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  test('a request and its answer', async () => {
    const { status, header, body } = await fetchTransport({
      method: 'PUT',
      url: `${url()}/v1/kv/a%20b?flags=1`,
      headers: { 'X-Consul-Token': 't' },
      body: Uint8Array.of(104, 105),
    })
    assert.equal(status, 200)
    assert.equal(header('x-consul-index'), '4')
    assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), {
      asked: 'PUT /v1/kv/a%20b?flags=1',
      body: 'hi',
      token: 't',
    })
  })
  test('it is what a client uses when it is told of no other', async () => {
    const { value } = await connect({ address: `${url()}/` }).catalog.nodes()
    assert.deepEqual(value, { asked: 'GET /v1/catalog/nodes', body: '' })
  })
})
