/** Who joins Raft, who votes, who is removed, and when a cluster begins. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  cleanup,
  founders,
  type Health,
  isHealthy,
  joining,
  leaving,
  type Peer,
  promotions,
  type ServerIdentity,
  serverOf,
} from './autopilot.ts'

const server = (n: number, fields: Partial<ServerIdentity> = {}): ServerIdentity => ({
  name: `s${n}`,
  id: `id${n}`,
  address: `10.0.0.${n}:8300`,
  alive: true,
  raftVersion: 3,
  bootstrap: false,
  expect: 3,
  ...fields,
})
const peer = (n: number, suffrage: Peer['suffrage'] = 'voter'): Peer => ({
  id: `id${n}`,
  address: `10.0.0.${n}:8300`,
  suffrage,
})
const three = [server(1), server(2), server(3)]
const voters = [peer(1), peer(2), peer(3)]

test('servers are known by their tags; clients and other datacenters are none', () => {
  const tags = { role: 'consul', dc: 'dc1', port: '8300', id: 'x', raft_vsn: '3', expect: '3', segment: '' }
  const member = { name: 'a', addr: '10.0.0.1', status: 'alive', tags } as const
  assert.deepEqual(serverOf(member, 'dc1'), { ...server(1), name: 'a', id: 'x' })
  assert.equal(serverOf(member, 'dc2'), undefined)
  assert.equal(serverOf({ ...member, tags: { ...tags, role: 'node' } }, 'dc1'), undefined)
  assert.equal(serverOf({ ...member, addr: '::1' }, 'dc1')?.address, '[::1]:8300')
  assert.equal(serverOf({ ...member, tags: { ...tags, raft_vsn: '2' } }, 'dc1')?.id, '10.0.0.1:8300')
})

test('a newcomer joins without a vote; one that is there already changes nothing', () => {
  const four = [...three, server(4)]
  assert.deepEqual(joining(server(4), four, voters, 'id1').changes, [
    { kind: 'add-nonvoter', id: 'id4', address: '10.0.0.4:8300' },
  ])
  assert.deepEqual(joining(server(3), three, voters, 'id1').changes, [])
  const old = [server(1), server(2, { raftVersion: 2 }), server(4)]
  assert.equal(joining(server(4), old, voters, 'id1').changes[0]?.kind, 'add-voter')
})

test('a server with a new address, or an address with a new server, first loses the old place', () => {
  const moved = server(3, { address: '10.0.0.9:8300' })
  assert.deepEqual(joining(moved, [...three, moved], voters, 'id1').changes, [
    { kind: 'remove', id: 'id3' },
    { kind: 'add-nonvoter', id: 'id3', address: '10.0.0.9:8300' },
  ])
  const replaced = server(3, { id: 'new' })
  assert.deepEqual(joining(replaced, three, voters, 'id1').changes, [
    { kind: 'remove', id: 'id3' },
    { kind: 'add-nonvoter', id: 'new', address: '10.0.0.3:8300' },
  ])
  assert.deepEqual(joining(server(1, { address: '10.0.0.9:8300' }), three, [peer(1)], 'id1').changes, [], 'not itself')
})

test('two that both bootstrap do not make one cluster', () => {
  const both = [server(1, { bootstrap: true }), server(2, { bootstrap: true })]
  const { changes, fault } = joining(both[1]!, both, [peer(1)], 'id1')
  assert.deepEqual(changes, [])
  assert.match(fault ?? '', /bootstrap mode/)
})

test('who left is removed, the leader itself excepted', () => {
  assert.deepEqual(leaving(server(3), voters, 'id1'), [{ kind: 'remove', id: 'id3' }])
  assert.deepEqual(leaving(server(1), voters, 'id1'), [])
  assert.deepEqual(leaving(server(4), voters, 'id1'), [])
})

test('health: alive, in touch with the leader, of its term, and not far behind', () => {
  const standard = { lastTerm: 3, lastIndex: 1000, config: { LastContactThreshold: 200e6, MaxTrailingLogs: 250 } }
  const stats = { LastContact: '10ms', LastTerm: 3, LastIndex: 800 }
  assert.equal(isHealthy(true, stats, 10e6, standard), true)
  assert.equal(isHealthy(false, stats, 10e6, standard), false)
  assert.equal(isHealthy(true, undefined, 10e6, standard), false)
  assert.equal(isHealthy(true, stats, undefined, standard), false)
  assert.equal(isHealthy(true, stats, 201e6, standard), false)
  assert.equal(isHealthy(true, { ...stats, LastTerm: 2 }, 10e6, standard), false)
  assert.equal(isHealthy(true, { ...stats, LastIndex: 749 }, 10e6, standard), false)
})

test('a non-voter votes once it was healthy for the stabilization time', () => {
  const config = { ServerStabilizationTime: 10e9 }
  const peers = [peer(1), peer(2, 'nonvoter')]
  const since = (healthy: boolean, at: number) =>
    new Map<string, Health>([['id2', { healthy, since: at, stableSince: null }]])
  assert.deepEqual(promotions(peers, since(true, 0), 10_000, config), [
    { kind: 'add-voter', id: 'id2', address: '10.0.0.2:8300' },
  ])
  assert.deepEqual(promotions(peers, since(true, 1), 10_000, config), [])
  assert.deepEqual(promotions(peers, since(false, 0), 10_000, config), [])
  assert.deepEqual(promotions(peers, new Map(), 10_000, config), [])
})

test('dead servers go as long as a minority is dead', () => {
  const config = { CleanupDeadServers: true, MinQuorum: 0 }
  const failed = (...names: string[]) => new Set(names)
  assert.deepEqual(cleanup(three, failed('s3'), voters, 'id1', config), { forceLeave: ['s3'], changes: [] })
  const both = cleanup(three, failed('s2', 's3'), voters, 'id1', config)
  assert.deepEqual([both.forceLeave, both.changes], [[], []])
  assert.match(both.fault ?? '', /too many/)
  assert.deepEqual(cleanup(three.slice(0, 2), failed(), voters, 'id1', config).changes, [{ kind: 'remove', id: 'id3' }])
  const guarded = cleanup(three, failed('s3'), voters, 'id1', { ...config, MinQuorum: 3 })
  assert.deepEqual(guarded.forceLeave, [])
  assert.deepEqual(
    cleanup(three, failed('s2', 's3'), [peer(1), peer(2, 'nonvoter'), peer(3, 'nonvoter')], 'id1', config).forceLeave,
    ['s2', 's3'],
    'those without a vote go in any case',
  )
  assert.deepEqual(cleanup(three, failed('s3'), voters, 'id1', { ...config, CleanupDeadServers: false }).forceLeave, [])
})

test('a cluster begins when all that are expected have met, and agree', () => {
  assert.equal(founders(three.slice(0, 2), 3), undefined)
  assert.deepEqual(founders(three, 3), voters)
  assert.deepEqual(founders([...three.slice(0, 2), server(3, { alive: false })], 3), voters)
  assert.deepEqual(founders([...three, server(4, { expect: 5 })], 3), {
    fault: 'Member has a conflicting expect value. All nodes should expect the same number.',
    member: server(4).name,
  })
  assert.deepEqual(founders([...three, server(4, { bootstrap: true })], 3), {
    fault: 'Member has bootstrap mode. Expect disabled.',
    member: server(4).name,
  })
  const old = founders([server(1), server(2, { raftVersion: 2, id: '10.0.0.2:8300' }), server(3)], 3)
  assert.deepEqual((old as Peer[])[0], { ...peer(1), id: '10.0.0.1:8300' })
})
