/** Server RPC and Raft against the real Consul: our calls to its server, and its server as a follower of ours. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { makePool, type Pool } from '../../src/agent/pool.ts'
import { silentLog } from '../../src/base/log.ts'
import { nodeHost } from '../../src/host/node.ts'
import type { Args, Method, Reply } from '../../src/model/rpc.ts'
import { aCheck, anEntry, aRegistration, aService, aSession } from '../support/cluster.ts'
import { type AgentProcess, freePorts, realConsul, startAgentProcess } from '../support/process.ts'

const consul = realConsul()
const skip = consul === undefined && 'the real Consul is not here'
const Datacenter = 'dc1'

interface Side {
  name: 'ours' | 'theirs'
  call<M extends Method>(method: M, args: Args<M>): Promise<Reply<M>>
  session: string
}

suite('calls to a real server, and to ours', { skip, timeout: 120_000 }, () => {
  let agents: AgentProcess[] = []
  let pool: Pool
  let sides: Side[] = []

  before(async () => {
    pool = makePool(nodeHost(silentLog))
    agents = await Promise.all([
      startAgentProcess(['-dev', '-node=same']),
      startAgentProcess(['-dev', '-node=same', '-log-level=err'], { command: consul! }),
    ])
    sides = agents.map(({ ports }, at) => ({
      name: at === 0 ? 'ours' : 'theirs',
      call: (method, args) => pool.call(`127.0.0.1:${ports.server}`, method, args),
      session: '',
    }))
  })
  after(async () => {
    pool.stop()
    await Promise.all(agents.map((agent) => agent.kill()))
  })

  /** Asks both and compares what must be equal: indexes, ids and times of their own are left out. */
  async function same<M extends Method>(method: M, args: Args<M> | ((side: Side) => Args<M>)): Promise<unknown> {
    const [ours, theirs] = await Promise.all(
      sides.map(async (side) => {
        const asked = typeof args === 'function' ? (args as (side: Side) => Args<M>)(side) : args
        return comparable(await side.call(method, asked).catch((error: Error) => `error: ${error.message}`), side)
      }),
    )
    assert.deepEqual(ours, theirs, method)
    return ours
  }

  function comparable(value: unknown, side: Side): unknown {
    if (side.session !== '' && value === side.session) return '<session>'
    if (Array.isArray(value)) return value.map((each) => comparable(each, side))
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !/^(Index|CreateIndex|ModifyIndex|LastIndex|LastTerm|ServicePort)$/.test(key))
        .map(([key, each]) => [key, comparable(each, side)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )
  }

  test('status', async () => {
    await same('Status.Ping', {})
    for (const [at, side] of sides.entries()) {
      const address = `127.0.0.1:${agents[at]!.ports.server}`
      assert.equal(await side.call('Status.Leader', { Datacenter }), address)
      assert.deepEqual(await side.call('Status.Peers', { Datacenter }), [address])
      assert.equal((await side.call('Status.RaftStats', {})).LastContact, '0')
    }
    assert.deepEqual(await same('Catalog.ListDatacenters', {}), ['dc1'])
  })

  test('the key/value store', async () => {
    const put = (fields: Parameters<typeof anEntry>[0]) => anEntry({ Flags: 2n ** 64n - 1n, ...fields })
    const value = Buffer.alloc(400_000, 'large')
    assert.equal(await same('KVS.Apply', { Datacenter, Op: 'set', DirEnt: put({ Key: 'a/b', Value: value }) }), false)
    assert.equal(await same('KVS.Apply', { Datacenter, Op: 'cas', DirEnt: put({ Key: 'a/c' }) }), true)
    assert.equal(await same('KVS.Apply', { Datacenter, Op: 'cas', DirEnt: put({ Key: 'a/c' }) }), false)
    await same('KVS.Get', { Datacenter, Key: 'a/b' })
    await same('KVS.Get', { Datacenter, Key: 'a/c', RequireConsistent: true })
    await same('KVS.Get', { Datacenter, Key: 'none', AllowStale: true })
    await same('KVS.List', { Datacenter, Key: 'a/' })
    assert.deepEqual(
      ((await same('KVS.ListKeys', { Datacenter, Prefix: '', Seperator: '/' })) as { Keys: string[] }).Keys,
      ['a/'],
    )
    await same('KVS.Apply', { Datacenter, Op: 'set', DirEnt: put({ Key: '' }) })
    await same('KVS.Apply', { Datacenter, Op: 'delete-tree', DirEnt: put({ Key: 'a/' }) })
    await same('KVS.List', { Datacenter, Key: 'a/' })
  })

  test('the catalog and health', async () => {
    const Service = aService({ ID: 'web1', Service: 'web', Tags: ['v1'], Port: 80, Meta: { m: '1' } })
    Service.Weights = { Passing: 1, Warning: 1 }
    const Check = aCheck({ CheckID: 'c', Name: 'c', Status: 'passing', ServiceID: 'web1', ServiceName: 'web' })
    const registration = aRegistration({ Datacenter, Node: 'n', NodeMeta: { rack: '1' }, Service, Check })
    assert.deepEqual(await same('Catalog.Register', registration), {})
    await same('Catalog.NodeServices', { Datacenter, Node: 'n' })
    await same('Catalog.NodeServices', { Datacenter, Node: 'absent' })
    await same('Catalog.ServiceNodes', { Datacenter, ServiceName: 'web' })
    await same('Catalog.ListServices', { Datacenter })
    await same('Catalog.ListNodes', { Datacenter, NodeMetaFilters: { rack: '1' } })
    await same('Health.ServiceNodes', { Datacenter, ServiceName: 'web', ServiceTags: ['v1'], TagFilter: true })
    await same('Health.ServiceNodes', { Datacenter, ServiceName: 'absent' })
    await same('Health.ServiceChecks', { Datacenter, ServiceName: 'web' })
    await same('Health.NodeChecks', { Datacenter, Node: 'n' })
    await same('Health.ChecksInState', { Datacenter, State: 'passing', NodeMetaFilters: { rack: '1' } })
    await same('Catalog.ListNodes', { Datacenter: 'elsewhere' })
    await same('Catalog.Register', { ...registration, Address: '' })
    await same('Catalog.Deregister', { Datacenter, Node: 'n' })
    await same('Catalog.ServiceNodes', { Datacenter, ServiceName: 'web' })
  })

  test('sessions and locks', async () => {
    for (const side of sides) {
      side.session = await side.call('Session.Apply', {
        Datacenter,
        Op: 'create',
        Session: aSession({ Node: 'same', Name: 's', TTL: '30s', Checks: ['serfHealth'] }),
      })
    }
    await same('Session.Get', ({ session }) => ({ Datacenter, SessionID: session, Session: session }))
    await same('Session.List', { Datacenter })
    await same('Session.NodeSessions', { Datacenter, Node: 'same' })
    await same('Session.Renew', ({ session }) => ({ Datacenter, SessionID: session, Session: session }))
    await same('KVS.Apply', ({ session }) => ({
      Datacenter,
      Op: 'lock',
      DirEnt: anEntry({ Key: 'lock', Session: session }),
    }))
    await same('KVS.Get', { Datacenter, Key: 'lock' })
    await same('Session.Apply', ({ session }) => ({ Datacenter, Op: 'destroy', Session: aSession({ ID: session }) }))
  })

  test('a blocking query wakes', async () => {
    await Promise.all(
      sides.map(async ({ call, name }) => {
        const { Index } = await call('KVS.Get', { Datacenter, Key: 'watched' })
        const blocked = call('KVS.Get', { Datacenter, Key: 'watched', MinQueryIndex: Index })
        await call('KVS.Apply', { Datacenter, Op: 'set', DirEnt: anEntry({ Key: 'watched', Value: Buffer.from('x') }) })
        const woken = await blocked
        assert.equal(Buffer.from(woken.Entries![0]!.Value!).toString(), 'x', name)
        assert.ok(woken.Index > Index)
      }),
    )
  })
})

const SETTINGS = {
  performance: { raft_multiplier: 1 },
  raft_snapshot_threshold: 50,
  raft_snapshot_interval: '200ms',
  raft_trailing_logs: 5,
}
const WRITES = 200

/** Two of one kind begin a cluster and shorten their log; one of the other kind then follows them from a snapshot. */
for (const [leaders, newcomer] of [
  ['ours', 'theirs'],
  ['theirs', 'ours'],
] as const) {
  test(`a cluster that ${leaders} lead, joined by one of ${newcomer}`, { skip, timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-mixed-'))
    const agents: AgentProcess[] = []
    async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
      const end = Date.now() + 40_000
      while (!(await holds().catch(() => false))) {
        if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${agents.map((a) => a.output()).join('\n')}`)
        await new Promise((done) => setTimeout(done, 50))
      }
    }
    const settings = join(folder, 'settings.json')
    writeFileSync(settings, JSON.stringify(SETTINGS))
    const ports = await Promise.all([freePorts(), freePorts(), freePorts()])
    const start = (n: number, kind: 'ours' | 'theirs', more: string[] = []) =>
      startAgentProcess(
        [
          '-server',
          '-bind=127.0.0.1',
          `-node=s${n}`,
          `-data-dir=${join(folder, String(n))}`,
          `-config-file=${settings}`,
          ...(n === 0 ? [] : [`-retry-join=127.0.0.1:${ports[0]!.serfLan}`, '-retry-interval=1s']),
          ...more,
        ],
        { ports: ports[n]!, wait: false, ...(kind === 'theirs' && { command: consul! }) },
      )
    try {
      agents.push(await start(0, leaders, ['-bootstrap-expect=2']), await start(1, leaders, ['-bootstrap-expect=2']))
      const [first] = agents
      await until('two have a leader', async () => (await first!.http('PUT', '/v1/kv/first', 'x')).status === 200)
      for (let n = 0; n < WRITES; n++) await first!.http('PUT', `/v1/kv/many/${n}`, `value ${n}`)
      for (const agent of agents) {
        await until('each shortened its log', async () => /compacting logs/i.test(agent.output()))
      }

      const last = await start(2, newcomer)
      agents.push(last)
      await until('the newcomer was sent a snapshot', async () => /Installed remote snapshot/.test(last.output()))
      await until('it has all of the state', async () => {
        return JSON.parse((await last.http('GET', '/v1/kv/many/?keys&stale')).body).length === WRITES
      })
      assert.equal((await last.http('PUT', '/v1/kv/through', 'the newcomer')).body.trim(), 'true')
      for (const agent of agents) {
        assert.equal((await agent.http('GET', '/v1/kv/through?raw')).body, 'the newcomer')
      }
      await until('it stands in the catalog with the others', async () => {
        const { body } = await first!.http('GET', '/v1/health/service/consul?passing')
        return (JSON.parse(body) as unknown[]).length === 3
      })
      for (const path of ['/v1/catalog/nodes', '/v1/health/state/any', '/v1/kv/?recurse']) {
        await until(`all tell the same at ${path}`, async () => {
          const [a, b, c] = await Promise.all(
            agents.map((agent) => agent.http('GET', `${path}${path.includes('?') ? '&' : '?'}stale`)),
          )
          return [b, c].every((answer) => isDeepStrictEqual(JSON.parse(answer!.body), JSON.parse(a!.body)))
        })
      }
    } finally {
      await Promise.all(agents.map((agent) => agent.kill()))
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
