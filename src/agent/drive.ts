/**
 * Runs one pure core on a host: hands it inputs with the time, performs its effects at the end of the turn, and wakes
 * it when it asks. Everything said to a core within one turn of the event loop leads to one round of effects: that is
 * where group commit comes from.
 */
import type { Core, Tick } from '../base/core.ts'
import type { Instant } from '../base/units.ts'
import type { Cancel, Host } from '../host/host.ts'

export interface Driven<In> {
  /** Effects follow at the end of this turn. */
  tell(input: In): void
  /** Effects follow before this returns: for news that nothing else of this turn could join. */
  tellNow(input: In): void
  /** Performs what the core wants by now, without waiting for the end of the turn. */
  flush(): void
  /** No more effects, no more timers. */
  stop(): void
}

const TICK: Tick = { kind: 'tick' }

/**
 * A timer that is later than this was kept up by a process that stood still. What came meanwhile lies unread, and a core
 * that counts silence must be told of it first: a leader would leave its office over its own delay. Few timers of a
 * healthy process are so late, and of those that are, one more turn of the event loop makes no difference.
 */
const LATE_MS = 20

export function drive<In, Out>(
  core: Core<In, Out>,
  host: Pick<Host, 'now' | 'wake' | 'soon'>,
  perform: (effect: Out) => void,
): Driven<In> {
  let stopped = false
  let scheduled = false
  let flushing = false
  let armedFor: Instant | null = null
  let cancel: Cancel | undefined

  function flush(): void {
    scheduled = false
    if (stopped || flushing) return
    flushing = true
    try {
      for (let effects = core.take(); effects.length > 0; effects = core.take()) {
        for (const effect of effects) perform(effect)
      }
    } finally {
      flushing = false
    }
    arm(core.wakeAt())
  }

  function arm(at: Instant | null): void {
    if (at === armedFor || stopped) return
    // A timer that fires too early only costs a tick; one that is late costs an election. So re-arm only for earlier.
    if (at !== null && armedFor !== null && at > armedFor) return
    cancel?.()
    armedFor = at
    cancel = at === null ? undefined : host.wake(at, wake)
  }

  function wake(): void {
    if (armedFor !== null && host.now() - armedFor > LATE_MS) host.soon(tick)
    else tick()
  }

  function tick(): void {
    armedFor = null
    if (stopped) return
    core.step(host.now(), TICK)
    flush()
  }

  function schedule(): void {
    if (scheduled || stopped) return
    scheduled = true
    host.soon(flush)
  }

  // What the core already wants when it is handed over (its first timer, its first words).
  schedule()

  return {
    tell(input) {
      if (stopped) return
      core.step(host.now(), input)
      schedule()
    },
    tellNow(input) {
      if (stopped) return
      core.step(host.now(), input)
      flush()
    },
    flush,
    stop() {
      stopped = true
      cancel?.()
    },
  }
}
