/** Commands that print lists of what an agent tells. The printed forms were taken from Consul 1.8.7. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cannedAgent, type Ran, run } from './canned.suite.ts'

/** Runs each command, and compares all that it printed. */
function prints(agent: ReturnType<typeof cannedAgent>, cases: [string, Partial<Ran>][]): void {
  for (const [line, expected] of cases) {
    test(line, async () => {
      const { env } = await agent
      assert.deepEqual(await run(line.split(' '), { env }), { code: 0, out: '', err: '', ...expected })
    })
  }
}

suite('members', () => {
  const member = (Name: string, Addr: string, Status: number, Tags: Record<string, string>) => ({
    Name,
    Addr,
    Port: 8301,
    Status,
    Tags,
  })
  const server = { role: 'consul', build: '1.8.7:', dc: 'dc1', vsn: '2', segment: '' }
  const all = [
    member('web-1', '10.0.0.7', 4, { role: 'node', build: '1.8.7:abc', dc: 'dc1', vsn: '2' }),
    member('server-b', '10.0.0.2', 1, server),
    member('server-a', '::1', 2, server),
    member('odd', '10.0.0.9', 9, {}),
    member('old', '10.0.0.8', 3, { role: 'node' }),
  ]
  const agent = cannedAgent({
    'GET /v1/agent/members?segment=_all': { body: all },
    'GET /v1/agent/members?segment=_all&wan=1': { body: [member('server-a.dc1', '10.0.0.1', 1, server)] },
    'GET /v1/agent/members?segment=x': { body: [member('s', '10.0.0.1', 1, { ...server, segment: 'x' })] },
  })
  prints(agent, [
    [
      'members',
      {
        out: [
          'Node      Address        Status   Type     Build  Protocol  DC   Segment',
          'server-a  [::1]:8301     leaving  server   1.8.7  2         dc1  <all>',
          'server-b  10.0.0.2:8301  alive    server   1.8.7  2         dc1  <all>',
          'odd       10.0.0.9:8301  unknown  unknown                        ',
          'old       10.0.0.8:8301  left     client   < 0.3                 <default>',
          'web-1     10.0.0.7:8301  failed   client   1.8.7  2         dc1  <default>',
          '',
        ].join('\n'),
      },
    ],
    [
      'members -detailed -status=^(alive|failed)$',
      {
        out: [
          'Node      Address        Status  Tags',
          'server-b  10.0.0.2:8301  alive   build=1.8.7:,dc=dc1,role=consul,segment=<all>,vsn=2',
          'web-1     10.0.0.7:8301  failed  build=1.8.7:abc,dc=dc1,role=node,segment=<default>,vsn=2',
          '',
        ].join('\n'),
      },
    ],
    [
      'members -wan',
      {
        out: [
          'Node          Address        Status  Type    Build  Protocol  DC   Segment',
          'server-a.dc1  10.0.0.1:8301  alive   server  1.8.7  2         dc1  <all>',
          '',
        ].join('\n'),
      },
    ],
    [
      'members -segment x',
      {
        out: [
          'Node  Address        Status  Type    Build  Protocol  DC   Segment',
          's     10.0.0.1:8301  alive   server  1.8.7  2         dc1  x',
          '',
        ].join('\n'),
      },
    ],
    ['members -status=none', { code: 2 }],
  ])
  test('an expression that is none', async () => {
    const { code, out, err } = await run(['members', '-status=('])
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.match(err, /^Failed to compile status regexp: /)
  })
})

suite('info', () => {
  const Stats = { raft: { term: '2', applied_index: '9' }, agent: { services: '0' } }
  prints(cannedAgent({ 'GET /v1/agent/self': { body: { Config: {}, Stats } } }), [
    ['info', { out: 'agent:\n\tservices = 0\nraft:\n\tapplied_index = 9\n\tterm = 2\n' }],
  ])
  prints(cannedAgent({ 'GET /v1/agent/self': { body: { Config: {} } } }), [
    ['info ', { code: 1, err: "Agent response did not contain 'Stats' key\n" }],
  ])
})

suite('leave', () => {
  prints(cannedAgent({ 'PUT /v1/agent/leave': { body: '' } }), [['leave', { out: 'Graceful leave complete\n' }]])
  test('takes no arguments', async () => {
    const { code, out, err } = await run(['leave', 'a', 'b'])
    assert.equal(code, 1)
    assert.ok(out.startsWith('Usage: consul leave [options]\n'))
    assert.equal(err, 'Error found unexpected args: [a b]\n')
  })
})

suite('keygen', () => {
  test('32 bytes in base 64, others each time', async () => {
    const [first, second] = [await run(['keygen']), await run(['keygen'])]
    assert.equal(Buffer.from(first.out, 'base64').length, 32)
    assert.match(first.out, /^[A-Za-z0-9+/]{43}=\n$/)
    assert.notEqual(first.out, second.out)
  })
})

suite('catalog', () => {
  const node = (Node: string, ID: string, more = {}) => ({
    ID,
    Node,
    Address: '10.0.0.1',
    Datacenter: 'dc1',
    TaggedAddresses: { wan: '1.1.1.1', lan: '10.0.0.1' },
    Meta: { b: 'c', a: 'x' },
    ...more,
  })
  const nodes = [
    node('db', '40e4a748-2192-161a-0510-9bf59fe950b5'),
    node('ext', '', { TaggedAddresses: null, Meta: null }),
  ]
  const instance = { ...nodes[0], Meta: undefined, NodeMeta: { n: 'm' }, ServiceName: 'web' }
  const agent = cannedAgent({
    'GET /v1/catalog/datacenters': { body: ['dc1', 'dc2'] },
    'GET /v1/catalog/nodes': { body: nodes },
    'GET /v1/catalog/nodes?filter=Node%3D%3Dx&near=_agent&node-meta=k%3Av&node-meta=l%3Aw%3Dx': { body: [] },
    'GET /v1/catalog/service/web': { body: [instance] },
    'GET /v1/catalog/services': { body: { web: ['b', 'a'], consul: [], 'long-name': ['x'] } },
    'GET /v1/catalog/services?node-meta=k%3Av': { body: {} },
    'GET /v1/catalog/node/db': {
      body: {
        Node: nodes[0],
        Services: {
          'web-1': { Service: 'web', Tags: ['b'] },
          'web-2': { Service: 'web', Tags: ['a'] },
          redis: { Service: 'redis', Tags: null },
        },
      },
    },
    'GET /v1/catalog/node/none': { body: 'null' },
  })
  prints(agent, [
    ['catalog datacenters', { out: 'dc1\ndc2\n' }],
    [
      'catalog nodes',
      { out: 'Node  ID        Address   DC\ndb    40e4a748  10.0.0.1  dc1\next             10.0.0.1  dc1\n' },
    ],
    [
      'catalog nodes -detailed',
      {
        out: [
          'Node  ID                                    Address   DC   TaggedAddresses            Meta',
          'db    40e4a748-2192-161a-0510-9bf59fe950b5  10.0.0.1  dc1  lan=10.0.0.1, wan=1.1.1.1  a=x, b=c',
          `ext                                         10.0.0.1  dc1${' '.repeat(29)}`,
          '',
        ].join('\n'),
      },
    ],
    ['catalog nodes -service=web', { out: 'Node  ID        Address   DC\ndb    40e4a748  10.0.0.1  dc1\n' }],
    [
      'catalog nodes -near=_agent -node-meta=k=v -node-meta l=w=x -filter=Node==x',
      { err: 'No nodes match the given query - try expanding your search.\n' },
    ],
    ['catalog nodes x', { code: 1, err: 'Too many arguments (expected 0, got 1)\n' }],
    ['catalog services', { out: 'consul\nlong-name\nweb\n' }],
    ['catalog services -tags', { out: 'consul         \nlong-name      x\nweb            a,b\n' }],
    ['catalog services -node=db -tags', { out: 'redis      \nweb        a,b\n' }],
    ['catalog services -node=none', { err: 'No services match the given query - try expanding your search.\n' }],
    ['catalog services -node-meta=k=v', { err: 'No services match the given query - try expanding your search.\n' }],
  ])
})
