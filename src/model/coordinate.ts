/** Network coordinates (Vivaldi): rows. */
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
