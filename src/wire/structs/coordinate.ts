/** Wire structs of network coordinates (protocol/rpc.md section 10). */
import type { Coordinate, CoordinateUpdateRequest, NodeCoordinate } from '../../model/coordinate.ts'
import { float64, list, pointer, struct, text, WRITE_REQUEST } from '../schema.ts'

export const coordinate = struct<Coordinate>({
  Vec: list(float64),
  Error: float64,
  Adjustment: float64,
  Height: float64,
})

export const nodeCoordinate = struct<NodeCoordinate>({ Node: text, Segment: text, Coord: pointer(coordinate) })

export const coordinateUpdateRequest = struct<CoordinateUpdateRequest>({
  ...WRITE_REQUEST,
  Node: text,
  Segment: text,
  Coord: pointer(coordinate),
})
