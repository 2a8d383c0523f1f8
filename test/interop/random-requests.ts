/**
 * Requests by chance, from a seed: a small world of names, so that writes meet, and mostly sound arguments, so that they
 * have consequences. What a request does to the two agents may be anything, as long as it does the same to both.
 */
import { type Random, seededRandom } from '../../src/base/random.ts'
import { ask, put, type Request } from './requests.ts'

const KEYS = ['a', 'a/b', 'a/b/c', 'a/', 'ab', 'b', 'b/%20', 'b/%c3%a9', 'b/%ff', 'c/d', 'c/d/e']
const NODES = ['r1', 'r2', 'R1', 'r-3.x']
const SERVICES = ['api', 'API', 'web', 'db-1', 'é']
const CHECKS = ['c1', 'c2', 'service:api']
const TAGS = ['t1', 't2', 'T1', '']
const STATES = ['passing', 'warning', 'critical']
const SESSIONS = ['s1', 's2', 's3']

/** Ids of the agent's own services: the catalog does not tell capitals from small letters, the agent does. */
const OWN_IDS = ['api', 'web', 'db-1', 'é']

/**
 * How many of the requests come before the agent's own services and checks do. What those bring into the catalog comes
 * in an order that chance gives, so that from then on indexes say nothing.
 */
const STRICT_SHARE = 0.7

export function randomRequests(seed: number, count: number): Request[] {
  const random = seededRandom(seed)
  const grammar = new Grammar(random)
  const requests: Request[] = []
  for (const [i, name] of SESSIONS.entries()) {
    const body = { Name: name, LockDelay: '0s', Behavior: i === 1 ? 'delete' : 'release', Checks: [] }
    requests.push(put('/v1/session/create', body, { saveId: name }))
  }
  while (requests.length < count * STRICT_SHARE) requests.push(grammar.request())
  while (requests.length < count)
    requests.push(...grammar.requestsWithAgent().map((each) => ({ ...each, loose: true as const })))
  return requests
}

class Grammar {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** As many of each kind as it should be asked for. */
  request(): Request {
    if (this.#chance(0.1)) return this.#broken()
    return this.#one<() => Request>([
      () => this.#kvRead(),
      () => this.#kvRead(),
      () => this.#kvWrite(),
      () => this.#kvWrite(),
      () => this.#kvDelete(),
      () => this.#register(),
      () => this.#register(),
      () => this.#deregister(),
      () => this.#look(),
      () => this.#look(),
      () => this.#session(),
    ])()
  }

  requestsWithAgent(): Request[] {
    return this.#chance(0.1) ? this.#agent() : [this.request()]
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#random.int(items.length)]!
  }

  #chance(share: number): boolean {
    return this.#random.float() < share
  }

  #some<T>(items: readonly T[], share = 0.4): T[] {
    return items.filter(() => this.#chance(share))
  }

  #maybe<T>(value: () => T): T | undefined {
    return this.#chance(0.5) ? value() : undefined
  }

  #query(params: string[], share = 0.15): string {
    const chosen = this.#some(params, share)
    return chosen.length === 0 ? '' : `?${chosen.join('&')}`
  }

  #kvRead(): Request {
    const params = [
      'recurse',
      'keys',
      'raw',
      'separator=/',
      'separator=b',
      'stale',
      'consistent',
      'pretty',
      'index=1&wait=20ms',
      'dc=dc1',
    ]
    const rare = this.#chance(0.05) ? [this.#one(['index=-1', 'wait=x', 'dc=none', 'ns=a', 'max_stale=q', 'a=%'])] : []
    const query = this.#query([...params, ...rare])
    return ask('GET', `/v1/kv/${this.#chance(0.1) ? '' : this.#one(KEYS)}${query}`, { saveIndex: 'last' })
  }

  #kvWrite(): Request {
    const params = [`flags=${this.#random.int(9)}`, 'cas=0', 'cas={last}']
    const session = `{${this.#one(SESSIONS)}}`
    params.push(`acquire=${session}`, `acquire=${session}`, `release=${session}`)
    if (this.#chance(0.05)) params.push('flags=-1', 'cas=x', 'acquire=x')
    return put(
      `/v1/kv/${this.#one(KEYS)}${this.#query(params)}`,
      this.#chance(0.1) ? '' : this.#random.bytes(this.#random.int(20)),
    )
  }

  #kvDelete(): Request {
    return ask('DELETE', `/v1/kv/${this.#one(KEYS)}${this.#query(['recurse', 'cas=0', 'cas={last}'])}`)
  }

  #register(): Request {
    const check = () => {
      const serviceId = this.#maybe(() => this.#one(SERVICES))
      return {
        CheckID: this.#one(CHECKS),
        Name: this.#maybe(() => this.#one(['first', 'second'])),
        Status: this.#maybe(() => this.#one(STATES)),
        ServiceID: serviceId,
        Output: this.#maybe(() => this.#one(['', 'out', '<é>'])),
      }
    }
    const service = () => ({
      ID: this.#maybe(() => this.#one(SERVICES)),
      Service: this.#one(SERVICES),
      Tags: this.#maybe(() => this.#some(TAGS)),
      Port: this.#maybe(() => this.#random.int(3)),
      Address: this.#maybe(() => this.#one(['', '10.0.0.1', 'name.example', '::1'])),
      Meta: this.#maybe(() => Object.fromEntries(this.#some(['k1', 'k2']).map((name) => [name, this.#one(TAGS)]))),
      Weights: this.#maybe(() => ({ Passing: this.#random.int(4), Warning: this.#random.int(4) })),
      EnableTagOverride: this.#maybe(() => this.#chance(0.5)),
      TaggedAddresses: this.#maybe(() => ({ lan: { Address: '10.1.1.1', Port: this.#random.int(3) } })),
    })
    return put('/v1/catalog/register', {
      Node: this.#one(NODES),
      Address: this.#one(['10.0.0.1', '10.0.0.2', 'host']),
      NodeMeta: this.#maybe(() => ({ m: this.#one(TAGS) })),
      TaggedAddresses: this.#maybe(() => ({ wan: '1.2.3.4' })),
      SkipNodeUpdate: this.#chance(0.1) || undefined,
      Service: this.#maybe(service),
      Check: this.#chance(0.3) ? check() : undefined,
      Checks: this.#chance(0.2) ? [check(), check()] : undefined,
    })
  }

  /** The agent's own, and a look at what came of it. */
  #agent(): Request[] {
    const id = this.#one(OWN_IDS)
    const check = () => ({
      TTL: '1h',
      Status: this.#maybe(() => this.#one(STATES)),
      CheckID: this.#maybe(() => this.#one(CHECKS)),
    })
    const write = this.#one<() => Request>([
      () =>
        put(`/v1/agent/service/register${this.#query(['replace-existing-checks'])}`, {
          ID: id,
          Name: this.#one(SERVICES),
          Tags: this.#some(TAGS),
          Port: this.#random.int(3),
          Check: this.#maybe(check),
          Checks: this.#chance(0.2) ? [check(), check()] : undefined,
        }),
      () => put('/v1/agent/check/register', { ...check(), Name: 'own', ServiceID: this.#maybe(() => id) }),
      () => put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`),
      () => put(`/v1/agent/check/deregister/${this.#one(CHECKS)}`),
      () =>
        put(
          `/v1/agent/check/${this.#one(['pass', 'warn', 'fail'])}/${this.#one(CHECKS)}?note=${this.#one(['', 'n', 'm'])}`,
        ),
    ])()
    return [
      write,
      ...['/v1/agent/services', '/v1/agent/checks', `/v1/agent/service/${encodeURIComponent(id)}`].map((url) =>
        ask('GET', url),
      ),
      ...['/v1/health/node/x', '/v1/catalog/node/x'].map((url) => ask('GET', url, { settles: true })),
    ]
  }

  /** A sound body with one character lost, doubled or replaced: what is wrong with it must be told alike. */
  #broken(): Request {
    const sound = this.#one([() => this.#register(), () => this.#deregister()])()
    const text = String(sound.body)
    const at = this.#random.int(text.length)
    const put = this.#one([
      '',
      text[at]! + text[at]!,
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '1',
      '-',
      'x',
      ' ',
      'null',
      '\\',
    ])
    return { ...sound, body: text.slice(0, at) + put + text.slice(at + 1) }
  }

  #deregister(): Request {
    return put('/v1/catalog/deregister', {
      Node: this.#one(NODES),
      ServiceID: this.#chance(0.6) ? this.#one(SERVICES) : undefined,
      CheckID: this.#chance(0.3) ? this.#one(CHECKS) : undefined,
    })
  }

  #look(): Request {
    const service = encodeURIComponent(this.#one(SERVICES))
    const node = this.#one(NODES)
    const paths = ['catalog/nodes', 'catalog/services', `catalog/service/${service}`, `catalog/node/${node}`]
    paths.push(
      `catalog/node-services/${node}`,
      `health/node/${node}`,
      `health/checks/${service}`,
      `health/service/${service}`,
    )
    paths.push(`health/service/${service}`, `health/state/${this.#one([...STATES, 'any', 'none'])}`)
    const params = [
      'stale',
      'consistent',
      'pretty',
      'passing',
      'passing=0',
      `tag=${this.#one(TAGS)}`,
      `tag=${this.#one(TAGS)}`,
    ]
    params.push(`node-meta=m:${this.#one(TAGS)}`, `near=${node}`, 'index=1&wait=20ms', 'dc=dc1', 'max_stale=5s')
    if (this.#chance(0.05)) params.push('dc=none', 'index=x', 'wait=-', 'ns=x')
    return ask('GET', `/v1/${this.#one(paths)}${this.#query(params, 0.12)}`)
  }

  #session(): Request {
    const name = this.#one(SESSIONS)
    return this.#one<() => Request>([
      () =>
        put('/v1/session/create', {
          Name: name,
          Node: this.#one(['x', ...NODES]),
          Checks: this.#some(CHECKS, 0.1),
          LockDelay: '0s',
        }),
      () => put(`/v1/session/renew/{${name}}`),
      () => ask('GET', `/v1/session/info/{${name}}`),
      () => ask('GET', `/v1/session/node/${this.#one(['x', ...NODES])}`),
      () => ask('GET', '/v1/session/list'),
      () => put(this.#chance(0.3) ? `/v1/session/destroy/{${name}}` : `/v1/session/renew/{${name}}`),
    ])()
  }
}
