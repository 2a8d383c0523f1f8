/**
 * Sorting what was found by its distance from the asker (`?near=`), from the network coordinates in the catalog.
 * Source: Consul's agent/consul/rtt.go and lib/rtt.go; the distance is Vivaldi's with Serf's height and adjustment.
 */
import type { Coordinate, NodeCoordinate } from '../../model/coordinate.ts'
import type { QuerySource, ToDatacenter } from '../../model/query.ts'
import type { ReadTxn } from '../store/rows.ts'
import { nodePrefix } from '../store/tables.ts'

/** In place and stable, nearest first; what has no coordinates comes last. Untouched when the source has none. */
export function sortByDistance<T>(
  txn: ReadTxn,
  args: ToDatacenter & { Source?: QuerySource },
  found: T[],
  nodeOf: (item: T) => string,
): void {
  const source = args.Source
  if (!source?.Node || found.length < 2) return
  // Coordinates of different datacenters have no common origin.
  if (source.Datacenter && args.Datacenter && source.Datacenter !== args.Datacenter) return
  const from = coordinates(txn, source.Node)
  if (from.length === 0) return
  const distances = new Map<T, number>()
  for (const item of found) distances.set(item, distance(from, coordinates(txn, nodeOf(item))))
  // Two unreachable ones differ by NaN, which counts as equal.
  found.sort((a, b) => distances.get(a)! - distances.get(b)! || 0)
}

function coordinates(txn: ReadTxn, node: string): NodeCoordinate[] {
  return [...txn.prefix('coordinates', nodePrefix(node))]
}

/** Seconds between two nodes; infinite when they share no segment. A node in one segment decides which is compared. */
function distance(from: NodeCoordinate[], to: NodeCoordinate[]): number {
  let segment = ''
  if (from.length === 1) segment = from[0]!.Segment
  if (to.length === 1) segment = to[0]!.Segment
  const inSegment = (place: NodeCoordinate) => place.Segment === segment
  const a = from.find(inSegment)?.Coord
  const b = to.find(inSegment)?.Coord
  return a && b ? roundTripSeconds(a, b) : Number.POSITIVE_INFINITY
}

function roundTripSeconds(a: Coordinate, b: Coordinate): number {
  const left = a.Vec ?? []
  const right = b.Vec ?? []
  let square = 0
  for (let i = 0; i < Math.min(left.length, right.length); i++) square += (left[i]! - right[i]!) ** 2
  const raw = Math.sqrt(square) + a.Height + b.Height
  const adjusted = raw + a.Adjustment + b.Adjustment
  return adjusted > 0 ? adjusted : raw
}
