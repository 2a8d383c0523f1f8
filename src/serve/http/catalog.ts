/** `/v1/catalog/…`: nodes and services as the cluster knows them (agent/catalog_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import type {
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedServiceNodes,
  IndexedServices,
} from '../../model/catalog.ts'
import type { QueryOptions } from '../../model/query.ts'
import { atDepth, type Depth, inside, jsonArray, jsonMap, jsonObject, jsonTexts, sortedKeys } from '../../wire/json.ts'
import { gatewayServiceJson } from '../../wire/json-mesh.ts'
import { nodeJson, nodeServiceJson, serviceNodeJson } from '../../wire/json-rows.ts'
import { decodeDeregister, decodeRegister } from './bodies.ts'
import { HttpError } from './errors.ts'
import { bodyWithMeta, type Exchange, json, jsonCompact, jsonWithMeta, refuseNamespace } from './exchange.ts'
import { keptBody } from './kept-body.ts'
import { listWithMeta } from './lists.ts'
import {
  consistencyOf,
  type ReadOptions,
  readCacheControl,
  readConsistency,
  readFilter,
  readMetaFilter,
  readOptions,
  readSource,
  token,
} from './options.ts'
import { ask, askCached, askCatalog } from './read.ts'
import { translateNodes, translateServiceNodes, translateServices } from './translate.ts'

export async function register(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = await decodeRegister(exchange)
  args.Datacenter ||= exchange.backend.self.datacenter
  args.Token = token(exchange)
  await exchange.backend.call('Catalog.Register', args)
  return json(exchange, 'true')
}

export async function deregister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = await decodeDeregister(exchange)
  args.Datacenter ||= exchange.backend.self.datacenter
  args.Token = token(exchange)
  await exchange.backend.call('Catalog.Deregister', args)
  return json(exchange, 'true')
}

export function datacenters(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options: ReadOptions = {}
  readConsistency(exchange, options)
  const cacheControl = exchange.request.header('cache-control')
  if (cacheControl !== undefined) readCacheControl(cacheControl, options)
  const finish = (_: Exchange, reply: string[]) => jsonCompact(exchange, jsonTexts(reply))
  const plainly = () => ask(exchange, 'Catalog.ListDatacenters', options, finish)
  return askCached(exchange, 'Catalog.ListDatacenters', options, plainly, finish)
}

export function nodes(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = {
    ...readOptions(exchange),
    NodeMetaFilters: readMetaFilter(exchange),
    Source: readSource(exchange),
    ...readFilter(exchange),
  }
  return askCatalog(exchange, 'Catalog.ListNodes', args, (_, reply, options) => {
    const rows = translateNodes(exchange, args.Datacenter, reply.Nodes ?? [])
    return listWithMeta(exchange, reply, rows, nodeJson, consistencyOf(options))
  })
}

export function services(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), NodeMetaFilters: readMetaFilter(exchange) }
  const finish = (_: Exchange, reply: IndexedServices, options: QueryOptions = args) => {
    return bodyWithMeta(reply, servicesBody(reply.Services, exchange.depth), consistencyOf(options))
  }
  const plainly = () => askCatalog(exchange, 'Catalog.ListServices', args, finish)
  return askCached(exchange, 'Catalog.ListServices', args, plainly, finish)
}

interface KnownBody {
  depth: Depth
  bytes: Uint8Array
}

/** The newest body of a list of services, which all replies share for as long as no service changes. */
const knownBodies = new WeakMap<object, KnownBody>()

function servicesBody(services: IndexedServices['Services'], depth: Depth): string | Uint8Array {
  const known = knownBodies.get(services)
  if (known?.depth === depth) return known.bytes
  const text = atDepth(jsonMap(services, jsonTexts), depth)
  const body = depth < 0 ? text : `${text}\n`
  // Only what cannot change is shared.
  if (!Object.isFrozen(services)) return body
  const bytes = keptBody(body)
  knownBodies.set(services, { depth, bytes })
  return bytes
}

/** Who takes connections of the mesh for a service. */
export function connectNodes(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return serviceNodes(exchange, true)
}

export function gatewayServices(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), ServiceName: exchange.rest }
  if (exchange.rest === '') throw new HttpError(400, 'Missing gateway name')
  return askCatalog(exchange, 'Catalog.GatewayServices', args, (_, reply, options) => {
    if (reply.Services === null) return jsonWithMeta(exchange, reply, 'null', consistencyOf(options))
    return listWithMeta(exchange, reply, reply.Services, gatewayServiceJson, consistencyOf(options))
  })
}

export function serviceNodes(exchange: Exchange, connect = false): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const { params, rest } = exchange
  const args = {
    ...readOptions(exchange),
    NodeMetaFilters: readMetaFilter(exchange),
    Source: readSource(exchange),
    ServiceName: rest,
    ServiceTags: params.has('tag') ? params.all('tag') : null,
    TagFilter: params.has('tag'),
    Connect: connect,
    ...readFilter(exchange),
  }
  if (rest === '') throw new HttpError(400, 'Missing service name')
  const finish = (_: Exchange, reply: IndexedServiceNodes, options: QueryOptions = args) => {
    const rows = translateServiceNodes(exchange, args.Datacenter, reply.ServiceNodes ?? [])
    return listWithMeta(exchange, reply, rows, serviceNodeJson, consistencyOf(options))
  }
  const plainly = () => askCatalog(exchange, 'Catalog.ServiceNodes', args, finish)
  return askCached(exchange, 'Catalog.ServiceNodes', args, plainly, finish)
}

export function nodeServices(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = nodeArgs(exchange)
  return askCatalog(exchange, 'Catalog.NodeServices', args, (_, reply, options) =>
    jsonWithMeta(exchange, reply, servicesByName(exchange, reply, args.Datacenter), consistencyOf(options)),
  )
}

export function nodeServiceList(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = nodeArgs(exchange)
  return askCatalog(exchange, 'Catalog.NodeServiceList', args, (_, reply, options) =>
    jsonWithMeta(exchange, reply, servicesInOrder(exchange, reply, args.Datacenter), consistencyOf(options)),
  )
}

function nodeArgs(exchange: Exchange): ReadOptions & { Node: string } {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), Node: exchange.rest, ...readFilter(exchange) }
  if (exchange.rest === '') throw new HttpError(400, 'Missing node name')
  return args
}

function servicesByName(exchange: Exchange, { NodeServices: found }: IndexedNodeServices, datacenter?: string): string {
  if (found === null) return 'null'
  const within = inside(exchange.depth)
  const ids = sortedKeys(found.Services)
  const services = translateServices(
    exchange,
    datacenter,
    ids.map((id) => found.Services[id]!),
  )
  const fields = ids.flatMap((id, i) => [id, nodeServiceJson(services[i]!, inside(within))])
  const [node] = translateNodes(exchange, datacenter, [found.Node])
  return jsonObject(['Node', nodeJson(node!, within), 'Services', jsonObject(fields, within)], exchange.depth)
}

function servicesInOrder(
  exchange: Exchange,
  { NodeServices: { Node, Services } }: IndexedNodeServiceList,
  datacenter?: string,
): string {
  const within = inside(exchange.depth)
  const list =
    Services === null
      ? 'null'
      : jsonArray(
          translateServices(exchange, datacenter, Services).map((service) => nodeServiceJson(service, inside(within))),
          within,
        )
  const [node] = translateNodes(exchange, datacenter, Node === null ? [] : [Node])
  return jsonObject(['Node', node === undefined ? 'null' : nodeJson(node, within), 'Services', list], exchange.depth)
}
