/** Prepared queries: stored, read, changed, run and explained, as they are and as templates. */
import { ask, del, get, put, puts, type Request } from '../requests.ts'

/** In bodies, `@{` stands for a dollar sign and a brace. */
const post = (body: unknown, saveId?: string): Request =>
  ask('POST', '/v1/query', {
    body: typeof body === 'string' ? body : JSON.stringify(body).replaceAll('@{', '\x24{'),
    ...(saveId !== undefined && { saveId }),
  })

const instance = (Node: string, more: object, status = 'passing', meta: Record<string, string> = {}): Request =>
  put('/v1/catalog/register', {
    Node,
    Address: '10.9.0.1',
    NodeMeta: meta,
    Service: { Service: 'q-web', Port: 80, ...more },
    Check: { CheckID: `check of ${Node}`, Name: 'c', Status: status, ServiceID: 'q-web' },
  })

const STORED: Request[] = [
  ...get('/v1/query', ['', '?stale', '?consistent', '?stale&consistent', '?dc=dc2', '?index=x']),
  ...[
    '',
    '{',
    '[]',
    'null ',
    {},
    { Name: 'nameless' },
    { Service: { Service: 'q-web' } },
    { ID: '5e0ff3d2-0000-1111-2222-333344445555', Name: 'x', Service: { Service: 's' } },
    { Name: 'x', Unknown: 1 },
    { Name: 1 },
    { Name: 'x', Service: { Service: 1 } },
    { Name: 'x', Service: { Service: 's', Failover: { NearestN: -1 } } },
    { Name: 'x', Service: { Service: 's', NodeMeta: { '': 'v' } } },
    { Name: 'x', Service: { Service: 's', NodeMeta: { 'a b': 'v' } } },
    { Name: 'x', Token: '<hidden>', Service: { Service: 's' } },
    { Name: 'x', DNS: { TTL: 'x' }, Service: { Service: 's' } },
    { Name: 'x', DNS: { TTL: '-1s' }, Service: { Service: 's' } },
    { Name: 'x', Session: 'none', Service: { Service: 's' } },
    { Name: 'x', Session: '5e0ff3d2-0000-1111-2222-333344445555', Service: { Service: 's' } },
    { Name: 'x', Template: { Type: 'other' }, Service: { Service: 's' } },
  ].map((body) => post(body)),
  post({ Name: 'plain', Service: { Service: 'q-web' } }, 'plain'),
  post({ Name: 'PLAIN', Service: { Service: 'q-web' } }),
  post({ Name: '{plain}', Service: { Service: 'q-web' } }),
  post(
    {
      Name: 'full',
      Token: 'secret',
      Service: {
        Service: 'q-web',
        Failover: { NearestN: 3, Datacenters: ['dc2', 'dc1'] },
        OnlyPassing: true,
        IgnoreCheckIDs: ['check of qc'],
        Near: '_agent',
        Tags: ['v1', '!old'],
        NodeMeta: { zone: 'a', 'consul-x': 'y' },
        ServiceMeta: { m: '1' },
      },
      DNS: { TTL: '10s' },
    },
    'full',
  ),
  ...get('/v1/query/', ['{plain}', '{full}', '{full}?stale', 'plain', '5e0ff3d2-0000-1111-2222-333344445555', '']),
  ...puts('/v1/query/{plain}', [
    '',
    '{}',
    '{',
    { Name: 'full', Service: { Service: 'q-web' } },
    { Name: 'plain', ID: 'other', Service: { Service: 'q-web', OnlyPassing: true } },
  ]),
  ...puts('/v1/query/not-a-uuid', [{ Name: 'x', Service: { Service: 's' } }]),
  ...puts('/v1/query/5e0ff3d2-0000-1111-2222-333344445555', [{ Name: 'x', Service: { Service: 's' } }]),
  ...get('/v1/query', ['/{plain}']),
  ...del('/v1/query/', ['not-a-uuid', '5e0ff3d2-0000-1111-2222-333344445555', '']),
  ...['POST', 'DELETE', 'PUT', 'OPTIONS', 'PATCH'].flatMap((method) => [
    ask(method, '/v1/query/{plain}/execute'),
    ask(method, '/v1/query/{plain}/explain'),
  ]),
  ...['OPTIONS', 'PATCH', 'POST'].map((method) => ask(method, '/v1/query/{plain}')),
  ...['OPTIONS', 'PUT', 'DELETE'].map((method) => ask(method, '/v1/query')),
]

/** One instance each, so that chance does not order them. */
const RUN: Request[] = [
  ...get('/v1/query/', [
    'plain/execute',
    '{plain}/execute',
    'PLAIN/execute',
    'none/execute',
    'none/explain',
    '/execute',
    '5e0ff3d2-0000-1111-2222-333344445555/execute',
    'plain/explain',
    'full/explain',
    'full/execute',
  ]),
  instance('qa', { Tags: ['v1'], Meta: { m: '1' } }, 'passing', { zone: 'a' }),
  ...get('/v1/query/plain/', [
    'execute',
    'execute?limit=1',
    'execute?limit=x',
    'execute?limit=-1',
    'execute?limit=99999999999999999999',
    'execute?near=_agent',
    'execute?near=_ip',
    'execute?near=qa',
    'execute?near=none',
    'execute?stale',
    'execute?consistent',
    'execute?stale&consistent',
    'execute?connect=x',
    'execute?connect=false',
    'execute?dc=dc1',
    'execute?dc=dc2',
    'execute?token=x',
    'execute?index=5&wait=10s',
    'explain?limit=x',
    'explain?near=qa',
  ]),
  ...get('/v1/query/full/', ['execute', 'explain']),
  instance('qa', { Tags: ['V1', 'OLD'], Meta: { m: '1' } }, 'passing', { zone: 'a' }),
  ...get('/v1/query/', ['full/execute', 'plain/execute']),
  instance('qa', { Tags: ['v1'], Meta: { m: '2' } }, 'passing', { zone: 'a' }),
  ...get('/v1/query/', ['full/execute']),
  instance('qa', { Tags: ['v1'], Meta: { m: '1' } }, 'passing', { zone: 'b' }),
  ...get('/v1/query/', ['full/execute']),
  instance('qa', { Tags: ['v1'], Meta: { m: '1' } }, 'warning', { zone: 'a' }),
  ...get('/v1/query/', ['full/execute', 'plain/execute']),
  put('/v1/query/{plain}', { Name: 'plain', Service: { Service: 'q-web' } }),
  ...get('/v1/query/', ['plain/execute']),
  instance('qa', { Tags: ['v1'], Meta: { m: '1' } }, 'critical', { zone: 'a' }),
  ...get('/v1/query/', ['plain/execute']),
  put('/v1/query/{plain}', { Name: 'plain', Service: { Service: 'q-web', IgnoreCheckIDs: ['check of qa'] } }),
  ...get('/v1/query/', ['plain/execute']),
  put('/v1/catalog/register', { Node: 'bare', Address: '10.9.0.2', Service: { Service: 'q-bare' } }),
  post({ Name: 'bare', Service: { Service: 'q-bare' } }, 'bare'),
  ...get('/v1/query/', ['bare/execute', 'bare/execute?pretty']),
]

const template = (Name: string, Service: string, more: object = {}, Template: object = {}) => ({
  Name,
  Template: { Type: 'name_prefix_match', ...Template },
  Service: { Service, ...more },
})

const TEMPLATES: Request[] = [
  ...[
    template('bad-', '@{'),
    template('bad-', '@{name.foo}'),
    template('bad-', '@{match()}'),
    template('bad-', '@{match(1,2)}'),
    template('bad-', '@{foo(1)}'),
    template('bad-', '@{name.full[0]}'),
    template('bad-', '@{"a"+1}'),
    template('bad-', '@{1.5%2}'),
    template('bad-', '@{}'),
    template('bad-', 'x', { Tags: ['ok', '@{name.foo}'] }),
    template('bad-', 'x', { NodeMeta: { key: '@{' } }),
    template('bad-', 'x', { Failover: { Datacenters: ['@{name.foo}'] } }),
    template('bad-', 'x', {}, { Regexp: '(' }),
    template('bad-', 'x', {}, { Regexp: 'a**' }),
    template('bad-', 'x', {}, { Regexp: '(?=a)' }),
    template('bad-', 'x', {}, { Regexp: '[b-a]' }),
  ].map((body) => post(body)),
  post(
    template('geo-', '@{name.suffix}', { Tags: ['@{match(1)}', '@{match(2)}'] }, { Regexp: '^geo-(.*?)-([^-]+)$' }),
    'geo',
  ),
  post(template('geo-long-', '@{name.full}|@{name.prefix}|@{name.suffix}|@{agent.segment}', { Near: '$@{x}' }), 'long'),
  post(
    template('', 'catch-@{name.full}', { Tags: ['@{match(0)}', 'kept'] }, { Regexp: '^x+', RemoveEmptyTags: true }),
    'all',
  ),
  post(template('', 'other')),
  post(
    template('sums-', '@{1+2*3}-@{(1+2)*3}-@{7%4}-@{10 - 2 - 3}-@{-1}-@{1.5+1}-@{2.5*2}-@{"x@{name.full}y"}'),
    'sums',
  ),
  ...get('/v1/query/', [
    'geo-web-eu/explain',
    'geo-web/explain',
    'GEO-Web-EU/explain',
    'geo-long-a/explain',
    'geo-long-/explain',
    'geo-/explain',
    'anything/explain',
    'xxy/explain',
    'xxy/execute',
    'sums-1/explain',
    '{geo}/explain',
    '{geo}/execute',
    '{geo}',
    'plain/explain',
  ]),
  put('/v1/query/{all}', template('', 'q-web', { IgnoreCheckIDs: ['check of qa'] })),
  ...get('/v1/query/', ['whatever/execute']),
]

const BOUND: Request[] = [
  ...del('/v1/query/', ['{plain}', '{plain}', '{full}', '{geo}', '{long}', '{all}', '{sums}', '{bare}']),
  put('/v1/session/create', { Name: 'of a query' }, { saveId: 'session' }),
  post({ Session: '{session}', Service: { Service: 'q-web' } }, 'bound'),
  post({ Session: '{session}', Name: 'bound', Service: { Service: 'q-web' } }, 'bound2'),
  ...get('/v1/query/', ['{bound}', '{bound2}', 'bound/explain']),
  // Without anything before it, a verb is the query's name, or its id.
  ...get('/v1/query/', ['explain', 'execute', 'explain/explain']),
  ...del('/v1/query/', ['{bound2}']),
  ask('GET', '/v1/query', { saveIndex: 'queries' }),
  ask('GET', '/v1/query?index={queries}', { wokenBy: [put('/v1/session/destroy/{session}')] }),
  ...get('/v1/query/', ['{bound}']),
  ...get('/v1/query', ['']),
  put('/v1/catalog/deregister', { Node: 'qa' }),
  put('/v1/catalog/deregister', { Node: 'bare' }),
]

export const QUERY_REQUESTS: readonly Request[] = [...STORED, ...RUN, ...TEMPLATES, ...BOUND]
