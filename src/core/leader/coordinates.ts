/**
 * Network coordinates on their way into the catalog: every agent sends its own every quarter of a minute or so, the
 * leader gathers them and writes them together, so that a large cluster costs few log entries. A pure core. The newest of
 * a node counts; what is too much for one round is dropped, as another will come. Source: Consul's
 * agent/consul/coordinate_endpoint.go.
 */
import type { Core, Tick } from '../../base/core.ts'
import type { Instant, Millis } from '../../base/units.ts'
import type { Command } from '../../model/command.ts'
import type { NodeCoordinate } from '../../model/coordinate.ts'

/** Consul's `CoordinateUpdatePeriod`, `...BatchSize` and `...MaxBatches`. */
export const COORDINATE_ROUND_MS: Millis = 5_000
/** The period of dev mode, where nobody wants to wait. */
export const COORDINATE_ROUND_DEV_MS: Millis = 100
export const COORDINATE_BATCH_MAX = 128
export const COORDINATE_BATCHES_MAX = 5

export type CoordinateInput =
  | { kind: 'update'; coordinate: NodeCoordinate }
  /** This server leads no more: what is gathered is forgotten. */
  | { kind: 'follow' }

export interface CoordinateWrite {
  kind: 'propose'
  command: Command
}

export interface CoordinateBatches extends Core<CoordinateInput, CoordinateWrite> {
  /** Updates that were dropped so far, for want of room in their round. */
  readonly dropped: number
}

export function makeCoordinateBatches(roundMs: Millis = COORDINATE_ROUND_MS): CoordinateBatches {
  const updates = new Map<string, NodeCoordinate>()
  let roundAt: Instant | null = null
  let out: CoordinateWrite[] = []
  let dropped = 0

  function write(): void {
    const all = [...updates.values()]
    updates.clear()
    for (let n = 0; n < COORDINATE_BATCHES_MAX && n * COORDINATE_BATCH_MAX < all.length; n++) {
      const body = all.slice(n * COORDINATE_BATCH_MAX, (n + 1) * COORDINATE_BATCH_MAX)
      out.push({ kind: 'propose', command: { type: 'CoordinateBatchUpdate', body } })
    }
  }

  return {
    get dropped() {
      return dropped
    },

    step(now, input: CoordinateInput | Tick) {
      if (roundAt !== null && now >= roundAt) {
        roundAt = null
        write()
      }
      if (input.kind === 'tick') return
      if (input.kind === 'follow') {
        updates.clear()
        roundAt = null
        return
      }
      const { Node, Segment } = input.coordinate
      const key = `${Node}:${Segment}`
      if (!updates.has(key) && updates.size >= COORDINATE_BATCH_MAX * COORDINATE_BATCHES_MAX) {
        dropped++
        return
      }
      updates.set(key, input.coordinate)
      roundAt ??= now + roundMs
    },

    take() {
      const taken = out
      out = []
      return taken
    },

    wakeAt: () => roundAt,
  }
}
