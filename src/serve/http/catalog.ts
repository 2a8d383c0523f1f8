/** `/v1/catalog/…`: nodes and services as the cluster knows them (agent/catalog_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import type { IndexedNodeServiceList, IndexedNodeServices } from '../../model/catalog.ts'
import { atDepth, inside, jsonArray, jsonMap, jsonObject, jsonTexts, sortedKeys } from '../../wire/json.ts'
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
import { ask, askCatalog } from './read.ts'

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
  return ask(exchange, 'Catalog.ListDatacenters', options, (_, reply) => jsonCompact(exchange, jsonTexts(reply)))
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
  return askCatalog(exchange, 'Catalog.ListServices', args, (_, reply, options) => {
    const body = atDepth(jsonMap(reply.Services, jsonTexts), exchange.depth)
    return jsonWithMeta(exchange, reply, body, consistencyOf(options))
  })
}

export function serviceNodes(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const { params, rest } = exchange
  const args = {
    ...readOptions(exchange),
    NodeMetaFilters: readMetaFilter(exchange),
    Source: readSource(exchange),
    ServiceName: rest,
    ServiceTags: params.has('tag') ? params.all('tag') : null,
    TagFilter: params.has('tag'),
    ...readFilter(exchange),
  }
  if (rest === '') throw new HttpError(400, 'Missing service name')
  return askCatalog(exchange, 'Catalog.ServiceNodes', args, (_, reply, options) => {
    return listWithMeta(exchange, reply, reply.ServiceNodes ?? [], serviceNodeJson, consistencyOf(options))
  })
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
