/** Three servers over real sockets: they elect, replicate, forward, survive, and bring back those who were away. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Reply } from '../src/model/rpc.ts'
import { anEntry } from './support/cluster.ts'
import { type Cluster, type Member, startCluster } from './support/servers.ts'

const put = (at: Member, key: string, value: string) =>
  at.call('KVS.Apply', { Op: 'set', DirEnt: anEntry({ Key: key, Value: Buffer.from(value) }) })

const textOf = ({ Entries }: Reply<'KVS.Get'>) => {
  const value = Entries?.[0]?.Value
  return value === undefined || value === null ? undefined : Buffer.from(value).toString()
}
/** Of this server's own state, whoever leads; undefined also while it cannot say how old that is. */
const ownValue = (at: Member, key: string) => {
  const found = at.caller().peek('KVS.Get', { Key: key, AllowStale: true })
  return found === undefined ? undefined : textOf(found)
}
const get = async (at: Member, key: string, how = {}) => textOf(await at.call('KVS.Get', { Key: key, ...how }))

suite('three servers with data directories', { timeout: 300_000 }, () => {
  let cluster: Cluster
  before(async () => {
    // Long enough for an election, short enough to wait for in vain.
    cluster = await startCluster(3, { settings: { performance: { raft_multiplier: 2, rpc_hold_timeout: '8s' } } })
  })
  after(() => cluster.stop())

  test('one leads, and all name it', async () => {
    for (const member of cluster.members) {
      await cluster.until('all hear of the leader', async () => {
        return (await member.call('Status.Leader', {})) === (await cluster.leader()).address
      })
      assert.deepEqual(
        (await member.call('Status.Peers', {})).sort(),
        cluster.members.map(({ address }) => address).sort(),
      )
    }
  })

  test('what is written at any of them is read at each, in every way', async () => {
    for (const at of cluster.members) {
      await put(at, `from/${at.name}`, at.name)
      for (const reader of cluster.members) {
        assert.equal(await get(reader, `from/${at.name}`), at.name, `written at ${at.name}, read at ${reader.name}`)
        assert.equal(await get(reader, `from/${at.name}`, { RequireConsistent: true }), at.name)
      }
    }
    for (const reader of cluster.members) {
      await cluster.until(
        `${reader.name} has it in its own state`,
        () => ownValue(reader, 'from/server-3') === 'server-3',
      )
    }
  })

  test('answers of followers say how they came about', async () => {
    const leader = await cluster.leader()
    const follower = cluster.members.find((member) => member !== leader)!
    const asked = await follower.call('KVS.Get', { Key: 'from/server-1' })
    assert.deepEqual([asked.KnownLeader, asked.LastContact], [true, 0])
    const stale = await follower.call('KVS.Get', { Key: 'from/server-1', AllowStale: true })
    assert.equal(stale.KnownLeader, true)
    assert.ok(stale.LastContact > 0)
    const stats = await follower.call('Status.RaftStats', {})
    assert.match(stats.LastContact, /^[\d.]+(ms|µs|s)$/)
    assert.equal((await leader.call('Status.RaftStats', {})).LastContact, '0')
  })

  test('a blocking query at a follower wakes with a write at the leader', async () => {
    const leader = await cluster.leader()
    const follower = cluster.members.find((member) => member !== leader)!
    for (const AllowStale of [false, true]) {
      await put(leader, 'watched', `before ${AllowStale}`)
      await cluster.until('the follower has the key', async () => {
        return (await get(follower, 'watched', { AllowStale })) === `before ${AllowStale}`
      })
      const { Index } = await follower.call('KVS.Get', { Key: 'watched', AllowStale })
      const blocked = follower.call('KVS.Get', { Key: 'watched', AllowStale, MinQueryIndex: Index })
      await put(leader, 'other', 'change')
      await put(leader, 'watched', `after ${AllowStale}`)
      const woken = await blocked
      assert.equal(textOf(woken), `after ${AllowStale}`)
      assert.ok(woken.Index > Index)
    }
  })

  test('errors of the leader come back with the mark of the hop', async () => {
    const leader = await cluster.leader()
    const follower = cluster.members.find((member) => member !== leader)!
    const refused = { message: 'rpc error making call: Must provide key' }
    await assert.rejects(put(follower, '', 'x'), refused)
    await assert.rejects(put(leader, '', 'x'), { message: 'Must provide key' })
  })

  test('sessions are renewed and locks taken through a follower', async () => {
    const leader = await cluster.leader()
    await cluster.until('the leader has registered itself', async () => {
      const { NodeServices } = await leader.call('Catalog.NodeServices', { Node: leader.name })
      return NodeServices !== null
    })
    const follower = cluster.members.find((member) => member !== leader)!
    const session = await follower.call('Session.Apply', {
      Op: 'create',
      Session: {
        ID: '',
        Name: 's',
        Node: leader.name,
        LockDelay: 0,
        Behavior: '',
        TTL: '20s',
        NodeChecks: [],
        ServiceChecks: null,
        Checks: [],
        CreateIndex: 0,
        ModifyIndex: 0,
      },
    })
    const renewed = await follower.call('Session.Renew', { SessionID: session })
    assert.equal(renewed.Sessions?.[0]?.ID, session)
    const DirEnt = anEntry({ Key: 'lock', Session: session })
    assert.equal(await follower.call('KVS.Apply', { Op: 'lock', DirEnt }), true)
  })

  test('every server registers itself, wherever it is', async () => {
    await cluster.until('three instances of consul', async () => {
      const { Nodes } = await cluster.members[0]!.call('Catalog.ListNodes', {})
      return Nodes?.length === 3
    })
  })

  test('the leader is lost: another takes over, nothing acknowledged is gone, and writes go on', async () => {
    const lost = await cluster.leader()
    const others = cluster.members.filter((member) => member !== lost)
    const acknowledged: string[] = []
    let writing = true
    const writers = others.map(async (at) => {
      for (let n = 0; writing; n++) {
        const key = `during/${at.name}/${n}`
        await put(at, key, key).then(
          () => acknowledged.push(key),
          // Whether it happened is unknown.
          () => {},
        )
      }
    })
    await cluster.until('some writes', () => acknowledged.length > 20)
    await lost.stop()
    const before = acknowledged.length
    const leader = await cluster.leader()
    await cluster.until('writes go on', () => acknowledged.length > before + 20)
    writing = false
    await Promise.all(writers)
    assert.ok(others.includes(leader))
    for (const key of acknowledged) assert.equal(await get(leader, key), key)
  })

  test('one that comes back catches up', async () => {
    const back = cluster.members.find(({ running }) => running === undefined)!
    const leader = await cluster.leader()
    await put(leader, 'while/away', 'yes')
    await back.start()
    await cluster.until('it has what was written without it', () => ownValue(back, 'while/away') === 'yes')
    assert.equal(await get(back, 'while/away'), 'yes')
  })

  test('no answer without a majority', async () => {
    const leader = await cluster.leader()
    const others = cluster.members.filter((member) => member !== leader)
    for (const other of others) await other.stop()
    await cluster.until('it steps down', () => !leader.leads())
    await assert.rejects(get(leader, 'watched'), { message: 'No cluster leader' })
    assert.equal(await get(leader, 'watched', { AllowStale: true }), 'after true')
    for (const other of others) await other.start()
    await cluster.leader()
    assert.equal(await get(leader, 'watched'), 'after true')
  })
})

for (const disk of [true, false]) {
  test(`a follower that lost all is sent a snapshot (${disk ? 'on disk' : 'in memory'})`, {
    timeout: 180_000,
  }, async () => {
    const cluster = await startCluster(3, {
      disk,
      settings: { raft_snapshot_threshold: 100, raft_snapshot_interval: '50ms', raft_trailing_logs: 5 },
    })
    try {
      const leader = await cluster.leader()
      const away = cluster.members.find((member) => member !== leader)!
      await away.stop()
      const value = 'v'.repeat(3000)
      await Promise.all(Array.from({ length: 300 }, (_, n) => put(leader, `many/${n}`, `${value}${n}`)))
      await cluster.until('the leader shortened its log', () => said(leader, 'compacting logs'))
      away.wipe()
      await away.start()
      await cluster.until('it has the state', () => ownValue(away, 'many/299') === `${value}299`)
      await cluster.until('it tells of the snapshot', () => said(away, 'Installed remote snapshot'))
      const { Entries } = await away.call('KVS.List', { Key: 'many/', AllowStale: true })
      assert.equal(Entries?.length, 300)

      // It goes on from there: with new entries, as a voter, and by itself after a restart.
      await put(leader, 'after', 'snapshot')
      await cluster.until('it has what came after', () => ownValue(away, 'after') === 'snapshot')
      if (!disk) return
      await away.stop()
      await away.start()
      await cluster.until('it stands again', () => ownValue(away, 'after') === 'snapshot')
    } finally {
      await cluster.stop()
    }
  })
}

function said(member: Member, message: string): boolean {
  return member.log.some((record) => record.message === message)
}
