/** Checks by node, service and state; services with their health; and what wakes who waits for them. */
import { ask, get, put, type Request } from '../requests.ts'

function instance(node: string, service: string, status: string, more: object = {}): Request {
  return put('/v1/catalog/register', {
    Node: node,
    Address: `10.1.0.${node.length}`,
    NodeMeta: { kind: node.slice(0, 1) },
    Service: { ID: `${service}-1`, Service: service, Port: 80, Tags: [status, 'all'], ...more },
    Checks: [
      {
        CheckID: `service:${service}-1`,
        Name: `${service} check`,
        Status: status,
        ServiceID: `${service}-1`,
        Output: '"out"\n',
      },
      { CheckID: 'node', Name: 'node check', Status: status === 'critical' ? 'passing' : status },
    ],
  })
}

const CATALOG: Request[] = [
  instance('h1', 'api', 'passing'),
  instance('h22', 'api', 'warning', { Weights: { Passing: 10, Warning: 3 } }),
  instance('h333', 'api', 'critical', { Meta: { v: '2' }, Address: '10.9.9.9' }),
  instance('g4444', 'api', 'maintenance'),
  instance('h1', 'cache', 'passing'),
  put('/v1/catalog/register', { Node: 'h1', Address: '10.1.0.2', Service: { Service: 'bare' } }),
  put('/v1/catalog/register', {
    Node: 'h5',
    Address: '10.1.0.5',
    Check: { CheckID: 'lone', Name: 'lone', Status: 'passing' },
  }),
  put('/v1/catalog/register', {
    Node: 'h1',
    Address: '10.1.0.2',
    Check: { CheckID: 'odd', Name: 'odd', Status: 'strange' },
  }),
]

const LOOKS = [
  'service/api',
  'service/bare',
  'checks/api',
  'node/h1',
  'node/h5',
  'state/any',
  'state/passing',
  'state/warning',
  'state/critical',
]

/** The second time the answer is there already; a write between them is seen by and by. */
const CACHED: Request[] = [
  ...['health/service/api', 'catalog/service/api', 'catalog/services', 'catalog/datacenters'].flatMap((look) => [
    ...get('/v1/', [`${look}?cached`, `${look}?cached`, `${look}?cached&pretty`, `${look}?cached&stale`]),
    ask('GET', `/v1/${look}?cached`, { headers: { 'Cache-Control': 'max-age=60, stale-if-error=10' } }),
    ask('GET', `/v1/${look}?cached`, { headers: { 'Cache-Control': 'must-revalidate' } }),
    ...get('/v1/', [`${look}?cached&stale&max_stale=1h`, `${look}?cached&index=1&wait=1s`]),
  ]),
  ...get('/v1/health/service/', ['api?cached&passing', 'api?cached&tag=all', 'nobody?cached', 'api?cached&passing=x']),
  ...get('/v1/health/service/', ['api?cached&dc=nowhere', 'api?cached&filter=x', 'api?cached&node-meta=kind:h']),
  ...get('/v1/', ['catalog/nodes?cached', 'catalog/node/h1?cached', 'kv/a?cached', 'health/node/h1?cached']),
]

const READS: Request[] = [
  ...get('/v1/health/', LOOKS),
  ...LOOKS.flatMap((look) =>
    get('/v1/health/', [
      ...[
        `${look}?passing`,
        `${look}?passing=0`,
        `${look}?passing=t`,
        `${look}?passing=T&tag=all`,
        `${look}?passing=yes`,
      ],
      ...[
        `${look}?passing=`,
        `${look}?passing=1&passing=0`,
        `${look}?tag=passing`,
        `${look}?tag=all&tag=warning`,
        `${look}?tag=none`,
      ],
      ...[
        `${look}?node-meta=kind:h`,
        `${look}?node-meta=kind:g&passing`,
        `${look}?node-meta=kind:h&node-meta=x:y`,
        `${look}?near=h1`,
      ],
      ...[
        `${look}?near=_agent&passing`,
        `${look}?near=_ip`,
        `${look}?stale`,
        `${look}?consistent`,
        `${look}?cached`,
        `${look}?max_stale=1m`,
      ],
      ...[
        `${look}?cached&stale`,
        `${look}?consistent&cached`,
        `${look}?dc=dc1`,
        `${look}?dc=other`,
        `${look}?index=1`,
        `${look}?wait=5`,
      ],
      ...[`${look}?pretty=1`, `${look}?token=t`, `${look}/`, `${look}/deeper`],
    ]),
  ),
  ...get('/v1/health/state/', ['maintenance', 'strange', 'unknown', 'Passing', 'any?passing', '%61ny', 'any%20']),
  ...get('/v1/health/', [
    'service/API',
    'service/Api?passing',
    'checks/API',
    'node/H1',
    'service/consul?passing',
    'node/{node}',
    'service/api?tag=ALL',
  ]),
]

const BLOCKING: Request[] = [
  ask('GET', '/v1/health/service/api', { saveIndex: 'api' }),
  ask('GET', '/v1/health/service/api?index={api}&wait=20ms'),
  ask('GET', '/v1/health/service/api?index={api}&passing', {
    wokenBy: [put('/v1/kv/other', 'w'), instance('h1', 'api', 'critical')],
    saveIndex: 'api',
  }),
  ask('GET', '/v1/health/service/api?index={api}&passing&tag=all', {
    wokenBy: [put('/v1/kv/other', 'x'), put('/v1/catalog/deregister', { Node: 'h22' })],
    saveIndex: 'api',
  }),
  ask('GET', '/v1/health/service/api?index={api}', {
    wokenBy: [put('/v1/catalog/deregister', { Node: 'h1', ServiceID: 'api-1' })],
  }),
  ask('GET', '/v1/health/checks/api', { saveIndex: 'checks' }),
  ask('GET', '/v1/health/checks/api?index={checks}', {
    wokenBy: [put('/v1/kv/other', 'y'), instance('h1', 'api', 'warning')],
  }),
  ask('GET', '/v1/health/node/h5', { saveIndex: 'h5' }),
  ask('GET', '/v1/health/node/h5?index={h5}', {
    wokenBy: [put('/v1/catalog/deregister', { Node: 'h5', CheckID: 'lone' })],
  }),
  ask('GET', '/v1/health/state/critical', { saveIndex: 'critical' }),
  ask('GET', '/v1/health/state/critical?index={critical}', {
    wokenBy: [put('/v1/kv/other', 'z'), instance('h1', 'api', 'critical')],
  }),
  ask('GET', '/v1/health/state/any', { saveIndex: 'any' }),
  ask('GET', '/v1/health/state/any?index={any}', { wokenBy: [put('/v1/catalog/deregister', { Node: 'h333' })] }),
  ask('GET', '/v1/health/service/later', { saveIndex: 'later' }),
  ask('GET', '/v1/health/service/later?index={later}', {
    wokenBy: [instance('h1', 'later', 'passing')],
    saveIndex: 'later',
  }),
  ask('GET', '/v1/health/service/later?index={later}', {
    wokenBy: [put('/v1/catalog/deregister', { Node: 'h1' })],
    saveIndex: 'later',
  }),
  ask('GET', '/v1/health/service/later?index={later}&wait=20ms'),
]

const END: Request[] = [
  ...['h1', 'h22', 'h333', 'g4444', 'h5'].map((Node) => put('/v1/catalog/deregister', { Node })),
  ...get('/v1/health/', ['state/any', 'service/api', 'checks/api', 'node/h1']),
]

export const HEALTH_REQUESTS: readonly Request[] = [...CATALOG, ...READS, ...CACHED, ...BLOCKING, ...END]
