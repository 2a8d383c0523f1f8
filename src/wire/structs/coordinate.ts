/** Wire structs of network coordinates (protocol/rpc.md section 10). */
import type { Coordinate, CoordinateUpdateRequest, DatacenterMap, NodeCoordinate } from '../../model/coordinate.ts'
import { float64, list, pointer, struct, text, WRITE_REQUEST } from '../schema.ts'
import { TO_DATACENTER } from './query.ts'

export const coordinate = struct<Coordinate>({
  Vec: list(float64),
  Error: float64,
  Adjustment: float64,
  Height: float64,
})

export const nodeCoordinate = struct<NodeCoordinate>({ Node: text, Segment: text, Coord: pointer(coordinate) })

export const datacenterMap = struct<DatacenterMap>({
  Datacenter: text,
  AreaID: text,
  Coordinates: list(pointer(nodeCoordinate)),
})

export const coordinateUpdateRequest = struct<CoordinateUpdateRequest>({
  ...WRITE_REQUEST,
  ...TO_DATACENTER,
  Node: text,
  Segment: text,
  Coord: pointer(coordinate),
})
