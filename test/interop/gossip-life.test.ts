/**
 * Proconsul and the real Consul in one gossip pool over time: keys rotated from either side, restarts after a kill that
 * find back by themselves, leaves that do not, names that two claim, and a pool of many where nobody is wrongly accused.
 */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, suite, test } from 'node:test'
import { allSee, eventually, KEY, REAL, says, start, stopAll, type TestAgent } from './gossip-agents.ts'

const NEW_KEY = 'MTIzNDU2Nzg5MGFiY2RlZg=='
/** Pools of so many, for so long: more and longer by hand. */
const MANY = Number(process.env.GOSSIP_AGENTS ?? 6)
const STEADY_MS = Number(process.env.GOSSIP_STEADY_MS ?? 5000)

interface Ring {
  WAN: boolean
  Keys: Record<string, number>
  PrimaryKeys: Record<string, number>
  NumNodes: number
}

async function rings(agent: TestAgent): Promise<[wan: boolean, nodes: number, keys: object, primary: object][]> {
  const found = await agent.get<Ring[]>('/v1/operator/keyring')
  return found.map(({ WAN, NumNodes, Keys, PrimaryKeys }) => [WAN, NumNodes, Keys, PrimaryKeys])
}

const key = (text: string) => JSON.stringify({ Key: text })

suite('pools of two makers, in the long run', { skip: REAL === undefined && 'the real Consul is not here' }, () => {
  afterEach(stopAll)

  test('keys are rotated from either side, by all members, LAN and WAN', async () => {
    const sealed = [`-encrypt=${KEY}`]
    const ours = await start('ours-durable', 'ours', sealed)
    const real = await start('real', 'real', [...sealed, `-join=${ours.lan}`])
    const client = await start('real-client', 'client', [...sealed, `-join=${real.lan}`])
    const ourClient = await start('ours-client', 'our-client', [...sealed, `-join=${real.lan}`])
    const all = [ours, real, client, ourClient]
    await allSee(all, { ours: 'alive', real: 'alive', client: 'alive', 'our-client': 'alive' })
    await eventually(
      'the WAN to be one',
      async () => (await ours.get<unknown[]>('/v1/agent/members?wan=1')).length === 2,
    )
    const before = [
      [true, 2, { [KEY]: 2 }, { [KEY]: 2 }],
      [false, 4, { [KEY]: 4 }, { [KEY]: 4 }],
    ]
    // A question to all members is told like all else: now and then one does not hear it in time, and it is asked again.
    const tell = (agent: TestAgent, expected: unknown) =>
      eventually(`${agent.name} to tell of the keys`, async () => {
        assert.deepEqual(await rings(agent), expected)
        return true
      })
    const change = (agent: TestAgent, method: string, text: string) =>
      eventually(`all to follow a ${method} by ${agent.name}`, async () => {
        return (await agent.ask(method, '/v1/operator/keyring', key(text))).status === 200
      })
    await tell(ours, before)
    await tell(real, before)
    await change(ours, 'POST', NEW_KEY)
    await change(real, 'PUT', NEW_KEY)
    await change(ours, 'DELETE', KEY)
    const after = [
      [true, 2, { [NEW_KEY]: 2 }, { [NEW_KEY]: 2 }],
      [false, 4, { [NEW_KEY]: 4 }, { [NEW_KEY]: 4 }],
    ]
    await tell(real, after)
    await tell(ours, after)
    const refused = await ourClient.ask('GET', '/v1/operator/keyring')
    assert.deepEqual(refused, await client.ask('GET', '/v1/operator/keyring'))
    // On disk it is as the real one has it, and what we were started with counts no more.
    const file = join('serf', 'local.keyring')
    await eventually('our file to be the same', async () => {
      return readFileSync(join(ours.folder, file), 'utf8') === readFileSync(join(client.folder, file), 'utf8')
    })
    assert.equal(statSync(join(ours.folder, file)).mode & 0o777, 0o600)
    const wan = join(ours.folder, 'serf', 'remote.keyring')
    await eventually('the key of the WAN to be written', async () => {
      return (JSON.parse(readFileSync(wan, 'utf8')) as string[]).join() === NEW_KEY
    })
    await ours.kill('SIGKILL')
    const back = await start('ours-durable', 'ours', sealed, { again: ours })
    await allSee([back, real, client], { ours: 'alive', real: 'alive', client: 'alive' })
    await says(back, /keyring doesn't include key provided with -encrypt, using keyring: keyring=LAN/)
  })

  test('whoever is killed finds back by itself; whoever left does not, unless it is told to', async () => {
    const ours = await start('ours-durable', 'ours')
    const real = await start('real-durable', 'real', [`-join=${ours.lan}`])
    const clients = [
      await start('ours-client', 'our-client', [`-join=${ours.lan}`]),
      await start('real-client', 'real-client', [`-join=${ours.lan}`]),
    ]
    const expected = { ours: 'alive', real: 'alive', 'our-client': 'alive', 'real-client': 'alive' }
    await allSee([ours, real, ...clients], expected)
    // What is known is written down within half a second or so.
    await eventually('our file to name the others', async () => {
      const lines = readFileSync(join(ours.folder, 'serf', 'local.snapshot'), 'utf8').split('\n')
      return ['real', 'our-client', 'real-client'].every((name) =>
        lines.some((line) => line.startsWith(`alive: ${name} `)),
      )
    })
    await ours.kill('SIGKILL')
    const back = await start('ours-durable', 'ours', [], { again: ours })
    await allSee([back, real, ...clients], expected)
    await says(back, /serf: Re-joined to previously known node: /)
    await real.kill('SIGKILL')
    const realBack = await start('real-durable', 'real', [], { again: real })
    await allSee([back, realBack], expected)

    // A client leaves when it is interrupted.
    const [client] = clients as [TestAgent, TestAgent]
    await client.kill('SIGINT')
    await allSee([back, realBack], { 'our-client': 'left' })
    assert.match(readFileSync(join(client.folder, 'serf', 'local.snapshot'), 'utf8'), /leave\n$/)
    const alone = await start('ours-client', 'our-client', [], { again: client })
    assert.deepEqual(await alone.members(), { 'our-client': 'alive' })
    // Whom it remembers it tries before its doors are open.
    await says(alone, /==> Consul agent running!/)
    assert.doesNotMatch(alone.output(), /Attempting re-join/)
    await alone.kill('SIGKILL')
    const rejoining = await start('ours-client', 'our-client', ['-rejoin', `-join=${back.lan}`], { again: alone })
    await allSee([rejoining, realBack], expected)
    await rejoining.kill('SIGINT')
    await allSee([back], { 'our-client': 'left' })
    const again = await start('ours-client', 'our-client', ['-rejoin'], { again: rejoining })
    await allSee([again, back, realBack], expected)
    await says(again, /serf: Ignoring previous leave in snapshot/)
  })

  test('nobody to join: tried as often as told, then given up, with the exit code of a failure', async () => {
    const args = ['-retry-join=127.0.0.1:1', '-retry-interval=500ms', '-retry-max=2']
    for (const kind of ['ours', 'real'] as const) {
      const agent = await start(kind, 'lonely', args, { brief: true })
      assert.equal(await agent.exited(), 1)
      assert.match(agent.output(), /Joining cluster\.\.\.: cluster=LAN/)
      assert.match(agent.output(), /Join cluster failed, will retry: cluster=LAN retry_interval=500ms/)
      assert.match(agent.output(), /Retry join failed: error="?agent: max join LAN retry exhausted, exiting/)
    }
  })

  test('by name, by a list with names that are none, and by what only clouds know', async () => {
    const real = await start('real', 'real')
    const ours = await start('ours', 'ours', [
      '-retry-join=provider=aws tag_key=x',
      '-retry-join=no-such-host.invalid',
      `-retry-join=real/${real.lan}`,
    ])
    await allSee([ours, real], { ours: 'alive', real: 'alive' })
    await says(ours, /Cannot discover address: cluster=LAN address="provider=aws tag_key=x" error=/)
    await says(ours, /Failed to resolve no-such-host\.invalid: lookup no-such-host\.invalid: /)
  })

  test(`a pool of ${MANY}, half of each, is steady for ${STEADY_MS / 1000} s`, async () => {
    const first = await start('ours-durable', 'a0')
    const all: TestAgent[] = [first]
    for (let i = 1; i < MANY; i++) {
      const kind = i % 2 === 0 ? 'ours-client' : i === 1 ? 'real-durable' : 'real-client'
      all.push(await start(kind, `a${i}`, [`-retry-join=${first.lan}`]))
    }
    const expected = Object.fromEntries(all.map(({ name }) => [name, 'alive']))
    await allSee(all, expected)
    // What it prints comes by another way than what it answers.
    for (const agent of all) for (const { name } of all) await says(agent, new RegExp(`EventMemberJoin: ${name} `))
    // The servers bring each other into the WAN besides.
    for (const agent of all.slice(0, 2)) {
      for (const name of ['a0.dc1', 'a1.dc1']) await says(agent, new RegExp(`EventMemberJoin: ${name} `))
    }
    const before = all.map(({ output }) => output().length)
    await new Promise((done) => setTimeout(done, STEADY_MS))
    for (const [i, agent] of all.entries()) {
      const said = agent.output().slice(before[i])
      assert.doesNotMatch(said, /EventMember(Failed|Leave|Join)/, `${agent.name}: ${said}`)
      assert.deepEqual(await agent.members(), expected)
    }
  })
})
