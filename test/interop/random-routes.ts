/**
 * Requests made of the route table itself: every route with every method, every parameter that is described for it, each
 * by itself and then several together by chance; with bodies that are none, or nearly; and with paths, queries and
 * methods that nobody means. What is not asked for says why, and everything else is asked for at least once.
 */
import { type Random, seededRandom } from '../../src/base/random.ts'
import { DESCRIPTIONS, type Operation, operationsOf } from '../../src/serve/http/descriptions.ts'
import { ROUTES } from '../../src/serve/http/routes.ts'
import type { Request } from './requests.ts'

/** `METHOD pattern`, and why it is not asked for here. */
export const NOT_ASKED: Record<string, string> = {
  'PUT /v1/agent/leave': 'ends the agent; tried with the commands',
  'PUT /v1/agent/reload': 'takes services and checks away for a moment; tried with the commands',
  'GET /v1/agent/monitor': 'goes on until the asker leaves; tried with the commands',
  'GET /v1/snapshot': 'an archive of each; tried by restoring it in the other',
  'GET /v1/openapi.json': "is Proconsul's own",
  'GET /debug/pprof/profile': 'takes its time; asked once among the paths',
  'GET /debug/pprof/trace': 'takes its time; asked once among the paths',
}

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND']

const NAMES = ['x', 'gr-a', 'gr-b', 'consul', 'none', 'GR-A', 'gr%20c', 'gr%2Fd', 'gr+e', 'a/b', '%C3%A9', '']
/** Of paths whose end is of a kind: few names for all, so that writes meet. */
const ENDS: Record<string, string[]> = {
  kind: ['service-defaults', 'service-defaults/gr-a', 'service-resolver/', 'nonsense', 'proxy-defaults/global', ''],
  state: ['any', 'passing', 'critical', 'CRITICAL', 'none', ''],
  // Nobody listens there.
  address: ['127.0.0.1:1'],
  node: ['x', 'gr-a', 'none', 'X', ''],
  type: ['default', 'acl_token', 'none', ''],
}
const PROFILE_ENDS = ['goroutine', 'heap', 'none', '']

const VALUES: Record<string, string[]> = {
  dc: ['dc1', 'none', 'DC1', ''],
  max_stale: ['10s', '0', 'x', '-1s', '9e9h', ''],
  index: ['0', '1', 'x', '-1', '1.5', '99999999999999999999', ''],
  hash: ['x', ''],
  wait: ['10ms', 'x', '-1s', '10', '1us', ''],
  filter: [
    '',
    'Node==x',
    'Name==gr-a',
    'Service==consul',
    '((',
    'Meta contains a',
    'x matches "["',
    'ServiceName is empty',
  ],
  near: ['_agent', 'x', 'none', '_ip', ''],
  'node-meta': ['m:1', 'm', '', 'a:b:c', ':'],
  tag: ['t1', 'T1', '', 'none'],
  passing: ['', '0', 'false', '1'],
  enable: ['true', 'false', 'x', '1', ''],
  format: ['text', 'x', ''],
  wan: ['', '1', '0'],
  segment: ['', '_all', 'none'],
  cas: ['0', '1', 'x', '-1', '18446744073709551615', '18446744073709551616', ''],
  by: ['source', 'destination', 'x', ''],
  flags: ['0', '18446744073709551615', '-1', 'x', ''],
  acquire: ['', 'x', '00000000-0000-4000-8000-000000000000'],
  release: ['', 'x', '00000000-0000-4000-8000-000000000000'],
  id: ['none', ''],
  address: ['none', '127.0.0.1:1', ''],
  limit: ['0', '1', '-1', 'x', ''],
  connect: ['true', 'false', 'x', ''],
  'relay-factor': ['0', '5', '6', '-1', 'x', ''],
  'local-only': ['true', 'false', 'x', ''],
  'source-type': ['consul', 'x', ''],
  debug: ['1', '0', 'x', '-1'],
  seconds: ['0', '-1', 'x'],
}
/** Given beside those that are described, wherever it is. */
const ANYWHERE = ['ns=x', 'ns=', 'token=x', 'pretty', 'pretty=false', 'unknown=1', 'leader', 'stale&consistent']

const BODIES = [
  '',
  '{}',
  '[]',
  '""',
  '{"Name": "gr-a"}',
  '{"Node": "gr-a", "Address": "10.9.0.1"}',
  '{',
  'text',
  '{"ID": 1}',
]
/** Places that an answer of the cache is sorted from. */
const CACHED_FROM = ['', 'x', 'none', '_agent']
/**
 * Not asked of the cache by chance: who waits for little may see the real one stumble over having nothing yet, and what it
 * was asked from one place serves it for others (CACHED_FROM).
 */
const NOT_WITH_CACHED = new Set(['index', 'hash', 'wait', 'near'])
/** What the real one's cache takes for what is asked of the service itself. */
const SHARES_CACHE = /^\/v1\/(health\/(connect|ingress)|catalog\/connect)\//
const LONG = 'x'.repeat(6000)

/** What can be wrong with a path, or odd about it. */
const ODD_PATHS: ((path: string) => string)[] = [
  (path) => `${path}%`,
  (path) => `${path}%zz`,
  (path) => `${path}%2`,
  (path) => path.replace('/v1/', '/v1//'),
  (path) => `/${path}`,
  (path) => `${path}/`,
  (path) => `${path}//`,
  (path) => `${path}/.`,
  (path) => `${path}/..`,
  (path) => path.replace('/v1/', '/v1/../v1/'),
  (path) => path.replace('/v1/', '/v1/x/../'),
  (path) => `${path}/../../..`,
  (path) => path.replace('/v1/', '/%76%31/'),
  (path) => path.replace('/v1/', '/V1/'),
  (path) => `${path}%2F`,
  (path) => `${path}%2e%2e`,
  (path) => `${path}+`,
  (path) => `${path};a=b`,
  (path) => `${path}/x/y`,
  (path) => `${path}${LONG}`,
]
const ODD_QUERIES = [
  '?',
  '??',
  '?&',
  '?;',
  '?=',
  '?=x',
  '?a=%',
  '?a=%zz&dc=none',
  '?dc=none&dc=dc1',
  '?dc=dc1&dc=none',
  '?dc=none;stale',
  '?stale=&stale',
  '?index=x&index=1',
  '?wait=x&dc=none',
  '?d%63=none',
  '?dc=n%6fne',
  '?dc=+',
  '?dc=%20none',
  '?dc=none%00',
  '?DC=none',
  '?filter=%28%28',
  '?filter=Node+%3D%3D+x',
  `?x=${LONG}`,
  `?filter=${LONG}`,
  '?token=a+b&token=c',
]

/** Not of Consul's table of routes. */
const OWN = /^\/debug\/pprof\/|^\/v1\/openapi/

interface Target {
  pattern: string
  method: string
  operation: Operation
  /** What follows what stands behind the pattern. */
  below: string
}

function targets(): Target[] {
  return ROUTES.flatMap(({ pattern }) =>
    operationsOf(pattern).map((each) => ({ ...each, below: each.below.replace('{name}', 'gr-a'), pattern })),
  ).filter(({ pattern, method }) => !Object.hasOwn(NOT_ASKED, `${method} ${pattern}`))
}

/** Every route, method and parameter once, what is odd about each route by turns, and so many more by chance. */
export function randomRoutes(seed: number, more: number): Request[] {
  const makers = new Makers(seededRandom(seed))
  const all = targets()
  const requests = [
    ...all.flatMap((target) => [
      makers.request(target, []),
      ...(target.operation.parameters ?? []).map((name) => makers.request(target, [name])),
    ]),
    ...ROUTES.flatMap(({ pattern }, i) => [
      ...METHODS.flatMap((method) => makers.otherMethod(pattern, method)),
      ...makers.oddPath(pattern, i),
      ...makers.oddQuery(pattern, i),
    ]),
    ...CACHED_FROM.map((near) => ({ method: 'GET', url: `/v1/catalog/service/consul?cached&near=${near}` })),
    ...Array.from({ length: more }, () => makers.byChance(all)),
  ]
  // Indexes are each agent's own by now.
  return requests.map((each) => ({
    ...each,
    loose: true as const,
    ...(each.method === 'GET' && BY_AND_BY.test(each.url) ? { settles: true as const } : {}),
  }))
}

/** What the agents' own services, checks, events and coordinates come to, a moment after they were told. */
const BY_AND_BY =
  /^\/v1\/(health|catalog\/(?!datacenters)|internal\/ui|event\/list|coordinate|operator\/autopilot\/health)(?!.*cached)/

class Makers {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  request({ pattern, method, operation, below }: Target, names: readonly string[]): Request {
    const waits = names.includes('index') || names.includes('hash')
    // Nothing is waited for without saying for how little.
    const query = names.map((name) => (waits && name === 'wait' ? 'wait=1ms' : this.#parameter(name)))
    if (waits && !names.includes('wait')) query.push('wait=10ms')
    // The real one's cache may stay with what it was told of a service before that was there.
    const rest = names.includes('cached') && pattern.endsWith('/') ? 'consul' : this.#end(pattern, operation.rest)
    const url = `${pattern}${rest}${below}${query.length === 0 ? '' : `?${query.join('&')}`}`
    return operation.body === undefined ? { method, url } : { method, url, body: this.#one(BODIES) }
  }

  byChance(all: readonly Target[]): Request {
    const target = this.#one(all)
    const wanted = (target.operation.parameters ?? [])
      .filter(() => this.#random.float() < 0.25)
      .filter((name) => name !== 'cached' || !SHARES_CACHE.test(target.pattern))
    const names = wanted.includes('cached') ? wanted.filter((name) => !NOT_WITH_CACHED.has(name)) : wanted
    if (names.length > 0 && this.#random.float() < 0.1) names.push(names[0]!)
    const request = this.request(target, names)
    if (this.#random.float() < 0.15) {
      request.url += `${request.url.includes('?') ? '&' : '?'}${this.#one(ANYWHERE)}`
    }
    // Whom to join may end in a slash of its own, which parts a name from an address; bodies are bounded by what the path says.
    if (this.#random.float() < 0.1 && target.method === 'GET') {
      const [path, query] = request.url.split('?')
      request.url = `${this.#one(ODD_PATHS)(path!)}${query === undefined ? '' : `?${query}`}`
    }
    return request
  }

  /** A method that the route does not have, or says nothing of. */
  otherMethod(pattern: string, method: string): Request[] {
    const { [method]: own, ...others } = DESCRIPTIONS[pattern]!
    if (own !== undefined || OWN.test(pattern)) return []
    const [operation] = Object.values(others)
    return [{ method, url: `${pattern}${this.#end(pattern, operation?.rest)}` }]
  }

  /** Three of all the oddities for each route, so that all of them come up. */
  oddPath(pattern: string, i: number): Request[] {
    if (OWN.test(pattern)) return []
    const path = pattern.endsWith('/') ? `${pattern}gr-a` : pattern
    return [0, 7, 13]
      .map((offset) => ({ method: 'GET', url: ODD_PATHS[(i + offset) % ODD_PATHS.length]!(path) }))
      .filter(harmless)
  }

  oddQuery(pattern: string, i: number): Request[] {
    const reads = DESCRIPTIONS[pattern]!.GET
    if (reads === undefined || Object.hasOwn(NOT_ASKED, `GET ${pattern}`) || pattern.startsWith('/debug/')) return []
    const path = `${pattern}${this.#end(pattern, reads.rest)}`
    return [0, 9, 17].map((offset) => ({
      method: 'GET',
      url: `${path}${ODD_QUERIES[(i + offset) % ODD_QUERIES.length]}`,
    }))
  }

  #parameter(name: string): string {
    const values = VALUES[name] ?? ['gr-a', '', 'none', 'a%2Fb', '%C3%A9+']
    const value = this.#one(values)
    return value === '' && this.#random.float() < 0.5 ? name : `${name}=${encodeURIComponent(value)}`
  }

  #end(pattern: string, rest: string | undefined): string {
    if (!pattern.endsWith('/')) return ''
    return this.#one(pattern.startsWith('/debug/') ? PROFILE_ENDS : (ENDS[rest ?? ''] ?? NAMES))
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#random.int(items.length)]!
  }
}

/** A path that was bent may be another one's. */
function harmless({ method, url }: Request): boolean {
  return !Object.keys(NOT_ASKED).some((each) => each === `${method} ${url}`)
}

/** Routes, methods and parameters that none of the requests asks for. */
export function missing(requests: readonly Request[]): string[] {
  const asked = new Set<string>()
  for (const { method, url } of requests) {
    const [path, query = ''] = url.split('?')
    for (const { pattern } of ROUTES) {
      const meant = pattern.endsWith('/') ? path!.startsWith(pattern) : path === pattern
      if (!meant) continue
      asked.add(`${method} ${pattern}`)
      for (const name of query.split('&')) asked.add(`${method} ${pattern} ${name.split('=')[0]}`)
    }
  }
  return targets().flatMap(({ pattern, method, operation: { parameters = [] } }) =>
    [`${method} ${pattern}`, ...parameters.map((name) => `${method} ${pattern} ${name}`)].filter(
      (each) => !asked.has(each),
    ),
  )
}
