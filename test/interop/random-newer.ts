/**
 * Requests by chance, from a seed, to what is written less often: transactions, configuration entries, intentions,
 * prepared queries, maintenance, operators. A small world of names, so that writes meet; each write is followed by a look.
 */
import { type Random, seededRandom } from '../../src/base/random.ts'
import { ask, put, type Request } from './requests.ts'

const KEYS = ['n/a', 'n/b', 'n/b/c', 'n/', 'n']
const SERVICES = ['rn-web', 'rn-api', 'rn-db', '*']
const NODES = ['rn1', 'rn2']
/** Without `check-index`: its refusal tells an index, which is each agent's own. */
const KV_VERBS = ['set', 'cas', 'get', 'get-tree', 'check-not-exists', 'delete', 'delete-tree', 'delete-cas', 'lock']
const CATALOG_VERBS = ['set', 'cas', 'get', 'delete', 'delete-cas', 'nonsense']
const PROTOCOLS = ['tcp', 'http', 'HTTP', 'http2', 'grpc', 'other', '']

export function randomNewer(seed: number, count: number): Request[] {
  const random = seededRandom(seed)
  const world = new World(random)
  const requests: Request[] = []
  while (requests.length < count) requests.push(...world.requests())
  return requests.map((each) => ({ ...each, loose: true as const }))
}

class World {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  requests(): Request[] {
    return this.#one([
      () => [this.#txn(), ask('GET', '/v1/kv/n?recurse'), ask('GET', '/v1/catalog/nodes?node-meta=rn:1')],
      () => [this.#entry(), ...this.#entryLooks()],
      () => [this.#entryDeleted(), ...this.#entryLooks()],
      () => [this.#intention(), ...this.#intentionLooks()],
      () => this.#query(),
      () => this.#maintenance(),
      () => [this.#operator()],
    ])()
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#random.int(items.length)]!
  }

  #maybe<T>(value: () => T, share = 0.5): T | undefined {
    return this.#random.float() < share ? value() : undefined
  }

  #txn(): Request {
    const operation = () =>
      this.#one<() => object>([
        () => ({
          KV: {
            Verb: this.#one(KV_VERBS),
            Key: this.#one(KEYS),
            Value: this.#maybe(() => this.#one(['', 'dg==', 'YQ=='])),
            Index: this.#maybe(() => this.#random.int(3)),
            Flags: this.#maybe(() => this.#random.int(9)),
          },
        }),
        () => ({
          Node: {
            Verb: this.#one(CATALOG_VERBS),
            Node: { Node: this.#one(NODES), Address: this.#one(['10.7.0.1', '']), Meta: { rn: '1' } },
          },
        }),
        () => ({
          Service: {
            Verb: this.#one(CATALOG_VERBS),
            Node: this.#one(NODES),
            Service: { Service: this.#one(['rn-web', 'rn-db']), Port: this.#random.int(3) },
          },
        }),
        () => ({
          Check: {
            Verb: this.#one(CATALOG_VERBS),
            Check: {
              Node: this.#one(NODES),
              CheckID: this.#one(['k1', 'k2']),
              Status: this.#one(['passing', 'x', '']),
            },
          },
        }),
      ])()
    return put('/v1/txn', Array.from({ length: this.#random.int(4) }, operation))
  }

  #entry(): Request {
    const name = () => this.#one(SERVICES)
    const entry = this.#one<() => object>([
      () => ({ Kind: 'service-defaults', Name: name(), Protocol: this.#one(PROTOCOLS) }),
      () => ({
        Kind: 'service-resolver',
        Name: name(),
        DefaultSubset: this.#maybe(() => 'v1', 0.3),
        Subsets: this.#maybe(() => ({ v1: { Filter: this.#one(['', 'Service.Meta.v == 1', '(((']) } })),
        Redirect: this.#maybe(() => ({ Service: name() }), 0.2),
        ConnectTimeout: this.#maybe(() => this.#one(['1s', '-1s', 'x'])),
      }),
      () => ({
        Kind: 'service-splitter',
        Name: name(),
        Splits: Array.from({ length: 1 + this.#random.int(2) }, () => ({
          Weight: this.#one([50, 100, 0.001]),
          Service: name(),
        })),
      }),
      () => ({
        Kind: 'service-router',
        Name: name(),
        Routes: [{ Match: { HTTP: { PathPrefix: this.#one(['/a', 'a', '']) } }, Destination: { Service: name() } }],
      }),
      () => ({ Kind: this.#one(['nonsense', '', 'proxy-defaults']), Name: name() }),
    ])()
    return put(`/v1/config${this.#one(['', '', '', '?cas=0'])}`, entry)
  }

  #kind(): string {
    return this.#one(['service-defaults', 'service-resolver', 'service-splitter', 'service-router', 'nonsense'])
  }

  #entryDeleted(): Request {
    return ask('DELETE', `/v1/config/${this.#kind()}/${this.#one(SERVICES)}`)
  }

  #entryLooks(): Request[] {
    return [`/v1/config/${this.#kind()}`, `/v1/config/${this.#kind()}/${this.#one(SERVICES)}`].map((url) =>
      ask('GET', url),
    )
  }

  #intention(): Request {
    const body = {
      SourceName: this.#one(SERVICES),
      DestinationName: this.#one(SERVICES),
      Action: this.#one(['allow', 'deny', 'allow', 'other', '']),
      Description: this.#maybe(() => 'd'),
      SourceType: this.#maybe(() => this.#one(['consul', 'x'])),
    }
    return ask('POST', '/v1/connect/intentions', { body: JSON.stringify(body) })
  }

  #intentionLooks(): Request[] {
    const [from, to] = [this.#one(SERVICES), this.#one(SERVICES)]
    return [
      ask('GET', `/v1/connect/intentions/check?source=${from}&destination=${to}`),
      ask('GET', `/v1/connect/intentions/match?by=${this.#one(['source', 'destination', 'x'])}&name=${to}`),
    ]
  }

  #query(): Request[] {
    const body = {
      Name: this.#maybe(() => this.#one(['rn-q', 'rn-r', 'rn-']), 0.8),
      Service: {
        Service: this.#one(['consul', 'rn-web', '']),
        OnlyPassing: this.#maybe(() => true),
        Tags: this.#maybe(() => this.#one([['a'], ['!a'], ['']])),
        Failover: this.#maybe(() => ({ NearestN: this.#random.int(3) - 1, Datacenters: ['dc9'] }), 0.2),
      },
      Template: this.#maybe(
        () => ({ Type: this.#one(['name_prefix_match', 'x']), Regexp: this.#one(['', '^rn-(.*)$', '((']) }),
        0.2,
      ),
      DNS: this.#maybe(() => ({ TTL: this.#one(['5s', '-1s', 'x']) }), 0.3),
    }
    const name = this.#one(['rn-q', 'rn-r', 'rn-other'])
    return [
      ask('POST', '/v1/query', { body: JSON.stringify(body) }),
      ask('GET', `/v1/query/${name}/execute`),
      ask('GET', `/v1/query/${name}/explain`),
    ]
  }

  #maintenance(): Request[] {
    const query = this.#one(['?enable=true', '?enable=false', '', '?enable=x', '?enable=true&reason=r'])
    return [
      put('/v1/agent/service/register', { Name: 'rn-own', Port: this.#random.int(3) }),
      put(`/v1/agent/service/maintenance/${this.#one(['rn-own', 'none'])}${query}`),
      ask('GET', `/v1/agent/health/service/id/rn-own`),
      put('/v1/agent/service/maintenance/rn-own?enable=false'),
    ]
  }

  #operator(): Request {
    return this.#one([
      () => ask('GET', `/v1/operator/raft/configuration${this.#one(['', '?stale', '?dc=none'])}`),
      () => ask('GET', '/v1/operator/autopilot/configuration'),
      () => put('/v1/operator/autopilot/configuration?cas=0', { MaxTrailingLogs: this.#random.int(9) }),
      () => ask('GET', `/v1/internal/ui/services${this.#one(['', '?filter=Name==consul', '?filter=Name'])}`),
      () => ask('GET', `/v1/internal/ui/node/${this.#one(['x', 'none', ''])}`),
    ])()
  }
}
