/** The methods of network coordinates. Source: Consul's agent/consul/coordinate_endpoint.go. */
import type { Coordinate, CoordinateUpdateRequest, NodeCoordinate } from '../../model/coordinate.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { coordinateList, nodeCoordinates } from '../store/coordinate.ts'
import { demand, refused } from './refuse.ts'
import type { MethodTable } from './table.ts'

export const coordinateMethods = {
  'Coordinate.ListDatacenters': { kind: 'act' },
  'Coordinate.Update': { kind: 'act' },

  'Coordinate.ListNodes': {
    kind: 'read',
    run(txn, _args, can) {
      const found = coordinateList(txn)
      if (can.all || found.Coordinates === null) return found
      const seen = found.Coordinates.filter(({ Node }) => can.allowed('node', 'read', Node))
      return { Index: found.Index, Coordinates: seen }
    },
  },

  'Coordinate.Node': {
    kind: 'read',
    run(txn, args, can) {
      demand(can, 'node', 'read', args.Node)
      return nodeCoordinates(txn, args.Node)
    },
  },
} satisfies Partial<MethodTable>

/**
 * What an update says, for the leader to gather.
 * @param own the coordinate of the server that judges: others of another dimension are of no use
 * @throws ConsulError refused, permission-denied
 */
export function coordinateUpdate(args: CoordinateUpdateRequest, own: Coordinate, can: Authorizer): NodeCoordinate {
  const { Node, Segment, Coord } = args
  if (Coord === null || !isSound(Coord)) throw refused('invalid coordinate')
  if (Coord.Vec?.length !== own.Vec?.length) throw refused('incompatible coordinate')
  demand(can, 'node', 'write', Node)
  return { Node, Segment: Segment ?? '', Coord }
}

function isSound(coord: Coordinate): boolean {
  return [...(coord.Vec ?? []), coord.Error, coord.Adjustment, coord.Height].every(Number.isFinite)
}
