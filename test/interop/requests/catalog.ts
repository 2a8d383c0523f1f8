/** Registrations and removals in every form, each followed by every way to look at the catalog. */
import { ask, get, put, puts, type Request } from '../requests.ts'

const LOOKS = [
  'nodes',
  'services',
  'service/web',
  'service/db',
  'node/n1',
  'node/n2',
  'node-services/n1',
  'node-services/n2',
]

function register(...bodies: unknown[]): Request[] {
  return bodies.flatMap((body) => [put('/v1/catalog/register', body), ...get('/v1/catalog/', LOOKS)])
}

function deregister(...bodies: unknown[]): Request[] {
  return bodies.flatMap((body) => [put('/v1/catalog/deregister', body), ...get('/v1/catalog/', LOOKS)])
}

const ID_1 = '11111111-2222-3333-4444-555555555555'
const ID_2 = '22222222-2222-3333-4444-555555555555'

const REGISTRATIONS: Request[] = [
  ...register(
    { Node: 'n1', Address: '10.0.0.1' },
    { Node: 'n1', Address: '10.0.0.1' },
    { Node: 'n1', Address: '10.0.0.2', NodeMeta: { rack: 'a', é: 'ü<>' } },
    { ID: ID_1, Node: 'n1', Address: '10.0.0.1', TaggedAddresses: { lan: '10.0.0.1', wan: '1.2.3.4', x: '' } },
    { ID: ID_2, Node: 'n1', Address: '10.0.0.1' },
    { ID: ID_1, Node: 'n1-renamed', Address: '10.0.0.1' },
    { ID: ID_1, Node: 'n1', Address: '10.0.0.1' },
    { ID: ID_1.toUpperCase(), Node: 'n2', Address: '10.0.0.2' },
    { ID: 'short', Node: 'n2', Address: '10.0.0.2' },
    { ID: '11111111-2222-3333-4444-55555555555', Node: 'n2', Address: '10.0.0.2' },
    { Node: 'N1', Address: '10.0.0.9' },
    { Node: 'n2', Address: 'host.example' },
    { Node: 'n2', Address: 'fe80::1', NodeMeta: null },
    { Node: 'n1', Address: '10.0.0.1', Service: { Service: 'web', Proxy: { MeshGateway: { Mode: 1 } } } },
    { Node: 'n1', Address: '10.0.0.1', Service: { Service: 'web' } },
    {
      Node: 'n1',
      Address: '10.0.0.1',
      Service: { ID: 'web-2', Service: 'web', Tags: ['b', 'a', 'b', 'A'], Port: 8080 },
    },
    {
      Node: 'n1',
      Address: '10.0.0.1',
      Service: { ID: 'web-2', Service: 'web', Tags: ['c'], Port: 8081, Meta: { k: 'v' } },
    },
    { Node: 'n1', Address: '10.0.0.1', Service: { ID: 'web-2', Service: 'db' } },
    {
      Node: 'n2',
      Address: '10.0.0.2',
      Service: { ID: 'web', Service: 'WEB', Address: 'svc.example', Weights: { Passing: 0, Warning: 0 } },
    },
    {
      Node: 'n2',
      Address: '10.0.0.2',
      Service: { Service: 'db', Weights: null, Tags: null, Meta: {}, TaggedAddresses: {} },
    },
    { Node: 'n2', Address: '10.0.0.2', Service: { ID: 'only-an-id' } },
    { Node: 'n2', Address: '10.0.0.2', Service: { Service: '' } },
    { Node: 'n2', Address: '10.0.0.2', Service: {} },
    { Node: 'n2', Address: '10.0.0.2', Service: { Service: 'é ü', Tags: ['ä', '', ' '], Port: -1 } },
    {
      Node: 'n2',
      Address: '10.0.0.2',
      Service: { Service: 'big', Port: 70000, Weights: { Passing: -1, Warning: 99999999 } },
    },
    { Node: 'n2', Address: '10.0.0.2', Service: { Service: 'any', Address: '::' } },
    { Node: 'n2', Address: '10.0.0.2', SkipNodeUpdate: true, Service: { Service: 'kept', Port: 1 } },
    { Node: 'n2', Address: '99.9.9.9', SkipNodeUpdate: true, Service: { Service: 'kept', Port: 2 } },
    { Node: 'nowhere', Address: '99.9.9.9', SkipNodeUpdate: true },
    { Node: 'n1', Address: '10.0.0.1', Check: { Name: 'a check' } },
    {
      Node: 'n1',
      Address: '10.0.0.1',
      Check: { CheckID: 'c', Name: 'a check', Status: 'passing', Output: 'o', Notes: 'n' },
    },
    { Node: 'n1', Address: '10.0.0.1', Check: { CheckID: 'c', Status: 'Passing' } },
    { Node: 'n1', Address: '10.0.0.1', Check: { CheckID: 'w', Name: 'w', Status: 'warning', ServiceID: 'web' } },
    { Node: 'n1', Address: '10.0.0.1', Check: { CheckID: 'z', Name: 'z', ServiceID: 'no-such-service' } },
    { Node: 'n1', Address: '10.0.0.1', Check: {}, Checks: [{ CheckID: 'two' }] },
    {
      Node: 'n1',
      Address: '10.0.0.1',
      Checks: [
        { CheckID: 'x1', Name: 'x1' },
        { CheckID: 'x1', Name: 'x1 again', Status: 'critical' },
      ],
    },
    { Node: 'n1', Address: '10.0.0.1', Checks: [] },
    { Node: 'n1', Address: '10.0.0.1', Checks: [null] },
    { Node: 'n1', Address: '10.0.0.1', Check: { Node: 'n2', CheckID: 'foreign' } },
    {
      Node: 'n2',
      Address: '10.0.0.2',
      Check: { CheckID: 'd', Name: 'd', Definition: { Interval: '10s', Timeout: '1500ms' }, Type: 'http' },
    },
    {
      Node: 'n2',
      Address: '10.0.0.2',
      Check: { CheckID: 'd', Name: 'd', Definition: { Interval: 1e9, Body: '<b>', Header: { X: ['1', '2'] } } },
    },
    { Datacenter: 'dc1', Node: 'n2', Address: '10.0.0.2' },
    { Datacenter: 'dc9', Node: 'n2', Address: '10.0.0.2' },
    { Node: 'n2', Address: '10.0.0.2', WriteRequest: { Token: 'x' } },
    { Node: 'n2', Address: '10.0.0.2', Token: 'x' },
    { Node: 'n2', Address: '10.0.0.2', EnterpriseMeta: {} },
    { Node: 'n2', Address: '10.0.0.2', CreateIndex: 5, ModifyIndex: 5 },
    { NODE: 'n2', address: '10.0.0.2', service: { SERVICE: 'cased', tags: ['t'], port: 9, enabletagoverride: true } },
  ),
  ...puts('/v1/catalog/register?dc=dc9', [{ Node: 'n2', Address: '10.0.0.2' }]),
  ...puts('/v1/catalog/register?token=x', [{ Node: 'n2', Address: '10.0.0.2' }]),
]

const KINDS: Request[] = [
  ...puts('/v1/catalog/register', [
    ...[
      'connect-proxy',
      'mesh-gateway',
      'terminating-gateway',
      'ingress-gateway',
      'typical',
      'bogus',
      'Connect-Proxy',
    ].flatMap((Kind) => [
      { Node: 'n3', Address: '10.0.0.3', Service: { Kind, Service: `${Kind}-a` } },
      { Node: 'n3', Address: '10.0.0.3', Service: { Kind, Service: `${Kind}-b`, Port: 1 } },
      {
        Node: 'n3',
        Address: '10.0.0.3',
        Service: { Kind, Service: `${Kind}-c`, Port: 1, Proxy: { DestinationServiceName: 'web' } },
      },
    ]),
    {
      Node: 'n3',
      Address: '10.0.0.3',
      Service: {
        Kind: 'connect-proxy',
        Service: 'side',
        Port: 20000,
        Connect: {},
        Proxy: {
          DestinationServiceName: 'web',
          DestinationServiceID: 'web-1',
          LocalServiceAddress: '127.0.0.1',
          LocalServicePort: 80,
          MeshGateway: { Mode: 'local' },
          Expose: { Checks: true, Paths: [{ Path: '/health', LocalPathPort: 1, ListenerPort: 2, Protocol: 'http' }] },
          Config: { z: [1, 'two', { three: 3 }], a: null, f: 1.5, big: 1e21 },
          Upstreams: [
            {
              DestinationType: 'service',
              DestinationName: 'db',
              DestinationNamespace: '',
              Datacenter: 'dc1',
              LocalBindPort: 3,
            },
            { DestinationName: 'q', DestinationType: 'prepared_query', LocalBindAddress: '127.0.0.2', Config: {} },
          ],
        },
      },
    },
    { Node: 'n3', Address: '10.0.0.3', Service: { Service: 'nat', Connect: { Native: true, SidecarService: null } } },
    {
      Node: 'sidecars',
      Address: '10.0.0.4',
      Service: { Service: 'nat2', Connect: { Native: true, SidecarService: { Port: 1 } } },
    },
    { Node: 'n3', Address: '10.0.0.3', Service: { Service: 'nat3', LocallyRegisteredAsSidecar: true } },
  ]),
  ...get('/v1/catalog/', [
    'node/n3',
    'node-services/n3',
    'services',
    'service/side',
    'service/nat',
    'service/connect-proxy-c',
  ]),
  ...get('/v1/health/', ['service/side', 'node/n3']),
  ...get('/v1/catalog/', ['node/sidecars', 'node-services/sidecars']),
]

const LOOKING: Request[] = [
  ...LOOKS.flatMap((look) =>
    get('/v1/catalog/', [
      ...[`${look}?stale`, `${look}?consistent`, `${look}?cached`, `${look}?stale&consistent`, `${look}?max_stale=1s`],
      ...[
        `${look}?dc=dc1`,
        `${look}?dc=`,
        `${look}?near=n1`,
        `${look}?near=nope`,
        `${look}?near=_agent`,
        `${look}?near=_ip`,
      ],
      ...[`${look}?node-meta=rack:a`, `${look}?node-meta=rack:b`, `${look}?node-meta=rack`, `${look}?node-meta=:`],
      ...[
        `${look}?node-meta=`,
        `${look}?node-meta=a:b&node-meta=a:c`,
        `${look}?tag=a`,
        `${look}?tag=a&tag=b`,
        `${look}?tag=A`,
      ],
      ...[`${look}?index=1&wait=1s`, `${look}?pretty`, `${look}?filter=`, `${look}?ns=`, `${look}/`, `${look}/x`],
    ]),
  ),
  ...get('/v1/catalog/service/', [
    'Web',
    'WEB',
    '%C3%A9%20%C3%BC',
    'web%2Fx',
    'web?tag=zz',
    'web?tag=B',
    'web?tag=%C3%A4',
  ]),
  ...get('/v1/catalog/', [
    'node/N1',
    'node/n1-renamed',
    'service/only-an-id',
    'service/big',
    'datacenters',
    'datacenters?cached',
  ]),
]

const BLOCKING: Request[] = [
  ask('GET', '/v1/catalog/nodes', { saveIndex: 'nodes' }),
  ask('GET', '/v1/catalog/nodes?index={nodes}&wait=20ms'),
  ask('GET', '/v1/catalog/nodes?index={nodes}', {
    wokenBy: [put('/v1/kv/other', 'x'), put('/v1/catalog/register', { Node: 'b1', Address: '1.1.1.1' })],
  }),
  ask('GET', '/v1/catalog/services', { saveIndex: 'services' }),
  ask('GET', '/v1/catalog/services?index={services}', {
    wokenBy: [
      put('/v1/kv/other', 'x'),
      put('/v1/catalog/register', { Node: 'b1', Address: '1.1.1.1', Service: { Service: 's' } }),
    ],
  }),
  ask('GET', '/v1/catalog/service/s', { saveIndex: 's' }),
  ask('GET', '/v1/catalog/service/s?index={s}', {
    wokenBy: [
      put('/v1/catalog/register', { Node: 'b1', Address: '1.1.1.1', Service: { Service: 't' } }),
      put('/v1/catalog/register', { Node: 'b1', Address: '1.1.1.1', Service: { Service: 's', Port: 7 } }),
    ],
    saveIndex: 's',
  }),
  ask('GET', '/v1/catalog/service/s?index={s}', {
    wokenBy: [put('/v1/catalog/deregister', { Node: 'b1', ServiceID: 's' })],
    saveIndex: 's',
  }),
  ask('GET', '/v1/catalog/service/s'),
  ask('GET', '/v1/catalog/service/unheard-of', { saveIndex: 'unheard' }),
  ask('GET', '/v1/catalog/service/unheard-of?index={unheard}', {
    wokenBy: [put('/v1/catalog/register', { Node: 'b1', Address: '1.1.1.1', Service: { Service: 'unheard-of' } })],
  }),
  ask('GET', '/v1/catalog/node/b1', { saveIndex: 'b1' }),
  ask('GET', '/v1/catalog/node/b1?index={b1}', {
    wokenBy: [put('/v1/catalog/register', { Node: 'b1', Address: '1.1.1.1', Service: { Service: 'u' } })],
  }),
  ask('GET', '/v1/catalog/node-services/b2', { saveIndex: 'b2' }),
  ask('GET', '/v1/catalog/node-services/b2?index={b2}', {
    wokenBy: [put('/v1/catalog/register', { Node: 'b2', Address: '1.1.1.2' })],
  }),
  ...['b1', 'b2'].map((Node) => put('/v1/catalog/deregister', { Node })),
]

const REMOVALS: Request[] = [
  ...deregister(
    { Node: 'n1', ServiceID: 'web', CheckID: 'c' },
    { Node: 'n1', ServiceID: 'web' },
    { Node: 'n1', ServiceID: 'web' },
    { Node: 'n1', CheckID: 'x1' },
    { Node: 'n1', CheckID: 'none' },
    { Node: 'n2', ServiceID: 'Web' },
    { Node: 'n2', Datacenter: 'dc9' },
    { Node: 'n2', Datacenter: 'dc1', ServiceID: '' },
    { Node: 'N2' },
    { Node: 'n1-renamed' },
    { Node: '' },
    { ServiceID: 'web' },
    { Node: 'n1' },
    { Node: 'n2', Address: 'ignored' },
  ),
  ...['n3', 'sidecars', 'N1', 'nowhere', 'x-none'].map((Node) => put('/v1/catalog/deregister', { Node })),
  ...get('/v1/catalog/', ['nodes', 'services']),
]

export const CATALOG_REQUESTS: readonly Request[] = [...REGISTRATIONS, ...KINDS, ...LOOKING, ...BLOCKING, ...REMOVALS]
