/** `consul join`, `force-leave`, `event`, `keyring` and `rtt`: what they ask of the agent, what they say, and when they fail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannedAgent, run } from './canned.suite.ts'

const EVENT = { ID: 'b54fe110-7af5-cafc-d1fb-afc8ba432b1c', Name: 'deploy' }
const agent = await cannedAgent({
  'PUT /v1/agent/join/10.0.0.1': {},
  'PUT /v1/agent/join/10.0.0.2:8301?wan=1': {},
  'PUT /v1/agent/join/10.0.0.9': { status: 500, body: '1 error occurred' },
  'PUT /v1/agent/force-leave/gone': {},
  'PUT /v1/agent/force-leave/gone?prune=1': {},
  'PUT /v1/agent/force-leave/nobody': { status: 500, body: "agent: No node found with name 'nobody'" },
  'PUT /v1/event/fire/deploy': { body: EVENT },
  'PUT /v1/event/fire/deploy?node=%5Eweb&service=s&tag=t': { body: EVENT },
})
const ask = (...argv: string[]) => run(argv, { env: agent.env })

test('join counts the agents that answered; one is enough', async () => {
  assert.deepEqual(await ask('join', '10.0.0.1'), {
    code: 0,
    out: 'Successfully joined cluster by contacting 1 nodes.\n',
    err: '',
  })
  assert.equal((await ask('join', '-wan', '10.0.0.2:8301')).code, 0)
  const some = await ask('join', '10.0.0.9', '10.0.0.1')
  assert.equal(some.code, 0)
  assert.match(some.err, /^Error joining address '10\.0\.0\.9': Unexpected response code: 500 \(1 error occurred\)\n$/)
  const none = await ask('join', '10.0.0.9')
  assert.equal(none.code, 1)
  assert.match(none.err, /Failed to join any nodes\.\n$/)
  const nobody = await ask('join')
  assert.equal(nobody.code, 1)
  assert.match(nobody.err, /^At least one address to join must be specified\.\n\nUsage: consul join/)
})

test('force-leave names one node', async () => {
  assert.deepEqual(await ask('force-leave', 'gone'), { code: 0, out: '', err: '' })
  assert.equal((await ask('force-leave', '-prune', 'gone')).code, 0)
  const unknown = await ask('force-leave', 'nobody')
  assert.equal(unknown.code, 1)
  assert.match(
    unknown.err,
    /^Error force leaving: Unexpected response code: 500 \(agent: No node found with name 'nobody'\)/,
  )
  for (const names of [[], ['a', 'b']]) {
    const wrong = await ask('force-leave', ...names)
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /^A single node name must be specified to force leave\.\n\nUsage: consul force-leave/)
  }
})

test('event says the id, sends filters and payload, and finds mistakes before it asks', async () => {
  assert.deepEqual(await ask('event', '-name=deploy', 'v2'), { code: 0, out: `Event ID: ${EVENT.ID}\n`, err: '' })
  assert.equal(agent.asked.at(-1)!.body, 'v2')
  assert.equal((await ask('event', '-name=deploy', '-node=^web', '-service=s', '-tag=t')).code, 0)
  assert.equal(agent.asked.at(-1)!.body, '')
  const before = agent.asked.length
  for (const [argv, said] of [
    [[], /^Event name must be specified\n/],
    [['-name=x', '-node=('], /^Failed to compile node filter regexp: /],
    [['-name=x', '-tag=t'], /^Cannot provide tag filter without service filter\.\n/],
    [['-name=x', 'a', 'b'], /^Too many command line arguments\.\n/],
  ] as const) {
    const { code, err } = await ask('event', ...argv)
    assert.equal(code, 1)
    assert.match(err, said)
  }
  assert.equal(agent.asked.length, before)
})

const KEYS = { b2xk: 3, bmV3: 2 }
const RINGS = [
  { WAN: true, Datacenter: 'dc1', Segment: '', Keys: KEYS, PrimaryKeys: { b2xk: 2 }, NumNodes: 2 },
  {
    WAN: false,
    Datacenter: 'dc1',
    Segment: '',
    Messages: { a: 'truncated' },
    Keys: KEYS,
    PrimaryKeys: { bmV3: 3 },
    NumNodes: 3,
  },
]

test('keyring lists keys with their counts, and asks for one change', async () => {
  const rings = await cannedAgent({
    'GET /v1/operator/keyring': { body: RINGS },
    'GET /v1/operator/keyring?local-only=true&relay-factor=2': { body: RINGS.slice(1) },
    'POST /v1/operator/keyring': {},
    'PUT /v1/operator/keyring?relay-factor=5': {},
    'DELETE /v1/operator/keyring': { status: 500, body: '1 error occurred:\n\t* no\n\n' },
  })
  const keyring = (...argv: string[]) => run(['keyring', ...argv], { env: rings.env })
  assert.deepEqual(await keyring('-list'), {
    code: 0,
    out: `==> Gathering installed encryption keys...

WAN:
  b2xk [3/2]
  bmV3 [2/2]

dc1 (LAN):
  ===> a: truncated
  b2xk [3/3]
  bmV3 [2/3]
`,
    err: '',
  })
  assert.equal(
    (await keyring('-list-primary')).out,
    '==> Gathering installed primary encryption keys...\n\nWAN:\n  b2xk [2/2]\n\ndc1 (LAN):\n  ===> a: truncated\n  bmV3 [3/3]\n',
  )
  assert.match((await keyring('-list', '-local-only', '-relay-factor=2')).out, /dc1 \(LAN\):/)
  assert.deepEqual(await keyring('-install=bmV3'), {
    code: 0,
    out: '==> Installing new gossip encryption key...\n',
    err: '',
  })
  assert.equal(rings.asked.at(-1)!.body, '{"Key":"bmV3"}')
  assert.equal((await keyring('-use=bmV3', '-relay-factor=5')).out, '==> Changing primary gossip encryption key...\n')
  assert.deepEqual(await keyring('-remove=b2xk'), {
    code: 1,
    out: '==> Removing gossip encryption key...\n',
    err: 'error: Unexpected response code: 500 (1 error occurred:\n\t* no\n\n)\n',
  })
  const before = rings.asked.length
  for (const [argv, said] of [
    [[], /^Usage: consul keyring/],
    [['-list', '-use=x'], /^Only a single action is allowed\n$/],
    [['-list', '-relay-factor=6'], /^Error parsing relay factor: Relay factor must be in range: \[0, 5\]\n$/],
    [['-use=x', '-local-only'], /^Error validating local-only: local-only can only be set for list requests\n$/],
  ] as const) {
    const { code, err } = await keyring(...argv)
    assert.equal(code, 1)
    assert.match(err, said)
  }
  assert.equal(rings.asked.length, before)
})

test('rtt compares places of one area, and says which it does not know', async () => {
  const place = (x: number, Height = 0.001) => ({ Vec: [x, 0], Error: 1, Adjustment: 0.0005, Height })
  const entry = (Node: string, x: number, Segment = '') => ({ Node, Segment, Coord: place(x) })
  const far = await cannedAgent({
    'GET /v1/agent/self': { body: { Config: { NodeName: 'self', Datacenter: 'dc1' } } },
    'GET /v1/coordinate/nodes': {
      body: [
        entry('a', 0),
        entry('b', 0.01),
        entry('self', 0.002),
        entry('c', 0, 'other'),
        entry('both', 0),
        entry('both', 1, 'other'),
      ],
    },
    'GET /v1/coordinate/datacenters': {
      body: [
        { Datacenter: 'dc1', AreaID: 'wan', Coordinates: [entry('self', 0)] },
        { Datacenter: 'dc2', AreaID: 'wan', Coordinates: [entry('z', 0.1)] },
        { Datacenter: 'dc3', AreaID: 'area', Coordinates: [entry('y', 0.1)] },
      ],
    },
  })
  const rtt = (...argv: string[]) => run(['rtt', ...argv], { env: far.env })
  for (const [argv, out] of [
    [['a', 'b'], 'Estimated a <-> b rtt: 13.000 ms (using LAN coordinates)\n'],
    [['a'], 'Estimated a <-> self rtt: 5.000 ms (using LAN coordinates)\n'],
    [['c', 'both'], 'Estimated c <-> both rtt: 1003.000 ms (using LAN coordinates)\n'],
    [['-wan', 'z.dc2'], 'Estimated z.dc2 <-> self.dc1 rtt: 103.000 ms (using WAN coordinates)\n'],
  ] as const) {
    assert.deepEqual(await rtt(...argv), { code: 0, out, err: '' })
  }
  for (const [argv, said] of [
    [['a', 'nobody'], 'Could not find a coordinate for node "nobody"\n'],
    [['a', 'c'], 'Could not find a coordinate for node "a"\n'],
    [['-wan', 'self.dc1', 'y.dc3'], 'Could not find a coordinate for node "self.dc1"\n'],
    [['-wan', 'z'], 'Node names must be specified as <node name>.<datacenter> with -wan\n'],
  ] as const) {
    assert.deepEqual(await rtt(...argv), { code: 1, out: '', err: said })
  }
  assert.match((await rtt()).err, /^One or two node names must be specified\n\nUsage: consul rtt/)
})
