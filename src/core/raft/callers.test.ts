/** What callers ask of a leader: reads, server changes, handing over. The script plays s1; s2 and s3 are its peers. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Entry, RaftInput, RaftReply, RaftRequest, ServerChange } from './messages.ts'
import { appendOf, command, configurationEntry, heartbeatOf, Script, votersOf } from './script.suite.ts'
import { serverOf, TIMING } from './simulation.suite.ts'

const change = (ticket: number, what: ServerChange): RaftInput => ({ kind: 'change-servers', ticket, change: what })
const tickets = (effects: { ticket: number }[]) => effects.map(({ ticket }) => ticket)
const ids = (script: Script) => script.status.configuration.servers.map(({ id, suffrage }) => `${id} ${suffrage}`)

suite('a verified read (thesis, section 6.4)', () => {
  const yes = (script: Script) =>
    ({ type: 'append', term: script.status.term, lastIndex: 0, success: true, noRetryBackoff: false }) as const

  test('needs a majority that answers what was sent after the question', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'applied', index: 2 })
    script.wait(200)
    const [before] = script.heartbeatsTo('s2')
    script.forget().tell({ kind: 'verify', ticket: 1 })
    script.tell({ kind: 'reply', id: before!.id, body: yes(script) })
    assert.deepEqual(script.seen('resolved'), [])
    const [after] = script.heartbeatsTo('s2')
    script.tell({ kind: 'reply', id: after!.id, body: yes(script) })
    assert.deepEqual(tickets(script.seen('resolved')), [1])
  })

  test('shares its round with all who ask meanwhile', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'applied', index: 2 })
    script.forget().tell({ kind: 'verify', ticket: 1 }, { kind: 'verify', ticket: 2 })
    const [first, ...none] = script.heartbeatsTo('s2')
    assert.deepEqual(none, [])
    script.tell({ kind: 'verify', ticket: 3 }).tell({ kind: 'verify', ticket: 4 })
    assert.deepEqual(script.heartbeatsTo('s2'), [], 'the next round waits for this one')
    script.tell({ kind: 'reply', id: first!.id, body: yes(script) })
    assert.deepEqual(tickets(script.seen('resolved')), [1, 2])
    const [second] = script.heartbeatsTo('s2')
    script.tell({ kind: 'reply', id: second!.id, body: yes(script) })
    assert.deepEqual(tickets(script.seen('resolved')), [3, 4])
  })

  test('waits until the leader has committed something of its own, and applied it', () => {
    const script = new Script({ entries: [command(2, 1, 'maybe committed')] }).lead()
    const [append] = script.sentTo('s2')
    script.forget().tell({ kind: 'verify', ticket: 1 })
    script.tell({ kind: 'reply', id: script.heartbeatsTo('s2')[0]!.id, body: yes(script) })
    assert.deepEqual(script.seen('resolved'), [])
    script.accept(append!)
    script.tell({ kind: 'applied', index: 2 })
    assert.deepEqual(script.seen('resolved'), [])
    script.tell({ kind: 'applied', index: 3 })
    assert.deepEqual(tickets(script.seen('resolved')), [1])
  })

  test('is refused by who no longer leads', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'verify', ticket: 1 })
    script.asked(heartbeatOf(9))
    script.tell({ kind: 'verify', ticket: 2 })
    assert.deepEqual(
      script.seen('refused').map(({ ticket, why }) => [ticket, why]),
      [
        [1, 'lost-leadership'],
        [2, 'not-leader'],
      ],
    )
  })
})

suite('server changes (thesis, section 4.1)', () => {
  const s4 = serverOf(4)
  const add: ServerChange = { kind: 'add-voter', id: s4.id, address: s4.address }

  test('a new server counts as soon as it is appended, and is done when committed', () => {
    const script = new Script().leadAll()
    script.tell(change(1, add))
    assert.deepEqual(ids(script), ['s1 voter', 's2 voter', 's3 voter', 's4 voter'])
    assert.equal(script.status.committedConfiguration.servers.length, 3)
    assert(
      script.lines().some((line) => line.startsWith('[INFO] updating configuration: command=AddStaging server-id=s4')),
    )
    script.accept(script.sentTo('s2')[0]!)
    assert.deepEqual(script.seen('resolved'), [], 'two of four are no majority')
    script.accept(script.sentTo('s3')[0]!)
    assert.deepEqual(tickets(script.seen('resolved')), [1])
    assert.equal(script.status.committedConfiguration.servers.length, 4)
  })

  test('one at a time', () => {
    const script = new Script().leadAll()
    script.tell(change(1, add), change(2, { kind: 'remove', id: 's3' }))
    assert.equal(script.status.configuration.servers.length, 4)
    script.accept(script.sentTo('s2')[0]!)
    script.accept(script.sentTo('s3')[0]!)
    assert.deepEqual(ids(script), ['s1 voter', 's2 voter', 's4 voter'])
    assert.deepEqual(tickets(script.seen('resolved')), [1])
  })

  test('none before the leader has committed an entry of its own term', () => {
    const snapshot = { index: 5, term: 1, configuration: votersOf(3), configurationIndex: 1 }
    const script = new Script({ snapshot }).lead()
    const [append] = script.sentTo('s2')
    script.tell(change(1, add))
    assert.equal(script.status.configuration.servers.length, 3)
    script.accept(append!)
    assert.equal(script.status.configuration.servers.length, 4)
  })

  test('none while the last configuration of an earlier leader may still be lost', () => {
    const script = new Script({ entries: [configurationEntry(2, 1, votersOf(4))] }).lead('s2', 's3')
    const appends = [script.sentTo('s2'), script.sentTo('s3')].map((sent) => sent.at(-1)!)
    script.tell(change(1, { kind: 'remove', id: 's4' }))
    script.accept(appends[0]!)
    assert.equal(script.status.configuration.servers.length, 4)
    script.accept(appends[1]!)
    assert.equal(script.status.configuration.servers.length, 3)
  })

  test('what cannot be, and what changes nothing', () => {
    const script = new Script({ voters: 1 })
    script.wait(0)
    const other = { kind: 'add-voter', id: 's9', address: serverOf(1).address } as const
    script.tell(change(1, { kind: 'remove', id: 's1' }), change(2, { kind: 'demote', id: 's1' }), change(3, other))
    assert.deepEqual(
      script.seen('refused').map(({ ticket, why, message }) => [ticket, why, message]),
      [
        [1, 'invalid', 'Need at least one voter in configuration: {[]}'],
        [2, 'invalid', 'Need at least one voter in configuration: {[{Nonvoter s1 10.0.0.1:8300}]}'],
        [3, 'invalid', `two servers have the address ${serverOf(1).address}`],
      ],
    )
    script.tell(change(4, { kind: 'remove', id: 'nobody' }))
    assert.deepEqual(tickets(script.seen('resolved')), [4])
    assert.equal(script.status.lastIndex, 2)
  })

  test('a non-voter gets everything and decides nothing', () => {
    const script = new Script({ voters: 1 })
    script.wait(0)
    script.tell(change(1, { kind: 'add-nonvoter', id: 's2', address: serverOf(2).address }))
    assert.deepEqual(tickets(script.seen('resolved')), [1])
    assert.equal(script.sentTo('s2').length, 1)
    script.wait(10_000)
    assert.equal(script.status.role, 'leader', 'its silence costs no lease')
  })

  test('a leader that removes itself leads until that is committed', () => {
    const script = new Script().leadAll()
    script.tell(change(1, { kind: 'remove', id: 's1' }))
    script.accept(script.sentTo('s2')[0]!)
    assert.equal(script.status.role, 'leader', 'its own copy does not count')
    script.accept(script.sentTo('s3')[0]!)
    assert.deepEqual(tickets(script.seen('resolved')), [1])
    assert.equal(script.status.role, 'follower')
    assert(script.lines().includes('[INFO] removed ourself, transitioning to follower'))
  })

  test('who is removed still hears of it, then nothing more', () => {
    const script = new Script().leadAll()
    script.tell(change(1, { kind: 'remove', id: 's3' }))
    const [farewell] = script.sentTo('s3')
    assert(farewell?.body.type === 'append')
    assert.equal(farewell.body.entries?.[0]?.type, 'configuration')
    script.accept(farewell)
    script.forget().wait(400)
    assert.deepEqual(
      script.seen('send').filter(({ peer }) => peer === 's3'),
      [],
    )
  })
})

suite('handing over (thesis, section 3.10)', () => {
  test('the successor is brought up to date, then told to stand; meanwhile nothing is accepted', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'propose', ticket: 1, data: new Uint8Array(1) })
    script.tell({ kind: 'transfer-leadership', ticket: 2, to: 's2' })
    const [append, ...none] = script.sentTo('s2')
    assert.deepEqual(none, [])
    script.tell({ kind: 'propose', ticket: 3, data: new Uint8Array(1) })
    assert.deepEqual(script.seen('refused'), [{ kind: 'refused', ticket: 3, why: 'transfer-in-progress' }])
    script.accept(append!)
    assert.deepEqual(
      script.sentTo('s2').map(({ body }) => body.type),
      ['timeout-now'],
    )
    script.asked(heartbeatOf(script.status.term + 1))
    assert.deepEqual(tickets(script.seen('resolved')), [2])
  })

  test('without a name, to whoever is most caught up', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'propose', ticket: 1, data: new Uint8Array(1) })
    script.accept(script.sentTo('s3')[0]!)
    script.tell({ kind: 'transfer-leadership', ticket: 2, to: null })
    assert.deepEqual(
      script.sentTo('s3').map(({ body }) => body.type),
      ['timeout-now'],
    )
  })

  test('if nothing comes of it, the leader goes on', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'transfer-leadership', ticket: 1, to: 's2' })
    script.tell({ kind: 'lost', id: script.sentTo('s2').at(-1)!.id })
    assert.deepEqual(
      script.seen('refused').map(({ ticket, why }) => [ticket, why]),
      [[1, 'invalid']],
    )
    script.tell({ kind: 'propose', ticket: 2, data: new Uint8Array(1) })
    assert.deepEqual(tickets(script.seen('accepted')), [2])
  })

  test('not to one that is silent, though its log is as long', () => {
    const script = new Script({ voters: 5 }).leadAll('s2', 's3')
    const alive = ['s3', 's4', 's5']
    for (let round = 0; round < 10; round++) {
      script.wait(100)
      for (const effect of script.seen('send')) {
        if (effect.body.type === 'append' && alive.includes(effect.peer)) script.accept(effect)
      }
    }
    script.tell({ kind: 'transfer-leadership', ticket: 1, to: null })
    assert.deepEqual(
      script.seen('send').flatMap(({ peer, body }) => (body.type === 'timeout-now' ? [peer] : [])),
      ['s3'],
    )
  })

  test('not to itself, not to a stranger, not by a follower', () => {
    const script = new Script().leadAll()
    script.tell(
      { kind: 'transfer-leadership', ticket: 1, to: 's1' },
      { kind: 'transfer-leadership', ticket: 2, to: 's9' },
    )
    const follower = new Script().tell({ kind: 'transfer-leadership', ticket: 3, to: null })
    assert.deepEqual(
      [...script.seen('refused'), ...follower.seen('refused')].map(({ ticket, why }) => [ticket, why]),
      [
        [1, 'invalid'],
        [2, 'invalid'],
        [3, 'not-leader'],
      ],
    )
  })

  test('who is told to stand does so at once, and tells the voters why', () => {
    const script = new Script({ options: { preVote: true } })
    script.asked(heartbeatOf(1))
    assert.deepEqual(script.asked({ type: 'timeout-now', term: null }), { type: 'timeout-now' })
    const [ballot] = script.sentTo('s2')
    assert(ballot?.body.type === 'vote')
    assert.equal(ballot.body.leadershipTransfer, true)
    assert(script.now < 1000 + TIMING.heartbeatTimeoutMs)
  })

  test('a word to stand from an earlier term comes too late: the leader of this one may read by its lease', () => {
    const script = new Script()
    script.asked(heartbeatOf(3))
    assert.deepEqual(script.asked({ type: 'timeout-now', term: 2 }), { type: 'timeout-now' })
    assert.deepEqual([script.status.role, script.sentTo('s2')], ['follower', []])
    script.asked({ type: 'timeout-now', term: 3 })
    assert.equal(script.status.role, 'candidate')
  })
})

suite("a user's snapshot in place of the state", () => {
  const restore = (ticket: number, index: number): RaftInput => ({ kind: 'restore-snapshot', ticket, index })
  const taken = (reply: RaftReply | undefined) =>
    (reply?.type === 'append' || reply?.type === 'install') && reply.success

  test('stands beyond both logs, and is sent to the followers before anything else', () => {
    for (const [index, expected] of [
      [1, 4],
      [100, 101],
    ] as const) {
      const script = new Script().leadAll()
      script.tell({ kind: 'applied', index: 2 }).tell({ kind: 'propose', ticket: 1, data: command(3, 2, 'x').data })
      script.forget().tell(restore(2, index))
      assert.deepEqual(
        script.seen('refused').map(({ ticket, why }) => [ticket, why]),
        [[1, 'restored']],
        'what was under way is gone with the state',
      )
      const { meta } = script.seen('replace')[0]!
      assert.deepEqual([meta.index, meta.term], [expected, script.status.term])
      script.tell({ kind: 'propose', ticket: 3, data: command(4, 2, 'y').data }, restore(4, 1))
      assert.deepEqual(
        script.seen('refused').map(({ ticket, why }) => [ticket, why]),
        [
          [3, 'restore-in-progress'],
          [4, 'restore-in-progress'],
        ],
      )
      script.forget().tell({ kind: 'replaced', ticket: 2, ok: true })
      assert.deepEqual([script.status.snapshotIndex, script.status.lastIndex], [expected, expected + 1])
      script.wait(400)
      const sent = script.sentTo('s2').filter(({ body }) => body.type === 'install')
      assert.equal(sent.length, 1)
      script.tell({ kind: 'verify', ticket: 5 })
      for (const beat of script.heartbeatsTo('s2')) script.accept(beat)
      assert.deepEqual(script.seen('resolved'), [], 'no majority has it yet: should we fail now, nobody will')
      assert.equal(script.status.leaseValid, false, 'so it is not read by the lease either')
      const { id, body } = sent[0]!
      assert.ok(body.type === 'install')
      assert.deepEqual([body.lastIndex, body.configuration.servers.length], [expected, 3])
      script.tell({ kind: 'reply', id, body: { type: 'install', term: body.term, success: true } })
      script.accept(script.sentTo('s2')[0]!)
      script.tell({ kind: 'applied', index: expected + 1 })
      assert.deepEqual(tickets(script.seen('resolved')).sort(), [2, 5])
      assert.deepEqual([script.status.commitIndex, script.status.leaseValid], [expected + 1, true])
    }
  })

  test('that could not be stored leaves all as it was', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'applied', index: 2 })
    const before = script.status.lastIndex
    script.tell(restore(1, 50)).forget().tell({ kind: 'replaced', ticket: 1, ok: false })
    assert.deepEqual(
      script.seen('refused').map(({ ticket, why }) => [ticket, why]),
      [[1, 'disk']],
    )
    assert.equal(script.status.lastIndex, before)
    script.tell({ kind: 'propose', ticket: 2, data: command(4, 2, 'y').data })
    assert.equal(script.seen('accepted').length, 1)
  })

  test('is given up by who no longer leads', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'applied', index: 2 })
    script.tell(restore(1, 50)).forget()
    script.asked(heartbeatOf(9))
    assert.deepEqual(tickets(script.seen('refused')), [1])
    script.tell({ kind: 'replaced', ticket: 1, ok: true })
    assert.equal(script.status.snapshotIndex, 0)
    script.tell(restore(2, 50))
    assert.deepEqual(
      script.seen('refused').map(({ why }) => why),
      ['not-leader'],
    )
  })

  test('that is still being stored could come back after a crash: until it is gone nothing is taken or won', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'applied', index: 2 })
    const last = script.status.lastIndex
    const { term } = script.status
    script.tell(restore(1, 50)).forget()
    const append = appendOf(term + 1, [last, term], [command(last + 1, term + 1, 'theirs')])
    assert.equal(taken(script.asked(append)), false)
    const { configuration } = script.status
    const place = { lastIndex: 90, lastTerm: term + 1, configuration, configurationIndex: 1 }
    const install = { type: 'install', term: term + 1, leader: append.leader, ...place, size: 0 } as const
    assert.equal(taken(script.asked(install)), false)
    script.wait(10_000)
    script.asked({ type: 'timeout-now', term: term + 1 })
    assert.deepEqual([script.status.role, script.status.lastIndex], ['follower', last])
    script.tell({ kind: 'replaced', ticket: 1, ok: false })
    assert.equal(taken(script.asked(append)), true)
    script.wait(10_000)
    assert.equal(script.status.role, 'candidate')
  })

  test('waits for what changes the servers', () => {
    const script = new Script().leadAll()
    script.tell({ kind: 'applied', index: 2 })
    script
      .tell(change(1, { kind: 'remove', id: 's3' }))
      .forget()
      .tell(restore(2, 50))
    const { message } = script.seen('refused')[0]!
    assert.match(
      message ?? '',
      /^cannot restore snapshot now, wait until the configuration entry at 3 has been applied/,
    )
  })

  test('whoever restored alone does not take the entries of those who went on without it', () => {
    const snapshot = { index: 10, term: 3, configuration: votersOf(3), configurationIndex: 1 }
    const script = new Script({ snapshot, hardState: { term: 3, votedTerm: 0, votedFor: '', floor: null } })
    const answer = script.asked({
      type: 'append',
      term: 4,
      leader: serverOf(2).address,
      prevIndex: 9,
      prevTerm: 2,
      entries: [command(10, 4, 'theirs'), command(11, 4, 'more')],
      commit: 11,
    })
    assert.ok(answer?.type === 'append')
    assert.equal(answer.success, false)
    assert.equal(script.status.commitIndex, 10)
  })

  test('nor does it say that it has those that end before its snapshot', () => {
    const snapshot = { index: 100, term: 3, configuration: votersOf(3), configurationIndex: 1 }
    const restoredAlone = () =>
      new Script({ snapshot, hardState: { term: 3, votedTerm: 0, votedFor: '', floor: null } })
    const append = (term: number, prev: [number, number], entries: Entry[]): RaftRequest => ({
      type: 'append',
      term,
      leader: serverOf(2).address,
      prevIndex: prev[0],
      prevTerm: prev[1],
      entries,
      commit: 0,
    })
    const needsSnapshot = { type: 'append', term: 4, lastIndex: 0, success: false, noRetryBackoff: false }
    const theirs = [command(8, 4, 'theirs')]
    assert.deepEqual(restoredAlone().asked(append(4, [7, 3], theirs)), needsSnapshot)
    assert.deepEqual(restoredAlone().asked(append(4, [8, 4], [])), needsSnapshot)
    assert.deepEqual(restoredAlone().asked(append(4, [100, 4], [])), needsSnapshot)
    // What may have been before the snapshot is no contradiction.
    const older = restoredAlone().asked(append(4, [7, 2], [command(8, 3, 'older')]))
    assert(older?.type === 'append')
    assert.equal(older.success, true)
  })

  test('it takes a snapshot of theirs instead, though that ends before its own', () => {
    const snapshot = { index: 100, term: 3, configuration: votersOf(3), configurationIndex: 1 }
    const script = new Script({ snapshot, hardState: { term: 3, votedTerm: 0, votedFor: '', floor: null } })
    const install = (lastIndex: number, lastTerm: number): RaftRequest => ({
      type: 'install',
      term: 4,
      leader: serverOf(2).address,
      lastIndex,
      lastTerm,
      configuration: votersOf(2),
      configurationIndex: 5,
      size: 0,
    })
    assert.deepEqual(
      script.asked(install(9, 3)),
      { type: 'install', term: 4, success: true },
      'which may be its own past',
    )
    assert.equal(script.asked(install(9, 4)), undefined)
    const [restore] = script.seen('restore')
    assert.equal(restore?.meta.index, 9)
    script.forget().tell({ kind: 'restored', id: restore!.id, ok: true })
    assert.deepEqual(script.answerTo(restore!.id), { type: 'install', term: 4, success: true })
    const { commitIndex, lastIndex, appliedIndex, snapshotIndex, configurationIndex } = script.status
    assert.deepEqual(
      { commitIndex, lastIndex, appliedIndex, snapshotIndex, configurationIndex },
      { commitIndex: 9, lastIndex: 9, appliedIndex: 9, snapshotIndex: 9, configurationIndex: 5 },
    )
    // One of its own from before, which was still being stored, no longer counts.
    script.tell({ kind: 'snapshot-taken', meta: { ...snapshot, index: 101 } })
    assert.equal(script.status.snapshotIndex, 9)
    const next = script.asked({
      type: 'append',
      term: 4,
      leader: serverOf(2).address,
      prevIndex: 9,
      prevTerm: 4,
      entries: [command(10, 4, 'theirs')],
      commit: 10,
    })
    assert(next?.type === 'append')
    assert.equal(next.success, true)
    assert.equal(script.status.commitIndex, 10)
  })

  test('a leader sends its state as it stands, though nobody else has what comes after', () => {
    const script = new Script({ entries: [command(2, 1), command(3, 1)] }).leadAll()
    script.tell({ kind: 'applied', index: 4 }).forget()
    script.tell({ kind: 'propose', ticket: 1, data: command(5, 2, 'x').data })
    const [append] = script.sentTo('s2')
    assert(append?.body.type === 'append')
    const { term } = append.body
    script.tell({
      kind: 'reply',
      id: append.id,
      body: { type: 'append', term, lastIndex: 0, success: false, noRetryBackoff: false },
    })
    const [sent] = script.wait(100).sentTo('s2')
    assert(sent?.body.type === 'install')
    assert.deepEqual([sent.body.lastIndex, sent.body.lastTerm], [4, term])
    script.tell({ kind: 'propose', ticket: 2, data: command(6, 2, 'y').data })
    script.tell({ kind: 'reply', id: sent.id, body: { type: 'install', term, success: true } })
    const [after] = script.sentTo('s2')
    assert(after?.body.type === 'append')
    assert.deepEqual([after.body.prevIndex, after.body.entries?.length], [4, 2])
  })
})
