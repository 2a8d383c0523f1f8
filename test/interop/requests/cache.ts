/**
 * What `Cache-Control` does to reads, with the agent's cache (`?cached`) and without: directives alone and together, well
 * and badly written, on all that the cache keeps and on some of what it does not. No age that is allowed is so small that
 * a busy machine could reach it between two requests.
 */
import { ask, put, type Request } from '../requests.ts'

/** Registered before anything is cached, and left alone from then on: the cache follows changes in its own time. */
const BEGIN: Request[] = [
  put('/v1/catalog/register', {
    Node: 'cc',
    Address: '10.7.0.1',
    Service: { Service: 'cc-web', Port: 80, Tags: ['t'] },
  }),
  ask('POST', '/v1/query', {
    body: JSON.stringify({ Name: 'cc-query', Service: { Service: 'cc-web' } }),
    saveId: 'cached',
  }),
  put('/v1/agent/service/register', { Name: 'cc-own' }),
]

const CACHED = [
  ...['health/service/cc-web', 'health/service/cc-none', 'catalog/services', 'catalog/service/cc-web'],
  ...['catalog/datacenters', 'query/{cached}/execute', 'query/cc-query/execute', 'query/cc-none/execute'],
  'discovery-chain/cc-web',
]
const NOT_CACHED = [
  ...['kv/cc-none', 'catalog/nodes', 'health/node/cc', 'query/{cached}', 'query/{cached}/explain', 'session/list'],
  ...['status/leader', 'agent/service/cc-own', 'agent/checks', 'event/list', 'internal/ui/services'],
  ...[
    'operator/raft/configuration',
    'config/service-defaults',
    'connect/intentions',
    'txn',
    'catalog/gateway-services/x',
  ],
]

const CONTROLS = [
  ...['max-age=0', 'max-age=60', 'max-age=30', 'max-age=-1', 'max-age=+5', 'max-age=05', 'max-age=-0'],
  ...[
    'max-age=x',
    'max-age=',
    'max-age',
    'max-age=1.5',
    'max-age="5"',
    'max-age = 5',
    'max-age= 5',
    'max-age=5 s',
    'max-age=1e3',
  ],
  ...['max-age=1_000', 'max-age=0x10', 'max-age=99999999999999999999', 'max-age=9223372036854775807'],
  // Of nanoseconds, these are more than 64 bits hold: what is left of them is 0, an hour, or below 0.
  ...['max-age=36028797018963968', 'max-age=18446747674', 'max-age=9223372037'],
  ...[
    'stale-if-error=60',
    'stale-if-error=0',
    'stale-if-error=x',
    'stale-if-error=',
    'stale-if-error=-5',
    'stale-if-error',
  ],
  ...['must-revalidate', 'MUST-REVALIDATE', 'must-revalidate=1', 'no-cache', 'no-store', 'only-if-cached', 'private'],
  ...[
    'max-age=60, must-revalidate',
    'must-revalidate,max-age=60',
    'must-revalidate,max-age=x',
    'max-age=x,must-revalidate',
  ],
  ...[
    'max-age=0, max-age=60',
    'max-age=60, max-age=0',
    'Max-Age=60 ,\tStale-If-Error=60',
    'max-age=60;stale-if-error=x',
  ],
  ...[
    'max-age=60,,stale-if-error=5',
    ',',
    ' ',
    'max-age=x, max-age=60',
    'max-age=60,max-age=x',
    'no-cache, max-age=60',
  ],
]

const control = (url: string, value: string): Request =>
  ask(url === '/v1/txn' ? 'PUT' : 'GET', url, {
    headers: { 'Cache-Control': value },
    ...(url === '/v1/txn' ? { body: '[{"KV": {"Verb": "get-tree", "Key": "cc-none"}}]' } : {}),
  })

export const CACHE_REQUESTS: readonly Request[] = [
  ...BEGIN,
  ...CACHED.flatMap((path) => [
    ask('GET', `/v1/${path}?cached`),
    ask('GET', `/v1/${path}?cached`),
    ...CONTROLS.flatMap((value) => [control(`/v1/${path}?cached`, value), control(`/v1/${path}`, value)]),
    // With each other way of saying how fresh an answer has to be.
    ...[
      'stale',
      'consistent',
      'max_stale=1s',
      'max_stale=x',
      'index=1&wait=10s',
      'wait=10s',
      'wait=x',
      'dc=none',
      'dc=dc1',
    ].map((more) => control(`/v1/${path}?cached&${more}`, 'max-age=60, stale-if-error=60')),
    ...['cached=', 'cached=false', 'cached&cached', 'CACHED', 'cached&index=x', 'cached&pretty'].map((query) =>
      ask('GET', `/v1/${path}?${query}`),
    ),
    ask('HEAD', `/v1/${path}?cached`),
  ]),
  ask('POST', '/v1/discovery-chain/cc-web?cached', { body: '{"OverrideProtocol": "http"}' }),
  ask('POST', '/v1/discovery-chain/cc-web?cached', { body: '{"OverrideProtocol": "http"}' }),
  ask('POST', '/v1/discovery-chain/cc-web?cached', { body: '{"OverrideProtocol": "grpc"}' }),
  ...NOT_CACHED.flatMap((path) => [
    ask(path === 'txn' ? 'PUT' : 'GET', `/v1/${path}?cached`, path === 'txn' ? { body: '[]' } : {}),
    ...['max-age=60', 'max-age=0', 'max-age=x', 'stale-if-error=', 'must-revalidate', 'no-cache'].map((value) =>
      control(`/v1/${path}`, value),
    ),
  ]),
  put('/v1/agent/service/deregister/cc-own'),
  put('/v1/catalog/deregister', { Node: 'cc' }),
]
