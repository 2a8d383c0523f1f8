/** User events and membership over HTTP, on an agent in this process. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { ConsulError } from '../src/index.ts'
import { type Agent, startTestAgent } from '../src/testing.ts'

interface UserEvent {
  ID: string
  Name: string
  Payload: string | null
  LTime: number
}

/** In dev mode a third of a second of silence is a death: too little on a busy machine. */
const PATIENT = { probe_interval: '500ms', probe_timeout: '500ms', suspicion_mult: 8 }

suite('events and members over HTTP', () => {
  let agent: Agent
  before(async () => {
    agent = await startTestAgent({ config: { node_name: 'x', gossip_lan: PATIENT } })
  })
  after(() => agent.stop())

  const put = (path: string, body?: string) => fetch(`${agent.http}${path}`, { method: 'PUT', body })
  const list = async (query = '') => {
    const response = await fetch(`${agent.http}/v1/event/list${query}`)
    return { index: response.headers.get('x-consul-index')!, events: (await response.json()) as UserEvent[] }
  }

  test('what is fired is listed, and wakes those who wait; the index says which was the last', async () => {
    assert.deepEqual(await list(), { index: '1', events: [] })
    const waiting = list('?index=1&wait=60s')
    const fired = (await (await put('/v1/event/fire/deploy?node=^x$', 'v2')).json()) as UserEvent
    assert.equal(fired.LTime, 0)
    const woken = await waiting
    assert.deepEqual(woken.events, [{ ...fired, Payload: 'djI=', LTime: woken.events[0]!.LTime }])
    const hex = fired.ID.replaceAll('-', '')
    assert.equal(woken.index, String(BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`)))

    // One that is not meant for this node is nobody's news here, and a name asks for its own events alone.
    await put('/v1/event/fire/elsewhere?node=^y$')
    await put('/v1/event/fire/other')
    assert.deepEqual(
      (await list()).events.map(({ Name }) => Name),
      ['deploy', 'other'],
    )
    const named = await list('?name=deploy')
    assert.deepEqual([named.events.length, named.index], [1, woken.index])
    assert.deepEqual(await list(`?name=deploy&index=${woken.index}&wait=1ms`), named)
  })

  test('events that make no sense, or are too long, are refused', async () => {
    for (const [path, body, status, said] of [
      ['/v1/event/fire/', '', 400, /^Missing name$/],
      ['/v1/event/fire/x?tag=t', '', 500, /^Cannot provide tag filter without service filter$/],
      ['/v1/event/fire/x?node=(', '', 500, /^Invalid node filter/],
      ['/v1/event/fire/x', 'y'.repeat(600), 500, /segment "": user event exceeds configured limit of 512 bytes/],
    ] as const) {
      const response = await put(path, body)
      assert.equal(response.status, status, path)
      assert.match(await response.text(), said)
    }
  })

  test('joining nobody and giving up a stranger fail with the reason', async () => {
    const nobody = await put('/v1/agent/join/127.0.0.1:1')
    assert.equal(nobody.status, 500)
    assert.match(
      await nobody.text(),
      /Failed to join 127\.0\.0\.1: dial tcp 127\.0\.0\.1:1: connect: connection refused/,
    )
    const stranger = await put('/v1/agent/force-leave/stranger')
    assert.equal(stranger.status, 500)
    assert.equal(await stranger.text(), "agent: No node found with name 'stranger'")
  })

  test('the members name the ports that were found free', async () => {
    const members = async (query: string) =>
      (await (await fetch(`${agent.http}/v1/agent/members${query}`)).json()) as {
        Name: string
        Port: number
        Tags: Record<string, string>
      }[]
    const [lan] = await members('')
    const [wan] = await members('?wan=1')
    assert.equal(lan!.Name, 'x')
    assert.equal(wan!.Name, 'x.dc1')
    assert.ok(lan!.Port > 0 && wan!.Port > 0 && lan!.Port !== wan!.Port)
    assert.equal(lan!.Tags.wan_join_port, String(wan!.Port))
  })

  test('an agent that must join somebody at start, and cannot, does not start', async () => {
    await assert.rejects(
      startTestAgent({ config: { node_name: 'y', start_join: ['127.0.0.1:1'] } }),
      (error) => error instanceof ConsulError && /Failed to join/.test(error.message),
    )
  })

  test('two in one process meet, by a join that is tried until it works', async () => {
    const port = async (of: Agent) => {
      const members = (await (await fetch(`${of.http}/v1/agent/members`)).json()) as { Port: number }[]
      return members[0]!.Port
    }
    const other = await startTestAgent({
      config: { node_name: 'z', gossip_lan: PATIENT, retry_join: [`127.0.0.1:${await port(agent)}`] },
    })
    const names = async (of: Agent) => {
      const members = (await (await fetch(`${of.http}/v1/agent/members`)).json()) as { Name: string; Status: number }[]
      return members
        .filter(({ Status }) => Status === 1)
        .map(({ Name }) => Name)
        .sort()
    }
    const until = Date.now() + 120_000
    while ((await names(agent)).length < 2 || (await names(other)).length < 2) assert.ok(Date.now() < until)
    assert.deepEqual(await names(agent), ['x', 'z'])
    assert.deepEqual(await names(other), ['x', 'z'])
    // The leader writes down whom it has met, once the two have settled who leads.
    const health = async () => {
      const answer = await fetch(`${agent.http}/v1/health/node/z`)
      const text = await answer.text()
      return answer.ok ? (JSON.parse(text) as { Status: string }[]).map(({ Status }) => Status).join() : text
    }
    for (let told = ''; told !== 'passing'; told = await health()) assert.ok(Date.now() < until, told)
    await other.stop()
  })
})
