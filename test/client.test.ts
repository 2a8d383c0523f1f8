/** What is a client agent's own business: limits on what it asks, who it is, and what it says without a server. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type Agent, startAgent } from '../src/index.ts'
import { freePorts, httpRequest } from './support/process.ts'

suite('a client agent', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-client-'))
  const agents: Agent[] = []
  let lan = ''
  let names = 0

  before(async () => {
    const { serfLan } = await freePorts()
    lan = `127.0.0.1:${serfLan}`
    const server = await startAgent({
      config: { node_name: 'server', ports: { http: 0, dns: -1, server: 0, serf_lan: serfLan, serf_wan: -1 } },
    })
    agents.push(server)
    await server.ready
  })
  after(async () => {
    await Promise.all(agents.map((agent) => agent.stop()))
    rmSync(folder, { recursive: true, force: true })
  })

  async function startClient(more: Record<string, unknown> = {}): Promise<Agent> {
    const name = `client-${++names}`
    const client = await startAgent({
      config: {
        node_name: name,
        bind_addr: '127.0.0.1',
        data_dir: join(folder, name),
        ports: { http: 0, dns: -1, serf_lan: 0 },
        start_join: [lan],
        ...more,
      },
    })
    agents.push(client)
    return client
  }

  const ask = (agent: Agent, method: string, path: string, body?: string) =>
    httpRequest(Number(new URL(agent.http).port), method, path, body)

  test('comes into the catalog, and answers what its server knows', async () => {
    const client = await startClient()
    await client.ready
    assert.equal((await ask(client, 'PUT', '/v1/kv/a', 'x')).body, 'true')
    assert.equal((await ask(client, 'GET', '/v1/kv/a?raw')).body, 'x')
    assert.match((await ask(agents[0]!, 'GET', '/v1/catalog/nodes')).body, new RegExp(client.nodeName))
    const self = JSON.parse((await ask(client, 'GET', '/v1/agent/self')).body) as {
      Config: { Server: boolean }
      Stats: { consul: Record<string, string> }
    }
    assert.equal(self.Config.Server, false)
    assert.deepEqual(self.Stats.consul, { acl: 'disabled', known_servers: '1', server: 'false' })
    assert.equal((await ask(client, 'GET', '/v1/agent/members?wan=1')).body, 'null')
  })

  test('takes bodies of megabytes, and its server has all that they say', async () => {
    const client = await startClient()
    await client.ready
    const given = async <T>(path: string) => JSON.parse((await ask(agents[0]!, 'GET', path)).body) as T
    const Output = 'a line of "output" with é in it\n'.repeat(50_000)
    const check = { Node: 'large', Address: '10.0.0.1', Check: { Name: 'c', Status: 'passing', Output } }
    const registered = await ask(client, 'PUT', '/v1/catalog/register', JSON.stringify(check))
    assert.deepEqual([registered.status, registered.body], [200, 'true'])
    const [kept] = await given<{ Output: string }[]>('/v1/health/node/large')
    assert.ok(kept!.Output === Output)

    const Tags = Array.from({ length: 60_000 }, (_, i) => `tag number ${i} of very many`)
    const made = await ask(
      client,
      'POST',
      '/v1/query',
      JSON.stringify({ Name: 'q', Service: { Service: 'web', Tags } }),
    )
    assert.equal(made.status, 200)
    const { ID } = JSON.parse(made.body) as { ID: string }
    const [query] = await given<{ Service: { Tags: string[] } }[]>(`/v1/query/${ID}`)
    assert.ok(JSON.stringify(query!.Service.Tags) === JSON.stringify(Tags))

    const Config = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`key ${i}`, { at: i, of: ['x', 'y'] }]))
    const entry = JSON.stringify({ Kind: 'proxy-defaults', Name: 'global', Config })
    assert.equal((await ask(client, 'PUT', '/v1/config', entry)).body, 'true')
    const back = await given<{ Config: Record<string, unknown> }>('/v1/config/proxy-defaults/global')
    assert.deepEqual(back.Config['key 29999'], { at: 29999, of: ['x', 'y'] })
    assert.equal(Object.keys(back.Config).length, 30_000)

    const spoilt = await ask(client, 'PUT', '/v1/config', `${entry.slice(0, -2)},`)
    assert.deepEqual([spoilt.status, spoilt.body], [400, 'Bad request: Request decoding failed: unexpected EOF'])
  })

  test('asks no more than its limits allow', async () => {
    const client = await startClient({ limits: { rpc_rate: 0, rpc_max_burst: 20 } })
    const answers: string[] = []
    for (let n = 0; n < 30; n++) {
      const { status, body } = await ask(client, 'GET', '/v1/kv/a?raw')
      answers.push(`${status} ${body}`)
    }
    assert.equal(answers[0], '200 x')
    assert.equal(answers.at(-1), '429 ')
  })

  test('that knows no server says so at once, and still has its own services', async () => {
    const client = await startClient({ start_join: [] })
    const { status, body } = await ask(client, 'GET', '/v1/kv/a')
    assert.deepEqual([status, body], [500, 'No known Consul servers'])
    assert.equal((await ask(client, 'PUT', '/v1/agent/service/register', '{"Name":"own"}')).status, 200)
    assert.match((await ask(client, 'GET', '/v1/agent/services')).body, /"own"/)
    assert.equal((await ask(client, 'PUT', `/v1/agent/join/${lan}`)).status, 200)
    for (let body = ''; !body.includes(client.nodeName); ) {
      body = (await ask(agents[0]!, 'GET', '/v1/catalog/service/own')).body
      await new Promise((done) => setTimeout(done, 20))
    }
  })

  test('of another datacenter is not let in', async () => {
    await assert.rejects(startClient({ datacenter: 'elsewhere' }), /wrong datacenter/)
  })

  test('keeps its id and its services over a restart', async () => {
    const client = await startClient()
    await ask(client, 'PUT', '/v1/agent/service/register', '{"Name":"kept","Meta":{"a":"b"}}')
    await client.stop()
    const again = await startAgent({
      config: {
        node_name: client.nodeName,
        bind_addr: '127.0.0.1',
        data_dir: join(folder, client.nodeName),
        ports: { http: 0, dns: -1, serf_lan: 0 },
      },
    })
    agents.push(again)
    assert.equal(again.nodeId, client.nodeId)
    assert.match((await ask(again, 'GET', '/v1/agent/services')).body, /"kept".*"a"/)
  })

  test('that leaves does not bring itself back into the catalog', async () => {
    const client = await startClient()
    await client.ready
    await client.leave()
    const there = async () => (await ask(agents[0]!, 'GET', '/v1/catalog/nodes')).body.includes(client.nodeName)
    while (await there()) await new Promise((done) => setTimeout(done, 20))
    assert.equal((await ask(client, 'PUT', '/v1/agent/service/register', '{"Name":"late"}')).status, 200)
    // Over the same connection, and so behind whatever the registration has brought about.
    assert.equal((await ask(client, 'PUT', '/v1/kv/behind', 'x')).body, 'true')
    assert.equal(await there(), false)
  })

  // Last: as with Consul, others remember the intruder for a while, and newcomers stumble over it.
  test('with the id of another is not let in', async () => {
    const first = await startClient()
    await first.ready
    await assert.rejects(startClient({ node_id: first.nodeId }), /conflicting node ID/)
  })
})

suite('an agent whose definitions are refused', { timeout: 120_000 }, () => {
  for (const server of [true, false]) {
    test(`lets go of all that it held: ${server ? 'a server' : 'a client'}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'proconsul-refused-'))
      const { serfLan, serfWan, server: rpc } = await freePorts()
      const start = (services: object[]) =>
        startAgent({
          config: {
            node_name: 'x',
            bind_addr: '127.0.0.1',
            data_dir: folder,
            server,
            bootstrap: server,
            ports: { http: 0, dns: -1, serf_lan: serfLan, serf_wan: serfWan, server: rpc },
            services,
          },
        })
      const check = { args: ['true'], interval: '1s' }
      await assert.rejects(start([{ name: 'web', check }]), /Scripts are disabled on this agent/)
      const agent = await start([{ name: 'web' }])
      await agent.stop()
      rmSync(folder, { recursive: true, force: true })
    })
  }
})
