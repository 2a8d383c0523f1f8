/** Network coordinates (Vivaldi): rows and methods. */
import type { DCSpecificRequest, Empty, NodeSpecificRequest } from './catalog.ts'
import type { QueryMeta, ToDatacenter, WriteRequest } from './query.ts'

export interface Coordinate {
  Vec: number[] | null
  Error: number
  Adjustment: number
  Height: number
}

/** The row: where a node stands, by network segment. */
export interface NodeCoordinate {
  Node: string
  Segment: string
  Coord: Coordinate | null
}

export interface CoordinateUpdateRequest extends WriteRequest, ToDatacenter {
  Node: string
  Segment?: string
  Coord: Coordinate | null
}

/** The servers of one datacenter in one pool of servers (`AreaID`: "lan" or "wan"). */
export interface DatacenterMap {
  Datacenter: string
  AreaID: string
  Coordinates: (NodeCoordinate | null)[] | null
}

export interface IndexedCoordinates extends QueryMeta {
  Coordinates: NodeCoordinate[] | null
}

export interface CoordinateMethods {
  'Coordinate.ListNodes': { args: DCSpecificRequest; reply: IndexedCoordinates }
  /** One for each segment that the node is in. */
  'Coordinate.Node': { args: NodeSpecificRequest; reply: IndexedCoordinates }
  /** Of all datacenters that the asked server knows of. */
  'Coordinate.ListDatacenters': { args: Empty; reply: DatacenterMap[] | null }
  /** Acknowledged at once; written by and by, together with others. */
  'Coordinate.Update': { args: CoordinateUpdateRequest; reply: Empty }
}
