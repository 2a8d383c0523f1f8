/**
 * Two datacenters in one WAN, a real one and one of ours, each with a server and a client agent: what is asked in one of
 * the other is answered as if it were asked there, by whichever agent, over HTTP and DNS.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { askDns } from '../support/dns-client.ts'
import { type AgentProcess, realConsul, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const WAIT_MS = 60_000
const LOOK_MS = 50
/** How long a request waits that may hope for a server, and what is far less than that even on a busy machine. */
const HOLD = '120s'
const AT_ONCE_MS = 60_000

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

interface Datacenter {
  name: string
  server: AgentProcess
  client: AgentProcess
}

suite('two datacenters, a real one and ours', { skip, timeout: 400_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-datacenters-'))
  const agents: AgentProcess[] = []
  let ours: Datacenter
  let theirs: Datacenter

  async function startDatacenter(name: string, command: { command?: string }): Promise<Datacenter> {
    // In dev mode a third of a second of silence is a death: too little on a busy machine.
    const patient = '{ probe_interval = "500ms" probe_timeout = "500ms" suspicion_mult = 6 }'
    const hold = `-hcl=performance { rpc_hold_timeout = "${HOLD}" }`
    const common = [`-datacenter=${name}`, '-bind=127.0.0.1', '-log-level=err', `-hcl=gossip_lan ${patient}`, hold]
    const inWan = ['-dev', `-node=server-${name}`, `-hcl=gossip_wan ${patient}`]
    const server = await startAgentProcess([...inWan, ...common], command)
    agents.push(server)
    const client = await startAgentProcess(
      [
        `-node=client-${name}`,
        `-data-dir=${join(folder, name)}`,
        `-retry-join=127.0.0.1:${server.ports.serfLan}`,
        ...common,
      ],
      command,
    )
    agents.push(client)
    return { name, server, client }
  }

  before(async () => {
    ;[ours, theirs] = await Promise.all([startDatacenter('ours', {}), startDatacenter('theirs', { command: real! })])
    const joined = await ours.server.http('PUT', `/v1/agent/join/127.0.0.1:${theirs.server.ports.serfWan}?wan=1`)
    assert.equal(joined.status, 200)
    for (const agent of agents) {
      await until('every agent knows both datacenters', async () => {
        const { body } = await agent.http('GET', '/v1/catalog/datacenters')
        return (JSON.parse(body) as string[]).length === 2
      })
    }
    // A leader registers whom it meets in its own time.
    for (const { name, server } of [ours, theirs]) {
      await until('its client is in the catalog', async () =>
        (await server.http('GET', `/v1/health/node/client-${name}`)).body.includes('serfHealth'),
      )
    }
  })
  after(async () => {
    await Promise.all(agents.map((agent) => agent.kill()))
    rmSync(folder, { recursive: true, force: true })
  })

  /** Every agent, with the datacenter that is not its own. */
  const asked = () =>
    [ours, theirs].flatMap(({ server, client }, at) => {
      const other = at === 0 ? theirs : ours
      return [
        { agent: server, other, who: `server, ${at === 0 ? 'ours' : 'theirs'}` },
        { agent: client, other, who: `client, ${at === 0 ? 'ours' : 'theirs'}` },
      ]
    })

  test('each tells of its own datacenter first', async () => {
    for (const { server, client, name } of [ours, theirs]) {
      for (const agent of [server, client]) {
        const { body } = await agent.http('GET', '/v1/catalog/datacenters')
        assert.deepEqual(JSON.parse(body), [name, name === 'ours' ? 'theirs' : 'ours'])
      }
    }
  })

  test('the keys of the other are read and written, by all', async () => {
    for (const [at, { agent, other, who }] of asked().entries()) {
      const key = `/v1/kv/across/${at}`
      assert.equal((await agent.http('PUT', `${key}?dc=${other.name}`, who)).body.trim(), 'true', who)
      assert.equal((await agent.http('GET', `${key}?dc=${other.name}&raw`)).body, who)
      assert.equal((await agent.http('GET', `${key}?dc=${other.name}&raw&consistent`)).body, who)
      assert.equal((await agent.http('GET', `${key}?dc=${other.name}&raw&stale`)).body, who)
      assert.equal((await other.client.http('GET', `${key}?raw`)).body, who)
      assert.equal((await agent.http('GET', key)).status, 404)
    }
  })

  test('a query that waits in the other is woken', async () => {
    for (const [at, { agent, other, who }] of asked().entries()) {
      const key = `/v1/kv/watched/${at}`
      const { headers } = await other.server.http('GET', key)
      const waiting = agent.http('GET', `${key}?raw&dc=${other.name}&index=${headers['x-consul-index']}`)
      await other.client.http('PUT', key, who)
      assert.equal((await waiting).body, who)
    }
  })

  test('sessions are kept there, and locks', async () => {
    for (const [at, { agent, other, who }] of asked().entries()) {
      const dc = `dc=${other.name}`
      const body = `{"Node":"client-${other.name}"}`
      const created = await agent.http('PUT', `/v1/session/create?${dc}`, body)
      const { ID } = JSON.parse(created.body) as { ID: string }
      const lock = `/v1/kv/lock/${at}`
      assert.equal((await agent.http('PUT', `${lock}?acquire=${ID}&${dc}`)).body.trim(), 'true', who)
      assert.equal((await agent.http('PUT', `/v1/session/renew/${ID}?${dc}`)).status, 200)
      assert.match((await other.client.http('GET', lock)).body, new RegExp(ID))
      assert.equal((await agent.http('PUT', `/v1/session/destroy/${ID}?${dc}`)).body.trim(), 'true')
    }
  })

  test('the catalog, health and what answers for the state are the other’s', async () => {
    for (const { agent, other, who } of asked()) {
      const get = async (path: string) => (await agent.http('GET', `${path}?dc=${other.name}`)).body
      const nodes = JSON.parse(await get('/v1/catalog/nodes')) as { Node: string; Datacenter: string }[]
      assert.deepEqual(
        nodes.map(({ Node, Datacenter }) => `${Node} ${Datacenter}`),
        [`client-${other.name} ${other.name}`, `server-${other.name} ${other.name}`],
        who,
      )
      assert.match(await get('/v1/health/service/consul'), new RegExp(`server-${other.name}`))
      assert.match(await get('/v1/health/node/client-'.concat(other.name)), /serfHealth/)
      assert.equal(JSON.parse(await get('/v1/status/leader')), `127.0.0.1:${other.server.ports.server}`)
    }
  })

  test('events are told there, by servers and clients', async () => {
    for (const [at, { agent, other, who }] of asked().entries()) {
      assert.equal((await agent.http('PUT', `/v1/event/fire/across-${at}?dc=${other.name}`)).status, 200, who)
      for (const listener of [other.server, other.client]) {
        await until(`${who} is heard`, async () =>
          (await listener.http('GET', '/v1/event/list')).body.includes(`across-${at}`),
        )
      }
    }
  })

  test('names with the datacenter in them are resolved there', async () => {
    for (const { agent, other, who } of asked()) {
      const ask = (name: string) => askDns(agent.ports.dns, name, 'A')
      for (const name of [`client-${other.name}.node.${other.name}.consul`, `consul.service.${other.name}.consul`]) {
        const { answers } = await ask(name)
        assert.deepEqual(
          answers?.map((answer) => 'data' in answer && answer.data),
          ['127.0.0.1'],
          `${who}: ${name}`,
        )
      }
      assert.equal((await ask('consul.service.nowhere.consul')).answers?.length, 0, who)
    }
  })

  test('the state of the other is saved and put back from here, and what is here stays as it is', async () => {
    for (const [at, { agent, other, who }] of asked().entries()) {
      const url = `http://127.0.0.1:${agent.ports.http}/v1/snapshot?dc=${other.name}`
      const key = `/v1/kv/snapshot/${at}`
      assert.equal((await agent.http('PUT', `${key}?dc=${other.name}`, 'saved')).body.trim(), 'true', who)
      const saved = await fetch(url)
      assert.equal(saved.status, 200, who)
      assert.ok(Number(saved.headers.get('X-Consul-Index')) > 0, who)
      const archive = Buffer.from(await saved.arrayBuffer())
      assert.equal((await agent.http('PUT', `${key}?dc=${other.name}`, 'later')).body.trim(), 'true', who)
      assert.equal((await agent.http('PUT', key, 'here')).body.trim(), 'true', who)
      const restored = await fetch(url, { method: 'PUT', body: archive })
      assert.deepEqual([restored.status, await restored.text()], [200, ''], who)
      // Within the other datacenter as well as across.
      for (const [place, path] of [
        [agent, `${key}?dc=${other.name}&raw`],
        [other.server, `${key}?raw`],
      ] as const) {
        assert.equal((await place.http('GET', path)).body, 'saved', who)
      }
      assert.equal((await agent.http('GET', `${key}?raw`)).body, 'here', who)
      const spoilt = await fetch(url, { method: 'PUT', body: archive.subarray(0, 100) })
      assert.equal(spoilt.status, 500, who)
      assert.match(await spoilt.text(), /failed to (decompress|read) snapshot/, who)
      assert.equal((await other.server.http('GET', `${key}?raw`)).body, 'saved', who)
    }
  })

  test('a datacenter that nobody knows has no path, and is told of at once', async () => {
    for (const { agent, who } of asked()) {
      const began = Date.now()
      const { status, body } = await agent.http('GET', '/v1/kv/x?dc=nowhere')
      assert.deepEqual([status, body.endsWith('No path to datacenter')], [500, true], `${who}: ${body}`)
      assert.ok(Date.now() - began < AT_ONCE_MS)
    }
  })

  test('when the other is gone, ours says so at once, and serves what is its own', async () => {
    await Promise.all([theirs.server.kill(), theirs.client.kill()])
    for (const agent of [ours.server, ours.client]) {
      const began = Date.now()
      const { status, body } = await agent.http('GET', '/v1/kv/x?dc=theirs')
      assert.deepEqual([status, body.endsWith('No path to datacenter')], [500, true], body)
      assert.ok(Date.now() - began < AT_ONCE_MS)
      assert.equal((await agent.http('PUT', '/v1/kv/own', 'x')).body.trim(), 'true')
    }
  })
})
