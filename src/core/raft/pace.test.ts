/** How a follower that is far behind is fed: `Pace` alone, then in a leader that other clients keep busy. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { Pace, REST_MS_MAX } from './pace.ts'
import { APPENDS_UNDER_WAY_MAX } from './progress.ts'
import { command, Script } from './script.suite.ts'
import { bytes } from './simulation.suite.ts'

const BURST = 4
const ENTRIES = 64
/** Closer than this a follower is not paced any more. */
const FAR_BEHIND = 2 * BURST * ENTRIES

/** A follower that takes `msPerAppend` for each append, fed by a leader that writes `ownPerMs` entries of its own. */
function race(behind: number, msPerAppend: number, ownPerMs: number): { tookMs: number; restedMs: number } {
  const pace = new Pace(BURST)
  let now = 0
  let next = 1
  let restedMs = 0
  const last = () => behind + Math.floor(now * ownPerMs)
  while (last() - next >= FAR_BEHIND) {
    if (!pace.allows(now, last())) {
      assert(pace.dueAt > now, 'it waits for nothing')
      restedMs += pace.dueAt - now
      now = pace.dueAt
      continue
    }
    let appends = 0
    while (appends < BURST) {
      pace.sending(now, next, last())
      next += ENTRIES
      appends++
    }
    now += appends * msPerAppend
    pace.drained(now, next - 1, last())
    assert(now < 10_000_000, 'it never catches up')
  }
  return { tookMs: now, restedMs }
}

suite('the pace of catching up', () => {
  test('while the leader writes, half of the time is the follower’s', () => {
    const { tookMs, restedMs } = race(100_000, 2, 5)
    assert(restedMs > tookMs * 0.4 && restedMs <= tookMs * 0.5, `rested ${restedMs} of ${tookMs} ms`)
  })

  test('while it does not, all of it', () => {
    assert.equal(race(100_000, 2, 0).restedMs, 0)
  })

  test('a rest has a bound, however slow the follower is', () => {
    const { tookMs, restedMs } = race(10_000, 200, 0.01)
    assert(restedMs > 0 && restedMs <= (tookMs / (BURST * 200)) * REST_MS_MAX)
  })

  test('whoever would catch up without rests does so with them, in less than three times the time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 50_000 }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        // Of what the follower takes in a millisecond.
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (behind, msPerAppend, share) => {
          const own = (ENTRIES / msPerAppend) * share
          const least = behind / (ENTRIES / msPerAppend - own)
          const { tookMs } = race(behind, msPerAppend, own)
          assert(tookMs <= 3 * least + 4 * REST_MS_MAX, `${tookMs} ms in place of ${least}`)
        },
      ),
      { seed: 3 },
    )
  })

  test('a leader feeds a follower far behind in bursts, and everybody else as before', () => {
    const old = Array.from({ length: 300 }, (_, n) => command(n + 2, 1))
    const script = new Script({ entries: old, options: { appendEntriesMax: 1 } }).lead()
    const { term } = script.status
    let tickets = 0
    const write = () => script.tell({ kind: 'propose', ticket: ++tickets, data: bytes('x') })
    for (const sent of script.sentTo('s2')) script.accept(sent)
    const probe = script.sentTo('s3').find(({ body }) => body.type === 'append')
    script.tell({
      kind: 'reply',
      id: probe!.id,
      body: { type: 'append', term, lastIndex: 1, success: false, noRetryBackoff: true },
    })
    script.accept(script.sentTo('s3')[0]!)
    const burst = script.sentTo('s3')
    assert.equal(burst.length, APPENDS_UNDER_WAY_MAX)
    script.now += 20
    write()
    assert.equal(script.sentTo('s2').length, 1, 'the one that keeps pace gets what is new at once')
    for (const sent of burst) script.accept(sent)
    write()
    assert.deepEqual(script.sentTo('s3'), [], 'it rests')
    script.wait(19)
    assert.deepEqual(script.sentTo('s3'), [])
    script.wait(1)
    const second = script.sentTo('s3')
    assert.equal(second.length, APPENDS_UNDER_WAY_MAX)
    assert(second[0]!.body.type === 'append' && burst[0]!.body.type === 'append')
    assert.equal(second[0]!.body.prevIndex, burst[0]!.body.prevIndex + APPENDS_UNDER_WAY_MAX)
    // Nothing was written meanwhile: now there is no need to wait, neither for the burst's end nor after it.
    script.accept(second[0]!)
    assert.equal(script.sentTo('s3').length, 1)
  })
})
