/** `consul join`, `force-leave` and `event`: what they ask of the agent, what they say, and when they fail. */
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
