/** `?filter=` on every endpoint that has it: what it lets through, what it refuses, and in which words. */
import { type Random, seededRandom } from '../../../src/base/random.ts'
import { ask, get, put, type Request } from '../requests.ts'

const CATALOG: Request[] = [
  put('/v1/catalog/register', {
    Node: 'f1',
    Address: '10.2.0.1',
    TaggedAddresses: { lan: '10.2.0.1' },
    NodeMeta: { rack: '1', 'a.b': 'dots', empty: '' },
    Service: {
      ID: 'flt-1',
      Service: 'flt',
      Port: 8080,
      Tags: ['primary', 'v1'],
      Meta: { version: '2' },
      Address: '10.2.0.9',
      TaggedAddresses: { wan: { Address: '1.2.3.4', Port: 80 } },
      Weights: { Passing: 10, Warning: 2 },
      EnableTagOverride: true,
    },
    Check: { CheckID: 'f1-alive', Name: 'alive', Status: 'passing', Output: 'all is well', ServiceID: 'flt-1' },
  }),
  put('/v1/catalog/register', {
    Node: 'f2',
    Address: '10.2.0.2',
    Service: { ID: 'flt-2', Service: 'flt', Port: 9090, Tags: ['v2'], Connect: { Native: true } },
    Checks: [
      { CheckID: 'f2-alive', Name: 'alive', Status: 'critical', Notes: 'a "note"', ServiceID: 'flt-2' },
      { CheckID: 'f2-node', Name: 'node', Status: 'warning' },
    ],
  }),
  put('/v1/catalog/register', {
    Node: 'f3',
    Address: '10.2.0.3',
    Service: {
      Kind: 'connect-proxy',
      ID: 'flt-proxy',
      Service: 'flt-proxy',
      Port: 1000,
      Proxy: {
        DestinationServiceName: 'flt',
        Upstreams: [{ DestinationName: 'db', LocalBindPort: 1234 }],
        Expose: { Checks: true, Paths: [{ Path: '/x', ListenerPort: 1, LocalPathPort: 2, Protocol: 'http' }] },
      },
    },
  }),
  put('/v1/agent/service/register', { ID: 'own-1', Name: 'own', Port: 1, Tags: ['t'], Meta: { m: '1' } }),
  put('/v1/agent/check/register', { ID: 'own-check', Name: 'own check', TTL: '10m', Notes: 'n', ServiceID: 'own-1' }),
]

interface Place {
  url: string
  selectors: string[]
}

/** Without the id, which is another one on each agent: what it contains is chance. */
const NODE = ['Node', 'Address', 'Datacenter', 'TaggedAddresses', 'TaggedAddresses.lan', 'Meta', 'Meta.rack']
const SERVICE = [
  ...['Kind', 'ID', 'Service', 'Tags', 'Address', 'TaggedAddresses', 'TaggedAddresses.wan.Port', 'Meta'],
  ...['Meta.version', 'Port', 'Weights.Passing', 'EnableTagOverride', 'Connect.Native', 'Proxy', 'Weights', 'Connect'],
  ...['Proxy.DestinationServiceName', 'Proxy.Upstreams', 'Proxy.Upstreams.DestinationName', 'Proxy.MeshGateway.Mode'],
  ...['Proxy.Expose.Checks', 'Proxy.Expose.Paths.ListenerPort', 'Proxy.Config', 'TaggedAddresses.wan'],
]
const CHECK = [
  'Node',
  'CheckID',
  'Name',
  'Status',
  'Notes',
  'Output',
  'ServiceID',
  'ServiceName',
  'ServiceTags',
  'Type',
]
const below = (name: string, selectors: string[]) => selectors.map((selector) => `${name}.${selector}`)

const PLACES: Place[] = [
  { url: '/v1/catalog/nodes', selectors: [...NODE, 'Meta["a.b"]', 'CreateIndex'] },
  {
    url: '/v1/catalog/service/flt',
    selectors: [
      ...['ID', 'Node', 'Address', 'Datacenter', 'TaggedAddresses.lan', 'NodeMeta.rack', 'NodeMeta', 'ServiceKind'],
      ...['ServiceID', 'ServiceName', 'ServiceTags', 'ServiceAddress', 'ServiceTaggedAddresses.wan.Address'],
      ...['ServiceWeights.Warning', 'ServiceMeta.version', 'ServicePort', 'ServiceEnableTagOverride'],
      ...['ServiceProxy.LocalServicePort', 'ServiceConnect.Native', 'ModifyIndex'],
    ],
  },
  { url: '/v1/catalog/node/f1', selectors: SERVICE },
  { url: '/v1/catalog/node-services/f3', selectors: SERVICE },
  { url: '/v1/catalog/node-services/nobody', selectors: SERVICE },
  { url: '/v1/catalog/node/nobody', selectors: SERVICE },
  { url: '/v1/health/node/f2', selectors: [...CHECK, 'Definition.TTL'] },
  { url: '/v1/health/checks/flt', selectors: CHECK },
  { url: '/v1/health/state/any', selectors: CHECK },
  {
    url: '/v1/health/service/flt',
    selectors: [...below('Node', NODE), ...below('Service', SERVICE), ...below('Checks', CHECK), 'Checks', 'Node'],
  },
  // The real one falls over what only proxies and natives have.
  { url: '/v1/agent/services', selectors: SERVICE.filter((selector) => !/^(Proxy|Connect)/.test(selector)) },
  { url: '/v1/agent/checks', selectors: CHECK },
]

const VALUES = [
  ...[
    'flt',
    '"flt-1"',
    'f1',
    'primary',
    '`v1`',
    '8080',
    '"0x1f90"',
    '0',
    '-1',
    '1.5',
    'true',
    'false',
    '"1"',
    '"passing"',
  ],
  ...[
    '""',
    '"."',
    '"^f[0-9]$"',
    '"("',
    '"a\\"',
    '"\\u00e9"',
    '"é"',
    'version',
    'rack',
    '"all is"',
    'alive',
    'own',
    'db',
    '2',
  ],
]
const OPERATORS = [
  ...['==', '!=', ' == ', ' != ', ' contains ', ' not contains ', ' matches ', ' not matches '],
  ...['=', ' > ', ' is ', ' in '],
]

/** Texts that are wrong somewhere, or nearly. */
const ODD = [
  ...[
    '',
    ' ',
    'Node',
    'Node ==',
    'Node == ',
    '== x',
    'Node = x',
    'Node == x y',
    'Node == x and',
    'Node == x or ',
    'not',
  ],
  ...['not Node', '(', ')', '()', '(Node == x', 'Node == x)', '((Node == x) and Node != y', 'Node == "x', 'Node == `x'],
  ...['Node == 1x', 'Node == 01', 'Node == 1.', 'Node == -', 'Node == 1)', '(Node == 1)', 'Meta[', 'Meta[]', 'Meta[x]'],
  ...[
    'Meta["a"',
    'Meta["a" ]',
    'Meta[ "a.b" ] == dots',
    'Meta["a] == x',
    '"x" in',
    '"x" in 1',
    '"x" in Meta.',
    'Node is',
  ],
  ...['Node is empty', 'Meta is empty', 'Meta is not empty', 'Meta is  not  empty', 'Meta isempty', 'Node.x == 1'],
  ...['Nope == 1', 'Meta.x.y == 1', 'node == x', 'NODE == x', 'Node==x and not Node==y or(Node==z)', 'Node == \u00a0x'],
  ...[
    '\nNode == x\n and\n Node != x',
    'Node ==\n\n$',
    '\tNode\t==\tx',
    'Node == é',
    'é == x',
    'Node == "é" and',
    'Node == "\xff"',
  ],
  ...[
    'Node == "\\xff"',
    'Node == "a\nb"',
    'Node == "\\q"',
    'not in == x',
    'in in Node',
    'not not in Node',
    'x not in Node',
  ],
  ...[
    'Node contains x',
    'Node not contains x',
    'Node matches "["',
    'Node matches "a**"',
    'Node matches "\\\\"',
    'Node matches x{2}',
  ],
  ...[
    'Node matches "(?i)F1"',
    'Node matches "^\\\\w\\\\d$"',
    'Node matches "(?P<a>f)1"',
    'Node matches "\\\\pL1"',
    'Node matches "(?=a)"',
  ],
  ...[
    'Node matches "a{1001}"',
    'Node matches "[z-a]"',
    'Node matches "\\\\8"',
    'Node matches "(?<a>f)"',
    'Node matches "\\\\Qf1\\\\E"',
  ],
  ...[
    'Node == x.y["z w"].q',
    'Node == x[1]',
    'Meta.rack == 1 and "a.b" in Meta',
    'Node == f1 or Node == f2 or Node == f3',
  ],
]

export const FILTER_REQUESTS: Request[] = [
  ...CATALOG,
  ...ODD.map((filter) => ask('GET', filterUrl('/v1/catalog/nodes', filter))),
  ...PLACES.flatMap(({ url, selectors }) =>
    selectors.flatMap((selector) =>
      [
        `${selector} == flt`,
        `${selector} is empty`,
        `v1 in ${selector}`,
        `${selector} != 80`,
        `${selector} matches f`,
      ].map((filter) => ask('GET', filterUrl(url, filter))),
    ),
  ),
  ...get('/v1/', ['catalog/services?filter=x', 'kv/a?filter=x', 'session/list?filter=x', 'status/leader?filter=x']),
  ask('GET', filterUrl('/v1/health/service/flt?passing&near=f1', 'Service.Port == 8080')),
  ask('GET', filterUrl('/v1/catalog/nodes?filter=', 'Node == f1')),
  ask('GET', `${filterUrl('/v1/catalog/nodes', 'Node == f1')}&filter=Node`),
]

function filterUrl(url: string, filter: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}filter=${encodeURIComponent(filter).replaceAll('%C3%BF', '%ff')}`
}

/** Expressions by chance, mostly sound. */
export function randomFilters(seed: number, count: number): Request[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => {
    const { url, selectors } = one(random, PLACES)
    return ask('GET', filterUrl(url, expression(random, selectors, 3)))
  })
}

function expression(random: Random, selectors: readonly string[], depth: number): string {
  const kind = depth === 0 ? 0 : random.int(10)
  const inner = () => expression(random, selectors, depth - 1)
  const space = () => one(random, [' ', ' ', ' ', '  ', '\n'])
  switch (kind) {
    case 6:
      return `${inner()}${space()}and${space()}${inner()}`
    case 7:
      return `${inner()}${space()}or${space()}${inner()}`
    case 8:
      return `not${space()}${inner()}`
    case 9:
      return random.int(20) === 0 ? `(${inner()}` : `(${one(random, ['', ' '])}${inner()}${one(random, ['', ' '])})`
    default:
      return match(random, selectors)
  }
}

function match(random: Random, selectors: readonly string[]): string {
  const selector = random.int(25) === 0 ? one(random, ['Nope', 'Meta.x.y', 'meta', 'Tags.x']) : one(random, selectors)
  switch (random.int(5)) {
    case 0:
      return `${selector} is ${one(random, ['', 'not '])}empty`
    case 1:
      return `${one(random, VALUES)} ${one(random, ['', 'not '])}in ${selector}`
    default:
      return `${selector}${one(random, OPERATORS)}${one(random, VALUES)}`
  }
}

function one<T>(random: Random, items: readonly T[]): T {
  return items[random.int(items.length)]!
}
