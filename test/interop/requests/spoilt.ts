/**
 * Bodies that say all that can be said, and then each of their fields spoilt in turn: another type, another spelling of
 * its name, a name that nobody knows. One thing is wrong at a time, since which of two the real one complains of first is
 * chance. Left out is what the real one stumbles over: a null where its maps and lists hold structures.
 */
import { ask, del, get, put, type Request } from '../requests.ts'

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

const VALUES: Json[] = ['', '7', -1, true, [], ['a'], {}, { a_b: 1 }]
/** Of a number or text, what lies beyond 64 bits is all the same. */
const BEYOND = 1e20
const SPELLINGS: ((name: string) => string)[] = [
  (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase(),
  (name) => `${name}_x`,
]

type Path = (string | number)[]

/** Of every value in a value, itself included; of a list, the first alone. */
function pathsOf(value: Json, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const inside = Array.isArray(value) ? value.slice(0, 1).entries() : Object.entries(value)
  return [path, ...[...inside].flatMap(([name, each]) => pathsOf(each, [...path, name]))]
}

/** The value with what is at the end of the path made into something else. */
function changed(value: Json, [name, ...rest]: Path, into: Json): Json {
  if (name === undefined) return into
  if (Array.isArray(value)) return value.map((each, i) => (i === name ? changed(each, rest, into) : each))
  const map = value as { [name: string]: Json }
  return { ...map, [name]: changed(map[name]!, rest, into) }
}

function renamed(value: Json, [name, ...rest]: Path, spell: (name: string) => string): Json {
  if (Array.isArray(value)) return value.map((each, i) => (i === name ? renamed(each, rest, spell) : each))
  return Object.fromEntries(
    Object.entries(value as { [name: string]: Json }).map(([each, item]) => {
      if (each !== name) return [each, item]
      return rest.length === 0 ? [spell(each), item] : [each, renamed(item, rest, spell)]
    }),
  )
}

interface Spoilt {
  method?: string
  url: string
  body: Json
  /** Asked after each, to see what became of it, and to begin anew. */
  after?: Request[]
  /** Besides those of all. */
  values?: Json[]
}

function spoilt({ method = 'PUT', url, body, after = [], values = [] }: Spoilt): Request[] {
  const bodies = pathsOf(body).flatMap((path) => [
    ...[...VALUES, ...values].map((value) => changed(body, path, value)),
    ...(typeof path.at(-1) === 'string' ? SPELLINGS.map((spell) => renamed(body, path, spell)) : []),
  ])
  return [body, ...bodies].flatMap((each) => [ask(method, url, { body: JSON.stringify(each) }), ...after])
}

/** It is run when it pleases: what came of it is not looked at. */
const CHECK = {
  Name: 'spoilt',
  Notes: 'n',
  Status: 'passing',
  Interval: '10h',
  Timeout: '5s',
  HTTP: 'http://127.0.0.1:1',
  Header: { h: ['v'] },
  Method: 'GET',
  Body: 'b',
  TLSSkipVerify: true,
  DeregisterCriticalServiceAfter: '2h',
  SuccessBeforePassing: 1,
  FailuresBeforeCritical: 1,
  OutputMaxSize: 4096,
}

const AGENT: Request[] = [
  ...spoilt({
    url: '/v1/agent/service/register',
    body: {
      ID: 'spoilt',
      Name: 'spoilt',
      Kind: '',
      Tags: ['a'],
      Address: '10.0.0.9',
      TaggedAddresses: { wan: { Address: '1.2.3.4', Port: 99 } },
      Meta: { m: 'v' },
      Port: 80,
      Token: 't',
      EnableTagOverride: true,
      Weights: { Passing: 2, Warning: 3 },
      Check: { ...CHECK, CheckID: 'spoilt' },
      Checks: [{ TTL: '1h', Status: 'passing' }],
      Proxy: { DestinationServiceName: '', Config: {}, Upstreams: [] },
      Connect: { Native: false },
    },
    after: get('/v1/agent/', ['service/spoilt']),
    values: [null, BEYOND],
  }),
  ...['spoilt', '7', 'x'].map((id) => put(`/v1/agent/service/deregister/${id}`)),
  ...spoilt({
    url: '/v1/agent/check/register',
    body: { ID: 'spoilt', ServiceID: '', Token: 't', ...CHECK },
    values: [null, BEYOND],
  }),
  put('/v1/agent/check/register', { ID: 'spoilt', Name: 'spoilt', TTL: '1h' }),
  ...spoilt({
    url: '/v1/agent/check/update/spoilt',
    body: { Status: 'passing', Output: 'o' },
    after: get('/v1/agent/', ['checks?filter=CheckID==spoilt']),
    values: [null],
  }),
  ...['spoilt', 'x', '7'].map((id) => put(`/v1/agent/check/deregister/${id}`)),
]

const STORES: Request[] = [
  ...spoilt({
    url: '/v1/catalog/register',
    body: {
      ID: '40e4a748-2192-161a-0510-9bf59fe950b5',
      Node: 'spoilt',
      Address: '10.1.1.1',
      Datacenter: 'dc1',
      TaggedAddresses: { lan: '1.1.1.1' },
      NodeMeta: { a: 'b' },
      SkipNodeUpdate: false,
      Service: {
        ID: 'spoilt',
        Service: 'spoilt',
        Tags: ['a'],
        Meta: { m: 'v' },
        Port: 80,
        Address: '10.1.1.2',
        TaggedAddresses: { wan: { Address: '1.1.1.3', Port: 4 } },
        Weights: { Passing: 1, Warning: 2 },
        EnableTagOverride: true,
        Connect: { Native: true },
      },
      Check: {
        Node: 'spoilt',
        CheckID: 'spoilt',
        Name: 'spoilt',
        Notes: 'n',
        Output: 'o',
        Status: 'passing',
        ServiceID: 'spoilt',
        ServiceName: 'spoilt',
        Type: 'ttl',
        Definition: {
          HTTP: 'h',
          Header: { a: ['b'] },
          Method: 'm',
          Body: 'b',
          TLSSkipVerify: true,
          TCP: 't',
          Interval: '10s',
          Timeout: '5s',
          DeregisterCriticalServiceAfter: '1m',
        },
      },
      Checks: [{ Node: 'spoilt', CheckID: 'other', Status: 'critical' }],
    },
    after: [...get('/v1/', ['health/service/spoilt']), put('/v1/catalog/deregister', { Node: 'spoilt' })],
  }),
  ...spoilt({
    url: '/v1/catalog/deregister',
    body: { Node: 'none', Datacenter: 'dc1', ServiceID: 's', CheckID: 'c', Address: 'a' },
    values: [null],
  }),
  ...spoilt({
    url: '/v1/session/create',
    body: {
      ID: 'i',
      Name: 'spoilt',
      Node: 'none',
      LockDelay: '15s',
      Checks: ['none'],
      NodeChecks: ['none'],
      ServiceChecks: [{ ID: 'none', Namespace: '' }],
      Behavior: 'release',
      TTL: '100s',
    },
  }),
  ...spoilt({
    url: '/v1/coordinate/update',
    body: { Node: 'none', Segment: '', Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 1 } },
  }),
]

const path = { Path: '/x', ListenerPort: 5, LocalPathPort: 6, Protocol: 'http' }
const resolver = { Kind: 'service-resolver', Name: 'spoilt' }
const ENTRIES: { [name: string]: Json }[] = [
  {
    Kind: 'service-defaults',
    Name: 'spoilt',
    Protocol: 'http',
    MeshGateway: { Mode: 'local' },
    Expose: { Checks: true, Paths: [path] },
    ExternalSNI: 'x',
    Meta: { a: 'b' },
    CreateIndex: 1,
    ModifyIndex: 2,
  },
  {
    ...resolver,
    DefaultSubset: 'v1',
    Subsets: { v1: { Filter: 'Service.Meta.v==1', OnlyPassing: true } },
    Failover: { v1: { Service: 'b', ServiceSubset: '', Datacenters: ['dc2'] } },
    ConnectTimeout: '5s',
  },
  { ...resolver, Redirect: { Service: 'b', ServiceSubset: '', Datacenter: 'dc2' } },
  { Kind: 'service-splitter', Name: 'spoilt', Splits: [{ Weight: 100, Service: 'a', ServiceSubset: '' }] },
  {
    Kind: 'service-router',
    Name: 'spoilt',
    Routes: [
      {
        Match: {
          HTTP: {
            PathExact: '/a',
            Header: [{ Name: 'h', Present: true, Invert: true }],
            QueryParam: [{ Name: 'q', Exact: 'a' }],
            Methods: ['GET'],
          },
        },
        Destination: {
          Service: 'a',
          ServiceSubset: '',
          PrefixRewrite: '/',
          RequestTimeout: '5s',
          NumRetries: 3,
          RetryOnConnectFailure: true,
          RetryOnStatusCodes: [401],
        },
      },
    ],
  },
  {
    Kind: 'ingress-gateway',
    Name: 'spoilt',
    TLS: { Enabled: true },
    Listeners: [{ Port: 80, Protocol: 'http', Services: [{ Name: 'a', Hosts: ['a.b'] }] }],
  },
  {
    Kind: 'terminating-gateway',
    Name: 'spoilt',
    Services: [{ Name: 'a', CAFile: 'x', CertFile: 'y', KeyFile: 'z', SNI: 's' }],
  },
]

const MESH: Request[] = [
  put('/v1/config', { Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'http' } }),
  ...ENTRIES.flatMap((body) => {
    const url = `/v1/config/${body.Kind as string}/`
    const names = ['x', '7', '-1', '1']
    return [
      ...spoilt({ url: '/v1/config', body, after: [...get(url, ['spoilt']), ...del(url, ['spoilt'])] }),
      ...del(url, names),
    ]
  }),
  // Numbers that wrap around, durations that cannot be, and maps in pieces.
  ...[-1, -0.5, BEYOND, 2 ** 32, '-1', `${2 ** 32}`, true, null].flatMap((value) => [
    ...[{ NumRetries: value }, { RetryOnStatusCodes: [value, 1] }].map((Destination) =>
      put('/v1/config', { Kind: 'service-router', Name: 'spoilt', Routes: [{ Destination }] }),
    ),
    ask('GET', '/v1/config/service-router/spoilt'),
  ]),
  ask('DELETE', '/v1/config/service-router/spoilt'),
  put('/v1/config', { ...resolver, ConnectTimeout: BEYOND }),
  ...[[], [[], { a: 'b' }], [{ a: 'b' }, { a: 'c', d: 'e' }]].flatMap((Meta) => [
    put('/v1/config', { Kind: 'service-defaults', Name: 'spoilt', Protocol: 'http', Meta }),
    ask('GET', '/v1/config/service-defaults/spoilt'),
  ]),
  ...del('/v1/config/', ['service-defaults/spoilt', 'proxy-defaults/global']),
  ...spoilt({
    method: 'POST',
    url: '/v1/discovery-chain/spoilt',
    body: { OverrideProtocol: 'http', OverrideMeshGateway: { Mode: 'local' }, OverrideConnectTimeout: '5s' },
    values: [null, BEYOND],
  }),
  ...spoilt({
    url: '/v1/connect/intentions/exact?source=a&destination=b',
    body: {
      ID: '',
      Description: 'd',
      SourceNS: 'default',
      SourceName: 'a',
      DestinationNS: 'default',
      DestinationName: 'b',
      SourceType: 'consul',
      Action: 'allow',
      DefaultAddr: '',
      DefaultPort: 0,
      Meta: { a: 'b' },
      CreatedAt: '2020-01-01T00:00:00Z',
      UpdatedAt: '2020-01-01T00:00:00Z',
      Hash: 'q',
      CreateIndex: 1,
      ModifyIndex: 2,
    },
    after: [
      ask('GET', '/v1/connect/intentions/exact?source=a&destination=b'),
      ask('DELETE', '/v1/connect/intentions/exact?source=a&destination=b'),
    ],
    values: [null],
  }),
]

export const SPOILT_REQUESTS: readonly Request[] = [...AGENT, ...STORES, ...MESH]
