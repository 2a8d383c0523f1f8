/** What is common to all endpoints: methods, OPTIONS and HEAD, paths that are not there, headers, compression. */
import { ask, get, put, type Request } from '../requests.ts'

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE']

const PATHS = [
  ...[
    '/v1/kv/m',
    '/v1/catalog/register',
    '/v1/catalog/deregister',
    '/v1/catalog/nodes',
    '/v1/catalog/services',
    '/v1/catalog/datacenters',
  ],
  ...[
    '/v1/catalog/service/consul',
    '/v1/catalog/node/x',
    '/v1/catalog/node-services/x',
    '/v1/health/service/consul',
    '/v1/health/node/x',
  ],
  ...[
    '/v1/health/checks/consul',
    '/v1/health/state/any',
    '/v1/session/create',
    '/v1/session/destroy/x',
    '/v1/session/renew/x',
  ],
  ...[
    '/v1/session/info/x',
    '/v1/session/node/x',
    '/v1/session/list',
    '/v1/agent/self',
    '/v1/agent/members',
    '/v1/agent/services',
  ],
  ...[
    '/v1/agent/checks',
    '/v1/agent/service/x',
    '/v1/agent/service/register',
    '/v1/agent/service/deregister/x',
    '/v1/agent/check/register',
  ],
  ...[
    '/v1/agent/check/deregister/x',
    '/v1/agent/check/pass/x',
    '/v1/agent/check/warn/x',
    '/v1/agent/check/fail/x',
    '/v1/agent/check/update/x',
  ],
  ...['/v1/agent/health/service/id/x', '/v1/agent/health/service/name/x', '/v1/status/leader', '/v1/status/peers'],
]

/** Not built yet, but their methods are known. */
const LATER = [
  ...[
    '/v1/acl/bootstrap',
    '/v1/acl/tokens',
    '/v1/acl/token/x',
    '/v1/agent/host',
    '/v1/agent/metrics',
    '/v1/agent/maintenance',
    '/v1/txn',
  ],
  ...[
    '/v1/query',
    '/v1/event/list',
    '/v1/coordinate/node/none',
    '/v1/operator/keyring',
    '/v1/config',
    '/v1/connect/ca/roots',
  ],
]

const UNKNOWN = [
  ...[
    '/',
    '/v1',
    '/v1/',
    '/v2/kv/a',
    '/v1/nothing',
    '/v1/kv',
    '/v1/catalog',
    '/v1/catalog/',
    '/v1/health',
    '/v1/agent',
    '/v1/agent/',
  ],
  ...[
    '/v1/status',
    '/v1/session/',
    '/v1/catalog/nodes/',
    '/v1/catalog/nodes/x',
    '/v1/status/leader/',
    '/V1/kv/a',
    '/v1/KV/a',
    '/favicon.ico',
  ],
  ...[
    '/ui',
    '/ui/',
    '/debug/pprof/',
    '/v1/namespaces',
    '/v1/namespace',
    '/v1/operator/license',
    '/v1/internal',
    '//',
    '///v1/kv/a',
    '/.',
    '/..',
  ],
  ...[
    '/v1/kv/../catalog/nodes',
    '/v1/./kv/a',
    '/v1//kv//a',
    '/v1/%6bv/a',
    '/%76%31/kv/a',
    '/v1/kv%2Fa',
    '/v1/catalog%2Fnodes',
    '/?x',
    '/v1?x=y',
  ],
  ...[
    '/v1/kv/a/../b?raw&x=%20',
    '/v1/kv/a/.?x',
    '/v1/kv//',
    '/v1/kv//?recurse',
    '/index.html',
    '/v1/agent/check',
    '/v1/agent/service',
  ],
]

const PROFILES: Request[] = [
  ...get('/debug/pprof/', [
    ...['none', 'heap/x', 'HEAP', 'cmdline', 'symbol', 'symbol?0x1', 'cmdline/x', 'block', 'mutex', 'threadcreate'],
    ...['trace?seconds=0.01', 'profile?seconds=1', 'heap', 'heap?debug=1', 'goroutine', 'goroutine?debug=1'],
    ...['goroutine?debug=2', 'goroutine?debug=x', 'allocs', 'heap?gc=1&debug=1'],
  ]),
  ...['PUT', 'POST', 'HEAD', 'OPTIONS', 'DELETE'].map((method) => ask(method, '/debug/pprof/goroutine?debug=1')),
  ask('GET', '/debug/pprof'),
]

const CURIOUS_HEADERS: Record<string, string>[] = [
  { 'X-Consul-Token': 'x' },
  { 'x-consul-token': '' },
  { Authorization: 'Bearer x' },
  { Authorization: 'Basic eDp5' },
  { Authorization: 'Bearer' },
  { 'X-Consul-Namespace': 'default' },
  { 'X-Forwarded-For': '10.0.0.1' },
  { Cookie: 'a=b' },
  { Origin: 'http://elsewhere' },
  { 'If-Modified-Since': 'Sun, 22 Nov 2026 00:00:00 GMT' },
  { Range: 'bytes=0-3' },
  { 'If-None-Match': '*' },
  { Connection: 'close' },
  { Connection: 'keep-alive' },
  { 'Content-Type': 'application/x-www-form-urlencoded' },
  { 'X-HTTP-Method-Override': 'DELETE' },
  { 'X-Consul-Index': '5' },
  { 'Content-Length': '0' },
  { Expect: '100-continues' },
]

const HEADERS: Request[] = [
  put('/v1/kv/h', 'x'.repeat(5000)),
  ...[
    ...[
      'gzip',
      'deflate',
      '*',
      'identity',
      'GZIP',
      'gzip;q=0',
      'gzip;q=0.5',
      'br, gzip',
      'gzip, identity;q=0',
      '',
      'x-gzip',
      'gzip;q=x',
    ],
  ].flatMap((encoding) =>
    get('/v1/', ['kv/h', 'kv/h?raw', 'status/leader', 'kv/none', 'nothing', 'session/info/none', 'catalog/nodes'], {
      headers: { 'Accept-Encoding': encoding },
    }),
  ),
  ...['text/plain', 'application/json', 'image/png', '*/*'].flatMap((Accept) =>
    get('/v1/', ['kv/h', 'agent/health/service/id/none', 'agent/health/service/name/none'], { headers: { Accept } }),
  ),
  ...[
    'max-age=1',
    'max-age=0',
    'no-cache',
    'max-age',
    'max-age=',
    'stale-if-error=1',
    'must-revalidate',
    'max-age=1.5',
    'max-age=99999999999999999999',
    'MAX-AGE=2',
    ',',
  ].flatMap((control) =>
    get(
      '/v1/',
      ['kv/h?raw', 'catalog/nodes', 'catalog/datacenters', 'health/service/consul', 'status/leader', 'session/list'],
      {
        headers: { 'Cache-Control': control },
      },
    ),
  ),
  ...CURIOUS_HEADERS.flatMap((headers) => get('/v1/', ['kv/h?raw', 'catalog/nodes?near=_ip'], { headers })),
  ask('GET', '/v1/kv/h?raw', { body: 'a body where none belongs' }),
  ask('DELETE', '/v1/kv/none', { body: 'likewise' }),
  ask('POST', '/v1/kv/none', { body: 'likewise' }),
  ask('GET', '/v1/catalog/nodes', { body: '{}' }),
  put('/v1/kv/form', 'a=b&c=d', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
  put('/v1/kv/form?flags=3', 'flags=4', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
  ask('GET', '/v1/kv/form'),
  ask('DELETE', '/v1/kv/form'),
  ask('DELETE', '/v1/kv/h'),
]

const STATUS: Request[] = get('/v1/status/', [
  ...[
    'leader',
    'peers',
    'leader?dc=dc1',
    'leader?dc=dc2',
    'peers?dc=dc2',
    'leader?stale',
    'peers?consistent',
    'leader?pretty',
  ],
  ...['peers?pretty=false', 'leader?token=x', 'peers?wait=x', 'leader?cached&consistent', 'leader/x', 'peers/'],
])

export const PROTOCOL_REQUESTS: readonly Request[] = [
  ...PATHS.flatMap((path) => METHODS.map((method) => ask(method, path))),
  ask('DELETE', '/v1/kv/m'),
  ...LATER.flatMap((path) => ['OPTIONS', 'PATCH', 'HEAD', 'GET'].map((method) => ask(method, path))),
  ...UNKNOWN.flatMap((path) => ['GET', 'PUT', 'HEAD', 'OPTIONS'].map((method) => ask(method, path))),
  ask('OPTIONS', '*'),
  ...PROFILES,
  ...HEADERS,
  ...STATUS,
]
