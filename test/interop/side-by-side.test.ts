/**
 * The real Consul and ours, side by side: both in dev mode with the same node name, asked the same requests in the same
 * order. Whatever differs and is not in the table of explained.ts fails.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { HTTP_QUESTIONS } from '../support/http-questions.ts'
import { type AgentProcess, realConsul, startAgentProcess } from '../support/process.ts'
import { DescribedAnswers, ELSEWHERE } from './described.ts'
import { EXPLAINED } from './explained.ts'
import { randomNewer } from './random-newer.ts'
import { randomRequests } from './random-requests.ts'
import { missing, randomRoutes } from './random-routes.ts'
import { AGENT_REQUESTS } from './requests/agent.ts'
import { CACHE_REQUESTS } from './requests/cache.ts'
import { CATALOG_REQUESTS } from './requests/catalog.ts'
import { CONFIG_REQUESTS } from './requests/config.ts'
import { FILTER_REQUESTS, randomFilters } from './requests/filter.ts'
import { HEALTH_REQUESTS } from './requests/health.ts'
import { INTENTION_REQUESTS } from './requests/intention.ts'
import { KV_REQUESTS } from './requests/kv.ts'
import { LARGE_REQUESTS } from './requests/large.ts'
import { OPERATOR_REQUESTS } from './requests/operator.ts'
import { OVERVIEW_REQUESTS } from './requests/overview.ts'
import { PROTOCOL_REQUESTS } from './requests/protocol.ts'
import { QUERY_REQUESTS } from './requests/query.ts'
import { SESSION_REQUESTS } from './requests/session.ts'
import { SPOILT_REQUESTS } from './requests/spoilt.ts'
import { TXN_REQUESTS } from './requests/txn.ts'
import { get, type Request } from './requests.ts'
import { SideBySide } from './side-by-side.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

/** INTEROP_SEED asks other random requests. */
const SEED = Number(process.env.INTEROP_SEED ?? 1)
const RANDOM_REQUESTS = 600
const RANDOM_FILTERS = 600
/** Beyond those that ask for everything once; INTEROP_COUNT asks for more. */
const RANDOM_ROUTES = Number(process.env.INTEROP_COUNT ?? 1500)
const ROUTE_REQUESTS = randomRoutes(SEED, RANDOM_ROUTES)

const TABLES: Record<string, readonly Request[]> = {
  'the table that the golden answers were recorded from': HTTP_QUESTIONS.map(({ save, ...rest }) => ({
    ...rest,
    saveId: save,
  })),
  'the key/value store': KV_REQUESTS,
  'the catalog': CATALOG_REQUESTS,
  health: HEALTH_REQUESTS,
  filters: FILTER_REQUESTS,
  [`filters by chance, seed ${SEED}`]: randomFilters(SEED, RANDOM_FILTERS),
  sessions: SESSION_REQUESTS,
  'configuration entries and the mesh': CONFIG_REQUESTS,
  intentions: INTENTION_REQUESTS,
  transactions: TXN_REQUESTS,
  'prepared queries': QUERY_REQUESTS,
  'overviews for the UI, and coordinates': OVERVIEW_REQUESTS,
  operators: OPERATOR_REQUESTS,
  'the cache': CACHE_REQUESTS,
  "the agent's own": AGENT_REQUESTS,
  'bodies of which one thing is wrong': SPOILT_REQUESTS,
  'bodies of more than a MiB': LARGE_REQUESTS,
  'methods, paths, headers and what is not there': PROTOCOL_REQUESTS,
  [`chance among what is written less often, seed ${SEED}`]: randomNewer(SEED, RANDOM_REQUESTS),
  [`chance, seed ${SEED}`]: randomRequests(SEED, RANDOM_REQUESTS),
  [`every route with every parameter, and what is odd, seed ${SEED}`]: ROUTE_REQUESTS,
}

suite('side by side with the real Consul', { skip }, () => {
  let agents: AgentProcess[] = []
  let both: SideBySide
  const described = new DescribedAnswers()

  before(async () => {
    const args = ['-dev', '-node=x', '-log-level=err', '-hcl=enable_central_service_config = true']
    // A name that is that of no node is looked for among the beginnings of ids: by chance `b2` would be found.
    agents = [await startAgentProcess([...args, '-node-id=77777777-7777-4777-8777-777777777777'])]
    const realId = '-node-id=99999999-9999-4999-8999-999999999999'
    agents.push(await startAgentProcess([...args, realId], { command: real }))
    both = new SideBySide(agents[0]!, agents[1]!, EXPLAINED)
    both.heard = (...heard) => described.hear(...heard)
    await both.begin()
  })
  after(async () => {
    both?.close()
    await Promise.all(agents.map((agent) => agent.kill()))
  })

  for (const [name, requests] of Object.entries(TABLES)) {
    test(`${name}: ${requests.length} requests are answered alike`, async () => {
      const found = await both.differences(requests)
      assert.equal(found.length, 0, `${found.length} differ:\n${found.join('\n')}`)
      await Promise.all(agents.map(endTimedSessions))
    })
  }

  /** Left to themselves they would end within a later table, in each agent's own time. In the order in which they came. */
  async function endTimedSessions(agent: AgentProcess): Promise<void> {
    const sessions: { ID: string; TTL: string; CreateIndex: number }[] = JSON.parse(
      (await agent.http('GET', '/v1/session/list')).body,
    )
    const timed = sessions.filter(({ TTL }) => TTL !== '').sort((a, b) => a.CreateIndex - b.CreateIndex)
    for (const { ID } of timed) assert.equal((await agent.http('PUT', `/v1/session/destroy/${ID}`)).body.trim(), 'true')
  }

  test('every answer, of both, is as ours is described to be', () => {
    const faults = described.faults()
    assert.equal(faults.length, 0, `${faults.length} faults:\n${faults.join('\n')}`)
    const unanswered = described.unanswered()
    assert.deepEqual(
      unanswered.filter((operation) => !ELSEWHERE.test(operation)),
      [],
    )
    assert.ok(unanswered.length > 0)
  })

  test('every explanation explains something', () => {
    assert.deepEqual(
      both.unused().map(({ reason }) => reason),
      [],
    )
  })

  test('the agents describe themselves in the same parts, names and kinds of values', async () => {
    const [ours, theirs] = await Promise.all(
      agents.map(async (agent) => JSON.parse((await agent.http('GET', '/v1/agent/self')).body) as Parts),
    )
    assert.deepEqual(Object.keys(ours!).sort(), Object.keys(theirs!).sort())
    const { NodeID: _, ...config } = ours!.Config!
    const { NodeID: __, ...realConfig } = theirs!.Config!
    assert.deepEqual(config, realConfig)
    assert.deepEqual(ours!.Meta, theirs!.Meta)
    assert.deepEqual(Object.keys(ours!.Coord!), Object.keys(theirs!.Coord!))
    assert.deepEqual(kinds(ours!.Member), kinds(theirs!.Member))
    const stats = structuredClone(ours!.Stats!) as Record<string, Record<string, string>>
    const realStats = structuredClone(theirs!.Stats!) as Record<string, Record<string, string>>
    delete stats.build!.proconsul
    // Goroutines are Go's.
    delete realStats.runtime!.goroutines
    assert.deepEqual(kinds(stats), kinds(realStats))
  })

  test('they run with the same settings, under the same names, but for those that are explained', async () => {
    const [ours, theirs] = (await Promise.all(
      agents.map(async (agent) => {
        const { DebugConfig } = JSON.parse((await agent.http('GET', '/v1/agent/self')).body) as Parts
        return Object.fromEntries(
          Object.entries(DebugConfig!).map(([name, value]) => [name, withoutPorts(value, agent)]),
        )
      }),
    )) as [Record<string, unknown>, Record<string, unknown>]
    const used = new Set<RegExp>()
    const different = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter((name) => {
      if (name in ours && isDeepStrictEqual(ours[name], theirs[name])) return false
      const [pattern] =
        SETTINGS_EXPLAINED.find(([each, absent]) => each.test(name) && (!absent || !(name in ours))) ?? []
      if (pattern !== undefined) used.add(pattern)
      return pattern === undefined
    })
    assert.deepEqual(
      different.map((name) => [name, ours[name], theirs[name]]),
      [],
    )
    assert.deepEqual(
      SETTINGS_EXPLAINED.filter(([pattern]) => !used.has(pattern)).map(([, , why]) => why),
      [],
    )
  })

  test('they tell of the machine and of what they measured in the same shapes', async () => {
    const look = async (path: string) =>
      (await Promise.all(agents.map(async (agent) => JSON.parse((await agent.http('GET', path)).body) as Parts))) as [
        Parts,
        Parts,
      ]
    const [host, realHost] = await look('/v1/agent/host')
    assert.deepEqual(Object.keys(host), Object.keys(realHost))
    for (const part of ['Memory', 'Host', 'Disk'] as const) {
      assert.deepEqual(kinds(host[part]), kinds(realHost[part]), part)
    }
    const { total } = host.Memory!
    assert.equal(total, realHost.Memory!.total)
    const cpus = (of: Parts) => (of.CPU as unknown as Record<string, unknown>[]).map(({ mhz: _, ...cpu }) => cpu)
    assert.deepEqual(cpus(host), cpus(realHost))
    const [metrics, realMetrics] = await look('/v1/agent/metrics')
    assert.deepEqual(Object.keys(metrics), Object.keys(realMetrics))
    const shape = (of: Parts) => kinds((of.Samples as unknown as unknown[])[0])
    assert.deepEqual(shape(metrics), shape(realMetrics))
  })
})

/** Which names of DebugConfig, whether ours lacks them (or only tells another value), and why. */
const SETTINGS_EXPLAINED: readonly [RegExp, absent: boolean, why: string][] = [
  [/^NodeID$/, false, 'each has its own'],
  [/^Logging$/, false, 'the real one tells the level as it was written, ours as it was understood'],
  [/^ACL/, true, 'access control comes with a later issue'],
  [/^Auto(Config|Encrypt)/, true, 'certificates for agents come with a later issue'],
  [
    /^(CAFile|CAPath|CertFile|KeyFile|ServerName|TLS.*|Verify.*|HTTPS(Addrs|HandshakeTimeout)|EnableAgentTLSForChecks)$/,
    true,
    'TLS comes with a later issue',
  ],
  [
    /^(Connect(CA|Enabled|Mesh|Test)|Expose(Max|Min)|PrimaryGateways|GRPCAddrs)/,
    true,
    'the mesh comes with a later issue',
  ],
  [/^(EnableUI|UI(ContentPath|Dir))$/, true, 'the web UI comes with a later issue'],
  [/^(EnterpriseRuntimeConfig|NonVotingServer|Segment(s|Limit|Name|NameLimit))$/, true, "of Consul's other edition"],
  [/^Disable(AnonymousSignature|UpdateCheck)$/, true, 'ours asks nobody for newer versions'],
  [/^(Checks|Services|Watches|ConfigEntryBootstrap)$/, true, 'what is defined is told by its own endpoints'],
  [/^(Telemetry|Cache)$/, true, 'ours has other sinks, and no rate for its cache'],
  [
    /^(Consul(Coordinate|Raft|ServerHealth)|CheckDeregisterIntervalMin|CheckReapInterval|SyncCoordinate)/,
    true,
    'constants that nobody can set but in the source',
  ],
  [
    /^(RPCProtocol|Raft(Protocol|Snapshot|Trailing)|ReconnectTimeout)/,
    true,
    'the real one tells 0 for what nobody has set',
  ],
]

function withoutPorts(value: unknown, { ports }: AgentProcess): unknown {
  const text = Object.entries(ports).reduce(
    (sum, [name, port]) => sum.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `"<${name}>"`),
    typeof value === 'number' ? `${value}` : JSON.stringify(value),
  )
  return text
}

type Parts = Record<string, Record<string, unknown>>

/** The same structure with the kinds of its values. */
function kinds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(kinds)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, each]) => [name, kinds(each)]),
    )
  }
  return value === null ? 'null' : typeof value
}

/** A server that answers each path with a line of headers and a body of its own. */
async function fake(answers: Record<string, { status?: number; header?: [string, string]; body?: string }>) {
  const server = createServer((request, response) => {
    const { status = 200, header = ['X-A', 'b'], body = '' } = answers[request.url!]!
    response.sendDate = false
    response.setHeader(...header).writeHead(status)
    response.end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const ports = { http: port, dns: 1, server: 1, serfLan: 1, serfWan: 1 }
  return { agent: { ports } as AgentProcess, close: () => server.close() }
}

test('every route is asked for, with every method and parameter that is described', () => {
  assert.deepEqual(missing(ROUTE_REQUESTS), [])
  // That what is missing is found.
  const [first, ...others] = missing(ROUTE_REQUESTS.filter(({ url }) => !url.startsWith('/v1/status/')))
  assert.deepEqual([first, others.length], ['GET /v1/status/leader', 3])
})

test('the comparison finds a status, a header, a body, an id and an order of indexes that differ, and nothing else', async () => {
  const id = (digit: string) => `${digit.repeat(8)}-0000-0000-0000-000000000000`
  const row = (index: number, own: string) => ({ body: `{"ID": "${own}", "ModifyIndex": ${index}}` })
  const same = { '/same': { body: 'x' }, '/status': {}, '/header': {}, '/body': { body: 'x' } }
  const ours = await fake({
    ...same,
    '/1': row(5, id('a')),
    '/2': row(6, id('b')),
    '/3': row(7, id('a')),
    '/4': row(8, id('c')),
  })
  const theirs = await fake({
    ...{
      '/same': { body: 'x' },
      '/status': { status: 201 },
      '/header': { header: ['x-a', 'b'] },
      '/body': { body: 'y' },
    },
    ...{ '/1': row(50, id('d')), '/2': row(70, id('e')), '/3': row(71, id('e')), '/4': row(60, id('f')) },
  })
  const both = new SideBySide(ours.agent, theirs.agent, [])
  const found = await both.differences(get('', ['/same', '/status', '/header', '/body', '/1', '/2', '/3', '/4', '/1']))
  both.close()
  ours.close()
  theirs.close()
  assert.deepEqual(
    found.map((line) => line.split('\n')[0]),
    ['GET /status', 'GET /header', 'GET /body', 'GET /3', 'GET /4'],
  )
})
