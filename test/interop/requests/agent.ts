/**
 * The agent's own services and checks, its members and itself. A registration reaches the catalog by and by, so that a
 * look at the catalog is repeated until it has settled: first at health, which shows all that a registration changes.
 */
import { ask, get, put, puts, type Request } from '../requests.ts'

const SELVES: Request[] = get('/v1/agent/', [
  ...[
    'members',
    'members?wan',
    'members?wan=1',
    'members?wan=false',
    'members?segment=_all',
    'members?segment=',
    'members?pretty',
  ],
  ...['self', 'self?pretty', 'members?filter=x', 'members?dc=dc2', 'members?stale&consistent', 'members/', 'self/'],
])

function settled(...names: string[]): Request[] {
  return names.flatMap((name) => get('/v1/', [`health/service/${name}`, `catalog/service/${name}`], { settles: true }))
}

function deregistered(id: string, name: string): Request[] {
  return [
    put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`),
    ask('GET', `/v1/catalog/service/${encodeURIComponent(name)}`, { settles: true }),
  ]
}

const SERVICES: Request[] = [
  ...get('/v1/agent/', ['services', 'checks']),
  put('/v1/agent/service/register', { Name: 'own' }),
  ...settled('own'),
  put('/v1/agent/service/register', { Name: 'own', Port: 81, Tags: ['a', 'b'], Meta: { k: 'v' } }),
  ...settled('own'),
  put('/v1/agent/service/register', { Name: 'own', ID: 'own-2', Address: '10.2.2.2', Check: { TTL: '1h' } }),
  ...settled('own'),
  ...get('/v1/agent/', [
    'services',
    'checks',
    'service/own',
    'service/own-2',
    'health/service/name/own',
    'health/service/id/own-2',
  ]),
  ...puts('/v1/agent/check/pass/service:own-2?note=fine', ['']),
  ...settled('own'),
  ...puts('/v1/agent/check/warn/service:own-2?note=so%20so', ['']),
  ...settled('own'),
  ...get('/v1/agent/', [
    'checks',
    'health/service/name/own',
    'health/service/id/own-2',
    'health/service/id/own?format=text',
  ]),
  ...puts('/v1/agent/check/fail/service:own-2', ['']),
  ...settled('own'),
  ...puts('/v1/agent/check/update/service:own-2', [{ Status: 'passing', Output: 'é"<>\n' }]),
  ...settled('own'),
  ...puts('/v1/agent/check/update/service:own-2', [{ Status: 'passing', Output: 'x'.repeat(10_000) }]),
  ...settled('own'),
  put('/v1/agent/service/register', {
    Name: 'own',
    ID: 'own-2',
    Check: { TTL: '1h', Status: 'passing' },
    Checks: [{ TTL: '2h' }, { TTL: '3h', Name: 'third' }],
  }),
  ...settled('own'),
  put('/v1/agent/service/register', { Name: 'own', ID: 'own-2', Check: { CheckID: 'only', TTL: '1h' } }),
  ...settled('own'),
  put('/v1/agent/service/register?replace-existing-checks', {
    Name: 'own',
    ID: 'own-2',
    Check: { CheckID: 'only', TTL: '1h', Status: 'passing' },
  }),
  ...settled('own'),
  put('/v1/agent/service/register?replace-existing-checks=false', { Name: 'own', ID: 'own-2' }),
  ...settled('own'),
  put('/v1/agent/service/register?replace-existing-checks=true', { Name: 'own', ID: 'own-2' }),
  ...settled('own'),
  put('/v1/agent/service/register', { Name: 'moved', ID: 'own-2' }),
  ...settled('own', 'moved'),
  ...get('/v1/agent/', ['services', 'checks']),
  ...puts('/v1/agent/service/register', [
    {
      name: 'lower',
      id: 'lower',
      tags: ['t'],
      address: '1.1.1.1',
      port: 1,
      meta: { a: 'b' },
      enable_tag_override: true,
    },
  ]),
  ...settled('lower'),
  ...puts('/v1/agent/service/register', [
    { Name: 'UPPER é', Weights: { Passing: 2 } },
    { Name: 'w', Weights: { Passing: 1, Warning: 0 } },
    { Name: 'w', Weights: { Passing: 65535, Warning: 65535 } },
    { Name: 'w', Weights: { Passing: 65536, Warning: 1 } },
    { Name: 'w', Weights: 'x' },
    { Name: 'w', Port: '80' },
    { Name: 'w', Port: -1 },
    { Name: 'w', Port: 80.0 },
    { Name: 'w', Port: 1e5 },
    { Name: 'w', Tags: null },
    { Name: 'w', Tags: ['x', 'x'] },
    { Name: 'w', Meta: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v'])) },
    { Name: 'w', Meta: { ['k'.repeat(129)]: 'v' } },
    { Name: 'w', Meta: { k: 'v'.repeat(513) } },
    { Name: 'w', Meta: { k: 'v'.repeat(512) } },
    { Name: 'w', Checks: [{ TTL: '1h', Interval: '1s' }] },
    { Name: 'w', Checks: [{ HTTP: 'http://x', Interval: '0s' }] },
    { Name: 'w', Checks: [{ HTTP: 'http://x' }] },
    { Name: 'w', Checks: [{ TCP: 'x:1', Interval: '10h', Timeout: 'x' }] },
    { Name: 'w', Checks: [{ Shell: '/bin/sh', Interval: '1h' }] },
    { Name: 'w', Checks: [{ DockerContainerID: 'x', Interval: '1h' }] },
    { Name: 'w', Checks: [{ Script: 'x', Interval: '1h' }] },
    { Name: 'w', Checks: [{ TTL: '-1s' }] },
    { Name: 'w', Checks: [{ TTL: '1h', DeregisterCriticalServiceAfter: 'x' }] },
    { Name: 'w', Checks: [{ TTL: '1h', deregister_critical_service_after: '1h', Status: 'critical' }] },
    { Name: 'w', Checks: [null] },
    { Name: 'w', Check: null, Checks: null },
    { Name: 'w', Unknown: { deep: [1] } },
    { Name: 'w', Namespace: 'default' },
    { Name: 'w', Kind: 'typical' },
    { Name: 'w', Kind: 'nonsense' },
    { Name: 'w', Kind: 'mesh-gateway', Port: 1 },
    { Name: 'w', Kind: 'ingress-gateway', Port: 1 },
    { Name: 'w', Kind: 'terminating-gateway', Port: 1 },
    { Name: 'w', Connect: { Native: true }, Proxy: { DestinationServiceName: 'x' } },
    { Name: 'w', TaggedAddresses: { lan: { Address: 'x', Port: 1 } } },
    { Name: 'w', TaggedAddresses: { lan: { Address: '', Port: 1 } } },
    { Name: 'w', TaggedAddresses: { wan: { Address: '0.0.0.0', Port: 1 } } },
    { Name: 'with.dot' },
    { Name: 'with/slash' },
    { Name: ' ' },
    { ID: 'no-name' },
    [],
    'text',
  ]),
  ...get('/v1/agent/', [
    'services',
    'checks',
    'service/UPPER%20%C3%A9',
    'service/with%2Fslash',
    'service/with/slash',
    'service/%20',
  ]),
  ...deregistered('own', 'own'),
  ...deregistered('own-2', 'moved'),
  ...deregistered('lower', 'lower'),
  ...deregistered('UPPER é', 'UPPER é'),
  ...deregistered('w', 'w'),
  ...deregistered('with.dot', 'with.dot'),
  ...deregistered('with/slash', 'with/slash'),
  ...deregistered(' ', ' '),
  ...get('/v1/agent/', ['services', 'checks']),
]

const CHECKS: Request[] = [
  put('/v1/agent/check/register', { Name: 'own check', TTL: '1h' }),
  ask('GET', '/v1/health/node/{node}', { settles: true }),
  ...['pass', 'warn', 'fail', 'update', 'deregister'].flatMap((verb) => [
    put(`/v1/agent/check/${verb}/own%20check`),
    put(`/v1/agent/check/${verb}/none`),
    put(`/v1/agent/check/${verb}/`),
    put(`/v1/agent/check/${verb}`),
    ask('GET', `/v1/agent/check/${verb}/own%20check`),
    ask('GET', '/v1/agent/checks'),
    ask('GET', '/v1/health/node/{node}', { settles: true }),
  ]),
  ...puts('/v1/agent/check/register', [
    { ID: 'i', Name: 'i', TTL: '1h', Notes: 'notes', Status: 'passing' },
    { ID: 'i', Name: 'renamed', TTL: '1h' },
    { id: 'j', name: 'j', ttl: '1h', status: 'critical', notes: 'n', service_id: '' },
    { Name: 'k', TTL: 36e11 },
    { Name: 'k', TTL: 1 },
    { Name: 'l', TTL: '' },
    {
      Name: 'm',
      HTTP: 'http://127.0.0.1:1',
      Interval: '10h',
      Timeout: '1s',
      Status: 'passing',
      Method: 'POST',
      Body: 'b',
      TLSSkipVerify: true,
    },
    {
      Name: 'n',
      TCP: '127.0.0.1:1',
      Interval: '10h',
      Status: 'passing',
      SuccessBeforePassing: 2,
      FailuresBeforeCritical: 3,
    },
    { Name: 'o', GRPC: '127.0.0.1:1', Interval: '10h', Status: 'passing', GRPCUseTLS: true },
    { Name: 'r', Args: ['true'], Interval: '10h' },
    { Name: 's', Args: 'true', Interval: '10h' },
    { Name: 't', TTL: '1h', ServiceID: 'none' },
    { Name: 'u', TTL: '1h', Status: 'unknown' },
    { Name: 'v', TTL: '1h', OutputMaxSize: 0 },
    { Name: 'w', TTL: '1h', OutputMaxSize: 'x' },
    { Name: 'x', TTL: '1h', Unknown: true },
    { TTL: '1h' },
    { ID: 'y', TTL: '1h' },
    [],
    'text',
    '{"Name":"z","TTL":"1h"} trailing',
  ]),
  ask('GET', '/v1/agent/checks'),
  ...['i', 'j', 'k', 'l', 'm', 'n', 'o', 'v', 'x', 'y', 'z'].map((id) => put(`/v1/agent/check/deregister/${id}`)),
  ...get('/v1/health/', ['node/{node}', 'state/any'], { settles: true }),
]

/** The catalog's copy changed behind the agent's back: the agent's next registration mends it. */
const MENDED: Request[] = [
  put('/v1/agent/service/register', { Name: 'mine', Tags: ['agent'] }),
  ...settled('mine'),
  put('/v1/catalog/register', {
    Node: 'x',
    Address: '127.0.0.1',
    SkipNodeUpdate: true,
    Service: { Service: 'mine', Tags: ['foreign'] },
  }),
  ask('GET', '/v1/catalog/service/mine'),
  put('/v1/agent/service/register', { Name: 'mine', Tags: ['agent'] }),
  ...settled('mine'),
  put('/v1/agent/service/deregister/mine'),
  ...settled('mine'),
]

const MAINTENANCE: Request[] = [
  put('/v1/agent/service/register', { Name: 'kept', Check: { TTL: '1h', Status: 'passing' } }),
  ...puts('/v1/agent/service/maintenance/kept', ['']),
  ...['enable', 'enable=', 'enable=x', 'enable=true&reason=broken%20%3C', 'enable=true&reason=again'].map((query) =>
    put(`/v1/agent/service/maintenance/kept?${query}`),
  ),
  ...['?enable=true', 'nobody?enable=true', 'nobody?enable=false', '?', 'kept?enable=1&ns=x'].map((rest) =>
    put(`/v1/agent/service/maintenance/${rest}`),
  ),
  ...settled('kept'),
  // With more than one check their order is chance in the real one.
  ...get('/v1/agent/', ['checks', 'health/service/name/kept?format=text', 'service/kept']),
  ...['?enable=true', '', '?enable', '?enable=maybe', '?enable=T&reason='].map((query) =>
    put(`/v1/agent/maintenance${query}`),
  ),
  ask('GET', '/v1/health/node/{node}', { settles: true }),
  ...get('/v1/agent/', ['checks', 'health/service/id/kept?format=text']),
  put('/v1/agent/maintenance?enable=false'),
  put('/v1/agent/maintenance?enable=false'),
  put('/v1/agent/service/maintenance/kept?enable=false'),
  put('/v1/agent/service/maintenance/kept?enable=0'),
  ask('GET', '/v1/health/node/{node}', { settles: true }),
  ...settled('kept'),
  ...get('/v1/agent/', ['health/service/id/kept', 'health/service/id/kept?format=text', 'checks']),
  ...get('/v1/agent/service/', [
    'kept?hash=x',
    'kept?hash=x&wait=1s',
    'nobody?hash=x',
    'kept?wait=x',
    'kept?index=x',
    '',
  ]),
  ...deregistered('kept', 'kept'),
]

const REFUSED: Request[] = [
  ...get('/v1/agent/', ['monitor?loglevel=x', 'metrics?format=prometheus', 'metrics?format=x', 'host?pretty']),
  ...puts('/v1/agent/token/', ['{"Token":"x"}']),
  ...['default', 'agent', 'agent_master', 'replication', 'nobody'].map((name) =>
    put(`/v1/agent/token/${name}`, { Token: 'x' }),
  ),
  ...get('/v1/acl/', [
    'tokens',
    'token/self',
    'policies',
    'policy/x',
    'roles',
    'binding-rules',
    'auth-methods',
    'list',
  ]),
  ...puts('/v1/acl/', ['']),
  put('/v1/acl/bootstrap'),
  put('/v1/acl/token', { Description: 'x' }),
  put('/v1/acl/create', { Name: 'x' }),
  ask('POST', '/v1/acl/login', { body: '{}' }),
  ask('POST', '/v1/acl/logout'),
  ask('GET', '/v1/acl/replication'),
  ask('POST', '/v1/acl/rules/translate', { body: 'key "" { policy = "read" }' }),
]

/** Any word is a kind; what belongs to proxies is shown of those that are. */
const KINDS: Request[] = [
  put('/v1/agent/service/register', { Name: 'odd', Kind: 'nonsense', Proxy: { Mode: 'x' } }),
  put('/v1/agent/service/register', { Name: 'odd', Kind: 'nonsense' }),
  ...get('/v1/agent/', ['services?filter=Service==odd', 'service/odd', 'services?filter=Kind==nonsense']),
  ask('GET', '/v1/catalog/service/odd', { settles: true }),
  put('/v1/agent/service/deregister/odd'),
]

/** Services that ask for a sidecar, which comes, changes and goes with them. */
const SIDECARS: Request[] = [
  ...[
    { Name: 'beside', Port: 80, Connect: { SidecarService: {} } },
    {
      Name: 'other',
      Tags: ['t'],
      Meta: { a: 'b' },
      connect: { sidecar_service: { Port: 9999, Tags: ['u'], Check: { TTL: '1h' } } },
    },
    { Name: 'x', Connect: { SidecarService: { ID: 'y' } } },
    { Name: 'x', Connect: { SidecarService: { Connect: { SidecarService: {} } } } },
    { Name: 'x', Connect: { SidecarService: { Check: { HTTP: 'x' } } } },
    { Name: 'x', Connect: { SidecarService: { Checks: [{ TTL: '1s', Status: 'odd' }] } } },
    { Name: 'x', Connect: { SidecarService: { Meta: { 'consul-x': 'y' } } } },
    { Name: 'x', Connect: { SidecarService: { bogus: 1 } } },
    { Name: 'beside', Port: 82, Connect: { SidecarService: {} } },
  ].map((body) => put('/v1/agent/service/register', body)),
  ...get('/v1/agent/', ['service/beside', 'service/beside-sidecar-proxy', 'service/other-sidecar-proxy']),
  ask('GET', '/v1/catalog/service/beside-sidecar-proxy', { settles: true }),
  put('/v1/agent/service/deregister/beside'),
  put('/v1/agent/service/deregister/other'),
  ...get('/v1/agent/service/', ['beside-sidecar-proxy', 'other-sidecar-proxy']),
]

export const AGENT_REQUESTS: readonly Request[] = [
  ...SELVES,
  ...SERVICES,
  ...CHECKS,
  ...MENDED,
  ...KINDS,
  ...MAINTENANCE,
  ...SIDECARS,
  ...REFUSED,
]
