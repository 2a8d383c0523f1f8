/** Configuration entries of every kind, discovery chains over them, and what refuses to make sense together. */
import { ask, del, get, put, puts, type Request } from '../requests.ts'

const URL = '/v1/config'

const WRITTEN: Request[] = [
  ...get('/v1/config/', [
    '',
    'service-defaults',
    'service-defaults/',
    'service-defaults/none',
    'nonsense',
    'nonsense/x',
  ]),
  ...puts(URL, [
    '',
    'null',
    '[]',
    '"x"',
    '{',
    '{}',
    { Kind: 1 },
    { Kind: 'nonsense', Name: 'x' },
    { Name: 'x' },
    { kind: 'service-defaults', name: 'lower', protocol: 'HTTP' },
    { Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: { a: 'b' } },
    { Kind: 'service-defaults', Name: 'api', Protocol: 'http', MeshGateway: { Mode: 'local' }, ExternalSNI: '' },
    { Kind: 'service-defaults', Name: 'Alias', mesh_gateway: { mode: 'remote' }, external_sni: 'a.b' },
    { Kind: 'service-defaults', Name: 'x', Unknown: 1 },
    { Kind: 'service-defaults', Name: 'x', Namespace: 'default' },
    { Kind: 'service-defaults', Name: 'x', CreateIndex: 99, ModifyIndex: 99 },
    { Kind: 'service-defaults', Name: 7, Protocol: true },
    { Kind: 'service-defaults', Name: ['one'], Protocol: 'tcp' },
    { Kind: 'service-defaults', Name: { a: 1 } },
    { Kind: 'service-defaults', Name: 'x', Meta: { ['k'.repeat(129)]: 'v' } },
    { Kind: 'service-defaults', Name: 'x', Meta: { k: 'v'.repeat(513) } },
    {
      Kind: 'service-defaults',
      Name: 'exposed',
      Expose: { Checks: true, Paths: [{ path: '/x', local_path_port: 80, listener_port: '81', Protocol: 'http2' }] },
    },
    { Kind: 'service-defaults', Name: 'x', Expose: { Paths: { Path: '/single' } } },
    { Kind: 'proxy-defaults', Name: 'other' },
    {
      Kind: 'proxy-defaults',
      Name: 'global',
      Config: { n: 1, f: 1.5, list: [1, 'x'], deep: { b: true } },
      MeshGateway: { Mode: 'none' },
    },
    { Kind: 'service-resolver', Name: 'web', DefaultSubset: 'v1', Subsets: { v1: { Filter: 'x == y' } } },
    { Kind: 'service-resolver', Name: 'web', DefaultSubset: 'v9' },
    { Kind: 'service-resolver', Name: 'web', Subsets: { 'V 1': {} } },
    { Kind: 'service-resolver', Name: 'web', Redirect: {} },
    { Kind: 'service-resolver', Name: 'web', Redirect: { ServiceSubset: 'v1' } },
    { Kind: 'service-resolver', Name: 'web', Redirect: { Service: 'api' }, Failover: { '*': { Service: 'api' } } },
    { Kind: 'service-resolver', Name: 'web', Failover: { '*': {} } },
    { Kind: 'service-resolver', Name: 'web', Failover: { v3: { Service: 'api' } } },
    { Kind: 'service-resolver', Name: 'web', Failover: { '*': { Datacenters: [''] } } },
    { Kind: 'service-resolver', Name: 'web', ConnectTimeout: '-1s' },
    { Kind: 'service-resolver', Name: 'web', ConnectTimeout: 'soon' },
    { Kind: 'service-resolver', Name: '' },
    {
      Kind: 'service-resolver',
      Name: 'web',
      connect_timeout: '15s',
      default_subset: 'v1',
      subsets: { v1: { filter: 'Service.Meta.v == 1' }, v2: { only_passing: true } },
      failover: { v2: { service: 'api', datacenters: ['dc2', 'dc3'] }, '*': { datacenters: ['dc1', 'dc2'] } },
    },
    { Kind: 'service-splitter', Name: 'web' },
    { Kind: 'service-splitter', Name: 'web', Splits: [{ Weight: 50 }] },
    { Kind: 'service-splitter', Name: 'web', Splits: [{ Weight: 33.333 }, { Weight: 66.667 }] },
    {
      Kind: 'service-splitter',
      Name: 'web',
      Splits: [
        { Weight: '90.5', ServiceSubset: 'v1' },
        { Weight: 9.5, Service: 'api' },
      ],
    },
    { Kind: 'service-splitter', Name: 'api', Splits: [{ Weight: 33.33, Service: 'one' }, { Weight: 66.67 }] },
    { Kind: 'service-splitter', Name: 'web', Splits: [{ Weight: 100, ServiceSubset: 'v7' }] },
    { Kind: 'service-router', Name: 'web', Routes: [{ Match: { HTTP: { PathExact: 'x' } } }] },
    { Kind: 'service-router', Name: 'web', Routes: [{ Match: { HTTP: { PathExact: '/x', PathPrefix: '/y' } } }] },
    { Kind: 'service-router', Name: 'web', Routes: [{ Match: { HTTP: { Header: [{}] } } }] },
    { Kind: 'service-router', Name: 'web', Routes: [{ Match: { HTTP: { Header: [{ Name: 'x' }] } } }] },
    {
      Kind: 'service-router',
      Name: 'web',
      Routes: [{ Match: { HTTP: { QueryParam: [{ Name: 'x', Exact: 'a', Regex: 'b' }] } } }],
    },
    { Kind: 'service-router', Name: 'web', Routes: [{ Match: { HTTP: { Methods: ['get', 'GET'] } } }] },
    { Kind: 'service-router', Name: 'web', Routes: [{ Destination: { PrefixRewrite: '/' } }] },
    { Kind: 'service-router', Name: 'web', Routes: [{ Matches: {} }] },
    {
      Kind: 'service-router',
      Name: 'web',
      Routes: [
        {
          Match: {
            HTTP: {
              path_prefix: '/admin',
              Header: [{ Name: 'x-d', Exact: '1', Invert: true }],
              query_param: [{ Name: 'q', Present: true }],
              Methods: ['get', 'Put'],
            },
          },
          Destination: {
            Service: 'api',
            prefix_rewrite: '/',
            request_timeout: '5s',
            num_retries: 3,
            retry_on_connect_failure: true,
            retry_on_status_codes: [503, '500'],
          },
        },
        { Match: { HTTP: { PathRegex: '^/v' } }, Destination: { Service: 'web', ServiceSubset: 'v2' } },
        {},
      ],
    },
    { Kind: 'ingress-gateway', Name: 'in', Listeners: [{ Port: 1, Protocol: 'udp' }] },
    { Kind: 'ingress-gateway', Name: 'in', Listeners: [{ Port: 1 }] },
    { Kind: 'ingress-gateway', Name: 'in', Listeners: [{ Port: 1, Services: [{ Name: '*' }] }] },
    { Kind: 'ingress-gateway', Name: 'in', Listeners: [{ Port: 1, Services: [{ Name: 'a', Hosts: ['h'] }] }] },
    { Kind: 'ingress-gateway', Name: 'in', Listeners: [{ Port: 1, Services: [{ Name: 'a' }, { Name: 'b' }] }] },
    { Kind: 'ingress-gateway', Name: 'in', Listeners: [{ Port: 1, Protocol: 'http', Services: [{ Name: 'tcp' }] }] },
    {
      Kind: 'ingress-gateway',
      Name: 'in',
      TLS: { Enabled: true },
      Listeners: [{ Port: 1, Protocol: 'http', Services: [{ Name: 'web', Hosts: ['*'] }] }],
    },
    {
      Kind: 'ingress-gateway',
      Name: 'in',
      Listeners: [
        { Port: 8080, Protocol: 'HTTP', Services: [{ Name: 'web', Hosts: ['a.b', '*.c'] }, { Name: '*' }] },
        { Port: 443, Services: [{ Name: 'db' }] },
        { Port: 100, Services: [{ Name: 'db' }] },
      ],
    },
    { Kind: 'terminating-gateway', Name: 'in', Services: [{ Name: 'ext' }] },
    { Kind: 'terminating-gateway', Name: 'out', Services: [{ Name: '' }] },
    { Kind: 'terminating-gateway', Name: 'out', Services: [{ Name: 'a' }, { Name: 'a' }] },
    { Kind: 'terminating-gateway', Name: 'out', Services: [{ Name: 'a', CertFile: 'x' }] },
    { Kind: 'terminating-gateway', Name: 'out', Services: [{ Name: 'ext', ca_file: '/ca', SNI: 's' }, { Name: '*' }] },
  ]),
  ...get('/v1/config/', [
    ...['service-defaults', 'proxy-defaults', 'service-router', 'service-splitter', 'service-resolver'],
    ...[
      'ingress-gateway',
      'terminating-gateway',
      'service-defaults/web',
      'service-defaults/WEB',
      'proxy-defaults/global',
    ],
    ...[
      'service-router/web',
      'service-splitter/api',
      'service-resolver/web',
      'ingress-gateway/in?pretty',
      'service-defaults/a/b',
    ],
    ...[
      'service-defaults?index=x',
      'service-defaults?ns=x',
      'service-defaults?dc=dc2',
      'service-defaults/web?stale&consistent',
    ],
  ]),
  // What cannot be together.
  ...puts(URL, [
    { Kind: 'service-defaults', Name: 'web', Protocol: 'tcp' },
    { Kind: 'service-defaults', Name: 'api', Protocol: 'grpc' },
    { Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'tcp' } },
    { Kind: 'service-resolver', Name: 'web', Subsets: { other: {} } },
    { Kind: 'service-resolver', Name: 'r1', Redirect: { Service: 'r2' } },
    { Kind: 'service-resolver', Name: 'r2', Redirect: { Service: 'r1' } },
    { Kind: 'service-defaults', Name: 'sni', ExternalSNI: 'x' },
    { Kind: 'service-resolver', Name: 'sni', Redirect: { Service: 'other' } },
    { Kind: 'service-resolver', Name: 'sni', Subsets: { a: {} } },
  ]),
  ...del('/v1/config/', [
    'service-resolver/web',
    'service-defaults/web',
    'service-defaults/none',
    'nonsense/x',
    'service-defaults',
    '',
  ]),
  ...puts('/v1/config?cas=0', [
    { Kind: 'service-defaults', Name: 'cas', Protocol: 'tcp' },
    { Kind: 'service-defaults', Name: 'cas', Protocol: 'http' },
  ]),
  put('/v1/config?cas=1', { Kind: 'service-defaults', Name: 'cas', Protocol: 'http' }),
  put('/v1/config?cas=x', { Kind: 'service-defaults', Name: 'cas' }),
  put('/v1/config?dc=dc2', { Kind: 'service-defaults', Name: 'cas' }),
  put('/v1/config?ns=x', { Kind: 'service-defaults', Name: 'cas' }),
  ask('GET', '/v1/config/service-defaults', { saveIndex: 'defaults' }),
  ask('GET', '/v1/config/service-defaults?index={defaults}', {
    wokenBy: [put('/v1/kv/unrelated', 'x'), put(URL, { Kind: 'service-defaults', Name: 'late' })],
  }),
  ask('GET', '/v1/config/service-defaults?index={defaults}&wait=10ms'),
]

const CHAINS: Request[] = [
  ...get('/v1/discovery-chain/', [
    '',
    'none',
    'web',
    'api',
    'r1',
    'sni',
    'db',
    'web?compile-dc=dc9',
    'web?pretty',
    'web?ns=x',
  ]),
  ...[
    '',
    {},
    { OverrideProtocol: 'tcp' },
    { OverrideProtocol: 'http2', OverrideConnectTimeout: '7s' },
    { override_protocol: 'grpc', override_mesh_gateway: { Mode: 'remote' } },
    { OverrideMeshGateway: { Mode: 'sideways' } },
    { OverrideConnectTimeout: 'x' },
    { Unknown: 1 },
    '[]',
  ].flatMap((body) =>
    ['web', 'r1', 'web?compile-dc=dc9'].map((name) =>
      ask('POST', `/v1/discovery-chain/${name}`, { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ),
  ),
]

/** Proxies and gateways before services. */
const MESH: Request[] = [
  ...puts('/v1/catalog/register', [
    { Node: 'm1', Address: '1.1.1.1', Service: { ID: 'ext-1', Service: 'ext', Port: 1 } },
    { Node: 'm1', Address: '1.1.1.1', Service: { ID: 'wild-1', Service: 'wild', Port: 1 } },
    { Node: 'm1', Address: '1.1.1.1', Service: { ID: 'web-1', Service: 'web', Port: 2 } },
    {
      Node: 'm1',
      Address: '1.1.1.1',
      Service: {
        ID: 'web-proxy',
        Service: 'web-proxy',
        Kind: 'connect-proxy',
        Port: 3,
        Proxy: { DestinationServiceName: 'web' },
      },
    },
    {
      Node: 'm2',
      Address: '1.1.1.2',
      NodeMeta: { a: 'b' },
      Service: { Service: 'native', Port: 4, Connect: { Native: true } },
    },
    { Node: 'm2', Address: '1.1.1.2', Service: { Service: 'out', Kind: 'terminating-gateway', Port: 5 } },
    { Node: 'm2', Address: '1.1.1.2', Service: { Service: 'in', Kind: 'ingress-gateway', Port: 6 } },
    {
      Node: 'm1',
      Address: '1.1.1.1',
      Check: { CheckID: 'p', Name: 'p', ServiceID: 'web-proxy', Status: 'warning' },
    },
  ]),
  ...[
    'connect/web',
    'connect/ext',
    'connect/wild',
    'connect/native',
    'connect/none',
    'connect/',
    'connect/native?tag=x',
  ].flatMap((rest) => [...get('/v1/catalog/', [rest]), ...get('/v1/health/', [rest])]),
  ...get('/v1/health/', [
    ...['connect/web?passing', 'connect/native?node-meta=a:c', 'connect/native?filter=Service.Port==4'],
    ...['ingress/web', 'ingress/db', 'ingress/wild', 'ingress/none', 'ingress/', 'ingress/web?tag=x'],
  ]),
  ...get('/v1/catalog/gateway-services/', ['in', 'out', 'OUT', 'none', '', 'in?pretty']),
  ...get('/v1/internal/ui/gateway-services-nodes/', ['in', 'out', 'none', '', 'in?dc=dc2']),
  put(URL, { Kind: 'service-defaults', Name: 'wild', Protocol: 'http' }),
  ...get('/v1/internal/ui/gateway-services-nodes/', ['in']),
  ...get('/v1/catalog/gateway-services/', ['in']),
  ask('GET', '/v1/health/connect/web', { saveIndex: 'web' }),
  ask('GET', '/v1/health/connect/web?index={web}', {
    wokenBy: [
      put('/v1/catalog/register', {
        Node: 'm1',
        Address: '1.1.1.1',
        Check: { CheckID: 'p', Name: 'p', ServiceID: 'web-proxy', Status: 'passing' },
      }),
    ],
  }),
  ask('GET', '/v1/catalog/gateway-services/out', { saveIndex: 'out' }),
  ask('GET', '/v1/catalog/gateway-services/out?index={out}', {
    wokenBy: [put('/v1/catalog/deregister', { Node: 'm1', ServiceID: 'wild-1' })],
  }),
  ...get('/v1/catalog/gateway-services/', ['in', 'out']),
  ...del('/v1/config/', ['ingress-gateway/in', 'terminating-gateway/out']),
  ...get('/v1/catalog/gateway-services/', ['in', 'out']),
  ...puts('/v1/catalog/deregister', [{ Node: 'm1' }, { Node: 'm2' }]),
  ...get('/v1/health/', ['connect/web', 'ingress/web']),
]

/** What entries say is laid under what sidecars and gateways register with the agent, and followed. */
const CENTRAL: Request[] = [
  ...puts('/v1/config', [
    {
      Kind: 'proxy-defaults',
      Name: 'global',
      Config: {
        protocol: 'http',
        zero: 5,
        deep: { a: [1], b: 2 },
        list: [1],
        maps: [{ x: [1], y: [[2], { z: [3] }] }],
      },
      MeshGateway: { Mode: 'local' },
      Expose: { Checks: true },
    },
    { Kind: 'service-defaults', Name: 'center', Protocol: 'grpc' },
    { Kind: 'service-defaults', Name: 'up', Protocol: 'http2' },
  ]),
  ...puts('/v1/agent/service/register', [
    {
      Name: 'center',
      Port: 7000,
      Connect: {
        SidecarService: {
          Port: 7001,
          Proxy: {
            Config: { zero: 0, deep: { a: 7 }, list: [], own: 'x' },
            Upstreams: [
              { DestinationName: 'up', LocalBindPort: 7100 },
              { DestinationName: 'other', LocalBindPort: 7101, Config: { protocol: 'tcp' } },
              { DestinationType: 'prepared_query', DestinationName: 'pq', LocalBindPort: 7102 },
            ],
          },
        },
      },
    },
    { Kind: 'mesh-gateway', Name: 'center-gw', Port: 7003 },
    { Kind: 'connect-proxy', Name: 'center-lone', Port: 7004, Proxy: { DestinationServiceName: 'center' } },
  ]),
  ...get('/v1/agent/service/', ['center', 'center-sidecar-proxy', 'center-gw', 'center-lone']),
  ...['center', 'center-gw', 'center-lone'].map((id) => ask('PUT', `/v1/agent/service/deregister/${id}`)),
  ...del('/v1/config/', ['service-defaults/center', 'service-defaults/up', 'proxy-defaults/global']),
]

const REMOVED: Request[] = [
  ...del('/v1/config/', [
    ...[
      'service-router/web',
      'service-splitter/web',
      'service-splitter/api',
      'service-resolver/web',
      'service-resolver/r1',
    ],
    ...['service-defaults/web', 'service-defaults/api', 'service-defaults/sni', 'proxy-defaults/global'],
  ]),
  ...get('/v1/config/', ['service-router', 'service-resolver', 'proxy-defaults/global', 'proxy-defaults']),
]

export const CONFIG_REQUESTS: readonly Request[] = [...WRITTEN, ...CHAINS, ...MESH, ...CENTRAL, ...REMOVED]
