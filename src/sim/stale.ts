/**
 * Are stale reads of one server the states of one history, and never an older one after a newer? Between what a read
 * shows and the next write to that key lies the span of indexes at which the server may have stood. A server's spans
 * must have room for indexes that only grow, over all its keys together (monotone prefix consistency).
 */
import type { Index } from '../base/units.ts'
import type { StaleRead, Value } from './history.ts'

/** What each key held, from which index on, oldest first. */
export type Versions = ReadonlyMap<string, readonly { index: Index; value: Value }[]>

/** @returns what is wrong, or undefined */
export function checkStaleReads(reads: readonly StaleRead[], versions: Versions): string | undefined {
  const floors = new Map<string, Index>()
  for (const { server, key, value } of [...reads].sort((a, b) => a.at - b.at)) {
    const floor = floors.get(server) ?? 0
    const all = versions.get(key) ?? []
    const from = earliest(all, value, floor)
    if (from === undefined) {
      return `${server} showed ${key} = ${String(value)}, which it did not hold at or after index ${floor}`
    }
    floors.set(server, Math.max(floor, from))
  }
  return undefined
}

/** The lowest index, from which on the key held the value, that was not yet over at `floor`. */
function earliest(all: readonly { index: Index; value: Value }[], value: Value, floor: Index): Index | undefined {
  if (value === null && (all[0]?.index ?? Number.POSITIVE_INFINITY) > floor) return 0
  for (let i = 0; i < all.length; i++) {
    if (all[i]!.value === value && (all[i + 1]?.index ?? Number.POSITIVE_INFINITY) > floor) return all[i]!.index
  }
  return undefined
}
