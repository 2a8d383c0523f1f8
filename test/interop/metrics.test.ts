/**
 * What is counted, and under which names and labels: ours and the real one are asked the same, and then what they counted,
 * in Prometheus's form. How much of it is compared only where nothing but the requests decides it.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type AgentProcess, realConsul } from '../support/process.ts'
import { type Pair, startPair } from './clients/pair.ts'
import { EXPLAINED } from './explained.ts'
import { QUERY_REQUESTS } from './requests/query.ts'
import { TXN_REQUESTS } from './requests/txn.ts'
import { ask, get, put, type Request } from './requests.ts'
import { SideBySide } from './side-by-side.ts'

const skip =
  realConsul() === undefined &&
  'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const SETTLE_MS = 60_000
const POLL_MS = 200

/** Of SideBySide's. */
const LAST_OF_BEGIN = 'consul_http_DELETE_v1_kv__count'

const ARGS = [
  ...['-dev', '-node=x', '-log-level=err'],
  '-hcl=telemetry { prometheus_retention_time = "1h" disable_hostname = true }',
]

const BODY = { Node: 'm', Address: '10.0.0.1', Service: { Service: 'web', Tags: ['a', 'b'] } }
const REQUESTS: Request[] = [
  put('/v1/catalog/register', BODY),
  put('/v1/catalog/register', { Node: '' }),
  ...['health', 'catalog'].flatMap((group) =>
    get(`/v1/${group}/`, [
      ...['service/web', 'service/none', 'service/web?tag=b&tag=a', 'service/web?stale', 'connect/web', 'connect/none'],
      ...['service/web?consistent', 'service/web?dc=none', 'service/', 'service/web?filter=((', 'service/web?wait=x'],
    ]),
  ),
  ...get('/v1/health/', ['ingress/none', 'node/m', 'state/any', 'checks/web']),
  ...get('/v1/catalog/', ['nodes', 'nodes?dc=none', 'services', 'datacenters']),
  ...get('/v1/catalog/', ['node/m', 'node/', 'node-services/m', 'gateway-services/m']),
  put('/v1/session/create', { TTL: '1h' }, { saveId: 's' }),
  put('/v1/session/renew/{s}'),
  put('/v1/kv/m?acquire={s}', 'v'),
  ...get('/v1/kv/', ['m', 'm?consistent', '?recurse', 'none']),
  put('/v1/config', { Kind: 'service-defaults', Name: 'web', Protocol: 'http' }),
  ...get('/v1/config/', ['service-defaults/web', 'service-defaults']),
  ...get('/v1/discovery-chain/', ['web']),
  ask('DELETE', '/v1/config/service-defaults/web'),
  ...TXN_REQUESTS,
  ...QUERY_REQUESTS.filter(({ body }) => body !== 'null '),
  put('/v1/catalog/register', BODY),
  // Last, since what is cached is asked for again at each change, in its own time.
  ...['', ''].flatMap(() =>
    get('/v1/', [
      ...['health/service/web?cached', 'health/service/none?cached', 'health/service/web?cached&tag=a'],
      ...['catalog/service/web?cached', 'catalog/services?cached', 'catalog/datacenters?cached'],
      ...['discovery-chain/web?cached', 'query/none/execute?cached'],
    ]),
  ),
]

/** Decided by the requests alone: the numbers must be the same. */
const NUMBERS =
  /^consul_((client_api|catalog_(service|connect)_|health_(connect|ingress)_|txn_|session_(renew|apply|ttl_active)|kvs_apply|prepared_query_apply|discovery_chain|consul_cache_\w+_(hit|miss_new))|config_entry_(get|list|delete)_|http_)/
/** The names alone. */
const NAMES =
  /^consul_(client_rpc|prepared_query|config_entry|consul_cache|health_|dns|raft_(state|barrier|verify)|leader_)/
/** Of both, what may be of one alone, and why. */
const OF_ONE: readonly [RegExp, why: string][] = [
  [/^consul_leader_reconcileMember/, 'ours reconciles all members at a stroke'],
  [
    /^consul_client_rpc_error_catalog_nodes/,
    'the real one counts parameters that cannot be read, and no failure; ours the reverse, as of the others',
  ],
  [/^consul_http_GET_v1_agent_metrics/, 'who is asked for it has not yet counted that'],
]

async function counted(agent: AgentProcess): Promise<Map<string, number>> {
  const { body } = await agent.http('GET', '/v1/agent/metrics?format=prometheus')
  const found = new Map<string, number>()
  for (const line of body.split('\n')) {
    const [, name, labels = '', value] = /^(\w[\w:]*)(\{.*\})? (\S+)$/.exec(line) ?? []
    if (name === undefined || labels.includes('quantile=') || name.endsWith('_sum')) continue
    if (!OF_ONE.some(([pattern]) => pattern.test(name))) found.set(name + labels, Number(value))
  }
  return found
}

suite('metrics side by side', { skip }, () => {
  let pair: Pair
  before(async () => {
    pair = await startPair(ARGS)
  })
  after(() => pair?.stop())

  test('the same requests are counted alike', async () => {
    const both = new SideBySide(pair.ours, pair.theirs!, EXPLAINED)
    await both.begin()
    // Some are counted a moment after the answer that they are about: here, the last request that made both ready.
    const deadline = Date.now() + SETTLE_MS
    let before = await Promise.all(pair.all().map(counted))
    while (!before.every((each) => each.has(LAST_OF_BEGIN)) && Date.now() < deadline) {
      await delay(POLL_MS)
      before = await Promise.all(pair.all().map(counted))
    }
    assert.deepEqual(await both.differences(REQUESTS.map((each) => ({ ...each, loose: true }))), [])
    both.close()
    for (const end = Date.now() + SETTLE_MS; ; await delay(POLL_MS)) {
      const after = await Promise.all(pair.all().map(counted))
      const [ours, theirs] = after.map((each, i) => seen(each, before[i]!))
      if (JSON.stringify(ours) === JSON.stringify(theirs)) break
      if (Date.now() > end) assert.deepEqual(ours, theirs)
    }
  })
})

/** Names, and how much was counted where the requests alone decide that. */
function seen(after: Map<string, number>, before: Map<string, number>): [string, number | null][] {
  return [...after]
    .filter(([name]) => NAMES.test(name) || NUMBERS.test(name))
    .map(([name, count]): [string, number | null] => [
      name,
      NUMBERS.test(name) ? count - (before.get(name) ?? 0) : null,
    ])
    .filter(([, count]) => count !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
