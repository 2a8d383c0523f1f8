/** Intentions: made, changed, matched, checked, and refused in every form. */
import { ask, del, get, put, type Request } from '../requests.ts'

const URL = '/v1/connect/intentions'

function post(body: unknown, saveId?: string): Request {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return ask('POST', URL, saveId === undefined ? { body: text } : { body: text, saveId })
}

export const INTENTION_REQUESTS: readonly Request[] = [
  ...get(URL, ['', '/', '/none', '/48093076-6b7b-b468-275e-4813c8c70c80', '/match', '/check']),
  post(
    { SourceName: 'web', DestinationName: 'db', Action: 'allow', Description: 'd', Meta: { b: '2', a: '1' } },
    'one',
  ),
  post({ SourceName: '*', DestinationName: 'db', Action: 'deny', SourceType: 'consul' }, 'two'),
  post({ SourceName: '*', DestinationName: '*', Action: 'deny' }, 'three'),
  post({ sourcename: 'web', destinationname: '*', action: 'allow', Precedence: 99, DefaultPort: 7 }, 'four'),
  ...[
    '',
    'null',
    '{}',
    '[]',
    '{"SourceName":',
    { SourceName: 'web', DestinationName: 'db', Action: 'deny' },
    { SourceName: 'WEB', DestinationName: 'DB', Action: 'deny' },
    { ID: 'x', SourceName: 'a', DestinationName: 'b', Action: 'allow' },
    { SourceName: 'a', DestinationName: 'b' },
    { SourceName: 'a', DestinationName: 'b', Action: 'maybe' },
    { SourceName: 'a*', DestinationName: '*b', Action: 'allow' },
    { SourceNS: '*', SourceName: 'a', DestinationName: 'b', Action: 'allow' },
    { SourceName: 'a', DestinationName: 'b', Action: 'allow', SourceType: 'vm' },
    { SourceName: 'a', DestinationName: 'b', Action: 'allow', Description: 'd'.repeat(513) },
    { SourceName: 'a', DestinationName: 'b', Action: 'allow', Meta: { ['k'.repeat(129)]: 'v' } },
    { SourceName: 'a', DestinationName: 'b', Action: 'allow', Unknown: 1 },
    { SourceName: 7 },
  ].map((body) => post(body)),
  ...get(URL, [
    '',
    '?pretty',
    '/{one}',
    '/{two}?pretty',
    '/{three}',
    '/{four}',
    '/{one}/',
    '?dc=dc2',
    '?stale',
    '?index=x',
  ]),
  ...get(URL, ['?filter=Action==deny', '?filter=Precedence==9', '?filter=Nope==1', '?filter=Meta.a==1']),
  ...get(`${URL}/match`, [
    ...['?by=source', '?name=web', '?by=x&name=web', '?by=source&by=destination&name=web', '?by=source&name=a/b/c'],
    ...[
      '?by=source&name=web',
      '?by=destination&name=db',
      '?by=destination&name=DB&name=none',
      '?by=destination&name=*',
    ],
    ...['?by=source&name=*/*', '?by=source&name=default/web&name=web&pretty', '?by=destination&name=db&stale'],
  ]),
  ...get(`${URL}/check`, [
    ...['?source=web', '?destination=db', '?source=web&destination=db', '?source=api&destination=db'],
    ...['?source=web&destination=other', '?source=api&destination=other', '?source=a/b/c&destination=db'],
    ...['?source=web&destination=a/b/c', '?source=web&destination=db&source-type=vm', '?source=WEB&destination=db'],
    ...['?source=web&source=x&destination=db', '?source=default/web&destination=default/db'],
  ]),
  put(`${URL}/{one}`, { SourceName: 'web', DestinationName: 'db', Action: 'deny' }),
  put(`${URL}/{one}`, { SourceName: '*', DestinationName: 'db', Action: 'deny' }),
  put(`${URL}/{two}`, {
    ID: '{one}',
    SourceName: 'api',
    DestinationName: 'db',
    Action: 'allow',
    CreatedAt: '2020-01-01T00:00:00Z',
  }),
  put(`${URL}/none`, { SourceName: 'api', DestinationName: 'db', Action: 'allow' }),
  put(`${URL}/48093076-6b7b-b468-275e-4813c8c70c80`, { SourceName: 'api', DestinationName: 'db', Action: 'allow' }),
  put(`${URL}/{one}`, '{}'),
  put(`${URL}/{one}`, '['),
  ...get(URL, ['', '/{one}', '/{two}']),
  ask('GET', URL, { saveIndex: 'list' }),
  ask('GET', `${URL}?index={list}`, {
    wokenBy: [
      put('/v1/kv/unrelated', 'x'),
      post({ SourceName: 'late', DestinationName: 'x', Action: 'allow' }, 'late'),
    ],
  }),
  ask('GET', `${URL}/{late}?index={list}&wait=10ms`),
  ...del(URL, ['/none', '/48093076-6b7b-b468-275e-4813c8c70c80', '/{late}', '/{late}', '/']),
  ...get(URL, ['', '/{late}', '/check?source=late&destination=x']),
  ...del(URL, ['/{one}', '/{two}', '/{three}', '/{four}']),
  ...get(URL, ['', '/check?source=a&destination=b', '/match?by=source&name=a']),
]
