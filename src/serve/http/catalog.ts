/** `/v1/catalog/…`: nodes and services as the cluster knows them (agent/catalog_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import type {
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedServiceNodes,
  IndexedServices,
} from '../../model/catalog.ts'
import type { QueryOptions } from '../../model/query.ts'
import { atDepth, inside, jsonArray, jsonMap, jsonObject, jsonTexts, sortedKeys } from '../../wire/json.ts'
import { gatewayServiceJson } from '../../wire/json-mesh.ts'
import { nodeJson, nodeServiceJson, serviceNodeJson } from '../../wire/json-rows.ts'
import { decodeDeregister, decodeRegister } from './bodies.ts'
import { HttpError } from './errors.ts'
import { type Exchange, json, jsonCompact, jsonWithMeta, refuseNamespace } from './exchange.ts'
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

export async function register(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = decodeRegister(exchange)
  args.Datacenter ||= exchange.backend.self.datacenter
  args.Token = token(exchange)
  await exchange.backend.call('Catalog.Register', args)
  return json(exchange, 'true')
}

export async function deregister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = decodeDeregister(exchange)
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
    return listWithMeta(exchange, reply, reply.Nodes ?? [], nodeJson, consistencyOf(options))
  })
}

export function services(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), NodeMetaFilters: readMetaFilter(exchange) }
  const finish = (_: Exchange, reply: IndexedServices, options: QueryOptions = args) => {
    const body = atDepth(jsonMap(reply.Services, jsonTexts), exchange.depth)
    return jsonWithMeta(exchange, reply, body, consistencyOf(options))
  }
  const plainly = () => askCatalog(exchange, 'Catalog.ListServices', args, finish)
  return askCached(exchange, 'Catalog.ListServices', args, plainly, finish)
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
  const finish = (_: Exchange, reply: IndexedServiceNodes, options: QueryOptions = args) =>
    listWithMeta(exchange, reply, reply.ServiceNodes ?? [], serviceNodeJson, consistencyOf(options))
  const plainly = () => askCatalog(exchange, 'Catalog.ServiceNodes', args, finish)
  return askCached(exchange, 'Catalog.ServiceNodes', args, plainly, finish)
}

export function nodeServices(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return askCatalog(exchange, 'Catalog.NodeServices', nodeArgs(exchange), (_, reply, options) =>
    jsonWithMeta(exchange, reply, servicesByName(exchange, reply), consistencyOf(options)),
  )
}

export function nodeServiceList(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return askCatalog(exchange, 'Catalog.NodeServiceList', nodeArgs(exchange), (_, reply, options) =>
    jsonWithMeta(exchange, reply, servicesInOrder(exchange, reply), consistencyOf(options)),
  )
}

function nodeArgs(exchange: Exchange): ReadOptions & { Node: string } {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), Node: exchange.rest, ...readFilter(exchange) }
  if (exchange.rest === '') throw new HttpError(400, 'Missing node name')
  return args
}

function servicesByName({ depth }: Exchange, { NodeServices: found }: IndexedNodeServices): string {
  if (found === null) return 'null'
  const within = inside(depth)
  const fields = sortedKeys(found.Services).flatMap((id) => [id, nodeServiceJson(found.Services[id]!, inside(within))])
  return jsonObject(['Node', nodeJson(found.Node, within), 'Services', jsonObject(fields, within)], depth)
}

function servicesInOrder({ depth }: Exchange, { NodeServices: { Node, Services } }: IndexedNodeServiceList): string {
  const within = inside(depth)
  const list =
    Services === null
      ? 'null'
      : jsonArray(
          Services.map((service) => nodeServiceJson(service, inside(within))),
          within,
        )
  return jsonObject(['Node', Node === null ? 'null' : nodeJson(Node, within), 'Services', list], depth)
}
