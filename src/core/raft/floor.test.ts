/**
 * A state that was given up for an older one of the leader's: what was acknowledged before, and now is not here, still
 * bounds the votes. The script plays s1, which holds a user's snapshot that was lost with its leader of term 3.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { InstallRequest, RaftReply, SnapshotMeta } from './messages.ts'
import { appendOf, command, Script, voteFor, votersOf } from './script.suite.ts'
import { serverOf, TIMING } from './simulation.suite.ts'

const LOST: SnapshotMeta = { index: 100, term: 3, configuration: votersOf(3), configurationIndex: 1 }
const FLOOR = { index: 100, term: 3 }
const NO_VOTE = { votedTerm: 0, votedFor: '', floor: null }
/** Longer than any election timeout. */
const LONG_MS = 10 * TIMING.electionTimeoutMs

const installOf = (index: number, term: number): InstallRequest => ({
  type: 'install',
  term: 4,
  leader: serverOf(2).address,
  lastIndex: index,
  lastTerm: term,
  configuration: votersOf(3),
  configurationIndex: 1,
  size: 0,
})

const holder = () => new Script({ snapshot: LOST, hardState: { term: 3, ...NO_VOTE } })
const success = (reply: RaftReply | undefined) =>
  (reply?.type === 'append' || reply?.type === 'install') && reply.success
const asksForVotes = (script: Script) =>
  script.seen('send').some(({ body }) => body.type === 'pre-vote' || body.type === 'vote')

/** The leader of term 4 says what contradicts the lost snapshot. */
const contradicted = (script: Script) => script.asked(appendOf(4, [99, 3], [command(100, 4, 'theirs')]))

/** It has taken a snapshot of that leader's which ends before what it had. */
function withOlderState(): Script {
  const script = holder()
  contradicted(script)
  assert.equal(script.asked(installOf(90, 2)), undefined)
  const [restore] = script.seen('restore')
  script.tell({ kind: 'restored', id: restore!.id, ok: true })
  assert(success(script.answerTo(restore!.id)))
  return script
}

suite('a state given up for an older one', () => {
  test('is told to the leader when the bound of the votes is durable', () => {
    const script = holder()
    script.durable = false
    assert.equal(contradicted(script), undefined)
    const asked = script.lastRequest
    const [write] = script.seen('persist')
    assert.deepEqual(write?.hardState?.floor, FLOOR)
    script.tell({ kind: 'persisted', write: write!.write })
    const answer = script.answerTo(asked)
    assert(answer?.type === 'append')
    assert.deepEqual([answer.success, answer.lastIndex, answer.noRetryBackoff], [false, 0, false])
  })

  test('makes room for any snapshot of the leader that was told, and for no other', () => {
    const script = holder()
    assert(success(script.asked(installOf(90, 2))), 'it was not contradicted yet: that is old news')
    assert.deepEqual(script.seen('restore'), [])
    contradicted(script)
    assert.equal(script.asked(installOf(90, 2)), undefined)
    const [restore] = script.seen('restore')
    assert.equal(restore?.alone, true)
    script.tell({ kind: 'restored', id: restore!.id, ok: true })
    assert.deepEqual([script.status.commitIndex, script.status.lastIndex], [90, 90])
    assert(success(script.asked(appendOf(4, [90, 2], [command(91, 4, 'theirs')], 91))))
    assert.deepEqual(script.committed(), ['theirs'])
    assert(success(script.asked(installOf(90, 2))), 'old news again')
    assert.deepEqual(script.seen('restore'), [])
  })

  test('is not given up for another leader’s without asking that one', () => {
    const script = holder()
    contradicted(script)
    assert(success(script.asked({ ...installOf(90, 2), term: 5 })))
    assert.deepEqual(script.seen('restore'), [])
  })

  test('stays as it was when the snapshot did not arrive', () => {
    const script = holder()
    contradicted(script)
    script.asked(installOf(90, 2))
    const [restore] = script.seen('restore')
    script.tell({ kind: 'restored', id: restore!.id, ok: false })
    assert.equal(script.status.lastIndex, 100)
    script.asked(installOf(90, 2))
    assert.equal(script.seen('restore').length, 1, 'the next try is taken')
  })

  test('still bounds whom it votes for', () => {
    for (const [last, granted] of [
      [[200, 2], false],
      [[99, 3], false],
      [[100, 3], true],
      [[91, 4], true],
    ] as const) {
      const script = withOlderState()
      script.wait(LONG_MS)
      const reply = script.asked(voteFor(3, script.status.term + 1, [last[0], last[1]]))
      assert.deepEqual(reply, { type: 'vote', term: script.status.term, granted }, String(last))
    }
  })

  test('also after a restart', () => {
    const snapshot = { ...LOST, index: 90, term: 2 }
    const script = new Script({ snapshot, hardState: { term: 4, ...NO_VOTE, floor: FLOOR } })
    script.wait(LONG_MS)
    assert.equal(asksForVotes(script), false)
    const reply = script.asked(voteFor(3, 9, [99, 3]))
    assert.deepEqual(reply, { type: 'vote', term: 9, granted: false })
  })

  test('is missing in it: it does not stand for election before the leader has brought the rest', () => {
    const script = withOlderState().forget()
    script.wait(LONG_MS)
    assert.equal(asksForVotes(script), false)
    script.asked({ type: 'timeout-now', term: null })
    assert.equal(script.status.role, 'follower')
    script.asked(appendOf(4, [90, 2], [command(91, 4, 'theirs')]))
    script.forget().wait(LONG_MS)
    assert.equal(asksForVotes(script), true)
  })

  test('is forgotten when something newer is committed, and not before', () => {
    const script = withOlderState()
    const floors = () =>
      script.seen('persist').flatMap(({ hardState }) => (hardState === null ? [] : [hardState.floor]))
    floors()
    script.asked(appendOf(4, [90, 2], [command(91, 2, 'older'), command(92, 4, 'newer')], 91))
    assert.deepEqual(floors(), [])
    // A newer leader without the last one: the bound counts again.
    script.asked(appendOf(5, [91, 2], [command(92, 3, 'another')]))
    script.wait(LONG_MS)
    assert.deepEqual(script.asked(voteFor(3, 8, [99, 3])), { type: 'vote', term: 8, granted: false })
    assert.deepEqual(floors().at(-1), FLOOR)
    script.asked(appendOf(9, [92, 3], [command(93, 9, 'newest')], 93))
    assert.deepEqual(floors(), [FLOOR, null])
  })
})
