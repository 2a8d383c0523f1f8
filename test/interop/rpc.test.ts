/** Server RPC and Raft against the real Consul: our calls to its server, and its server as a follower of ours. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { makePool, type Pool } from '../../src/agent/pool.ts'
import { silentLog } from '../../src/base/log.ts'
import { sampleQuery } from '../../src/core/store/samples.ts'
import { nodeHost } from '../../src/host/node.ts'
import { type Intention, type IntentionOp, NO_INTENTION } from '../../src/model/intention.ts'
import type { Args, Method, Reply } from '../../src/model/rpc.ts'
import type { TxnKVVerb, TxnOp } from '../../src/model/txn.ts'
import { aCheck, anEntry, aRegistration, aService, aSession } from '../support/cluster.ts'
import { type AgentProcess, freePorts, realConsul, startAgentProcess } from '../support/process.ts'

const consul = realConsul()
const skip = consul === undefined && 'the real Consul is not here'
const Datacenter = 'dc1'
const NO_OP: TxnOp = { KV: null, Intention: null, Node: null, Service: null, Check: null, Session: null }

interface Side {
  name: 'ours' | 'theirs'
  call<M extends Method>(method: M, args: Args<M>): Promise<Reply<M>>
  session: string
}

suite('calls to a real server, and to ours', { skip, timeout: 400_000 }, () => {
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

  test('transactions', async () => {
    const kv = (Verb: TxnKVVerb, DirEnt: Parameters<typeof anEntry>[0]): TxnOp => ({
      ...NO_OP,
      KV: { Verb, DirEnt: anEntry(DirEnt) },
    })
    const Service = aService({ ID: 'ts', Service: 'ts', Port: 7 })
    Service.Weights = { Passing: 1, Warning: 1 }
    const Node = {
      ...{ ID: '', Node: 'txn', Address: '10.0.0.9', Datacenter, TaggedAddresses: null, Meta: { k: 'v' } },
      ...{ CreateIndex: 0, ModifyIndex: 0 },
    }
    const Check = aCheck({ Node: 'txn', CheckID: 'c', Name: 'c', Status: 'passing', ServiceID: 'ts' })
    const Ops = [
      kv('set', { Key: 't/a', Value: Buffer.from('1'), Flags: 2n ** 64n - 1n }),
      kv('get', { Key: 't/a' }),
      kv('get-tree', { Key: 't/' }),
      { ...NO_OP, Node: { Verb: 'set' as const, Node } },
      { ...NO_OP, Service: { Verb: 'set' as const, Node: 'txn', Service } },
      { ...NO_OP, Check: { Verb: 'set' as const, Check } },
    ]
    const done = (await same('Txn.Apply', { Datacenter, Ops })) as { Results: unknown[] }
    assert.equal(done.Results.length, 6)
    await same('Txn.Apply', { Datacenter, Ops: [kv('set', { Key: 't/b' }), kv('get', { Key: 'none' }), NO_OP] })
    await same('KVS.List', { Datacenter, Key: 't/' })
    await same('Txn.Read', { Datacenter, Ops: [kv('get', { Key: 't/a' }), kv('check-not-exists', { Key: 't/b' })] })
    await same('Txn.Read', { Datacenter, Ops: [kv('get', { Key: 't/b' })], AllowStale: true })
    await same('Txn.Read', { Datacenter: 'elsewhere', Ops: [kv('get', { Key: 't/a' })] })
  })

  test('intentions within transactions', async () => {
    const ID = '5e0ff3d2-0000-1111-2222-333344445557'
    const op = (Op: IntentionOp, more: Partial<Intention> = {}): TxnOp => ({
      ...NO_OP,
      Intention: {
        ...{ Datacenter, Op },
        Intention: {
          ...NO_INTENTION,
          ...{ ID, SourceNS: 'default', SourceName: 'txn-a', DestinationNS: 'default', DestinationName: 'txn-b' },
          ...{ SourceType: 'consul', Action: 'allow', Meta: {}, Precedence: 9, ...more },
        },
      },
    })
    const key: TxnOp = { ...NO_OP, KV: { Verb: 'get', DirEnt: anEntry({ Key: 'txn/none' }) } }
    const check = { SourceNS: 'default', SourceName: 'txn-a', DestinationNS: 'default', DestinationName: 'txn-b' }
    const look = async () => {
      await same('Intention.Get', { Datacenter, IntentionID: ID })
      await same('Intention.Check', { Datacenter, Check: { ...check, SourceType: 'consul' } })
    }
    await same('Txn.Apply', { Datacenter, Ops: [op('create')] })
    await look()
    await same('Txn.Apply', { Datacenter, Ops: [op('update', { Action: 'deny', Description: 'd' })] })
    await look()
    // Nothing of it happens.
    await same('Txn.Apply', { Datacenter, Ops: [op('delete'), key] })
    await look()
    await same('Txn.Apply', { Datacenter, Ops: [op('create', { ID: '' })] })
    await same('Txn.Apply', { Datacenter, Ops: [op('nonsense' as IntentionOp)] })
    await same('Txn.Apply', { Datacenter, Ops: [op('delete'), op('delete')] })
    await look()
  })

  test('prepared queries', async () => {
    const query = { ...sampleQuery('', 'q-'), CreateIndex: 0, ModifyIndex: 0 }
    query.Template = { Type: 'name_prefix_match', Regexp: '^q-(.*)$', RemoveEmptyTags: true }
    query.Service = { ...query.Service, Service: '\x24{match(1)}', Tags: ['\x24{match(2)}'], NodeMeta: { k: 'v' } }
    for (const side of sides) {
      side.session = await side.call('PreparedQuery.Apply', { Datacenter, Op: 'create', Query: query })
    }
    await same('PreparedQuery.Get', ({ session }) => ({ Datacenter, QueryID: session }))
    await same('PreparedQuery.List', { Datacenter })
    const named = { Datacenter, QueryIDOrName: 'q-ts', Agent: { Datacenter, Node: 'same' }, Source: { Datacenter } }
    await same('PreparedQuery.Explain', named)
    await same('PreparedQuery.Execute', named)
    await same('PreparedQuery.Execute', { ...named, QueryIDOrName: 'none' })
    const [rendered] = sides.map(({ session }) => ({
      ...query,
      ID: session,
      Service: { ...query.Service, Service: 'ts', Tags: null },
    }))
    await same('PreparedQuery.ExecuteRemote', { Datacenter, Query: rendered!, Limit: 1 })
    await same('PreparedQuery.Apply', ({ session }) => ({
      ...{ Datacenter, Op: 'update' as const },
      Query: { ...query, ID: session, Service: { ...query.Service, Service: '\x24{name.none}' } },
    }))
    await same('PreparedQuery.Apply', ({ session }) => ({
      ...{ Datacenter, Op: 'delete' as const },
      Query: { ...query, ID: session },
    }))
    await same('PreparedQuery.List', { Datacenter })
  })

  test('overviews and coordinates', async () => {
    await same('Internal.NodeInfo', { Datacenter, Node: 'txn' })
    await same('Internal.NodeInfo', { Datacenter, Node: 'none' })
    await same('Internal.NodeDump', { Datacenter, Filter: 'Node == "txn"' })
    await same('Internal.ServiceDump', { Datacenter, Filter: 'Service.Service == "ts"' })
    await same('Internal.ServiceDump', { Datacenter, UseServiceKind: true, ServiceKind: 'mesh-gateway' })
    await same('Coordinate.Node', { Datacenter, Node: 'txn' })
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
  performance: { raft_multiplier: 3 },
  raft_snapshot_threshold: 50,
  raft_snapshot_interval: '200ms',
  raft_trailing_logs: 5,
}
const WRITES = 200
const WAIT_MS = 60_000
const LOOK_MS = 50

/** A transaction that succeeds and one that fails, queries that stay, change and go: on each server alike. */
async function writeQueriesAndTransactions(agent: AgentProcess, name: string): Promise<void> {
  const send = async (method: string, path: string, body?: unknown) => {
    const answer = await agent.http(method, path, body === undefined ? undefined : JSON.stringify(body))
    return { status: answer.status, body: answer.body, id: /"ID": ?"([^"]+)"/.exec(answer.body)?.[1] ?? '' }
  }
  const kv = (Verb: string, Key: string, more = {}) => ({ KV: { Verb, Key: `${name}/${Key}`, ...more } })
  const done = await send('PUT', '/v1/txn', [
    kv('set', 'a', { Value: 'MQ==', Flags: 7 }),
    kv('cas', 'b', { Value: 'Mg==' }),
    { Node: { Verb: 'set', Node: { Node: `${name}-node`, Address: '10.0.0.9', Meta: { k: 'v' } } } },
    { Service: { Verb: 'set', Node: `${name}-node`, Service: { Service: `${name}-web`, Port: 80, Tags: ['v1'] } } },
    { Check: { Verb: 'set', Check: { Node: `${name}-node`, CheckID: 'c', Status: 'passing' } } },
  ])
  assert.equal(done.status, 200)
  const failed = await send('PUT', '/v1/txn', [kv('set', 'never'), kv('delete-tree', ''), kv('get', 'none')])
  assert.equal(failed.status, 409)
  // The leader puts a server into the catalog once it has met it.
  let session = await send('PUT', '/v1/session/create', {})
  for (const end = Date.now() + WAIT_MS; session.status !== 200; ) {
    assert.ok(Date.now() < end, `no session on the node of ${name}: ${session.body}`)
    await new Promise((done) => setTimeout(done, LOOK_MS))
    session = await send('PUT', '/v1/session/create', {})
  }
  await send('POST', '/v1/query', { Session: session.id, Service: { Service: 'bound' } })
  await send('POST', '/v1/query', { Session: session.id, Name: `${name}-bound`, Service: { Service: 'bound' } })
  const Template = { Type: 'name_prefix_match', Regexp: '^(\\w+)-', RemoveEmptyTags: true }
  await send('POST', '/v1/query', {
    Name: `${name}-`,
    Template,
    Service: { Service: '\x24{match(1)}', Tags: ['a', ''] },
  })
  const changed = await send('POST', '/v1/query', { Name: `${name}-changed`, Service: { Service: 'x' } })
  const Failover = { NearestN: 2, Datacenters: ['dc2'] }
  const update = {
    Name: `${name}-changed`,
    Service: { Service: 'y', Failover, NodeMeta: { a: 'b' } },
    DNS: { TTL: '10s' },
  }
  assert.equal((await send('PUT', `/v1/query/${changed.id}`, update)).status, 200)
  const gone = await send('POST', '/v1/query', { Name: `${name}-gone`, Service: { Service: 'x' } })
  assert.equal((await send('DELETE', `/v1/query/${gone.id}`)).status, 200)
  if (name === 'late') assert.equal((await send('PUT', `/v1/session/destroy/${session.id}`)).status, 200)
}

/** Two of one kind begin a cluster and shorten their log; one of the other kind then follows them from a snapshot. */
for (const [leaders, newcomer] of [
  ['ours', 'theirs'],
  ['theirs', 'ours'],
] as const) {
  test(`a cluster that ${leaders} lead, joined by one of ${newcomer}`, { skip, timeout: 400_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-mixed-'))
    const agents: AgentProcess[] = []
    async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
      const end = Date.now() + WAIT_MS
      while (!(await holds().catch(() => false))) {
        if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${agents.map((a) => a.output()).join('\n')}`)
        await new Promise((done) => setTimeout(done, LOOK_MS))
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
      await writeQueriesAndTransactions(first!, 'early')
      for (let n = 0; n < WRITES; n++) {
        // On a busy machine the leader may change at any moment: then it is asked again.
        await until('a write succeeds', async () => {
          return (await first!.http('PUT', `/v1/kv/many/${n}`, `value ${n}`)).status === 200
        })
      }
      for (const agent of agents) {
        await until('each shortened its log', async () => /compacting logs/i.test(agent.output()))
      }

      const last = await start(2, newcomer)
      agents.push(last)
      await until('the newcomer was sent a snapshot', async () => /Installed remote snapshot/.test(last.output()))
      await until('it has all of the state', async () => {
        return JSON.parse((await last.http('GET', '/v1/kv/many/?keys&stale')).body).length === WRITES
      })
      await until('a write goes through it', async () => {
        return (await last.http('PUT', '/v1/kv/through', 'the newcomer')).body.trim() === 'true'
      })
      await writeQueriesAndTransactions(last, 'late')
      for (const agent of agents) {
        await until('it is read at each', async () => {
          return (await agent.http('GET', '/v1/kv/through?raw')).body === 'the newcomer'
        })
      }
      await until('it stands in the catalog with the others', async () => {
        const { body } = await first!.http('GET', '/v1/health/service/consul?passing')
        return (JSON.parse(body) as unknown[]).length === 3
      })
      for (const path of [
        '/v1/catalog/nodes',
        '/v1/health/state/any',
        '/v1/kv/?recurse',
        '/v1/query',
        '/v1/internal/ui/nodes',
      ]) {
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
