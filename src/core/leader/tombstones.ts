/**
 * When tombstones of the key/value store are forgotten: the leader's clock for them, as a pure core. A quarter of an
 * hour after a delete it proposes to reap up to that index. Deletes are collected in bins, so that a stream of them
 * costs two commands a minute. Source: Consul's agent/consul/state/tombstone_gc.go.
 */
import type { Core, Tick } from '../../base/core.ts'
import type { Index, Instant, Millis } from '../../base/units.ts'
import type { Command } from '../../model/command.ts'
import type { Change } from '../store/store.ts'

/** Within this time a blocking read of a deleted key's prefix never sees its index go backwards. */
export const TOMBSTONE_TTL_MS: Millis = 15 * 60_000
export const TOMBSTONE_BIN_MS: Millis = 30_000

export type TombstoneInput =
  /** This server leads from now on. What earlier leaders buried is reaped by the last index of their log. */
  { kind: 'lead'; lastIndex: Index } | { kind: 'follow' } | { kind: 'commit'; index: Index; changes: readonly Change[] }

export interface TombstoneReap {
  kind: 'propose'
  command: Command
}

export function makeTombstoneClock(datacenter: string): Core<TombstoneInput, TombstoneReap> {
  /** Highest index by the bin's end; bins are made, and so kept, in the order of time. */
  const bins = new Map<Instant, Index>()
  let out: TombstoneReap[] = []
  let leading = false

  function bury(now: Instant, index: Index): void {
    const end = (Math.floor((now + TOMBSTONE_TTL_MS) / TOMBSTONE_BIN_MS) + 1) * TOMBSTONE_BIN_MS
    bins.set(end, Math.max(index, bins.get(end) ?? 0))
  }

  function reap(now: Instant): void {
    for (const [end, index] of bins) {
      if (end > now) return
      bins.delete(end)
      const body = { Op: 'reap' as const, ReapIndex: index, Datacenter: datacenter, Token: '' }
      out.push({ kind: 'propose', command: { type: 'Tombstone', body } })
    }
  }

  return {
    step(now, input: TombstoneInput | Tick) {
      if (input.kind === 'lead' || input.kind === 'follow') {
        bins.clear()
        out = []
        leading = input.kind === 'lead'
        if (input.kind === 'lead' && input.lastIndex > 0) bury(now, input.lastIndex)
      } else if (leading) {
        if (input.kind === 'commit' && input.changes.some(buries)) bury(now, input.index)
        reap(now)
      }
    },

    take() {
      const taken = out
      out = []
      return taken
    },

    wakeAt() {
      for (const end of bins.keys()) return end
      return null
    },
  }
}

function buries(change: Change): boolean {
  return change.table === 'tombstones' && change.after !== undefined
}
