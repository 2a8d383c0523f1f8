/** Transactions: each verb on keys, nodes, services and checks, that all of one happens or nothing, and every refusal. */
import { del, get, put, puts, type Request } from '../requests.ts'

const TXN = '/v1/txn'
const value = (text: string) => Buffer.from(text).toString('base64')
const kv = (Verb: string, Key: string, more: object = {}) => ({ KV: { Verb, Key, ...more } })
const node = (Verb: string, fields: object) => ({ Node: { Verb, Node: fields } })
const service = (Verb: string, on: string, fields: object) => ({ Service: { Verb, Node: on, Service: fields } })
const check = (Verb: string, fields: object) => ({ Check: { Verb, Check: fields } })

const NODE_ID = '5e0ff3d2-0000-1111-2222-333344445555'

const KEYS: Request[] = [
  ...puts(TXN, [
    [kv('set', 't/a', { Value: value('1'), Flags: 7 }), kv('get', 't/a'), kv('set', 't/b', { Value: value('') })],
    [kv('set', 't/a', { Value: value('1'), Flags: 7 })],
    [kv('cas', 't/new', { Value: value('x') }), kv('cas', 't/a', { Value: value('y') })],
    [kv('cas', 't/new', { Value: value('x'), Index: 0 })],
    [kv('check-not-exists', 't/none'), kv('check-not-exists', 't/a')],
    [kv('check-not-exists', 't/none'), kv('set', 't/none', { Value: null })],
    [kv('check-index', 't/zz', { Index: 1 }), kv('set', 't/zz')],
    [kv('check-session', 't/a', { Session: 'x' }), kv('check-session', 't/zz'), kv('check-session', 't/a')],
    [kv('get-tree', 't/')],
    [kv('get-tree', 't/'), kv('set', 't/c', { Value: value('3') }), kv('get-tree', 't/')],
    [kv('get-tree', 'nothing/')],
    [kv('get-tree', '')],
    [kv('get', 't/a'), kv('get', 't/zz')],
    [kv('delete', 't/c'), kv('delete', 't/never')],
    [kv('delete-cas', 't/b', { Index: 1 })],
    [kv('delete-cas', 't/never', { Index: 1 })],
    [kv('delete-tree', 't/'), kv('get', 't/a')],
    [kv('delete-tree', 't/sub'), kv('get', 't/a')],
    [kv('', 't/a'), kv('frob', 't/a')],
    [kv('frob', 't/a'), kv('set', 't/x')],
    [kv('set', ''), kv('get', ''), kv('delete-tree', '')],
    [kv('lock', 't/l'), kv('unlock', 't/l')],
    [kv('lock', 't/l', { Session: 'none' })],
    [kv('lock', 't/l', { Session: '5e0ff3d2-0000-1111-2222-333344445555' })],
    [kv('set', 'é"\\<\u0001', { Value: value('odd') }), kv('get', 'é"\\<\u0001'), kv('get', 'no"\\<\u0001é')],
  ]),
  put('/v1/session/create', { LockDelay: '0s' }, { saveId: 'one' }),
  put('/v1/session/create', { LockDelay: '20s' }, { saveId: 'two' }),
  put(TXN, [
    kv('lock', 't/l', { Session: '{one}', Value: value('mine') }),
    kv('check-session', 't/l', { Session: '{one}' }),
  ]),
  put(TXN, [kv('lock', 't/l', { Session: '{one}', Value: value('again') })]),
  put(TXN, [kv('lock', 't/l', { Session: '{two}' }), kv('unlock', 't/l', { Session: '{two}' })]),
  put(TXN, [kv('unlock', 't/l', { Session: '{one}' }), kv('lock', 't/l', { Session: '{two}' })]),
  put('/v1/session/destroy/{two}'),
  put(TXN, [kv('lock', 't/l', { Session: '{one}' }), kv('set', 't/not')]),
  ...get('/v1/kv/', ['t/?recurse', 't/?keys', 't/not']),
  put('/v1/session/destroy/{one}'),
]

/** The state knows intentions within transactions; the door knows no such operation, and takes it for none at all. */
const intention = (Op: string, more: object = {}) => ({
  Intention: { Op, Intention: { SourceName: 't-a', DestinationName: 't-b', Action: 'allow', ...more } },
})
const INTENTIONS: Request[] = [
  ...puts(TXN, [
    [intention('create', { ID: '5e0ff3d2-0000-1111-2222-333344445556' })],
    [intention('delete', { ID: '5e0ff3d2-0000-1111-2222-333344445556' })],
    [intention('nonsense')],
    [intention('create'), kv('set', 't/beside', { Value: value('x') })],
    [{ ...kv('set', 't/beside', { Value: value('y') }), ...intention('create') }],
    [{ Intention: null }],
    [{ Intention: 'x' }],
    [{ intention: {} }],
    [{}],
    [{}, kv('get', 't/beside')],
  ]),
  ...get('/v1/connect/intentions', ['', '/check?source=t-a&destination=t-b']),
  ...get('/v1/kv/', ['t/beside']),
  ...del('/v1/kv/', ['t/beside']),
]

const CATALOG: Request[] = [
  ...puts(TXN, [
    [
      node('set', {
        ID: NODE_ID,
        Node: 'tn',
        Address: '10.2.0.1',
        Meta: { k: 'v' },
        TaggedAddresses: { lan: '10.2.0.1' },
      }),
      service('set', 'tn', {
        ID: 'ts',
        Service: 'ts',
        Port: 77,
        Tags: ['a'],
        Meta: { m: '1' },
        Weights: { Passing: 3 },
      }),
      service('set', 'tn', { Service: 'bare' }),
      check('set', { Node: 'tn', CheckID: 'tc', Name: 'tc', Status: 'passing', ServiceID: 'ts', Output: 'o' }),
      check('set', {
        Node: 'tn',
        Name: 'by name',
        Definition: { HTTP: 'http://x', Interval: '10s', TimeoutDuration: 1e9 },
      }),
      check('get', { Node: 'tn', CheckID: 'tc' }),
      service('get', 'tn', { ID: 'ts' }),
      node('get', { Node: 'tn' }),
      node('get', { ID: NODE_ID }),
    ],
    [node('get', { Node: 'TN' }), service('get', 'TN', { ID: 'TS' }), check('get', { Node: 'TN', CheckID: 'TC' })],
    [
      node('get', { Node: 'none' }),
      service('get', 'tn', { ID: 'none' }),
      check('get', { Node: 'tn', CheckID: 'none' }),
    ],
    [node('get', { ID: 'no uuid' }), node('get', { ID: '5e0ff3d2-0000-1111-2222-333344445556' })],
    [node('set', { Node: '' }), node('set', { Node: 'x', ID: 'bad' }), service('set', 'tn', { ID: 'only id' })],
    [service('set', 'tn', { Service: 'any', Address: '0.0.0.0' }), service('set', 'tn', {})],
    [service('set', 'nowhere', { Service: 's' }), check('set', { Node: 'nowhere', CheckID: 'c' })],
    [check('set', { Node: 'tn', CheckID: 'c', ServiceID: 'none' }), check('set', { Node: 'tn' })],
    [node('set', { Node: 'fresh', Address: '1.1.1.1' }), service('set', 'nowhere', { Service: 's' })],
    [node('get', { Node: 'fresh' })],
    [node('cas', { Node: 'fresh', Address: '1.1.1.1' })],
    [node('cas', { Node: 'fresh', Address: '1.1.1.2' })],
    [node('cas', { Node: 'fresh', Address: '1.1.1.2', ModifyIndex: 1 })],
    [service('cas', 'fresh', { Service: 'cased', Port: 1 })],
    [service('cas', 'fresh', { ID: 'cased', Service: 'cased', Port: 2 })],
    [service('cas', 'fresh', { ID: 'cased', Service: 'cased', Port: 2, ModifyIndex: 1 })],
    [check('cas', { Node: 'fresh', CheckID: 'cc', Status: 'warning' })],
    [check('cas', { Node: 'fresh', CheckID: 'cc', Status: 'passing' })],
    [
      service('delete-cas', 'fresh', { ID: 'cased', ModifyIndex: 1 }),
      check('delete-cas', { Node: 'fresh', CheckID: 'cc' }),
    ],
    [service('delete-cas', 'fresh', { ID: 'none', Service: 'none' }), node('delete-cas', { Node: 'none' })],
    [service('delete', 'fresh', { ID: 'cased', Service: 'cased' }), service('delete', 'fresh', { ID: 'cased' })],
    [check('delete', { Node: 'fresh', CheckID: 'cc' }), check('delete', { Node: 'fresh', CheckID: 'cc' })],
    [node('frob', { Node: 'fresh' }), service('frob', 'fresh', { Service: 's' }), check('', { Node: 'fresh' })],
    [node('delete', { Node: 'fresh' }), node('delete', { Node: 'fresh' }), node('get', { Node: 'fresh' })],
    [node('delete', { Node: 'fresh' }), kv('set', 't/after', { Value: value('1') })],
    [
      service('set', 'tn', {
        Service: 'p',
        Kind: 'connect-proxy',
        Proxy: { DestinationServiceName: 'x' },
        Connect: { Native: true },
      }),
    ],
    [service('set', 'tn', { Service: 'meta', Meta: { 'consul-x': '1' } })],
    [node('set', { Node: 'tn2', ID: NODE_ID, Address: '10.2.0.2' }), service('get', 'tn', { ID: 'ts' })],
  ]),
  ...get('/v1/', ['catalog/nodes', 'catalog/node/tn2', 'health/node/tn2', 'health/service/ts', 'catalog/services']),
  put(TXN, [node('delete', { Node: 'tn2' })]),
]

const many = (count: number) => Array.from({ length: count }, (_, i) => kv('set', `m/${i}`, { Value: value(`${i}`) }))

const REFUSED: Request[] = [
  ...puts(TXN, [
    '',
    '{}',
    '[]',
    '[{}]',
    '[{"KV":',
    '"text"',
    '[1]',
    [{ KV: { Verb: 1 } }],
    [{ KV: { Verb: 'set', Key: 'k', Value: 1 } }],
    [{ KV: { Verb: 'set', Key: 'k', Value: '!' } }],
    [{ KV: { Verb: 'set', Key: 'k', Value: 'YQ' } }],
    [{ KV: { Verb: 'set', Key: 'k', Flags: -1 } }],
    [{ KV: { Verb: 'set', Key: 'k', Flags: 1.5 } }],
    '[{"KV":{"Verb":"set","Key":"flags","Flags":18446744073709551615}},{"KV":{"Verb":"get","Key":"flags"}}]',
    [{ KV: { Verb: 'set', Key: 'k', Unknown: 1 } }],
    [{ Unknown: {} }],
    [{ Session: { Verb: 'delete' } }],
    [{ kv: { verb: 'set', key: 'lower', value: value('l') } }],
    [{ KV: { Verb: 'get', Key: 'lower', Namespace: 'x' } }],
    [{ Node: {} }],
    [{ Service: {} }],
    [{ Check: {} }],
    [{ KV: {} }],
    [{ Check: { Verb: 'set', Check: { Node: 'x', Definition: { Interval: 'x' } } } }],
    [{ Check: { Verb: 'set', Check: { Node: '{node}', CheckID: 'd', Definition: { Interval: 5, Unknown: 1 } } } }],
    // The agent knows of no such check, and would take it away when it next looks: each of them in its own time.
    [{ Check: { Verb: 'delete', Check: { Node: '{node}', CheckID: 'd' } } }],
    many(64),
    many(65),
    [kv('set', 'large', { Value: value('x'.repeat(300_000)) })],
    [kv('set', 'large', { Value: value('x'.repeat(400_000)) })],
    [kv('set', 'a'), kv('get', 'a')],
  ]),
  put(`${TXN}?stale`, [kv('get', 'lower')]),
  put(`${TXN}?consistent`, [kv('get', 'lower')]),
  put(`${TXN}?stale&consistent`, [kv('get', 'lower')]),
  put(`${TXN}?stale&consistent`, [kv('set', 'lower')]),
  put(`${TXN}?dc=dc1`, [kv('set', 'lower')]),
  put(`${TXN}?dc=dc2`, [kv('set', 'lower')]),
  put(`${TXN}?dc=dc2`, [kv('get', 'lower')]),
  put(`${TXN}?pretty`, [kv('get', 'lower')]),
  put(`${TXN}?index=1&wait=1s`, [kv('get', 'lower')]),
  put(`${TXN}/`, [kv('get', 'lower')]),
  ...get(TXN, ['']),
  ...del(TXN, ['']),
  ...del('/v1/kv/', ['?recurse']),
]

export const TXN_REQUESTS: readonly Request[] = [...KEYS, ...INTENTIONS, ...CATALOG, ...REFUSED]
