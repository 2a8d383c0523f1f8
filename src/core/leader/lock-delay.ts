/**
 * Which keys must rest before they can be locked again, since a session that held them was ended. Every server keeps
 * its own account by its own clock, for the day it leads; only the leader asks it, before a lock gets into the log.
 * Source: Consul's agent/consul/state/delay.go, after Chubby's lock-delay.
 */
import type { Core, Tick } from '../../base/core.ts'
import { Deadlines } from '../../base/deadlines.ts'
import { type Instant, NANOS_PER_MS } from '../../base/units.ts'
import { lockDelays } from '../store/session.ts'
import type { Change } from '../store/store.ts'

export type LockDelayInput =
  | { kind: 'commit'; changes: readonly Change[] }
  /** The state was replaced: what is known of its sessions is no longer true. */
  | { kind: 'restored' }

export interface LockDelays extends Core<LockDelayInput, never> {
  delayed(now: Instant, key: string): boolean
}

export function makeLockDelays(): LockDelays {
  const deadlines = new Deadlines<string>()

  return {
    step(now, input: LockDelayInput | Tick) {
      if (input.kind === 'restored') deadlines.clear()
      if (input.kind === 'commit') {
        for (const { Key, delay } of lockDelays(input.changes)) deadlines.set(Key, now + delay / NANOS_PER_MS)
      }
      while (deadlines.takeDue(now) !== undefined);
    },

    take: () => [],

    wakeAt: () => deadlines.next(),

    delayed: (now, key) => (deadlines.at(key) ?? now) > now,
  }
}
