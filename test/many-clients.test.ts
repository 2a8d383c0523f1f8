/**
 * Many client agents in one process before three servers: how soon all that they register is in the catalog, and again
 * after all servers have lost everything and come back. CLIENTS sets how many; 200 is the full form:
 *
 *   CLIENTS=200 npm test -- test/many-clients.test.ts
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { type Agent, startAgent } from '../src/index.ts'
import { freePorts, httpRequest, type Ports } from './support/process.ts'

const CLIENTS = Number(process.env.CLIENTS ?? 16)
/** Within it all must be in the catalog: far more than they take, and less than until each looks by itself whether it is. */
const SYNC_MS = 40_000
const LOOK_MS = 100

suite(`${CLIENTS} client agents and three servers`, { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-many-'))
  const ports: Ports[] = []
  let servers: Agent[] = []
  const clients: Agent[] = []

  async function startServers(): Promise<void> {
    while (ports.length < 3) ports.push(await freePorts())
    const lan = ports.map(({ serfLan }) => `127.0.0.1:${serfLan}`)
    servers = await Promise.all(
      ports.map(({ http, server, serfLan, serfWan }, at) =>
        startAgent({
          config: {
            server: true,
            bootstrap_expect: 3,
            node_name: `server-${at}`,
            bind_addr: '127.0.0.1',
            data_dir: join(folder, `server-${at}`),
            ports: { http, server, serf_lan: serfLan, serf_wan: serfWan, dns: -1 },
            performance: { raft_multiplier: 3 },
            retry_join: lan,
            retry_interval: '500ms',
            limits: { rpc_max_conns_per_client: 2 * CLIENTS + 100 },
          },
        }),
      ),
    )
  }

  async function startClient(at: number): Promise<void> {
    const client = await startAgent({
      config: {
        node_name: `client-${at}`,
        bind_addr: '127.0.0.1',
        data_dir: join(folder, `client-${at}`),
        ports: { http: 0, serf_lan: 0, dns: -1 },
        retry_join: ports.map(({ serfLan }) => `127.0.0.1:${serfLan}`),
        retry_interval: '500ms',
      },
    })
    clients.push(client)
    const check = { CheckID: `alive-${at}`, TTL: '1h', Status: 'passing' }
    const { status } = await httpRequest(
      Number(new URL(client.http).port),
      'PUT',
      '/v1/agent/service/register',
      JSON.stringify({ Name: 'web', ID: `web-${at}`, Port: 1000 + at, Check: check }),
    )
    assert.equal(status, 200)
  }

  /** How many of the clients' services a server tells of. */
  async function synced(): Promise<number> {
    const { status, body } = await httpRequest(ports[0]!.http, 'GET', '/v1/health/service/web?passing')
    return status === 200 ? (JSON.parse(body) as unknown[]).length : 0
  }

  async function allSynced(what: string): Promise<void> {
    const began = performance.now()
    for (let found = 0; found < CLIENTS; ) {
      found = await synced().catch(() => 0)
      if (performance.now() - began > SYNC_MS) throw new Error(`${what}: ${found} of ${CLIENTS} in ${SYNC_MS} ms`)
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
    if (process.env.CLIENTS !== undefined) console.log(`${what}: ${Math.round(performance.now() - began)} ms`)
  }

  after(async () => {
    await Promise.all([...clients, ...servers].map((agent) => agent.stop()))
    rmSync(folder, { recursive: true, force: true })
  })

  test('all that the clients register comes into the catalog', async () => {
    await startServers()
    await servers[0]!.ready
    for (let at = 0; at < CLIENTS; at += 20) {
      await Promise.all(Array.from({ length: Math.min(20, CLIENTS - at) }, (_, n) => startClient(at + n)))
    }
    await allSynced('synced after the start')
    // The servers are put there by the leader, as it comes to know them.
    for (let known = 0; known !== CLIENTS + 3; await new Promise((done) => setTimeout(done, LOOK_MS))) {
      const { body } = await httpRequest(ports[0]!.http, 'GET', '/v1/catalog/nodes')
      known = (JSON.parse(body) as unknown[]).length
      assert.ok(known <= CLIENTS + 3, body)
    }
  })

  test('and again, after all servers have come back with nothing', async () => {
    await Promise.all(servers.map((agent) => agent.stop()))
    for (const at of servers.keys()) rmSync(join(folder, `server-${at}`, 'raft'), { recursive: true })
    await startServers()
    await servers[0]!.ready
    await allSynced('synced after the servers came back')
  })
})
