/** Single rules of elections, each told as a short script. The script plays s1; s2 and s3 are its peers. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { appendOf, command, configurationEntry, heartbeatOf, Script, voteFor, votersOf } from './script.suite.ts'
import { serverOf, TIMING } from './simulation.suite.ts'

/** Started long ago: what it heard of before that no longer matters. */
const awake = { options: { now: 0 } }

suite('votes (paper, sections 5.2 and 5.4.1)', () => {
  test('a vote is on disk before it is given', () => {
    const script = new Script(awake)
    script.durable = false
    assert.equal(script.asked(voteFor(2, 2, [1, 1])), undefined)
    const [write] = script.seen('persist')
    assert.deepEqual(write?.hardState, { term: 2, votedTerm: 2, votedFor: serverOf(2).address, floor: null })
    script.tell({ kind: 'persisted', write: write!.write })
    assert.deepEqual(script.answerTo(1), { type: 'vote', term: 2, granted: true })
  })

  test('a vote that could not be written is not given', () => {
    const script = new Script(awake)
    script.durable = false
    script.asked(voteFor(2, 2, [1, 1]))
    script.tell({ kind: 'persist-failed', write: script.seen('persist')[0]!.write, why: 'full' })
    assert.deepEqual(script.answerTo(1), { type: 'vote', term: 2, granted: false })
    assert.deepEqual(script.asked(voteFor(2, 2, [1, 1])), { type: 'vote', term: 2, granted: false })
  })

  test('one vote a term, also after a restart; the same candidate may ask again', () => {
    const script = new Script({
      ...awake,
      hardState: { term: 2, votedTerm: 2, votedFor: serverOf(2).address, floor: null },
    })
    assert.deepEqual(script.asked(voteFor(3, 2, [9, 1])), { type: 'vote', term: 2, granted: false })
    assert.deepEqual(script.asked(voteFor(2, 2, [1, 1])), { type: 'vote', term: 2, granted: true })
    assert.deepEqual(script.asked(voteFor(3, 3, [9, 1])), { type: 'vote', term: 3, granted: true })
  })

  test('nobody votes for a candidate who knows less, but its term is adopted', () => {
    const entries = [command(2, 1), command(3, 2)]
    const ask = (last: [number, number]) => new Script({ ...awake, entries }).asked(voteFor(2, 5, last))
    assert.deepEqual(ask([9, 1]), { type: 'vote', term: 5, granted: false })
    assert.deepEqual(ask([2, 2]), { type: 'vote', term: 5, granted: false })
    assert.deepEqual(ask([3, 2]), { type: 'vote', term: 5, granted: true })
    assert.deepEqual(ask([2, 3]), { type: 'vote', term: 5, granted: true })
  })

  test('an older term gets nothing', () => {
    const script = new Script({ hardState: { term: 4, votedTerm: 0, votedFor: '', floor: null } })
    assert.deepEqual(script.asked(voteFor(2, 3, [9, 3])), { type: 'vote', term: 4, granted: false })
  })

  test('who hears a leader refuses others without even adopting their term (thesis, section 4.2.3)', () => {
    const script = new Script()
    script.asked(heartbeatOf(2))
    assert.deepEqual(script.asked(voteFor(3, 7, [9, 2])), { type: 'vote', term: 2, granted: false })
    assert.deepEqual(
      script.lines().at(-1),
      [
        '[WARN] rejecting vote request since we have a leader:',
        ` from=${serverOf(3).address} leader=${serverOf(2).address}`,
      ].join(''),
    )
    // Not so when the leader itself asked for the election, or has fallen silent.
    assert.deepEqual(script.asked(voteFor(3, 7, [9, 2], true)), { type: 'vote', term: 7, granted: true })
    const silent = new Script()
    silent.asked(heartbeatOf(2))
    silent.wait(2 * TIMING.heartbeatTimeoutMs)
    assert.equal(silent.status.leader, null)
    assert.deepEqual(silent.asked(voteFor(3, 7, [9, 2])), { type: 'vote', term: 7, granted: true })
  })
})

suite('standing for election (paper, section 5.2)', () => {
  test('a follower stands after one to two timeouts of silence, and counts its vote when it is on disk', () => {
    const script = new Script()
    script.asked(heartbeatOf(2))
    script.durable = false
    script.wait(TIMING.heartbeatTimeoutMs - 1)
    assert.equal(script.status.role, 'follower')
    script.forget().wait(TIMING.heartbeatTimeoutMs + 1)
    assert.equal(script.status.role, 'candidate')
    assert.deepEqual(script.lines().slice(0, 3), [
      `[WARN] heartbeat timeout reached, starting election: last-leader=${serverOf(2).address}`,
      `[INFO] entering candidate state: node=Node at ${serverOf(1).address} [Candidate] term=3`,
      '[DEBUG] votes: needed=2',
    ])
    assert.deepEqual(script.sentTo('s2'), [], 'nobody is asked before that')
    script.tell({ kind: 'persisted', write: script.seen('persist').at(-1)!.write })
    assert.deepEqual(script.sentTo('s2')[0]?.body, {
      type: 'vote',
      term: 3,
      candidate: serverOf(1).address,
      lastIndex: 1,
      lastTerm: 1,
      leadershipTransfer: false,
    })
  })

  test('a majority makes a leader, whose first entry is of its own term', () => {
    const script = new Script({ voters: 5 })
    script.wait(2000)
    const { term } = script.status
    const ballots = ['s2', 's3', 's4'].map((peer) => script.sentTo(peer)[0]!.id)
    const grant = (id: number, granted: boolean) =>
      script.tell({ kind: 'reply', id, body: { type: 'vote', term, granted } })
    grant(ballots[0]!, true)
    grant(ballots[0]!, true)
    grant(ballots[1]!, false)
    assert.equal(script.status.role, 'candidate', 'two of five, one of them twice')
    grant(ballots[2]!, true)
    assert.equal(script.status.role, 'leader')
    const entries = script.seen('persist').at(-1)?.entries
    assert.deepEqual(
      entries?.map((entry) => [entry.type, entry.index, entry.term]),
      [['noop', 2, term]],
    )
  })

  test('a split vote leads to another election, in a newer term', () => {
    const script = new Script()
    script.wait(2000)
    const { term } = script.status
    script.forget().wait(2 * TIMING.electionTimeoutMs)
    assert(script.status.term > term)
    assert.equal(script.lines()[0], '[WARN] Election timeout reached, restarting election')
  })

  test('votes of an earlier election count for nothing', () => {
    const script = new Script()
    script.wait(2000)
    const [stale] = script.sentTo('s2')
    script.wait(2 * TIMING.electionTimeoutMs)
    const { term } = script.status
    script.tell({ kind: 'reply', id: stale!.id, body: { type: 'vote', term: term - 1, granted: true } })
    assert.equal(script.status.role, 'candidate')
  })

  test('a candidate follows whoever leads its term, and whoever knows a newer one', () => {
    const script = new Script()
    script.wait(2000)
    script.asked(heartbeatOf(script.status.term))
    assert.equal(script.status.role, 'follower')
    assert.equal(script.status.leader?.id, 's2')

    const other = new Script()
    other.wait(2000)
    other.tell({ kind: 'reply', id: other.sentTo('s2')[0]!.id, body: { type: 'vote', term: 9, granted: false } })
    assert.equal(other.status.role, 'follower')
    assert.equal(other.status.term, 9)
    assert.equal(other.seen('persist').at(-1)?.hardState?.term, 9)
  })

  test('a non-voter does not stand, and says so once', () => {
    const script = new Script({ configuration: votersOf(3), self: serverOf(9) })
    script.wait(20_000)
    assert.equal(script.status.role, 'follower')
    const warnings = script.lines().filter((line) => line.startsWith('[WARN]'))
    assert.deepEqual(warnings, ['[WARN] not part of stable configuration, aborting election'])
  })

  test('who is left out by a configuration that may not be committed still stands (thesis, section 4.2.2)', () => {
    const without = { servers: [serverOf(2)] }
    const script = new Script({ voters: 2, entries: [configurationEntry(2, 1, without)] })
    script.lead()
    assert.deepEqual(script.lines().includes('[INFO] election won: tally=1'), true, 'with the other’s vote alone')
  })
})

suite('pre-votes (thesis, section 9.6)', () => {
  const options = { preVote: true }

  test('no new term before a majority would vote for it', () => {
    const script = new Script({ options })
    script.wait(2000)
    assert.equal(script.status.term, 1)
    const [ask] = script.sentTo('s2')
    assert.equal(ask?.body.type, 'pre-vote')
    assert.deepEqual(script.seen('persist'), [])
    script.tell({ kind: 'reply', id: ask!.id, body: { type: 'pre-vote', term: 1, granted: true } })
    assert.equal(script.status.term, 2)
    assert.equal(script.status.role, 'candidate')
  })

  test('a peer that does not know them does not stand in the way', () => {
    const script = new Script({ options })
    script.wait(2000)
    script.tell({ kind: 'lost', id: script.sentTo('s2')[0]!.id, unknownType: true })
    assert.equal(script.status.role, 'candidate')
    const dead = new Script({ options })
    dead.wait(2000)
    dead.tell({ kind: 'lost', id: dead.sentTo('s2')[0]!.id })
    assert.equal(dead.status.role, 'follower')
  })

  test('they are granted as a vote would be, and change nothing', () => {
    const script = new Script(awake)
    const ask = (term: number, lastIndex: number) =>
      script.asked({ type: 'pre-vote', term, candidate: serverOf(3).address, lastIndex, lastTerm: 1 })
    assert.deepEqual(ask(2, 1), { type: 'pre-vote', term: 1, granted: true })
    assert.deepEqual(ask(2, 0), { type: 'pre-vote', term: 1, granted: false })
    script.asked(heartbeatOf(1))
    assert.deepEqual(ask(2, 1), { type: 'pre-vote', term: 1, granted: false }, 'there is a leader')
    assert.equal(script.status.term, 1)
    assert.deepEqual(script.seen('persist'), [])
  })
})

suite('the lease by which a leader reads (thesis, section 6.4.1)', () => {
  const lease = TIMING.leaderLeaseTimeoutMs
  const answered = (script: Script, { id, body }: { id: number; body: { type: string } }) => {
    assert.equal(body.type, 'append')
    const { term } = script.status
    script.tell({
      kind: 'reply',
      id,
      body: { type: 'append', term, lastIndex: 0, success: true, noRetryBackoff: false },
    })
  }

  test('it counts from when a follower was asked, not from when its answer came', () => {
    const script = new Script().leadAll()
    script.wait(lease - 100)
    const asked = script.now
    script.tell({ kind: 'verify', ticket: 1 })
    const heartbeat = script.heartbeatsTo('s2').at(-1)!
    script.wait(90)
    answered(script, heartbeat)
    script.now = asked + lease - 1
    assert.equal(script.raft.leaseHolds(script.now), true)
    assert.equal(script.raft.leaseHolds(asked + lease), false, 'the leader still leads, but may not read alone')
    assert.equal(script.status.role, 'leader')
  })

  test('a leader that stood still does not read by it, though it has not noticed yet that it lost office', () => {
    const script = new Script().leadAll()
    assert.equal(script.raft.leaseHolds(script.now), true)
    script.now += 10 * lease
    assert.equal(script.status.role, 'leader')
    assert.equal(script.raft.leaseHolds(script.now), false)
  })

  test('it is over when somebody is told to stand at once', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'transfer-leadership', ticket: 1, to: 's2' })
    assert.equal(script.status.role, 'leader')
    assert.equal(script.raft.leaseHolds(script.now), false)
  })

  test('after a restart nobody is voted for until leases that were given have run out', () => {
    const script = new Script()
    const ask = () => script.asked(voteFor(3, 7, [9, 2]))
    assert.deepEqual(ask(), { type: 'vote', term: 1, granted: false })
    script.now += lease
    assert.deepEqual(ask(), { type: 'vote', term: 1, granted: false }, 'clocks run at different speeds')
    script.now += lease
    assert.deepEqual(ask(), { type: 'vote', term: 7, granted: true })
    const fresh = new Script({ hardState: { term: 0, votedTerm: 0, votedFor: '', floor: null } })
    assert.deepEqual(fresh.asked(voteFor(3, 7, [9, 2])), { type: 'vote', term: 7, granted: true }, 'it owes nobody')
  })

  test('a follower owes it also when it has lost sight of its leader over a newer term', () => {
    const script = new Script()
    script.wait(2000)
    const [ballot] = script.sentTo('s3')
    const { term } = script.status
    script.asked(heartbeatOf(term))
    // A late answer to its own candidacy brings a newer term; the leader's lease stands all the same.
    script.tell({ kind: 'reply', id: ballot!.id, body: { type: 'vote', term: term + 3, granted: false } })
    assert.equal(script.status.leader, null)
    const ask = () => script.asked(voteFor(3, term + 4, [9, 2]))
    assert.deepEqual(ask(), { type: 'vote', term: term + 3, granted: false })
    script.now += TIMING.heartbeatTimeoutMs
    assert.deepEqual(ask(), { type: 'vote', term: term + 4, granted: true })
  })
})

suite('losing office', () => {
  test('a leader without a majority steps down when its lease is over (thesis, section 6.2)', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'propose', ticket: 1, data: new Uint8Array(1) })
    assert.equal(script.status.leaseValid, true)
    script.wait(TIMING.leaderLeaseTimeoutMs + 20)
    assert.equal(script.status.role, 'follower')
    assert(script.lines().includes('[WARN] failed to contact quorum of nodes, stepping down'))
    assert.deepEqual(script.seen('refused'), [{ kind: 'refused', ticket: 1, why: 'lost-leadership' }])
  })

  test('the answer of one follower in three keeps it in office', () => {
    const script = new Script().leadAll()
    for (let n = 0; n < 20; n++) {
      script.wait(100)
      for (const { id } of script.heartbeatsTo('s2')) {
        const body = {
          type: 'append',
          term: script.status.term,
          lastIndex: 0,
          success: true,
          noRetryBackoff: false,
        } as const
        script.tell({ kind: 'reply', id, body })
      }
    }
    assert.equal(script.status.role, 'leader')
  })

  test('a newer term ends it, in a request and in a reply', () => {
    const asked = new Script().leadAll()
    asked.asked(appendOf(7, [1, 1], []))
    assert.deepEqual([asked.status.role, asked.status.term, asked.status.leader?.id], ['follower', 7, 's2'])

    const replied = new Script().lead()
    const [append] = replied.sentTo('s2')
    const body = { type: 'append', term: 7, lastIndex: 0, success: false, noRetryBackoff: false } as const
    replied.tell({ kind: 'reply', id: append!.id, body })
    assert.deepEqual([replied.status.role, replied.status.term], ['follower', 7])
  })
})
