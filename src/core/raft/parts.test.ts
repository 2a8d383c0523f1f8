/** The parts that need no server around them: majorities, the log, tickets, configurations. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { Configurations, changed, describeServer, describeServers, faultOf } from './configuration.ts'
import { RaftLog } from './log.ts'
import type { Configuration, ServerChange } from './messages.ts'
import { majority, reachedByMajority } from './quorum.ts'
import { command, votersOf } from './script.suite.ts'
import { serverOf } from './simulation.suite.ts'
import { Tickets } from './tickets.ts'

suite('majorities', () => {
  test('two of them always share a member, and one is no larger than it must be', () => {
    for (let voters = 1; voters <= 9; voters++) {
      assert(2 * majority(voters) > voters)
      assert(2 * (majority(voters) - 1) <= voters)
    }
  })

  test('what a majority reached is the largest value that so many reach', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), (values) => {
        const reached = reachedByMajority(values.slice(), 0)
        const count = (bound: number) => values.filter((value) => value >= bound).length
        assert(count(reached) >= majority(values.length))
        assert(count(reached + 1) < majority(values.length))
      }),
    )
    assert.equal(reachedByMajority([], -1), -1)
  })
})

suite('the log', () => {
  const filled = (from: number, to: number) =>
    new RaftLog(
      from - 1,
      1,
      Array.from({ length: to - from + 1 }, (_, n) => command(from + n, 1 + Math.floor(n / 3))),
    )

  test('knows its ends and the term before them', () => {
    const log = filled(5, 12)
    assert.deepEqual([log.firstIndex, log.lastIndex, log.lastTerm], [5, 12, 3])
    assert.deepEqual(
      [3, 4, 5, 12, 13].map((index) => log.termAt(index)),
      [undefined, 1, 1, 3, undefined],
    )
    assert.deepEqual(
      log.slice(6, 8).map(({ index }) => index),
      [6, 7, 8],
    )
  })

  test('stands on the last entry that was compacted away', () => {
    const log = filled(1, 9)
    log.compactTo(9)
    assert.deepEqual([log.firstIndex, log.lastIndex, log.lastTerm], [10, 9, 3])
    log.append(command(10, 4))
    log.compactTo(3)
    assert.equal(log.firstIndex, 10)
    log.reset(50, 7)
    assert.deepEqual([log.firstIndex, log.lastIndex, log.lastTerm], [51, 50, 7])
  })

  test('takes entries only in a row, and gives only what it has', () => {
    const log = filled(1, 3)
    assert.throws(() => log.append(command(5, 1)))
    assert.throws(() => log.slice(2, 4))
    assert.throws(() => log.compactTo(4))
    assert.throws(() => new RaftLog(0, 0, [command(1, 1), command(3, 1)]))
    log.truncateFrom(2)
    assert.equal(log.lastIndex, 1)
  })

  test('batches within both bounds, but never less than one entry', () => {
    const log = new RaftLog(
      0,
      0,
      [10, 1000, 10, 10].map((size, n) => command(n + 1, 1, 'x'.repeat(size))),
    )
    const indexes = (from: number, entriesMax: number, bytesMax: number) =>
      log.batch(from, entriesMax, bytesMax).map(({ index }) => index)
    assert.deepEqual(indexes(1, 64, 1e6), [1, 2, 3, 4])
    assert.deepEqual(indexes(1, 3, 1e6), [1, 2, 3])
    assert.deepEqual(indexes(1, 64, 500), [1])
    assert.deepEqual(indexes(2, 64, 500), [2])
    assert.deepEqual(indexes(5, 64, 500), [])
  })

  test('names the last index before a run of one term', () => {
    const log = filled(1, 9)
    assert.equal(log.beforeTermOf(8, 0), 6)
    assert.equal(log.beforeTermOf(8, 7), 7)
    assert.equal(log.beforeTermOf(3, 0), 0)
  })
})

test('tickets come out in order, once, however they are settled', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 12 }), (settles) => {
      const tickets = new Tickets()
      let pushed = 0
      let settled = 0
      for (const step of settles) {
        for (let n = 0; n < step; n++) tickets.push(++pushed, -pushed)
        settled = Math.max(settled, pushed - (step % 1500))
        tickets.settleTo(settled)
      }
      assert.deepEqual(
        tickets.drain(),
        Array.from({ length: pushed - settled }, (_, n) => -(settled + n + 1)),
      )
      assert.deepEqual(tickets.drain(), [])
    }),
    { numRuns: 50 },
  )
})

suite('configurations', () => {
  const words = ({ servers }: Configuration) => servers.map(({ id, address, suffrage }) => [id, address, suffrage])

  test('adding promotes and re-addresses, but a non-voter’s adding demotes nobody', () => {
    const start = { servers: [serverOf(1), serverOf(2, 'nonvoter')] }
    const after = (change: ServerChange) => words(changed(start, change))
    const one = ['s1', '10.0.0.1:8300', 'voter']
    assert.deepEqual(after({ kind: 'add-voter', id: 's2', address: 'b:1' }), [one, ['s2', 'b:1', 'voter']])
    assert.deepEqual(after({ kind: 'add-nonvoter', id: 's2', address: 'b:1' }), [one, ['s2', 'b:1', 'nonvoter']])
    assert.deepEqual(after({ kind: 'add-nonvoter', id: 's1', address: 'a:1' })[0], ['s1', 'a:1', 'voter'])
    assert.deepEqual(after({ kind: 'add-nonvoter', id: 's3', address: 'c:1' })[2], ['s3', 'c:1', 'nonvoter'])
    assert.deepEqual(after({ kind: 'demote', id: 's1' })[0], ['s1', '10.0.0.1:8300', 'nonvoter'])
    assert.deepEqual(after({ kind: 'remove', id: 's2' }), [one])
    assert.equal(changed(start, { kind: 'remove', id: 's9' }), start)
    assert.equal(changed(start, { kind: 'demote', id: 's2' }), start)
    assert.equal(changed(start, { kind: 'add-voter', ...serverOf(1) }), start)
  })

  test('one change moves at most one voter, so old and new majorities overlap', () => {
    const change: fc.Arbitrary<ServerChange> = fc.oneof(
      fc.record({ kind: fc.constant('add-voter' as const), id: server(), address: server() }),
      fc.record({ kind: fc.constant('add-nonvoter' as const), id: server(), address: server() }),
      fc.record({ kind: fc.constant('demote' as const), id: server() }),
      fc.record({ kind: fc.constant('remove' as const), id: server() }),
    )
    const voters = ({ servers }: Configuration) =>
      new Set(servers.filter(({ suffrage }) => suffrage === 'voter').map(({ id }) => id))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        let now = votersOf(3)
        for (const each of changes) {
          const next = changed(now, each)
          const [before, after] = [voters(now), voters(next)]
          const moved =
            [...before].filter((id) => !after.has(id)).length + [...after].filter((id) => !before.has(id)).length
          assert(moved <= 1)
          now = next
        }
      }),
    )
  })

  test('faults are named', () => {
    const { id, address, suffrage } = serverOf(1)
    assert.equal(faultOf(votersOf(3)), undefined)
    assert.match(faultOf({ servers: [] })!, /at least one voter/)
    assert.match(faultOf({ servers: [serverOf(1, 'nonvoter')] })!, /at least one voter/)
    assert.match(faultOf({ servers: [serverOf(1), serverOf(1)] })!, /two servers have the ID s1/)
    assert.match(faultOf({ servers: [serverOf(1), { ...serverOf(2), address }] })!, /two servers have the address/)
    assert.match(faultOf({ servers: [{ id: '', address, suffrage }] })!, /without an ID/)
    assert.match(faultOf({ servers: [{ id, address: '', suffrage }] })!, /no address/)
  })

  test('the latest counts; a truncation falls back to the one before, committed or not', () => {
    const all = new Configurations(votersOf(1), 1)
    all.append(5, votersOf(2))
    all.append(9, votersOf(3))
    assert.deepEqual([all.latestIndex, all.committedIndex, all.voters.length], [9, 1, 3])
    all.truncateFrom(7)
    assert.deepEqual([all.latestIndex, all.committedIndex, all.voters.length], [5, 1, 2])
    all.commitTo(6)
    assert.deepEqual([all.latestIndex, all.committedIndex], [5, 5])
    all.truncateFrom(2)
    assert.equal(all.latestIndex, 5)
  })

  test('are printed as Consul prints them', () => {
    const servers = [serverOf(1), serverOf(2, 'nonvoter')]
    assert.equal(
      describeServers(servers),
      '[{Suffrage:Voter ID:s1 Address:10.0.0.1:8300} {Suffrage:Nonvoter ID:s2 Address:10.0.0.2:8300}]',
    )
    assert.equal(describeServer(servers[1]!), '{Nonvoter s2 10.0.0.2:8300}')
  })
})

function server(): fc.Arbitrary<string> {
  return fc.constantFrom('s1', 's2', 's3', 's4', 's5')
}
