/** What the web UI lists, and the coordinates of nodes. */
import { get, put, puts, type Request } from '../requests.ts'

const PARAMS = ['', '?stale', '?consistent', '?stale&consistent', '?dc=dc2', '?pretty', '?index=x', '?ns=x']
const at = (x: number, more: object = {}) => ({
  Vec: [x, 0, 0, 0, 0, 0, 0, 0],
  Error: 1.5,
  Adjustment: 0,
  Height: 1e-5,
  ...more,
})

export const OVERVIEW_REQUESTS: readonly Request[] = [
  put('/v1/catalog/register', {
    Node: 'ui-a',
    Address: '10.8.0.1',
    NodeMeta: { rack: '1' },
    Service: { ID: 'u1', Service: 'ui-web', Tags: ['b', 'a'], Meta: { 'external-source': 'nomad' } },
    Checks: [
      { CheckID: 'n', Name: 'n', Status: 'warning' },
      { CheckID: 's', Name: 's', Status: 'critical', ServiceID: 'u1' },
      { CheckID: 'odd', Name: 'o', Status: 'odd' },
    ],
  }),
  put('/v1/catalog/register', {
    Node: 'ui-a',
    Address: '10.8.0.1',
    SkipNodeUpdate: true,
    Service: { ID: 'u2', Service: 'ui-web', Tags: ['a', 'c'] },
  }),
  put('/v1/catalog/register', {
    Node: 'UI-B',
    Address: '10.8.0.2',
    Service: { Service: 'ui-proxy', Kind: 'connect-proxy', Port: 1, Proxy: { DestinationServiceName: 'ui-web' } },
  }),
  put('/v1/catalog/register', { Node: 'ui-empty', Address: '10.8.0.3' }),
  ...get('/v1/internal/ui/nodes', [...PARAMS, '?filter=Node==x', '?filter=Meta.rack==1', '?filter=x', '/']),
  ...get('/v1/internal/ui/node/', ['', 'ui-a', 'UI-A', 'none', 'ui-empty', 'ui-a?dc=dc2', 'ui-a?stale', 'ui-a/x']),
  ...get('/v1/internal/ui/services', [
    ...PARAMS,
    '?filter=Service.Service=="ui-web"',
    '?filter=Service.Tags%20contains%20c',
    '?filter=x',
  ]),
  ...get('/v1/coordinate/', [
    'datacenters',
    'datacenters?dc=dc2',
    'node/ui-a',
    'node/none',
    'node/',
    'nodes?segment=x',
    'nodes?dc=dc2',
    'node/ui-a?dc=dc2',
  ]),
  ...puts('/v1/coordinate/update', [
    '',
    '{',
    { Node: 'ui-a', Coord: {} },
    { Node: 'ui-a', Coord: at(1, { Vec: [1] }) },
    { Node: 'ui-a', Coord: at(1), Unknown: 1 },
    { Node: 'ui-a', Coord: { Vec: 'x' } },
  ]),
  put('/v1/coordinate/update?dc=dc2', { Node: 'ui-a', Coord: at(1) }),
  ...['ui-a', 'UI-B', 'ui-empty'].map((Node) => put('/v1/catalog/deregister', { Node })),
]
