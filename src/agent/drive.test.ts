import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Core, Tick } from '../base/core.ts'
import { drive } from './drive.ts'

type Input = { kind: 'heard'; what: string } | Tick

/** A core that wants one tick, at 100, and writes down what it is told, and when. */
function bench() {
  let now = 0
  let waking: { at: number; run: () => void } | undefined
  let soon: (() => void)[] = []
  const told: string[] = []
  let ticked = false
  const core: Core<Input, string> = {
    step(at, input) {
      told.push(input.kind === 'tick' ? `tick at ${at}` : `${input.what} at ${at}`)
      ticked ||= input.kind === 'tick'
    },
    take: () => [],
    wakeAt: () => (ticked ? null : 100),
  }
  const host = {
    now: () => now,
    wake(at: number, run: () => void) {
      waking = { at, run }
      return () => {
        waking = undefined
      }
    },
    soon: (run: () => void) => void soon.push(run),
  }
  const driven = drive<Input, string>(core, host, () => {})
  const turn = () => {
    const due = soon
    soon = []
    for (const run of due) run()
  }
  turn()
  return {
    told,
    driven,
    turn,
    /** The event loop comes to its timers. */
    timers(at: number) {
      now = at
      const due = waking
      waking = undefined
      due?.run()
    },
    armed: () => waking?.at,
  }
}

suite('a core that is driven', () => {
  test('is woken at the time that it asked for', () => {
    const { told, timers, armed } = bench()
    assert.equal(armed(), 100)
    timers(101)
    assert.deepEqual(told, ['tick at 101'])
    assert.equal(armed(), undefined)
  })

  test('hears what came while the process stood still before it is told how late it is', () => {
    const { told, driven, timers, turn } = bench()
    timers(900)
    assert.deepEqual(told, [])
    // Sockets are read between the timers and the end of the turn.
    driven.tell({ kind: 'heard', what: 'a reply' })
    turn()
    assert.deepEqual(told, ['a reply at 900', 'tick at 900'])
  })

  test('hears nothing more once it is stopped, a late tick neither', () => {
    const { told, driven, timers, turn } = bench()
    timers(900)
    driven.stop()
    turn()
    driven.tell({ kind: 'heard', what: 'too late' })
    assert.deepEqual(told, [])
  })
})
