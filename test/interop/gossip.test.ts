/**
 * Proconsul and the real Consul in one gossip pool: joining both ways, plain and encrypted; deaths, farewells and user
 * events seen on both sides; nobody falsely accused. Each agent has a loopback address of its own. Needs the real binary.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { allSee, eventually, hears, KEY, type Member, REAL, says, start, stopAll } from './gossip-agents.ts'

suite('one pool, two makers', { skip: REAL === undefined && 'the real Consul is not here' }, () => {
  after(stopAll)

  for (const encrypted of [false, true]) {
    const key = encrypted ? [`-encrypt=${KEY}`] : []

    test(`members come, talk, fail and leave${encrypted ? ', all sealed' : ''}`, async () => {
      const ours = await start('ours', 'ours', key)
      // A real client joins us; a real server is joined by us: LAN pools take any number of bootstrapped servers.
      const client = await start('real-client', 'client', [...key, `-join=${ours.lan}`])
      const real = await start('real', 'real', key)
      const joined = await ours.put(`/v1/agent/join/${real.lan}`)
      assert.equal(joined.status, 200, joined.body)
      const all = [ours, client, real]
      await allSee(all, { ours: 'alive', client: 'alive', real: 'alive' })

      const own = (await real.get<Member[]>('/v1/agent/members')).find(({ Name }) => Name === 'ours')
      assert.deepEqual(
        own,
        (await ours.get<Member[]>('/v1/agent/members')).find(({ Name }) => Name === 'ours'),
      )
      // Servers of one LAN bring each other into the WAN.
      await eventually('the WAN pools to be one', async () => {
        const names = (await ours.get<Member[]>('/v1/agent/members?wan=1')).map(({ Name }) => Name)
        return names.includes('real.dc1') && names.includes('ours.dc1')
      })

      await ours.put('/v1/event/fire/from-ours', 'some words')
      for (const agent of all) await hears(agent, 'from-ours', 'some words')
      assert.equal((await real.put('/v1/event/fire/from-real', 'more words')).status, 200)
      for (const agent of all) await hears(agent, 'from-real', 'more words')

      // A death: seen by both, and written into the catalog by our leader.
      await client.kill('SIGKILL')
      await allSee([ours, real], { client: 'failed' })
      await eventually('the catalog to call the dead client critical', async () => {
        const checks = await ours.get<{ Status: string }[]>('/v1/health/node/client')
        return checks.length === 0 || checks.every(({ Status }) => Status === 'critical')
      })
      const forced = await ours.put('/v1/agent/force-leave/client')
      assert.equal(forced.status, 200, forced.body)
      await allSee([ours, real], { client: 'left' })

      // Nobody else was ever called dead.
      for (const agent of [ours, real]) {
        await says(agent, /EventMemberFailed: client /)
        const failures = agent.output().match(/EventMemberFailed: \S+/g) ?? []
        assert.deepEqual([...new Set(failures)], ['EventMemberFailed: client'], agent.output())
        // One that is slow to answer is suspected, which it refutes; nobody may be told to be dead.
        assert.doesNotMatch(agent.output(), /Refuting a dead|Failed to decode|failed to receive/)
      }

      // Farewells, one each way.
      const second = await start('real-client', 'second', [...key, `-join=${ours.lan}`])
      await allSee([ours, real, second], { second: 'alive' })
      await second.kill('SIGINT')
      await allSee([ours, real], { second: 'left' })
      const leaving = ours.put('/v1/agent/leave')
      await allSee([real], { ours: 'left' })
      await leaving
      await ours.kill('SIGKILL')
      await stopAll()
    })
  }

  test('an agent with another key, or none, stays outside', async () => {
    const ours = await start('ours', 'sealed', [`-encrypt=${KEY}`])
    const stranger = await start('real', 'stranger', ['-encrypt=MTIzNDU2Nzg5MGFiY2RlZg=='])
    const plain = await start('real', 'plain')
    for (const agent of [stranger, plain]) {
      assert.equal((await ours.put(`/v1/agent/join/${agent.lan}`)).status, 500)
      assert.equal((await agent.put(`/v1/agent/join/${ours.lan}`)).status, 500)
    }
    assert.deepEqual(await ours.members(), { sealed: 'alive' })
    await stopAll()
  })

  test('an agent of another datacenter is turned away, in the words that it knows', async () => {
    const ours = await start('ours', 'home')
    const foreign = await start('real', 'abroad', ['-datacenter=dc2'])
    const asked = await foreign.put(`/v1/agent/join/${ours.lan}`)
    assert.equal(asked.status, 500)
    assert.match(asked.body, /Member 'home' part of wrong datacenter 'dc1'/)
    const offered = await ours.put(`/v1/agent/join/${foreign.lan}`)
    assert.match(offered.body, /Member 'abroad' part of wrong datacenter 'dc2'/)
    assert.deepEqual(await ours.members(), { home: 'alive' })
    await stopAll()
  })
})
