/**
 * Network coordinates of nodes: the batch command and the reads. Source: Consul's agent/consul/state/coordinate.go.
 */

import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import type { Coordinate, IndexedCoordinates, NodeCoordinate } from '../../model/coordinate.ts'
import type { Found } from '../../model/query.ts'
import { orNull } from './catalog-reads.ts'
import { setCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { nodeKey, nodePrefix } from './tables.ts'

/** Nodes that nobody registered are passed over, as are coordinates with numbers that are none; the counter moves. */
export function applyCoordinates(txn: WriteTxn, index: Index, batch: NodeCoordinate[]): Result {
  for (const update of batch) {
    if (update.Coord === null || !isSound(update.Coord)) continue
    if (txn.get('nodes', nodeKey(update.Node)) === undefined) continue
    txn.put('coordinates', update)
  }
  setCounter(txn, 'coordinates', index)
  return { kind: 'done' }
}

function isSound(coord: Coordinate): boolean {
  for (const part of coord.Vec ?? []) if (!Number.isFinite(part)) return false
  return Number.isFinite(coord.Error) && Number.isFinite(coord.Adjustment) && Number.isFinite(coord.Height)
}

export function coordinateList(txn: ReadTxn): Found<IndexedCoordinates> {
  return { Index: txn.counter('coordinates'), Coordinates: orNull([...txn.prefix('coordinates', '')]) }
}

/** One for each segment that the node is in. */
export function nodeCoordinates(txn: ReadTxn, node: string): Found<IndexedCoordinates> {
  return { Index: txn.counter('coordinates'), Coordinates: orNull([...txn.prefix('coordinates', nodePrefix(node))]) }
}
