/** `/v1/coordinate/…`: where nodes stand in the network (agent/coordinate_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import type { Coordinate, CoordinateUpdateRequest, DatacenterMap, NodeCoordinate } from '../../model/coordinate.ts'
import { atDepth, jsonText } from '../../wire/json.ts'
import { type Decode, float, list, struct, text } from '../../wire/json-decode.ts'
import { decodeBody } from './bodies.ts'
import { done, type Exchange, jsonCompact, jsonWithMeta, plain } from './exchange.ts'
import { datacenter, readOptions, token } from './options.ts'
import { ask } from './read.ts'

/** Consul's answer where coordinates are turned off; a strange status, but the one that clients know. */
function disabled(): HttpResponse {
  return plain(401, 'Coordinate support disabled')
}

export function coordinateDatacenters(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  if (!exchange.door.coordinates) return disabled()
  return ask(exchange, 'Coordinate.ListDatacenters', {}, (_, reply) => {
    return jsonCompact(exchange, `[${(reply ?? []).map(mapJson).join(',')}]`)
  })
}

export function coordinateNodes(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  if (!exchange.door.coordinates) return disabled()
  const options = readOptions(exchange)
  exchange.metaOnFailure = true
  return ask(exchange, 'Coordinate.ListNodes', options, (_, reply) => {
    const body = `[${inSegment(exchange, reply.Coordinates).map(placeJson).join(',')}]`
    return jsonWithMeta(exchange, reply, atDepth(body, exchange.depth))
  })
}

export function coordinateNode(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  if (!exchange.door.coordinates) return disabled()
  const args = { ...readOptions(exchange), Node: exchange.rest }
  exchange.metaOnFailure = true
  return ask(exchange, 'Coordinate.Node', args, (_, reply) => {
    // The node's name is told as it was asked for, in whatever letter case.
    const found = inSegment(exchange, reply.Coordinates).map((place) => ({ ...place, Node: exchange.rest }))
    if (found.length > 0)
      return jsonWithMeta(exchange, reply, atDepth(`[${found.map(placeJson).join(',')}]`, exchange.depth))
    return plain(404, '')
  })
}

function inSegment({ params }: Exchange, places: NodeCoordinate[] | null): NodeCoordinate[] {
  const all = places ?? []
  return params.has('segment') ? all.filter(({ Segment }) => Segment === params.get('segment')) : all
}

const coordinate = struct<Coordinate>(
  { Vec: list(float, '[]float64'), Error: float, Adjustment: float, Height: float },
  { type: 'coordinate.Coordinate' },
)

interface GivenUpdate {
  Datacenter: string
  Node: string
  Segment: string
  Coord: Partial<Coordinate>
  Token: string
}

const updateRequest: Decode<Partial<GivenUpdate>> = struct<GivenUpdate>(
  { Datacenter: text, Node: text, Segment: text, Coord: coordinate, Token: text },
  { type: 'structs.CoordinateUpdateRequest' },
)

export async function coordinateUpdate(exchange: Exchange): Promise<HttpResponse> {
  if (!exchange.door.coordinates) return disabled()
  await exchange.backend.call('Coordinate.Update', await decode(exchange))
  return done()
}

async function decode(exchange: Exchange): Promise<CoordinateUpdateRequest> {
  const { Node = '', Segment = '', Coord } = (await decodeBody(exchange, updateRequest)) ?? {}
  const place = Coord === undefined ? null : { Vec: null, Error: 0, Adjustment: 0, Height: 0, ...Coord }
  return { Datacenter: datacenter(exchange), Token: token(exchange), Node, Segment, Coord: place }
}

function mapJson({ Datacenter, AreaID, Coordinates }: DatacenterMap): string {
  const places = (Coordinates ?? []).map((place) => (place === null ? 'null' : placeJson(place)))
  return `{"Datacenter":${jsonText(Datacenter)},"AreaID":${jsonText(AreaID)},"Coordinates":[${places.join(',')}]}`
}

function placeJson({ Node, Segment, Coord }: NodeCoordinate): string {
  return `{"Node":${jsonText(Node)},"Segment":${jsonText(Segment)},"Coord":${Coord === null ? 'null' : coordJson(Coord)}}`
}

function coordJson(coord: Coordinate): string {
  const vec = coord.Vec === null ? 'null' : `[${coord.Vec.map(goNumber).join(',')}]`
  return `{"Vec":${vec},"Error":${goNumber(coord.Error)},"Adjustment":${goNumber(coord.Adjustment)},"Height":${goNumber(
    coord.Height,
  )}}`
}

/** As Go writes floats in JSON: an exponent from 1e21 on and below 1e-6, of two digits if it is negative. */
function goNumber(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const size = Math.abs(value)
  if (size >= 1e21 || size < 1e-6) return value.toExponential().replace(/e-(\d)$/, 'e-0$1')
  const text = String(value)
  return text.includes('e') ? value.toFixed(20).replace(/0+$/, '') : text
}
