/** Single rules of replication, each told as a short script. The script plays s1; s2 and s3 are its peers. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { APPENDS_UNDER_WAY_MAX } from './progress.ts'
import { appendOf, command, configurationEntry, heartbeatOf, Script, voteFor, votersOf } from './script.suite.ts'
import { bytes, serverOf, TIMING } from './simulation.suite.ts'

const ok = (term: number, lastIndex: number) =>
  ({ type: 'append', term, lastIndex, success: true, noRetryBackoff: false }) as const
const no = (term: number, lastIndex: number) =>
  ({ type: 'append', term, lastIndex, success: false, noRetryBackoff: true }) as const
const propose = (ticket: number, data = `v${ticket}`) => ({ kind: 'propose', ticket, data: bytes(data) }) as const

suite('a follower (paper, section 5.3)', () => {
  test('takes what fits, and answers when it is on disk', () => {
    const script = new Script()
    script.durable = false
    assert.equal(script.asked(appendOf(2, [1, 1], [command(2, 2, 'a'), command(3, 2, 'b')], 2)), undefined)
    const [write] = script.seen('persist')
    assert.deepEqual(
      write?.entries.map(({ index }) => index),
      [2, 3],
    )
    assert.deepEqual(script.committed(), ['configuration'])
    script.tell({ kind: 'persisted', write: write!.write })
    assert.deepEqual(script.answerTo(1), ok(2, 1))
    assert.deepEqual(script.committed(), ['a'])
  })

  test('answers heartbeats at once, however slow its disk is', () => {
    const script = new Script()
    script.asked(heartbeatOf(2))
    script.durable = false
    script.asked(appendOf(2, [1, 1], [command(2, 2)]))
    assert.deepEqual(script.asked(heartbeatOf(2)), ok(2, 2))
  })

  test('refuses what does not follow on its log, naming where to try', () => {
    const entries = [command(2, 1), command(3, 2), command(4, 2), command(5, 2)]
    const script = new Script({ entries })
    assert.deepEqual(script.asked(appendOf(4, [8, 3], [command(9, 4)])), no(4, 5))
    // All of term 2 is in doubt, so the leader need not try its entries one by one.
    assert.deepEqual(script.asked(appendOf(4, [5, 3], [command(6, 4)])), no(4, 2))
  })

  test('skips what it has and drops what conflicts, also on disk', () => {
    const script = new Script({ entries: [command(2, 1), command(3, 1, 'old'), command(4, 1, 'old')] })
    script.asked(appendOf(2, [1, 1], [command(2, 1), command(3, 2, 'new')], 3))
    const [write] = script.seen('persist')
    assert.equal(write?.truncateFrom, 3)
    assert.deepEqual(
      write?.entries.map(({ index, term }) => [index, term]),
      [[3, 2]],
    )
    assert.deepEqual(script.committed(), ['configuration', '1:2', 'new'])
    assert(script.lines().includes('[WARN] clearing log suffix: from=3 to=4'))
  })

  test('an old, delayed append does not shorten its log', () => {
    const script = new Script()
    script.asked(appendOf(2, [1, 1], [command(2, 2), command(3, 2)]))
    script.asked(appendOf(2, [1, 1], [command(2, 2)]))
    assert.equal(script.status.lastIndex, 3)
  })

  test('commits only as far as the leader’s entries are known to be its own (figure 2, AppendEntries 5)', () => {
    const script = new Script({ entries: [command(2, 1, 'mine alone')] })
    script.asked(appendOf(3, [1, 1], [], 2))
    assert.deepEqual(script.committed(), ['configuration'])
  })

  test('refuses an older term', () => {
    const script = new Script({ hardState: { term: 5, votedTerm: 0, votedFor: '', floor: null } })
    const body = { ...no(5, 1), noRetryBackoff: false }
    assert.deepEqual(script.asked(appendOf(4, [1, 1], [command(2, 4)])), body)
    assert.equal(script.status.leader, null)
  })

  test('refuses what no sound leader sends', () => {
    const script = new Script({ entries: [command(2, 1)] })
    script.asked(appendOf(2, [2, 1], [command(3, 2)], 3))
    const refused = (request: Parameters<typeof script.asked>[0]) => {
      const answer = script.asked(request)
      assert(answer?.type === 'append' && !answer.success)
    }
    refused(appendOf(2, [3, 2], [command(5, 2)]))
    refused(appendOf(2, [3, 2], [command(4, 3)]))
    refused(appendOf(2, [3, 2], [command(4, 2), command(5, 1)]))
    refused(appendOf(2, [1, 1], [command(2, 2)]))
    refused(appendOf(2, [3, 2], [{ ...command(4, 2, 'not a configuration'), type: 'configuration' }]))
    assert.equal(script.status.lastIndex, 3)
  })

  test('takes no entries while its disk is full, and says so at once', () => {
    const script = new Script()
    script.durable = false
    script.asked(appendOf(1, [1, 1], [command(2, 1)]))
    script.tell({ kind: 'persist-failed', write: script.seen('persist')[0]!.write, why: 'full' })
    const refusal = { ...ok(1, 1), success: false }
    assert.deepEqual(script.answerTo(1), refusal)
    assert.deepEqual(script.asked(appendOf(1, [2, 1], [command(3, 1)])), { ...refusal, lastIndex: 2 })
    script.durable = true
    script.wait(1000)
    assert.deepEqual(script.asked(appendOf(1, [2, 1], [command(3, 1)])), ok(1, 2))
  })

  test('a success is not said in a newer term than it was asked in', () => {
    const script = new Script()
    script.asked(heartbeatOf(2))
    script.durable = false
    script.forget().asked(appendOf(2, [1, 1], [command(2, 2)]))
    const [first] = script.seen('persist')
    script.asked(voteFor(3, 3, [2, 2], true))
    script.tell({ kind: 'persisted', write: first!.write })
    assert.deepEqual(script.answerTo(2), { ...ok(3, 1), success: false })
  })

  test('a configuration counts when it is appended, and no longer when it is dropped (thesis, section 4.1)', () => {
    const script = new Script()
    script.asked(appendOf(2, [1, 1], [configurationEntry(2, 2, votersOf(4))]))
    assert.equal(script.status.configuration.servers.length, 4)
    script.asked(appendOf(3, [1, 1], [command(2, 3)]))
    assert.equal(script.status.configuration.servers.length, 3)
    assert.equal(script.status.configurationIndex, 1)
  })
})

suite('a leader (paper, section 5.3)', () => {
  test('sends the proposals of a turn in one append, and commits with the second of three', () => {
    const script = new Script().leadAll()
    script.tell(propose(1), propose(2), propose(3))
    const appends = script.sentTo('s2')
    assert.equal(appends.length, 1)
    assert.deepEqual(script.committed(), [])
    script.accept(appends[0]!)
    assert.deepEqual(script.committed(), ['v1', 'v2', 'v3'])
  })

  test('counts itself only when its own write is durable', () => {
    const script = new Script({ voters: 5 }).leadAll('s2', 's3')
    script.durable = false
    script.tell(propose(1))
    const [write] = script.seen('persist')
    script.accept(script.sentTo('s2')[0]!)
    script.accept(script.sentTo('s3')[0]!)
    assert.deepEqual(script.committed(), [], 'two of five')
    script.tell({ kind: 'persisted', write: write!.write })
    assert.deepEqual(script.committed(), ['v1'])
  })

  test('does not take for committed what it has not got on disk, also when it is deposed before that', () => {
    const script = new Script().leadAll()
    script.durable = false
    script.tell(propose(1))
    const [write] = script.seen('persist')
    script.accept(script.sentTo('s2')[0]!)
    script.asked(appendOf(9, [2, 2], [command(3, 9, 'another')], 2))
    script.tell({ kind: 'persisted', write: write!.write })
    script.tell({ kind: 'persisted', write: script.seen('persist')[0]!.write })
    assert.equal(script.status.lastTerm, 9)
    assert.deepEqual(script.committed(), [])
  })

  test('sends on without waiting, as far as it may', () => {
    const script = new Script({ options: { appendEntriesMax: 1 } }).leadAll()
    for (let n = 0; n < APPENDS_UNDER_WAY_MAX + 10; n++) script.tell(propose(n))
    const appends = script.sentTo('s2')
    assert.equal(appends.length, APPENDS_UNDER_WAY_MAX)
    script.accept(appends[0]!)
    assert.equal(script.sentTo('s2').length, 1)
  })

  test('asks one thing at a time until the logs are known to agree, going back when they do not', () => {
    const entries = [command(2, 1), command(3, 1), command(4, 1)]
    const script = new Script({ entries }).lead()
    const { term } = script.status
    const [probe] = script.sentTo('s2')
    assert.deepEqual(probe?.body.type === 'append' && probe.body.prevIndex, 4)
    script.tell(propose(1), propose(2))
    assert.deepEqual(script.sentTo('s2'), [])
    script.tell({ kind: 'reply', id: probe!.id, body: no(term, 2) })
    const [second] = script.sentTo('s2')
    assert(second?.body.type === 'append')
    assert.deepEqual([second.body.prevIndex, second.body.entries?.length], [2, 5])
    script.accept(second)
    assert(script.lines().some((line) => line.startsWith('[INFO] pipelining replication')))
  })

  test('a lost append is sent again, with growing patience, and a heartbeat’s answer ends the wait', () => {
    const script = new Script().leadAll()
    script.tell(propose(1))
    const [first] = script.sentTo('s2')
    script.tell({ kind: 'lost', id: first!.id })
    assert.deepEqual(script.sentTo('s2'), [])
    script.wait(10)
    const [again] = script.sentTo('s2')
    assert.deepEqual(again?.body, first?.body)
  })

  test('an idle leader tells its followers what is committed', () => {
    const script = new Script().leadAll()
    script.wait(2 * TIMING.commitTimeoutMs)
    const [idle] = script.sentTo('s2')
    assert(idle?.body.type === 'append')
    assert.deepEqual([idle.body.entries, idle.body.commit, idle.body.prevIndex], [[], 2, 2])
  })

  test('does not commit an older term’s entry by counting (figure 8)', () => {
    // s1 leads term 4 and has an entry of term 2, which the follower takes in an append of its own.
    const script = new Script({
      entries: [command(2, 2, 'old')],
      hardState: { term: 3, votedTerm: 0, votedFor: '', floor: null },
      options: { appendEntriesMax: 1 },
    }).lead()
    script.tell({ kind: 'reply', id: script.sentTo('s2')[0]!.id, body: no(4, 1) })
    script.accept(script.sentTo('s2')[0]!)
    assert.deepEqual(script.committed(), [])
    script.accept(script.sentTo('s2')[0]!)
    assert.deepEqual(script.committed(), ['configuration', 'old', 'noop'])
  })

  test('a refused proposal of a deposed leader says so, a committed one does not', () => {
    const script = new Script().leadAll()
    script.tell(propose(1))
    script.accept(script.sentTo('s2')[0]!)
    script.tell(propose(2))
    script.asked(heartbeatOf(9))
    assert.deepEqual(script.seen('refused'), [{ kind: 'refused', ticket: 2, why: 'lost-leadership' }])
    script.tell(propose(3))
    assert.deepEqual(script.seen('refused'), [{ kind: 'refused', ticket: 3, why: 'not-leader' }])
  })
})

suite('what is the same for all', () => {
  test('one append goes to all followers that keep pace', () => {
    const script = new Script().leadAll()
    script.tell(propose(1))
    const [second, third] = [script.sentTo('s2')[0]!, script.sentTo('s3')[0]!]
    assert.equal(second.body, third.body)
    script.accept(second)
    script.tell(propose(2))
    const [next, other] = [script.sentTo('s2').at(-1)!.body, script.sentTo('s3').at(-1)!.body]
    assert(next.type === 'append' && other.type === 'append')
    assert.notEqual(next, second.body)
    assert.deepEqual(other, next)
  })

  test('one that lags gets its own', () => {
    const script = new Script({ options: { appendEntriesMax: 1 } }).leadAll()
    script.tell(propose(1))
    for (const sent of script.sentTo('s2')) script.accept(sent)
    script.tell({ kind: 'lost', id: script.sentTo('s3')[0]!.id })
    script.tell(propose(2)).wait(100)
    const [ahead] = script.sentTo('s2')
    const [behind] = script.sentTo('s3')
    assert(ahead?.body.type === 'append' && behind?.body.type === 'append')
    assert.equal(ahead.body.prevIndex, behind.body.prevIndex + 1)
  })
})

suite('snapshots for followers (paper, section 7)', () => {
  const meta = { index: 20, term: 2, configuration: votersOf(3), configurationIndex: 1 }
  const install = { type: 'install', term: 2, leader: serverOf(2).address, size: 0 } as const
  const request = {
    ...install,
    lastIndex: 20,
    lastTerm: 2,
    configuration: votersOf(3),
    configurationIndex: 1,
  }

  test('who is behind the shortened log gets the snapshot, then the rest', () => {
    const script = new Script({ snapshot: meta, entries: [command(21, 2), command(22, 2)] }).lead()
    const { term } = script.status
    script.tell({ kind: 'reply', id: script.sentTo('s2')[0]!.id, body: no(term, 3) })
    const [sent] = script.sentTo('s2')
    assert.deepEqual(sent?.body, { ...request, term, leader: serverOf(1).address })
    script.tell(propose(1))
    assert.deepEqual(script.sentTo('s2'), [], 'nothing else goes meanwhile')
    script.tell({ kind: 'reply', id: sent!.id, body: { type: 'install', term, success: true } })
    const [rest] = script.sentTo('s2')
    assert(rest?.body.type === 'append')
    assert.deepEqual([rest.body.prevIndex, rest.body.prevTerm, rest.body.entries?.length], [20, 2, 4])
  })

  test('a follower puts it in place of log and state, and answers when that is done', () => {
    const script = new Script({ entries: [command(2, 1), command(3, 1)] })
    assert.equal(script.asked(request), undefined)
    assert.deepEqual(script.seen('restore'), [{ kind: 'restore', id: 1, meta, alone: false }])
    const busy = script.asked(appendOf(2, [3, 1], [command(4, 2)]))
    assert(busy?.type === 'append' && !busy.success)
    script.asked(appendOf(2, [3, 1], [], 3))
    assert.deepEqual(script.committed(), [], 'the state is being replaced')
    script.asked({ type: 'timeout-now', term: null })
    script.wait(60_000)
    assert.equal(script.status.role, 'follower')
    script.forget().tell({ kind: 'restored', id: 1, ok: true })
    assert.deepEqual(script.answerTo(1), { type: 'install', term: 2, success: true })
    const { commitIndex, appliedIndex, lastIndex, snapshotIndex } = script.status
    assert.deepEqual([commitIndex, appliedIndex, lastIndex, snapshotIndex], [20, 20, 20, 20])
    const [write] = script.seen('persist')
    assert.deepEqual([write?.truncateFrom, write?.compactTo], [1, 20])
    assert.deepEqual(script.asked(appendOf(2, [20, 2], [command(21, 2, 'next')], 21)), ok(2, 20))
    assert.deepEqual(script.committed(), ['next'])
  })

  test('what follows the snapshot in its own log stays', () => {
    const entries = Array.from({ length: 21 }, (_, n) => command(n + 2, n < 18 ? 1 : 2))
    const script = new Script({ entries })
    script.asked(request)
    script.tell({ kind: 'restored', id: 1, ok: true })
    assert.equal(script.status.lastIndex, 22)
    assert.equal(script.status.commitIndex, 20)
  })

  test('what follows it in a log that is not durable so far goes, and is acknowledged to nobody', () => {
    const script = new Script({ entries: Array.from({ length: 18 }, (_, n) => command(n + 2, 2)) })
    script.durable = false
    assert.equal(script.asked(appendOf(2, [19, 2], [command(20, 2), command(21, 2)])), undefined)
    const appended = script.lastRequest
    const [writing] = script.seen('persist')
    assert.equal(script.asked(request), undefined)
    script.tell({ kind: 'restored', id: script.lastRequest, ok: true }, { kind: 'persisted', write: writing!.write })
    assert.equal(script.status.lastIndex, 20)
    const answer = script.answerTo(appended)
    assert(answer?.type === 'append' && !answer.success, 'entry 21 was dropped')
  })

  test('a snapshot that could not be stored, or is old news, changes nothing', () => {
    const script = new Script({ entries: [command(2, 1)] })
    script.asked(request)
    script.tell({ kind: 'restored', id: 1, ok: false })
    assert.deepEqual(script.answerTo(1), { type: 'install', term: 2, success: false })
    assert.equal(script.status.lastIndex, 2)
    const old = new Script({ snapshot: { ...meta, index: 30 }, entries: [] })
    assert.deepEqual(old.asked(request), { type: 'install', term: 2, success: true })
    assert.deepEqual(old.seen('restore'), [])
    const stale = new Script({ hardState: { term: 5, votedTerm: 0, votedFor: '', floor: null } })
    assert.deepEqual(stale.asked(request), { type: 'install', term: 5, success: false })
  })
})
