/**
 * Some hundred requests, in an order: each may depend on what those before it stored. The same are asked of real Consul
 * (test/interop/http.ts), whose answers are the golden ones, and of the door with a store behind it.
 */
export interface HttpQuestion {
  method: string
  /** `{name}` stands for an id that an earlier answer gave. */
  url: string
  body?: string
  headers?: Record<string, string>
  /** The answer's `ID` is remembered under this name. */
  save?: string
}

const questions: HttpQuestion[] = []

function ask(method: string, urls: string[], extra: Partial<HttpQuestion> = {}): void {
  for (const url of urls) questions.push({ method, url, ...extra })
}

function get(prefix: string, rests: string[], headers?: Record<string, string>): void {
  ask(
    'GET',
    rests.map((rest) => prefix + rest),
    { headers },
  )
}

function put(url: string, bodies: unknown[], extra: Partial<HttpQuestion> = {}): void {
  for (const body of bodies) {
    questions.push({ method: 'PUT', url, body: typeof body === 'string' ? body : JSON.stringify(body), ...extra })
  }
}

// The store: reads of what is not there, writes, reads in every form.
get('', ['/nope', '/v1', '/v1/', '/v1/kv', '/v1/kv/', '/v1/kv/?keys', '/v1/kv/?recurse'])
get('/v1/kv/k1', ['', '?raw', '?keys', '?recurse'])
put('/v1/kv/k1', ['hello'])
put('/v1/kv/k1/a', ['x'])
put('/v1/kv/k1/b?flags=42', ['y<>&'])
put('/v1/kv/k1/c/d', [''])
put('/v1/kv/k%C3%A9%20%3C%26', ['é'])
put('/v1/kv/a%ffb', ['z'])
put('/v1/kv/%20', [''])
put('/v1/kv/q%22%5C', ['1'])
get('/v1/kv/', [
  ...['k1', 'k1/', 'k1/a', 'k1/c/d', 'k1/c/d?raw', 'k1?raw', 'k1?recurse', 'k1?keys', 'k1/?keys&separator=/'],
  ...['?keys&seperator=/', '?keys&separator=', 'k1?keys&raw', 'k%C3%A9%20%3C%26', 'k%c3%a9%20%3c&', 'a%ffb'],
  ...['a%FFb?raw', '%20', 'q%22%5C', '?recurse', '?recurse&pretty', 'zz?recurse', 'zz?keys'],
])
get('/v1/kv/k1', [
  ...['?stale', '?consistent', '?cached', '?leader', '?stale&consistent', '?cached&consistent', '?max_stale=5s'],
  ...['?max_stale=x', '?max_stale=0s', '?max_stale=-1s', '?dc=dc1', '?dc=nope', '?index=x', '?index=-1', '?index=1'],
  ...['?index=18446744073709551616', '?wait=x', '?wait=10', '?wait=10s', '?index=999999&wait=10ms', '?index=0'],
  ...['?token=foo', '?ns=x', '?ns=', '?;raw', '?raw=1&raw=2', '#x', '?x=%zz', '?x=%'],
])
// Paths that Go's mux redirects, refuses, or takes as they are.
get('/v1/kv/', [
  ...['a//b', 'a/./b', 'a/../b', 'a/..', 'a/.', 'a%2Fb', 'a%2F%2Fb', 'a%zz', 'a%', 'a%01', 'a%7f', 'a%c2%a0b'],
  ...['a%e2%80%8bb', '%f0%9f%98%80', "a!*()'", "a!//*()'", 'a+b', 'a;b', '%2e%2e/x', '../../v1/kv/k1'],
])
get('', ['/v1//kv/x?y=1&z=2', '/../v1/kv/k1', '/v1/agent/../kv/k1'])
put('/v1/kv/', ['v'])
for (const rest of [
  ...['flags=x', 'flags=-1', 'flags=', 'flags=18446744073709551615', 'flags=18446744073709551616', 'cas=x', 'cas='],
  ...['cas=0', 'cas=1&acquire=2', 'acquire=x&release=y&b=%20+a/b%ff~*', 'acquire=', 'acquire=nope', 'release=nope'],
  ...['release=', 'ns=a', 'dc=nope', 'cas=1&cas=2', 'recurse'],
]) {
  put(`/v1/kv/f?${rest}`, ['v'])
}
put('/v1/kv/g?cas=0', ['v'])
put('/v1/kv/g?cas=1', ['v'])
put('/v1/kv/g?cas=18446744073709551615', ['v'])
put('/v1/kv/f/?flags=3', ['v'])
put('/v1/kv/a//b', ['v'])
ask('DELETE', [
  ...['/v1/kv/g?cas=x', '/v1/kv/g?cas=1', '/v1/kv/g?cas=0', '/v1/kv/g?recurse&cas=1', '/v1/kv/', '/v1/kv/nope'],
  ...['/v1/kv/nope?recurse', '/v1/kv/f', '/v1/kv/k1/?recurse', '/v1/kv/g?ns=1', '/v1/kv/g?dc=nope'],
])
get('/v1/kv/', ['?keys'])

// Methods.
for (const method of ['POST', 'HEAD', 'PATCH', 'OPTIONS']) {
  ask(method, ['/v1/kv/x', '/v1/status/leader', '/v1/catalog/nodes'])
}
ask('OPTIONS', ['/v1/agent/service/register', '/v1/acl/tokens', '/v1/operator/keyring', '/v1/snapshot'])
get('', ['/v1/agent/service/register', '/v1/session/create', '/v1/catalog/register', '/v1/txn', '/v1/acl/login'])

// Headers that are parameters.
get('/v1/kv/k1', [''], { 'Cache-Control': 'max-age=x' })
get('/v1/kv/k1', [''], { 'Cache-Control': 'max-age=5, must-revalidate' })
get('/v1/kv/k1', [''], { 'Cache-Control': 'stale-if-error=z' })
get('/v1/kv/k1', [''], { 'X-Consul-Namespace': 'x' })
get('/v1/kv/k1', [''], { Authorization: 'Bearer foo' })
get('/v1/kv/k1', [''], { 'X-Consul-Token': 'abc' })

get('/v1/status', [
  '/leader',
  '/peers',
  '/leader?dc=nope',
  '/leader/',
  '',
  '/leader?index=x',
  '/peers?stale&consistent',
])

// Bodies that are no JSON, or not of the right shape.
const FAULTY = [
  ...['', '{', '{"Foo":1}', '{"Namespace":1}', '{"Namespace":"x"}', '{"Node":1}', 'null', '{"Node":"a",}'],
  ...['{"Node" "a"}', '{"Node":"a"', '{"Node":"a"x', '{"Node":"a\\q"}', '{"Node":tru}', '{"Node":01}'],
]
put('/v1/catalog/register', [
  ...FAULTY,
  ...['[]', '"a"', '1', 'true', '{"Node":"a","Service":{"Port":"x"}}', '{"Node":"a","Service":{"Port":1.5}}'],
  ...['{"Node":"a","Checks":{}}', '{"Node":"a","NodeMeta":{"a":1}}', '{"Node":"a","NodeMeta":[]}'],
  ...['{"Node":"a","Service":{"Tags":[1]}}', '{"Node":"a","Service":{"Tags":{}}}', '{"Node":"a","Service":[]}'],
  ...['{"Node":"a","Check":{"Definition":{"Interval":"x"}}}', '{"Node":"a","Check":{"Definition":{"HTTP":1}}}'],
  '{"node":"a","ADDRESS":"1.1.1.1","Service":{"service":"x","Proxy":{"foo":1}}}',
  '{"Node":"a","Service":{"Proxy":{"Upstreams":[{"LocalBindPort":"x"}]}}}',
  ...['{"Node":"a","Service":{"Port":1e3}}', '{"Node":"a","Service":{"Port":99999999999999999999}}'],
  ...['{"Node":"a","CreateIndex":-1}', '{"Node":"a","SkipNodeUpdate":"x"}', '{"Node":"a\nb"}', '{"Node":"\\u00zz"}'],
  ...['{"Node":-}', '{"Node":1.}', '{"Node":1e}', '{"Node":1e+}', '{"Node":é}', '{"Node":"a" "b"}', '{"Checks":[1 2]}'],
  ...['{"Checks":[1,]}', "{'a':1}", '{"Node":"a"}', '{"Node":"","Address":"1.1.1.1"}', 'nul', '{"a":nulx}', ' \n\t'],
  ...['\ufeff{}', '{"Node":"a","SkipNodeUpdate":true}', '{"Node":"n","Address":"1.1.1.1","ID":"x"}', '{"ID":1}'],
  '{"Node":"n1","Address":"1.1.1.1","Service":{"ID":"a"}}',
  '{"Node":"n1","Address":"1.1.1.1","Service":{"Service":"web","Address":"0.0.0.0"}}',
  '{"Node":"n1","Address":"1.1.1.1","Check":{"Node":"other","Name":"x"}}',
  '{"Node":"n1","Address":"1.1.1.1","Service":{"Service":"web","Kind":"connect-proxy"}}',
  '{"Node":"n1","Address":"1.1.1.1","Datacenter":"nope"}',
  '{"Node":"n1","Address":"1.1.1.1","Check":{"Name":"x","Definition":{"Interval":true,"Bogus":1}}} trailing',
  '{"Node":"n0","Address":"1.1.1.1","Check":null,"Checks":null,"Service":null,"NodeMeta":null,"ID":null}',
])
put('/v1/catalog/deregister', [
  ...FAULTY,
  ...['{"Node":"zz","Foo":1}', '{"Node":"zz","Address":"x"}', '{"CheckID":1}', '{}', '{"Node":"zz"}', '{"node":"n0"}'],
  ...['{"Node":"n1","ServiceID":"nope"}', '{"Namespace":"a"}'],
])
put('/v1/catalog/register?ns=x', ['{}'])
put('/v1/catalog/deregister?ns=x', ['{}'])

// A small catalog, and every way to look at it.
put('/v1/catalog/register', [
  {
    Node: 'n2',
    Address: '2.2.2.2',
    NodeMeta: { b: '2', a: '1' },
    TaggedAddresses: { lan: '2.2.2.2' },
    Service: {
      Service: 'web',
      ID: 'web1',
      Tags: ['t1'],
      Port: 80,
      Meta: { v: '1' },
      Address: '10.0.0.1',
      TaggedAddresses: { wan: { Address: '8.8.8.8', Port: 88 } },
      Weights: { Passing: 5, Warning: 2 },
      EnableTagOverride: true,
    },
    Check: {
      CheckID: 'c1',
      Name: 'c',
      Status: 'passing',
      ServiceID: 'web1',
      Output: '<b>',
      Definition: {
        HTTP: 'http://x',
        Interval: '10s',
        Timeout: 5e9,
        Header: { A: ['b'] },
        Method: 'GET',
        TLSSkipVerify: true,
        DeregisterCriticalServiceAfter: '1m30s',
      },
    },
  },
  {
    Node: 'n3',
    Address: '3.3.3.3',
    Service: { Service: 'web', Port: 81 },
    Checks: [
      { Name: 'node check', Status: 'warning', Notes: 'n' },
      { CheckID: 'c3', Name: 'c3', Status: 'critical', ServiceID: 'web', Definition: { TCP: '1:1', TTL: '5s' } },
    ],
  },
  { Node: 'n5', Address: '5.5.5.5', Service: { Service: 'nat', Connect: { Native: true }, Tags: [] } },
])
get('/v1/catalog/', [
  ...['datacenters', 'nodes', 'services', 'service/web', 'service/web?tag=t1', 'service/web?tag=t1&tag=t2'],
  ...['service/web?tag=t1&tag=zz', 'service/web?tag=', 'service/nat', 'service/', 'service', 'service/nope'],
  ...[
    'service/consul',
    'node/n2',
    'node/n3',
    'node/n5',
    'node/',
    'node/nope',
    'node-services/n2',
    'node-services/nope',
  ],
  ...['node-services/', 'nodes?node-meta=a:1', 'nodes?node-meta=a:1&node-meta=b:3', 'nodes?node-meta=a'],
  ...[
    'services?node-meta=a:1',
    'service/web?node-meta=a:1',
    'nodes?near=n3',
    'nodes?near=_agent',
    'service/web?near=zz',
  ],
  ...[
    'nodes?stale',
    'nodes?consistent',
    'nodes?cached',
    'nodes?stale&consistent',
    'nodes?max_stale=1h',
    'nodes?dc=nope',
  ],
  ...['services?dc=nope', 'service/web?dc=nope', 'node/n2?dc=nope', 'node-services/n2?dc=nope', 'datacenters?dc=nope'],
  ...['nodes?index=1', 'nodes?index=99999&wait=1ms', 'nodes?wait=zz', 'datacenters/', 'services?ns=a', 'nodes?ns=a'],
  ...['service/web?ns=a', 'node/n2?ns=a', 'service/web?pretty', 'node/n%C3%A9'],
])
get('/v1/health/', [
  ...[
    'service/web',
    'service/web?passing',
    'service/web?passing=1',
    'service/web?passing=false',
    'service/web?passing=x',
  ],
  ...['service/web?tag=t1', 'service/web?passing&tag=t1', 'service/', 'service', 'service/nope', 'service/consul'],
  ...['service/consul?passing', 'service/nat', 'node/n2', 'node/n3', 'node/x', 'node/', 'node/nope', 'checks/web'],
  ...[
    'checks/nope',
    'checks/',
    'state/any',
    'state/passing',
    'state/warning',
    'state/critical',
    'state/nope',
    'state/',
  ],
  ...['service/web?node-meta=a:1', 'service/web?near=n2', 'service/web?dc=nope', 'service/web?passing=x&dc=nope'],
  ...['node/n2?dc=nope', 'checks/web?dc=nope', 'state/any?dc=nope', 'service/web?stale', 'service/web?consistent'],
  ...['service/web?stale&consistent', 'service/web?ns=1', 'state/any?ns=1', 'state/any?node-meta=a:1'],
  ...['checks/web?node-meta=a:1', 'checks/web?near=_agent'],
])

// Sessions and locks.
put('/v1/session/create', ['{}'], { save: 's1' })
put('/v1/session/create', [{ Name: 'n', TTL: '15s', LockDelay: 5, Behavior: 'delete' }], { save: 's2' })
put('/v1/session/create', [{ LockDelay: '3s', NodeChecks: [] }], { save: 's3' })
put('/v1/session/create', [{ Checks: [], lockdelay: 2e10, Bogus: 1 }], { save: 's4' })
put('/v1/session/create', [''], { save: 's5' })
put('/v1/session/create', [
  ...['{', '{"TTL":1}', '{"TTL":"1s"}', '{"TTL":"25h"}', '{"LockDelay":"x"}', '{"Node":"nope"}', '{"Behavior":"x"}'],
  ...['{"NodeChecks":["nope"]}', '{"Checks":["nope"]}', '{"ServiceChecks":[{"ID":"nope"}]}', '{"ServiceChecks":[1]}'],
  ...['{"Node":""}', '{"NodeChecks":1}'],
])
get('/v1/session/info/', ['{s1}', '{s2}', '{s3}', '{s4}', '{s5}', '', 'nope?dc=nope', 'x?ns=1'])
get('/v1/session/', ['node/', 'node/nope', 'list?dc=nope', 'node/x?dc=nope', 'list?ns=1', 'list?stale&consistent'])
put('/v1/kv/lock?acquire={s1}', ['1'])
put('/v1/kv/lock?acquire={s2}', ['2'])
get('/v1/kv/lock', [''])
put('/v1/kv/lock?release={s2}', ['3'])
put('/v1/kv/lock?release={s1}', ['4'])
get('/v1/kv/lock', [''])
for (const rest of ['{s2}', '{s1}', '', '48093076-6b7b-b468-275e-4813c8c70c80', 'x?dc=nope']) {
  put(`/v1/session/renew/${rest}`, [''])
}
for (const rest of ['{s1}', '{s2}', '{s3}', '{s4}', '{s5}', '', '48093076-6b7b-b468-275e-4813c8c70c80', 'x?ns=1']) {
  put(`/v1/session/destroy/${rest}`, [''])
}
put('/v1/session/create?dc=nope', ['{}'])
put('/v1/session/create?ns=x', ['{}'])

// The agent's own: definitions with every mistake that Consul names, then good ones.
get('/v1/agent/', ['members?segment=x', 'members?wan=1&segment=x', 'services', 'checks', 'service/nope', 'service/'])
get('/v1/agent/', ['services?ns=1', 'checks?ns=1', 'service/x?ns=1', 'service/x?wait=z'])
put('/v1/agent/service/register', [
  ...['', '{', '{"Name":""}', '{}', 'null', '{"Name":"a","Port":"x"}', '{"Name":1}', '{"Name":"a","Foo":1}'],
  ...['{"Name":"a","Address":"0.0.0.0"}', '{"Name":"a","Address":"::"}', '{"Name":"a","Address":"[::]"}'],
  ...['{"Name":"a","Weights":{"Passing":0}}', '{"Name":"a","Weights":{"Passing":1,"Warning":-1}}'],
  ...['{"Name":"a","Weights":{"Passing":70000}}', '{"Name":"a","Weights":{}}', '{"Name":"a","Weights":{"Foo":1}}'],
  ...['{"Name":"a","Meta":{"a b":"x"}}', '{"Name":"a","Meta":{"":"x"}}', '{"Name":"a","Meta":{"consul-x":"x"}}'],
  ...['{"Name":"a","Check":{"HTTP":"x"}}', '{"Name":"a","Check":{"TTL":"10s","Status":"x"}}'],
  ...['{"Name":"a","Kind":"connect-proxy"}', '{"Name":"a","Kind":"mesh-gateway","Proxy":{"LocalServicePort":1}}'],
  ...['{"Name":"a","TaggedAddresses":{"lan_ipv4":{"Address":"x"}}}', '{"Name":"a","Namespace":"x"}'],
  ...['{"Name":"a","TaggedAddresses":{"lan_ipv6":{"Address":"1.1.1.1"}}}', '{"Name":"a","Checks":[{"id":"zz"}]}'],
  ...['{"Name":"a","Check":{"CheckID":"zz","Foo":1}}', '{"Name":"a","Checks":[{}]}', '{"Name":"a","Checks":{}}'],
  ...['{"Name":"a","Check":{"Args":["x"],"Interval":"1s"}}', '{"Name":"a","Check":{"Status":"passing"}}'],
  ...['{"Name":"a","Check":{"grpc_use_tls":true}}', '{"Name":"a","Check":{"TTL":"1s","OutputMaxSize":-1}}'],
  ...['{"Name":"a","Check":{"HTTP":"x","AliasService":"x","Interval":"1s"}}', '{"Name":"a","Check":{"TTL":"5x"}}'],
  ...['{"Name":"a","Check":{"TTL":"1s","AliasService":"x"}}', '{"Name":"a","Check":{"TTL":"x"}}'],
  ...['{"Name":"a","Check":{"TTL":5}}', '{"Name":"a","Check":{"TTL":"1s","Interval":"1s"}}', '{"Name":"a","Tags":"x"}'],
  ...['{"Name":"a","Check":{"Name":1}}', '{"Name":"a","Meta":{"a":1}}', '{"Name":"a","Connect":{"Native":"x"}}'],
  ...['{"Name":"a","Proxy":{"x":1}}', '{"Name":"a","Proxy":{"Upstreams":[{"x":1}]}}', '{"Name":"a","Token":1}'],
  '{"Name":"a","TaggedAddresses":{"x":{"Port":"y"}}}',
])
put('/v1/agent/service/register?ns=x', ['{}'])
get('/v1/agent/', ['services'])
put('/v1/agent/service/deregister/a', [''])
put('/v1/agent/service/register', [
  {
    Name: 'a b!',
    ID: 'x1',
    Tags: ['t'],
    enable_tag_override: true,
    Address: '1.1.1.1',
    Port: 5,
    Check: { TTL: '100s' },
    Checks: [
      { Name: 'hc', http: 'http://127.0.0.1:1', interval: '1000s', notes: 'n' },
      { TCP: '127.0.0.1:1', Interval: 1e12, Status: 'passing', args: [] },
    ],
  },
  {
    Name: 'p',
    Kind: 'connect-proxy',
    Port: 7,
    Proxy: {
      DestinationServiceName: 'd',
      Config: { b: 1, a: 'x' },
      Upstreams: [{ DestinationName: 'u', LocalBindPort: 1 }],
    },
    Meta: { k: 'v' },
  },
  {
    Name: 'nn',
    Connect: { Native: true },
    Weights: { Passing: 3, Warning: 0 },
    TaggedAddresses: { lan: { Address: '9.9.9.9', Port: 1 } },
    tagged_addresses: { wan: { Address: '9.9.9.8', Port: 1 } },
  },
  {
    Name: 'v6',
    Address: 'fe80::1',
    Port: 1,
    Check: { CheckID: 'v6c', TTL: '1000s', Name: 'six', Status: 'warning' },
  },
])
get('/v1/agent/', ['services', 'checks', 'service/x1', 'service/p', 'service/nn', 'service/nope', 'service/x1?hash=1'])
get('/v1/agent/health/service/', [
  ...['id/x1?format=text', 'id/zz', 'id/zz?format=text', 'name/a%20b!?format=text', 'name/zz', 'name/zz?format=text'],
  ...['name/', 'id/', 'id/v6', 'name/v6', 'name/v6?format=text', 'id/nn', 'id/p'],
])
get('/v1/agent/health/service/id/v6', [''], { Accept: 'text/plain' })
put('/v1/agent/check/register', [
  ...['', '{', '{}', '{"Name":"c","Status":"x"}', '{"Name":"c"}', '{"Name":"c","TTL":"5x"}', '{"Name":"c","TTL":"5"}'],
  ...[
    '{"Name":"c","TTL":"5s","ServiceID":"nope"}',
    '{"Name":"c","TTL":"5s","Interval":"5s"}',
    '{"Name":"c","script":"a"}',
  ],
  ...['{"Name":"c","Args":["a"],"Interval":"5s"}', '{"Name":"c","CheckID":"a","TTL":"5s"}', '{"ID":"c","TTL":"5s"}'],
  ...['null', '{"Name":[]}', '{"Name":"c","Interval":"1s","HTTP":1}', '{"Name":"c","Namespace":"x"}'],
  ...['{"Name":"c","Header":{"a":"b"}}', '{"Name":"c","SuccessBeforePassing":"x"}'],
  { Name: 'c1', Id: 'ca', ttl: '500s', Status: 'warning', Notes: 'nn' },
  { Name: 'c2', ttl: 5e11, service_id: 'nn' },
  { Name: 'c3', HTTP: 'http://127.0.0.1:1', Interval: '1000s', header: { A: ['b'] } },
])
for (const rest of [
  ...['pass/nope', 'pass/', 'pass/c3', 'pass/ca?note=hi', 'warn/ca', 'fail/ca?note=bad', 'deregister/nope'],
  ...['deregister/', 'pass/ca?ns=1'],
]) {
  put(`/v1/agent/check/${rest}`, [''])
}
put('/v1/agent/service/deregister/nope', [''])
put('/v1/agent/service/deregister/', [''])
get('/v1/agent/', ['checks'])
put('/v1/agent/check/update/ca', [
  ...['', '{}', '{"Status":"x"}', 'x', '{"Status":1}', '{"Foo":1}', '{"Status":"passing","Output":"o<k>"}'],
  '{"status":"passing","output":"p"} junk',
])
put('/v1/agent/check/update/nope', ['{"Status":"passing"}'])
get('/v1/agent/', ['checks'])
for (const id of ['ca', 'c2', 'c3']) put(`/v1/agent/check/deregister/${id}`, [''])
for (const id of ['x1', 'p', 'nn', 'v6', 'a']) put(`/v1/agent/service/deregister/${id}`, [''])
get('/v1/agent/', ['services', 'checks'])
for (const Node of ['n0', 'n1', 'n2', 'n3', 'n5', 'a', 'n']) put('/v1/catalog/deregister', [{ Node }])
get('/v1/catalog/', ['services', 'nodes'])

export const HTTP_QUESTIONS: readonly HttpQuestion[] = questions

export interface HttpAnswer {
  status: number
  /** `Name: value`, sorted; without those of the connection. */
  headers: string[]
  body: string
}

/** What no two servers have in common becomes the same: ids, indexes, ports, hashes. */
export function comparable({ status, headers, body }: HttpAnswer): HttpAnswer {
  return {
    status,
    headers: headers
      .filter((header) => !/^(Date|Connection|Content-Length|Transfer-Encoding):/i.test(header))
      .map((header) =>
        header.replace(/^(X-Consul-Index): (?!1$)\d+/, '$1: N').replace(/^(X-Consul-Contenthash): .*/, '$1: H'),
      )
      .sort(),
    body: body
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
      .replace(/"(CreateIndex|ModifyIndex|LockIndex)": ?[1-9]\d*/g, '"$1": N')
      .replace(/"127\.0\.0\.1:\d+"/g, '"127.0.0.1:P"')
      .replace(/("(?:Service)?Port": )[1-9]\d{3,}/g, '$1P')
      .replace(/"ContentHash": "\w+"/, '"ContentHash": "H"'),
  }
}

/** Puts remembered ids in their places. */
export function filledIn(template: string | undefined, ids: Record<string, string>): string | undefined {
  return template?.replace(/\{(s\d)\}/g, (_, name: string) => ids[name] ?? '')
}
