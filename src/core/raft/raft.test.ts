/** A server on its own: bootstrap, restart, group commit, a full disk, snapshots. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { RaftInput } from './messages.ts'
import { appendOf, command, configurationEntry, Script, votersOf } from './script.suite.ts'
import { bytes, serverOf } from './simulation.suite.ts'

const propose = (ticket: number, data: string): RaftInput => ({ kind: 'propose', ticket, data: bytes(data) })

const EMPTY = { hardState: { term: 0, votedTerm: 0, votedFor: '', floor: null }, snapshot: null, entries: [] }

/** A lone voter that leads, with `durable` writes from here on. */
function loneLeader(): Script {
  const script = new Script({ voters: 1 })
  script.wait(0)
  assert.equal(script.status.role, 'leader')
  return script.forget()
}

suite('a lone server', () => {
  test('is bootstrapped, elects itself at its first chance, and says so in Consul’s words', () => {
    const script = new Script({ voters: 1, options: { saved: EMPTY } })
    const { address, id } = serverOf(1)
    script.tell({ kind: 'bootstrap', configuration: votersOf(1) })
    script.wait(0)
    assert.deepEqual(script.lines(), [
      `[INFO] initial configuration: index=1 servers=[{Suffrage:Voter ID:${id} Address:${address}}]`,
      `[INFO] entering follower state: follower=Node at ${address} [Follower] leader=`,
      '[WARN] heartbeat timeout reached, starting election: last-leader=',
      `[INFO] entering candidate state: node=Node at ${address} [Candidate] term=2`,
      '[DEBUG] votes: needed=1',
      `[DEBUG] vote granted: from=${id} term=2 tally=1`,
      '[INFO] election won: tally=1',
      `[INFO] entering leader state: leader=Node at ${address} [Leader]`,
    ])
    assert.deepEqual(script.committed(), ['configuration', 'noop'])
    assert.equal(script.status.lastIndex, 2)
    assert.equal(script.status.term, 2)
    assert.equal(script.raft.wakeAt(), null)
  })

  test('that has any state is not bootstrapped', () => {
    const script = new Script({ voters: 1, entries: [command(2, 1)] })
    script.tell({ kind: 'bootstrap', configuration: votersOf(3) })
    assert.deepEqual(script.lines()[0], '[ERROR] failed to bootstrap: error=bootstrap only works on new clusters')
    assert.equal(script.status.configuration.servers.length, 1)
  })

  test('without a configuration waits to be found, and says so once', () => {
    const script = new Script({ options: { saved: EMPTY } })
    script.wait(10_000)
    assert.deepEqual(script.lines().slice(2), ['[WARN] no known peers, aborting election'])
    assert.equal(script.status.role, 'follower')
  })

  test('leads again after a restart, in a new term, and commits its whole log once', () => {
    const script = new Script({ voters: 1, entries: [command(2, 2, 'a'), command(3, 2, 'b')] })
    script.wait(0)
    assert.equal(script.status.term, 3)
    assert.deepEqual(script.committed(), ['configuration', 'a', 'b', 'noop'])
  })

  test('takes no office before its own vote is durable', () => {
    const script = new Script({ voters: 1 })
    script.durable = false
    script.wait(0)
    assert.equal(script.status.role, 'candidate')
    const [write] = script.seen('persist')
    assert.deepEqual(write?.hardState, { term: 2, votedTerm: 2, votedFor: serverOf(1).address, floor: null })
    script.tell({ kind: 'persisted', write: write!.write })
    assert.equal(script.status.role, 'leader')
  })
})

suite('group commit', () => {
  test('the proposals of a turn share one write, and are committed when it is durable', () => {
    const script = loneLeader()
    script.durable = false
    script.tell(...Array.from({ length: 32 }, (_, n) => propose(n, `v${n}`)))
    const [write, ...more] = script.seen('persist')
    assert.equal(write?.entries.length, 32)
    assert.deepEqual(more, [])
    assert.deepEqual(
      script.seen('accepted').map(({ ticket, index, term }) => [ticket, index, term]),
      Array.from({ length: 32 }, (_, n) => [n, n + 3, 2]),
    )
    assert.deepEqual(script.committed(), [])
    script.tell({ kind: 'persisted', write: write!.write })
    const commits = script.seen('commit')
    assert.equal(commits.length, 1)
    assert.equal(commits[0]?.entries.length, 32)
  })

  test('what comes during a write waits for the next one, together', () => {
    const script = loneLeader()
    script.durable = false
    script.tell(propose(1, 'a'))
    script.tell(propose(2, 'b')).tell(propose(3, 'c'))
    const [first, ...none] = script.seen('persist')
    assert.deepEqual(none, [])
    script.tell({ kind: 'persisted', write: first!.write })
    assert.deepEqual(script.committed(), ['a'])
    const [second] = script.seen('persist')
    assert.equal(second?.entries.length, 2)
    script.tell({ kind: 'persisted', write: second!.write })
    assert.deepEqual(script.committed(), ['b', 'c'])
  })

  test('a barrier is done when the state stands at it; a verify, when it stands at what was committed', () => {
    const script = loneLeader()
    script.tell({ kind: 'applied', index: 2 })
    script.tell(propose(1, 'a'), { kind: 'barrier', ticket: 2 })
    script.tell({ kind: 'verify', ticket: 3 })
    assert.deepEqual(script.seen('resolved'), [])
    script.tell({ kind: 'applied', index: 3 })
    assert.deepEqual(script.seen('resolved'), [])
    script.tell({ kind: 'applied', index: 4 })
    assert.deepEqual(
      script.seen('resolved').map(({ ticket }) => ticket),
      [2, 3],
    )
  })

  test('shutting down refuses whoever waits, and whoever comes', () => {
    const script = loneLeader()
    script.durable = false
    script.tell(propose(1, 'a'), { kind: 'barrier', ticket: 2 }, { kind: 'shutdown' })
    script.tell(propose(3, 'b'), { kind: 'verify', ticket: 4 })
    assert.deepEqual(
      script.seen('refused').map(({ ticket, why }) => [ticket, why]),
      [1, 2, 3, 4].map((ticket) => [ticket, 'shutdown']),
    )
    assert.equal(script.raft.wakeAt(), null)
  })
})

suite('a full disk', () => {
  test('a lone leader refuses writes, keeps reading, forgets what it refused, and goes on when there is room', () => {
    const script = loneLeader()
    script.tell({ kind: 'applied', index: 2 })
    script.durable = false
    script.tell(propose(1, 'lost'), { kind: 'barrier', ticket: 2 })
    script.tell(propose(3, 'lost too'))
    script.tell({ kind: 'persist-failed', write: script.seen('persist')[0]!.write, why: 'no space left on device' })
    script.tell(propose(4, 'refused'), { kind: 'verify', ticket: 5 })
    assert.deepEqual(
      script.seen('refused').map(({ ticket, why }) => [ticket, why]),
      [1, 3, 2, 4].map((ticket) => [ticket, 'disk']),
    )
    assert.deepEqual(script.seen('resolved')[0]?.ticket, 5)
    assert.deepEqual(script.seen('persist'), [], 'it does not spin')
    assert.equal(script.status.role, 'leader')

    script.wait(1000)
    const [probe] = script.seen('persist')
    assert.equal(probe?.truncateFrom, 3)
    script.tell({ kind: 'persisted', write: probe!.write })
    script.durable = true
    script.tell(propose(6, 'kept'))
    assert.deepEqual(script.committed(), ['kept'])
    assert.deepEqual(script.seen('accepted').at(-1), { kind: 'accepted', ticket: 6, index: 3, term: 2 })
  })

  test('a leader whose first entry failed tries it again by itself', () => {
    const script = new Script({ voters: 1 })
    script.durable = false
    script.wait(0)
    script.tell({ kind: 'persisted', write: script.seen('persist')[0]!.write })
    script.tell({ kind: 'persist-failed', write: script.seen('persist')[0]!.write, why: 'full' })
    script.wait(1000)
    const [again] = script.seen('persist')
    assert.deepEqual(
      again?.entries.map(({ index, type }) => [index, type]),
      [[2, 'noop']],
    )
    script.tell({ kind: 'persisted', write: again!.write })
    assert.deepEqual(script.committed(), ['configuration', 'noop'])
  })

  test('a vote for itself that cannot be written is tried again, in the same term', () => {
    const script = new Script({ voters: 1 })
    script.durable = false
    script.wait(0)
    script.tell({ kind: 'persist-failed', write: script.seen('persist')[0]!.write, why: 'full' })
    script.durable = true
    script.wait(5000)
    assert.equal(script.status.role, 'leader')
    assert.equal(script.status.term, 2)
  })

  test('what others were sent is kept, and written later: an index and a term name one entry', () => {
    const configuration = { servers: [serverOf(1), serverOf(2, 'nonvoter')] }
    const script = new Script({ configuration })
    script.wait(0)
    script.accept(script.sentTo('s2')[0]!).forget()
    script.durable = false
    script.tell(propose(1, 'a'))
    const [write] = script.seen('persist').slice(-1)
    script.tell({ kind: 'persist-failed', write: write!.write, why: 'full' })
    assert.deepEqual(script.seen('refused')[0], { kind: 'refused', ticket: 1, why: 'disk' })
    assert.equal(script.status.lastIndex, 3)
    script.durable = true
    script.wait(1000)
    assert.deepEqual(script.committed().at(-1), 'a')
  })

  test('a leader that others can replace steps down', () => {
    const script = new Script().leadAll()
    script.durable = false
    script.tell(propose(1, 'a'))
    script.tell({ kind: 'persist-failed', write: script.seen('persist')[0]!.write, why: 'full' })
    assert.equal(script.status.role, 'follower')
    assert.deepEqual(script.seen('refused')[0], { kind: 'refused', ticket: 1, why: 'disk' })
    script.wait(10_000)
    assert.equal(script.status.role, 'follower', 'and it does not stand while it cannot write')
  })
})

suite('snapshots (paper, section 7)', () => {
  const snapshot = { index: 10, term: 2, configuration: votersOf(1), configurationIndex: 1 }

  test('the log of a lone server, which has no slow follower, is shortened to its end', () => {
    const script = loneLeader()
    script.tell(...Array.from({ length: 8 }, (_, n) => propose(n, `v${n}`)))
    script.tell({ kind: 'applied', index: 10 })
    script.forget().tell({ kind: 'snapshot-taken', meta: snapshot })
    assert.deepEqual(script.lines(), ['[INFO] compacting logs: from=1 to=10'])
    assert.equal(script.seen('persist')[0]?.compactTo, 10)
    assert.equal(script.status.snapshotIndex, 10)
    assert.equal(script.status.lastIndex, 10)
    script.tell(propose(9, 'after'))
    assert.deepEqual(script.committed(), ['after'])
  })

  test('of a cluster some entries stay, for slow followers', () => {
    const script = new Script()
    const entries = Array.from({ length: 9 }, (_, n) => command(n + 2, 2))
    script.asked(appendOf(2, [1, 1], entries, 10))
    script.tell({ kind: 'applied', index: 10 })
    script.forget().tell({ kind: 'snapshot-taken', meta: { ...snapshot, configuration: votersOf(3) } })
    assert.deepEqual(script.lines(), ['[INFO] compacting logs: from=1 to=8'])
    assert.equal(script.status.snapshotIndex, 10)
    assert.equal(script.status.lastIndex, 10)
  })

  test('a restart begins at the snapshot and commits only what comes after it', () => {
    const script = new Script({ voters: 1, snapshot, entries: [command(9, 2), command(10, 2), command(11, 2, 'new')] })
    assert.equal(script.status.appliedIndex, 10)
    script.wait(0)
    assert.deepEqual(script.committed(), ['new', 'noop'])
  })

  test('a log that ended before an installed snapshot is dropped at the next start', () => {
    const script = new Script({ voters: 1, snapshot, entries: [command(4, 1), command(5, 1)] })
    assert.equal(script.status.lastIndex, 10)
    script.wait(0)
    const [first, ...later] = script.seen('persist')
    assert.deepEqual([first?.truncateFrom, first?.compactTo, first?.entries], [4, 10, []])
    assert.equal(later.at(-1)?.entries[0]?.index, 11)
  })

  test('a log that has nothing yet is told where the snapshot ends, before entries follow', () => {
    const script = new Script({ voters: 1, snapshot })
    script.wait(0)
    const writes = script
      .seen('persist')
      .map(({ truncateFrom, compactTo, entries }) => [truncateFrom, compactTo, ...entries.map(({ index }) => index)])
    assert.deepEqual(writes, [
      [null, 10],
      [null, null, 11],
    ])
  })

  test('a log that differs from the snapshot is dropped; one that agrees is kept', () => {
    const other = new Script({ voters: 1, snapshot, entries: [command(10, 1), command(11, 1)] })
    assert.equal(other.status.lastIndex, 10)
    const same = new Script({ voters: 1, snapshot, entries: [command(10, 2), command(11, 2)] })
    assert.equal(same.status.lastIndex, 11)
  })

  test('a log that begins after the snapshot ends is no state to start from', () => {
    assert.throws(() => new Script({ voters: 1, snapshot, entries: [command(12, 2)] }), /begins after the snapshot/)
  })

  test('a configuration after the snapshot is in effect from the start', () => {
    const entries = [configurationEntry(11, 2, votersOf(3))]
    const script = new Script({ voters: 1, snapshot, entries })
    assert.equal(script.status.configuration.servers.length, 3)
    assert.equal(script.status.committedConfiguration.servers.length, 1)
  })
})
