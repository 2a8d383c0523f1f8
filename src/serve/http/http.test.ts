/** What no recorded answer shows: how the backend is asked, compact JSON, compression, failures, waiting. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { aCheck, aService } from '../../../test/support/cluster.ts'
import { aRequest, headerOf, makeDoor, type TestDoor } from '../../../test/support/http-door.ts'
import { makeLog } from '../../base/log.ts'
import { Registry } from '../../base/metrics.ts'
import { allowAll } from '../../core/acl/authorizer.ts'
import { NO_CONNECT, NO_PROXY } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import { bodyBytesMax, makeHttpHandler } from './index.ts'

const META = { KnownLeader: true, LastContact: 0, Index: 7 }

/** Everything that the backend is asked for one request. */
async function argsOf(door: TestDoor, method: string, url: string, headers = {}): Promise<Record<string, unknown>> {
  door.local = false
  door.calls.length = 0
  await door.ask(method, url, { headers })
  assert.equal(door.calls.length, 1, url)
  return door.calls[0]!.args
}

suite('how the backend is asked', () => {
  test('plain reads are answered without a promise in between', () => {
    const door = makeDoor()
    for (const url of ['/v1/kv/a', '/v1/health/service/consul', '/v1/catalog/nodes', '/v1/status/leader']) {
      assert.ok(!(door.handle(aRequest('GET', url)) instanceof Promise), url)
    }
    assert.deepEqual(door.calls, [])
  })

  test('options of a read', async () => {
    const door = makeDoor()
    assert.deepEqual(await argsOf(door, 'GET', '/v1/kv/a'), { Datacenter: 'dc1', Token: '', Key: 'a' })
    assert.deepEqual(await argsOf(door, 'GET', '/v1/kv/a?index=5&wait=10s&stale&token=t'), {
      Datacenter: 'dc1',
      Token: 't',
      AllowStale: true,
      MaxQueryTime: 10e9,
      MinQueryIndex: 5,
      Key: 'a',
    })
    const cached = await argsOf(door, 'GET', '/v1/kv/a?cached', { 'Cache-Control': 'max-age=0, stale-if-error=30' })
    assert.deepEqual(cached, {
      Datacenter: 'dc1',
      Token: '',
      UseCache: true,
      MaxAge: 0,
      MustRevalidate: true,
      StaleIfError: 30e9,
      Key: 'a',
    })
  })

  test('the token: parameter before header before bearer', async () => {
    const door = makeDoor()
    const all = { 'X-Consul-Token': 'header', Authorization: 'Bearer bearer' }
    assert.equal((await argsOf(door, 'GET', '/v1/kv/a?token=param', all)).Token, 'param')
    assert.equal((await argsOf(door, 'GET', '/v1/kv/a?token=', all)).Token, 'header')
    assert.equal((await argsOf(door, 'GET', '/v1/kv/a', { Authorization: 'bEARER  x y' })).Token, 'x')
    assert.equal((await argsOf(door, 'GET', '/v1/kv/a', { Authorization: 'Basic x' })).Token, '')
    assert.equal((await argsOf(door, 'GET', '/v1/kv/a', { Authorization: 'x' })).Token, '')
    const body = '{"Node":"n","Address":"1.1.1.1","Token":"body"}'
    await door.ask('PUT', '/v1/catalog/register', { body, headers: { 'X-Consul-Token': 'header' } })
    assert.equal(door.calls.at(-1)!.args.Token, 'header')
  })

  test('distance, tags and meta', async () => {
    const door = makeDoor()
    const url = '/v1/health/service/web?near=_agent&tag=a&tag=b&node-meta=k:v:w&node-meta=__proto__&dc=dc1'
    const args = await argsOf(door, 'GET', url, { 'X-Forwarded-For': '9.9.9.9, 1.1.1.1' })
    assert.deepEqual(args.Source, { Datacenter: 'dc1', Node: 'x', Ip: '9.9.9.9' })
    assert.deepEqual(args.ServiceTags, ['a', 'b'])
    assert.equal(args.TagFilter, true)
    assert.deepEqual(Object.entries(args.NodeMetaFilters as object), [
      ['k', 'v:w'],
      ['__proto__', ''],
    ])
    const spoofed = await argsOf(door, 'GET', '/v1/catalog/nodes?near=n', { 'X-Forwarded-For': 'evil' })
    assert.deepEqual(spoofed.Source, { Datacenter: 'dc1', Node: 'n', Ip: '127.0.0.1' })
  })

  test('a waiting read is given up when the asker goes', async () => {
    const door = makeDoor()
    door.local = false
    door.answers.set('KVS.Get', () => new Promise(() => {}))
    let leave = () => {}
    void door.ask('GET', '/v1/kv/a?index=9', {
      onGone: (run) => {
        leave = run
      },
    })
    const { signal } = door.calls[0]!
    assert.equal(signal!.aborted, false)
    leave()
    assert.equal(signal!.aborted, true)
  })

  test('an answer staler than allowed is asked for again, of the leader', async () => {
    const door = makeDoor()
    const contacts = [5e9, 1e6]
    door.answers.set('Catalog.ListNodes', () => ({ ...META, LastContact: contacts.shift(), Nodes: null }))
    const response = await door.ask('GET', '/v1/catalog/nodes?max_stale=2s')
    assert.deepEqual(
      door.calls.map(({ args }) => [args.AllowStale, args.MaxStaleDuration]),
      [
        [true, 2e9],
        [false, 0],
      ],
    )
    assert.equal(headerOf(response, 'X-Consul-Effective-Consistency'), 'leader')
    assert.equal(headerOf(response, 'X-Consul-Lastcontact'), '1')
  })
})

suite('answers', () => {
  test('compact without being asked, pretty when asked or in dev mode', async () => {
    const plain = makeDoor({ dev: false })
    assert.equal((await plain.ask('GET', '/v1/status/peers')).text, '["127.0.0.1:8300"]')
    assert.equal((await plain.ask('GET', '/v1/status/peers?pretty')).text, '[\n    "127.0.0.1:8300"\n]\n')
    assert.equal((await makeDoor().ask('GET', '/v1/status/peers')).text, '[\n    "127.0.0.1:8300"\n]\n')
  })

  test('compact and pretty say the same', async () => {
    const plain = makeDoor({ dev: false })
    const pretty = makeDoor({ dev: true })
    const body = JSON.stringify({
      Node: 'n',
      Address: '1.1.1.1',
      NodeMeta: { a: '[{",:\\' },
      Service: { Service: 's' },
    })
    for (const door of [plain, pretty]) {
      await door.ask('PUT', '/v1/catalog/register', { body })
      await door.ask('PUT', '/v1/kv/%22%5B%7B,:', { body: 'v' })
      await door.ask('PUT', '/v1/kv/b', { body: 'w' })
    }
    for (const url of [
      ...['/v1/catalog/nodes', '/v1/catalog/services', '/v1/catalog/service/s', '/v1/catalog/node/n', '/v1/agent/self'],
      ...['/v1/health/service/consul', '/v1/health/service/s', '/v1/health/state/any', '/v1/kv/?recurse', '/v1/kv/b'],
      ...['/v1/catalog/node-services/x', '/v1/agent/members', '/v1/session/list', '/v1/kv/?keys'],
    ]) {
      const [short, long] = [(await plain.ask('GET', url)).text, (await pretty.ask('GET', url)).text]
      assert.equal(short, JSON.stringify(JSON.parse(long)), url)
      assert.equal(long, `${JSON.stringify(JSON.parse(short), null, 4)}\n`, url)
    }
  })

  test('an index of 0 is told as 1, contact in whole milliseconds', async () => {
    const door = makeDoor()
    door.answers.set('KVS.Get', () => ({ Index: 0, LastContact: 1_999_999, KnownLeader: false, Entries: null }))
    const response = await door.ask('GET', '/v1/kv/a')
    assert.deepEqual(response.headers.slice(2), [
      ...['X-Consul-Index', '1', 'X-Consul-Knownleader', 'false', 'X-Consul-Lastcontact', '1'],
    ])
  })

  test('gzip for those who take it, of any body but none', async () => {
    const door = makeDoor()
    const headers = { 'Accept-Encoding': 'deflate, gzip;q=0.5' }
    await door.ask('PUT', '/v1/kv/big', { body: 'x'.repeat(100_000) })
    for (const url of ['/v1/status/leader', '/v1/kv/big', '/v1/kv/big?raw', '/v1/kv/big?wait=x']) {
      const packed = await door.ask('GET', url, { headers })
      const plain = await door.ask('GET', url)
      assert.equal(headerOf(packed, 'Content-Encoding'), 'gzip', url)
      assert.equal(gunzipSync(packed.body as Uint8Array).toString(), plain.text, url)
    }
    const missing = await door.ask('GET', '/v1/kv/none', { headers })
    assert.deepEqual([headerOf(missing, 'Content-Encoding'), missing.body], [undefined, undefined])
    const unwanted = await door.ask('GET', '/v1/status/leader', { headers: { 'Accept-Encoding': 'gzip;q=0' } })
    assert.equal(headerOf(unwanted, 'Content-Encoding'), undefined)
  })

  test('configured headers go on every answer of the API, an answer’s own win', async () => {
    const door = makeDoor({ responseHeaders: { 'access-control-allow-origin': '*', VARY: 'Origin' } })
    for (const url of ['/v1/status/leader', '/v1/kv/none', '/v1/kv/a?wait=x']) {
      const response = await door.ask('GET', url)
      assert.equal(headerOf(response, 'Access-Control-Allow-Origin'), '*')
      assert.equal(headerOf(response, 'Vary'), 'Accept-Encoding')
    }
    assert.equal(headerOf(await door.ask('GET', '/nope'), 'Access-Control-Allow-Origin'), undefined)
  })

  test('instances with a check that does not pass are left out, in Consul’s order', async () => {
    const door = makeDoor({ dev: false })
    const statuses = ['passing', 'critical', 'passing', 'warning', 'passing']
    const Nodes = statuses.map((Status, i) => ({
      Node: {
        ID: '',
        Node: `n${i}`,
        Address: '',
        Datacenter: 'dc1',
        TaggedAddresses: null,
        Meta: null,
        CreateIndex: 1,
        ModifyIndex: 1,
      },
      Service: aService({ Service: 'web' }),
      Checks: [aCheck({ Status: 'passing' }), aCheck({ Status })],
    }))
    door.answers.set('Health.ServiceNodes', () => ({ ...META, Nodes }))
    const { text } = await door.ask('GET', '/v1/health/service/web?passing')
    const left = (JSON.parse(text) as { Node: { Node: string } }[]).map(({ Node }) => Node.Node)
    assert.deepEqual(left, ['n0', 'n4', 'n2'])
    assert.equal(Nodes.length, 5)
  })
})

suite('failures', () => {
  test('each code has its status, its text is the body', async () => {
    const door = makeDoor()
    const cases: [ConsulError, number, string][] = [
      [new ConsulError('no-leader'), 500, 'No cluster leader'],
      [new ConsulError('permission-denied'), 403, 'Permission denied'],
      [new ConsulError('acl-not-found'), 403, 'ACL not found'],
      [new ConsulError('rate-limited'), 429, ''],
      [new ConsulError('refused', 'Must provide node'), 500, 'Must provide node'],
      [new ConsulError('not-found', 'gone'), 404, 'gone'],
    ]
    for (const [error, status, text] of cases) {
      door.answers.set('KVS.Get', () => {
        throw error
      })
      for (const local of [true, false]) {
        door.local = local
        const response = await door.ask('GET', '/v1/kv/a')
        assert.deepEqual([response.status, response.text], [status, text])
        assert.equal(headerOf(response, 'X-Consul-Index'), undefined)
      }
    }
  })

  /** A handler whose backend fails as told, and what it wrote to the log. */
  function failing(fail: { peek?(): undefined; call?(): Promise<never>; cached?(): Promise<never> }) {
    const records: string[] = []
    const log = makeLog(
      'agent',
      ({ name, level, message }) => records.push(`${name} ${level} ${message}`),
      () => 'info',
    )
    const handle = makeHttpHandler({
      self: { dev: false, datacenter: 'dc1' } as never,
      log,
      now: () => 0,
      date: () => 0,
      soon: (run) => void setImmediate(run),
      random: { float: () => 0, int: () => 0, bytes: () => new Uint8Array() },
      snapshot: () => Promise.reject(new Error('no')),
      cached: () => Promise.reject(new Error('no')),
      peek: () => undefined,
      call: () => Promise.reject(new Error('no')),
      measured: new Registry({ prefix: '', host: '', allow: [], block: [], otherwise: true }, 0),
      authorize: () => allowAll,
      ...fail,
    })
    return { handle, records }
  }

  test('our own mistake is a 500 and an error in the log', async () => {
    const { handle, records } = failing({
      call: () => Promise.reject(new Error('no')),
      peek: () => {
        throw new TypeError('broken')
      },
    })
    assert.equal((await handle(aRequest('GET', '/v1/kv/a'))).status, 500)
    assert.deepEqual(records, ['agent.http error Request error', 'agent.http error Unexpected failure'])
  })

  test('a call that is given up because its asker went away is no error', async () => {
    for (const goes of [true, false]) {
      let leave = () => {}
      const { handle, records } = failing({
        peek: () => undefined,
        call: async () => {
          if (goes) leave()
          throw new ConsulError('shutting-down')
        },
      })
      const onGone = (run: () => void) => {
        leave = run
      }
      await handle(aRequest('GET', '/v1/kv/a?index=9', { onGone }))
      assert.deepEqual(records, goes ? [] : ['agent.http error Request error'])
    }
  })

  test('what comes from the cache says so, and how old it is', async () => {
    const door = makeDoor()
    for (const url of ['/v1/health/service/consul', '/v1/catalog/service/consul', '/v1/catalog/services']) {
      const response = await door.ask('GET', `${url}?cached`)
      assert.deepEqual([headerOf(response, 'X-Cache'), headerOf(response, 'Age')], ['HIT', '3'], url)
      assert.equal(response.text, (await door.ask('GET', url)).text)
      assert.equal(headerOf(await door.ask('GET', url), 'X-Cache'), undefined)
    }
    assert.equal(
      headerOf(await makeDoor({ useCache: false }).ask('GET', '/v1/catalog/services?cached'), 'Age'),
      undefined,
    )
  })

  test('requests of the catalog are counted by how they end', async () => {
    const door = makeDoor()
    const counts = () =>
      Object.fromEntries(
        door.measured
          .series()
          .filter(({ name, total }) => /client\.(api|rpc\.error)/.test(name) && total.sum > 0)
          .map(({ name, total }) => [name.replace(/^.*client\./, ''), total.sum]),
      )
    await door.ask('GET', '/v1/catalog/nodes')
    await door.ask('GET', '/v1/catalog/nodes?filter=((')
    await door.ask('GET', '/v1/catalog/nodes?wait=x')
    await door.ask('GET', '/v1/catalog/nodes?dc=none')
    await door.ask('GET', '/v1/catalog/connect/web')
    await door.ask('PUT', '/v1/catalog/nodes')
    assert.deepEqual(counts(), {
      'api.catalog_connect_service_nodes': 1,
      'api.catalog_nodes': 4,
      'api.success.catalog_nodes': 1,
      'api.success.catalog_service_nodes': 1,
      'rpc.error.catalog_nodes': 2,
    })
  })

  test('that the cache knew nothing in time is told, but not by those lists of which Consul does not tell it', async () => {
    const { handle } = failing({ cached: () => Promise.reject(new ConsulError('nothing-cached')) })
    const told = async (url: string) => {
      const response = await handle(aRequest('GET', url))
      return [response.status, response.body, headerOf(response, 'X-Cache')]
    }
    const why = 'internal error: response type not correct'
    for (const url of ['/v1/health/service/a?cached', '/v1/catalog/service/a?cached', '/v1/discovery-chain/a?cached']) {
      assert.deepEqual(await told(url), [500, why, 'MISS'], url)
    }
    for (const url of ['/v1/catalog/services?cached', '/v1/catalog/datacenters?cached']) {
      assert.deepEqual(await told(url), [500, why, undefined], url)
    }
  })

  test('discovery takes old answers where that is configured and the asker does not say otherwise', async () => {
    const door = makeDoor({ discoveryMaxStale: 5e9 })
    const asked = async (url: string) => {
      door.calls.length = 0
      await door.ask('GET', url)
      const { AllowStale = false, MaxStaleDuration = 0 } = door.calls[0]?.args ?? {}
      return [AllowStale, MaxStaleDuration]
    }
    for (const url of ['/v1/catalog/nodes', '/v1/health/service/consul', '/v1/health/service/consul?passing']) {
      assert.deepEqual(await asked(url), [true, 5e9], url)
    }
    assert.deepEqual(await asked('/v1/catalog/nodes?max_stale=1s'), [true, 1e9])
    for (const url of ['/v1/catalog/nodes?consistent', '/v1/catalog/nodes?leader', '/v1/kv/x', '/v1/session/list']) {
      assert.deepEqual(await asked(url), [false, 0], url)
    }
  })

  test('blocked paths, and writes from elsewhere, are refused', async () => {
    const door = makeDoor({
      blockEndpoints: ['/v1/agent', '/v1/kv/secret'],
      mayWrite: (address) => address !== '127.0.0.1',
    })
    for (const url of ['/v1/agent/self', '/v1/agent/members', '/v1/kv/secret', '/v1/kv/secrets/x', '/v1/kv/%73ecret']) {
      const { status, text } = await door.ask('GET', url)
      assert.deepEqual([status, text], [403, 'Endpoint is blocked by agent configuration'], url)
    }
    assert.equal((await door.ask('GET', '/v1/kv/other')).status, 404)
    for (const method of ['PUT', 'DELETE']) {
      const { status, text } = await door.ask(method, '/v1/kv/other')
      assert.deepEqual([status, text], [403, 'Access is restricted'], method)
    }
    assert.equal((await door.ask('OPTIONS', '/v1/kv/other')).status, 200)
    assert.equal((await door.ask('POST', '/v1/kv/other')).status, 405)
  })

  test('paths that cannot be printed are let through on demand', async () => {
    assert.equal((await makeDoor().ask('GET', '/v1/kv/a%00b')).status, 400)
    assert.equal((await makeDoor({ printableOnly: false }).ask('GET', '/v1/kv/a%00b')).status, 404)
  })

  test('of other datacenters the outside addresses are told, when that is configured', async () => {
    const INDEXES = { CreateIndex: 1, ModifyIndex: 1 }
    const Node = {
      Node: 'n',
      Address: '10.0.0.1',
      TaggedAddresses: { wan: '192.0.2.1' },
      Meta: null,
      ID: '',
      ...INDEXES,
    }
    const Service = {
      ...INDEXES,
      ...{ ID: 's', Service: 's', Address: '10.0.0.2', Port: 80, Kind: '', Tags: [], Meta: {}, Weights: null },
      TaggedAddresses: { wan: { Address: '192.0.2.2', Port: 8080 } },
      ...{ Proxy: NO_PROXY, Connect: NO_CONNECT, EnableTagOverride: false },
    }
    const far = (translateWanAddrs: boolean) => {
      const door = makeDoor({ translateWanAddrs })
      door.answers.set('Health.ServiceNodes', () => ({ Index: 1, Nodes: [{ Node, Service, Checks: [] }] }))
      door.answers.set('Catalog.ListNodes', () => ({ Index: 1, Nodes: [Node] }))
      return door
    }
    const translated = await far(true).ask('GET', '/v1/health/service/s?dc=dc2')
    assert.equal(headerOf(translated, 'X-Consul-Translate-Addresses'), 'true')
    const [row] = JSON.parse(translated.text) as {
      Node: { Address: string }
      Service: { Address: string; Port: number }
    }[]
    assert.deepEqual([row!.Node.Address, row!.Service.Address, row!.Service.Port], ['192.0.2.1', '192.0.2.2', 8080])
    assert.match((await far(true).ask('GET', '/v1/catalog/nodes?dc=dc2')).text, /"Address": "192.0.2.1"/)
    assert.match((await far(true).ask('GET', '/v1/health/service/s')).text, /"Address": "10.0.0.1"/)
    const plain = await far(false).ask('GET', '/v1/health/service/s?dc=dc2')
    assert.match(plain.text, /"Address": "10.0.0.1"/)
    assert.equal(headerOf(plain, 'X-Consul-Translate-Addresses'), undefined)
  })

  test('each request is a line in the debug log, without its token', async () => {
    const urls: unknown[] = []
    const log = makeLog(
      '',
      ({ fields }) => urls.push(fields.url),
      () => 'debug',
    )
    const door = makeDoor()
    const handle = makeHttpHandler({
      self: { dev: false, datacenter: 'dc1' } as never,
      log,
      now: () => 0,
      date: () => 0,
      soon: (run) => void setImmediate(run),
      random: { float: () => 0, int: () => 0, bytes: () => new Uint8Array() },
      call: () => Promise.reject(new Error('no')),
      snapshot: () => Promise.reject(new Error('no')),
      cached: () => Promise.reject(new Error('no')),
      measured: new Registry({ prefix: '', host: '', allow: [], block: [], otherwise: true }, 0),
      authorize: () => allowAll,
      peek: (method, args) =>
        method === 'Status.Peers' ? ([] as never) : (door.answers.get(method)?.(args as never) as never),
    })
    await handle(aRequest('GET', '/v1/status/peers?token=secret&x=1'))
    await handle(aRequest('PUT', '/v1/acl/destroy/secret?x=1'))
    assert.deepEqual(urls, ['/v1/status/peers?token=<hidden>&x=1', '/v1/acl/destroy/<hidden>?x=1'])
  })

  test('what is not built says so', async () => {
    const door = makeDoor()
    const response = await door.ask('GET', '/v1/agent/connect/ca/roots')
    assert.equal(response.status, 501)
    assert.match(response.text, /not built yet/)
    assert.equal((await door.ask('GET', '/v1/acl/bootstrap')).status, 405)
    const { text } = await door.ask('GET', '/v1/kv/k?filter=x')
    assert.equal(text, '')
  })

  test('values and bodies beyond their bounds are 413, with the size', async () => {
    const door = makeDoor({ kvMaxValueSize: 10 })
    const put = (url: string, headers = {}) => door.ask('PUT', url, { tooLarge: true, headers })
    assert.match(
      (await put('/v1/kv/a', { 'Content-Length': '11' })).text,
      /^Request body\(11 bytes\) too large, max size: 10 /,
    )
    assert.match((await put('/v1/kv/a')).text, /^Request body\(over 10 bytes\) too large/)
    assert.equal((await put('/v1/catalog/register')).status, 413)
    assert.equal((await put('/v1/session/create')).status, 413)
    assert.equal((await door.ask('PUT', '/v1/kv/a', { body: '01234567890' })).status, 413)
    assert.equal((await door.ask('PUT', '/v1/kv/a', { body: '0123456789' })).status, 200)
    const bound = bodyBytesMax({ kvMaxValueSize: 10 })
    assert.deepEqual([bound('PUT', '/v1/kv/a'), bound('GET', '/v1/kv/a'), bound('DELETE', '/v1/kv/a')], [10, 0, 0])
    assert.equal(bound('PUT', '/v1/agent/service/register'), 32 << 20)
  })

  test('a service tells the hash of its content; who knows another one is answered at once', async () => {
    const door = makeDoor()
    await door.ask('PUT', '/v1/agent/service/register', { body: '{"Name":"a"}' })
    const first = await door.ask('GET', '/v1/agent/service/a?hash=0')
    const hash = headerOf(first, 'X-Consul-Contenthash')
    assert.equal(first.status, 200)
    assert.equal((JSON.parse(first.text) as { ContentHash: string }).ContentHash, hash)
    // The door of the tests has nothing that changes by itself, so that a wait ends at once.
    assert.equal(headerOf(await door.ask('GET', `/v1/agent/service/a?hash=${hash}`), 'X-Consul-Contenthash'), hash)
    await door.ask('PUT', '/v1/agent/service/register', { body: '{"Name":"a","Port":1}' })
    assert.notEqual(headerOf(await door.ask('GET', '/v1/agent/service/a'), 'X-Consul-Contenthash'), hash)
  })
})

suite('requests', () => {
  test('session defaults that Consul’s HTTP layer fills in', async () => {
    const door = makeDoor()
    const created = async (body: string) => {
      await door.ask('PUT', '/v1/session/create', { body })
      return door.calls.at(-1)!.args.Session as Record<string, unknown>
    }
    const bare = await created('')
    assert.deepEqual(
      [bare.Node, bare.LockDelay, bare.Behavior, bare.NodeChecks, bare.Checks, bare.TTL],
      ['x', 15e9, 'release', ['serfHealth'], null, ''],
    )
    assert.equal((await created('{"LockDelay":5}')).LockDelay, 5e9)
    assert.equal((await created('{"LockDelay":5000}')).LockDelay, 5000)
    assert.equal((await created('{"LockDelay":"1m"}')).LockDelay, 60e9)
    assert.deepEqual((await created('{"Checks":[]}')).NodeChecks, [])
    assert.deepEqual((await created('{"Checks":null}')).NodeChecks, [])
    const both = await created('{"Checks":["a"],"NodeChecks":["b"]}')
    assert.deepEqual([both.Checks, both.NodeChecks], [['a'], ['b']])
    assert.equal((await created('{"Checks":["a"],"NodeChecks":[]}')).Checks, null)
  })

  test('flags keep all 64 bits, values all bytes', async () => {
    const door = makeDoor()
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await door.ask('PUT', '/v1/kv/a?flags=18446744073709551615', { body: bytes })
    assert.deepEqual((await door.ask('GET', '/v1/kv/a?raw')).body, bytes)
    assert.match((await door.ask('GET', '/v1/kv/a')).text, /"Flags": 18446744073709551615,/)
  })

  test('the root says who answers, whole URLs and `OPTIONS *` are understood', async () => {
    const door = makeDoor()
    assert.equal((await door.ask('GET', '/')).text, 'Consul Agent')
    assert.equal((await door.ask('GET', 'http://host:1/v1/status/leader')).status, 200)
    assert.equal((await door.ask('GET', 'HTTP://host')).text, 'Consul Agent')
    assert.equal((await door.ask('OPTIONS', '*')).status, 200)
    assert.equal((await door.ask('GET', 'v1/status/leader')).status, 400)
  })

  test('replace-existing-checks is read, scripts only when allowed', async () => {
    const script = '{"Name":"a","Check":{"Args":["x"],"Interval":"1s"}}'
    assert.equal((await makeDoor().ask('PUT', '/v1/agent/service/register', { body: script })).status, 500)
    const door = makeDoor({ enableScriptChecks: true })
    assert.equal((await door.ask('PUT', '/v1/agent/service/register', { body: script })).status, 200)
    await door.ask('PUT', '/v1/agent/service/register?replace-existing-checks', { body: '{"Name":"a"}' })
    assert.equal((await door.ask('GET', '/v1/agent/checks')).text, '{}\n')
  })
})
