/** Network coordinates: how far nodes are from each other, as gossip has come to know. */
import {
  type Caller,
  decodeJson,
  escapePath,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

/** Times in seconds. */
export interface Coordinate {
  Vec: number[]
  Error: number
  Adjustment: number
  Height: number
}

export interface CoordinateEntry {
  Node: string
  Segment: string
  Coord: Coordinate
}

/** The servers of one datacenter; coordinates of one area can be compared. */
export interface DatacenterCoordinates {
  Datacenter: string
  AreaID: string
  Coordinates: CoordinateEntry[] | null
}

export interface Coordinates {
  /** Of all servers, in the WAN. */
  datacenters(options?: RequestOptions): Promise<DatacenterCoordinates[]>
  /** Of all nodes, in the LAN. */
  nodes(options?: ReadOptions): Promise<Reply<CoordinateEntry[]>>
  node(name: string, options?: ReadOptions): Promise<Reply<CoordinateEntry[]>>
  /** Agents tell their own by themselves. */
  update(
    entry: Pick<CoordinateEntry, 'Node' | 'Coord'> & Partial<CoordinateEntry>,
    options?: RequestOptions,
  ): Promise<void>
}

export function makeCoordinates(caller: Caller): Coordinates {
  const read = async (path: string, options?: ReadOptions) => {
    const { value, meta } = await caller.read<CoordinateEntry[] | null>(path, options)
    return { value: value ?? [], meta }
  }
  return {
    async datacenters(options) {
      const response = expectOk(await caller.send('GET', '/v1/coordinate/datacenters', options))
      return decodeJson<DatacenterCoordinates[] | null>(response) ?? []
    },
    nodes: (options) => read('/v1/coordinate/nodes', options),
    node: (name, options) => read(`/v1/coordinate/node/${escapePath(name)}`, options),
    async update(entry, options) {
      expectOk(await caller.send('PUT', '/v1/coordinate/update', options, {}, JSON.stringify(entry)))
    },
  }
}

/** The estimated round trip between two places of one area, in milliseconds; at least 0. */
export function roundTripMs(a: Coordinate, b: Coordinate): number {
  const raw = Math.hypot(...a.Vec.map((value, i) => value - (b.Vec[i] ?? 0))) + a.Height + b.Height
  const adjusted = raw + a.Adjustment + b.Adjustment
  return (adjusted > 0 ? adjusted : raw) * 1000
}
