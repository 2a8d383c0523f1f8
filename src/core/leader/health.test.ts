/** How the leader sums up what its servers say of themselves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverOf } from './autopilot.ts'
import { assess, type Examined } from './health.ts'

const SECOND = 1e9
const standard = {
  lastTerm: 3,
  lastIndex: 1000,
  config: { LastContactThreshold: SECOND / 5, MaxTrailingLogs: 250 },
}

function examined(n: number, more: Partial<Examined> = {}, status: 'alive' | 'failed' = 'alive'): Examined {
  const tags = { role: 'consul', dc: 'dc1', id: `id${n}`, port: '8300', raft_vsn: '3', build: '1.8.7:abc' }
  const member = { name: `s${n}`, addr: `10.0.0.${n}`, status, tags }
  return {
    peer: { id: `id${n}`, address: `10.0.0.${n}:8300`, suffrage: 'voter' },
    member,
    identity: serverOf(member, 'dc1'),
    stats: { LastContact: n === 1 ? '0' : '10ms', LastTerm: 3, LastIndex: 1000 },
    ...more,
  }
}

const at = (servers: Examined[], now: number, before: Parameters<typeof assess>[0]['before'] = null) =>
  assess({ servers, leader: '10.0.0.1:8300', standard, before, now, date: 1_600_000_000_000 + now })

test('all well: one more than the quorum may be lost', () => {
  const { reply } = at([examined(1), examined(2), examined(3)], 0)
  assert.equal(reply.Healthy, true)
  assert.equal(reply.FailureTolerance, 1)
  const [first, second] = reply.Servers!
  assert.deepEqual(
    [first!.Leader, first!.LastContact, first!.SerfStatus, first!.Version, first!.Name],
    [true, 0, 1, '1.8.7', 's1'],
  )
  assert.deepEqual([second!.Leader, second!.LastContact], [false, 10_000_000])
  assert.equal(second!.StableSince?.seconds, 1_600_000_000)
})

test('a failed server, a silent one, and one that gossip does not know', () => {
  const silent = examined(2, { stats: undefined })
  const unknown = examined(3, { member: undefined, identity: undefined, stats: undefined })
  const { reply } = at([examined(1), silent, unknown, examined(4, {}, 'failed')], 0)
  assert.equal(reply.Healthy, false)
  assert.equal(reply.FailureTolerance, 0)
  assert.deepEqual(
    reply.Servers!.map(({ Healthy, LastContact, SerfStatus, Name }) => [Healthy, LastContact, SerfStatus, Name]),
    [
      [true, 0, 1, 's1'],
      [false, -1, 1, 's2'],
      [false, -1, 0, ''],
      [false, 10_000_000, 4, 's4'],
    ],
  )
  assert.equal(reply.Servers![1]!.StableSince, null)
})

test('stable since the last change, not since the last look', () => {
  const first = at([examined(1), examined(2)], 0)
  const second = at([examined(1), examined(2)], 2000, first)
  assert.equal(second.health.get('id2')!.since, 0)
  const worse = at(
    [examined(1), examined(2, { stats: { LastContact: 'never', LastTerm: 3, LastIndex: 1000 } })],
    4000,
    second,
  )
  assert.deepEqual([worse.health.get('id2')!.healthy, worse.health.get('id2')!.since], [false, 4000])
  const still = at(
    [examined(1), examined(2, { stats: { LastContact: '1s', LastTerm: 3, LastIndex: 1000 } })],
    6000,
    worse,
  )
  assert.equal(still.health.get('id2')!.since, 4000)
  assert.equal(still.reply.Servers![1]!.StableSince?.seconds, 1_600_000_004)
})

test('servers without a vote count for health, not for what may be lost', () => {
  const nonvoter = examined(3, { peer: { id: 'id3', address: '10.0.0.3:8300', suffrage: 'nonvoter' } })
  const { reply } = at([examined(1), examined(2), nonvoter], 0)
  assert.deepEqual([reply.Healthy, reply.FailureTolerance, reply.Servers![2]!.Voter], [true, 0, false])
})
