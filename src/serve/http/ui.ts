/** `/v1/internal/ui/…`: what the web UI shows on its lists (agent/ui_endpoint.go). Without a leader, any server will do. */
import { byteKey } from '../../base/text.ts'
import type { HttpResponse } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import type { CheckServiceNode } from '../../model/health.ts'
import type { NodeInfo } from '../../model/internal.ts'
import type { QueryOptions } from '../../model/query.ts'
import type { Args, Reply } from '../../model/rpc.ts'
import { atDepth, type Depth, jsonText, jsonTextMap, jsonTexts } from '../../wire/json.ts'
import { bareCheckJson, bareServiceJson } from '../../wire/json-rows.ts'
import { HttpError } from './errors.ts'
import { type Exchange, jsonWithMeta, plain, refuseNamespace } from './exchange.ts'
import { listWithMeta } from './lists.ts'
import { readFilter, readOptions } from './options.ts'
import { ask, type IndexedMethod } from './read.ts'

/** Under this key of a service's meta data stands which other system it comes from. */
const EXTERNAL_SOURCE = 'external-source'

export function uiNodes(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...readOptions(exchange), ...readFilter(exchange) }
  refuseNamespace(exchange)
  return askAnyone(exchange, 'Internal.NodeDump', args, (reply) =>
    listWithMeta(exchange, reply, reply.Dump ?? [], nodeInfoJson),
  )
}

export function uiNode(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...readOptions(exchange), Node: exchange.rest }
  refuseNamespace(exchange)
  if (exchange.rest === '') throw new HttpError(400, 'Missing node name')
  return askAnyone(exchange, 'Internal.NodeInfo', args, (reply) => {
    const [info] = reply.Dump ?? []
    if (info !== undefined) return jsonWithMeta(exchange, reply, nodeInfoJson(info, exchange.depth))
    return plain(404, '')
  })
}

export function uiServices(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...readOptions(exchange), ...readFilter(exchange) }
  refuseNamespace(exchange)
  return askAnyone(exchange, 'Internal.ServiceDump', args, (reply) =>
    listWithMeta(exchange, reply, summaries(reply.Nodes ?? []), summaryJson),
  )
}

/** The services behind a gateway, and the addresses at which it answers for them. */
export function uiGatewayServices(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), ServiceName: exchange.rest }
  if (exchange.rest === '') throw new HttpError(400, 'Missing gateway name')
  return askAnyone(exchange, 'Internal.GatewayServiceDump', args, (reply) => {
    const { domain } = exchange.backend.self
    const dump = reply.Dump ?? []
    const known = dump.flatMap(({ Node, Service, Checks }) =>
      Node === null || Service === null ? [] : [{ Node, Service, Checks: Checks ?? [] }],
    )
    const byName = new Map(summaries(known).map((summary) => [summary.name, summary]))
    for (const { GatewayService: row } of dump) {
      if (row === null) continue
      const { Name } = row.Service
      const summary = byName.get(Name) ?? emptySummary(Name)
      byName.set(Name, summary)
      const hosts = row.Hosts?.length ? row.Hosts : [`${Name}.ingress.${args.Datacenter}.${domain}`]
      if (row.Port !== 0) for (const host of hosts) summary.addresses.add(`${host}:${row.Port}`)
    }
    const inOrder = [...byName.values()].sort((a, b) => inByteOrder(a.name, b.name))
    return listWithMeta(exchange, reply, inOrder, summaryJson)
  })
}

/** Asked again for stale data when nobody leads: a UI that shows something old is better than none. */
function askAnyone<M extends IndexedMethod>(
  exchange: Exchange,
  method: M,
  args: Args<M> & QueryOptions,
  finish: (reply: Reply<M>) => HttpResponse,
): HttpResponse | Promise<HttpResponse> {
  exchange.metaOnFailure = true
  const answer = ask(exchange, method, args, (_, reply) => finish(reply))
  if (!(answer instanceof Promise) || args.AllowStale) return answer
  return answer.catch((error: unknown) => {
    if (!(error instanceof ConsulError) || error.code !== 'no-leader') throw error
    return ask(exchange, method, { ...args, AllowStale: true }, (_, reply) => finish(reply))
  })
}

function nodeInfoJson(info: NodeInfo, depth: Depth): string {
  const services = (info.Services ?? []).map(bareServiceJson).join(',')
  const checks = (info.Checks ?? []).map(bareCheckJson).join(',')
  const compact = `{"ID":${jsonText(info.ID)},"Node":${jsonText(info.Node)},"Address":${jsonText(
    info.Address,
  )},"TaggedAddresses":${jsonTextMap(info.TaggedAddresses)},"Meta":${jsonTextMap(
    info.Meta,
  )},"Services":[${services}],"Checks":[${checks}]}`
  return atDepth(compact, depth)
}

interface Summary {
  kind: string
  name: string
  tags: Set<string>
  nodes: string[]
  proxyFor: Set<string>
  passing: number
  warning: number
  critical: number
  sources: Set<string>
  /** Of the gateway before it. */
  addresses: Set<string>
}

/** One for each service name, in the order of names; a check of a node counts once for each instance on it. */
function summaries(instances: readonly CheckServiceNode[]): Summary[] {
  const byName = new Map<string, Summary>()
  for (const { Node, Service, Checks } of instances) {
    let summary = byName.get(Service.Service)
    if (summary === undefined) {
      summary = emptySummary(Service.Service)
      byName.set(Service.Service, summary)
    }
    summary.kind = Service.Kind
    summary.nodes.push(Node.Node)
    if (Service.Kind === 'connect-proxy') summary.proxyFor.add(Service.Proxy.DestinationServiceName)
    for (const tag of Service.Tags ?? []) summary.tags.add(tag)
    const source =
      Service.Meta !== null && Object.hasOwn(Service.Meta, EXTERNAL_SOURCE) && Service.Meta[EXTERNAL_SOURCE]
    if (source) summary.sources.add(source)
    for (const { Status } of Checks) {
      if (Status === 'passing') summary.passing += 1
      else if (Status === 'warning') summary.warning += 1
      else if (Status === 'critical') summary.critical += 1
    }
  }
  return [...byName.values()].sort((a, b) => inByteOrder(a.name, b.name))
}

function emptySummary(name: string): Summary {
  const sets = {
    tags: new Set<string>(),
    proxyFor: new Set<string>(),
    sources: new Set<string>(),
    addresses: new Set<string>(),
  }
  return { kind: '', name, ...sets, nodes: [], passing: 0, warning: 0, critical: 0 }
}

function inByteOrder(a: string, b: string): number {
  const [left, right] = [byteKey(a), byteKey(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function summaryJson(summary: Summary, depth: Depth): string {
  const orNull = (texts: Iterable<string>) => {
    const list = [...texts]
    return jsonTexts(list.length === 0 ? null : list)
  }
  const proxyFor = summary.proxyFor.size === 0 ? '' : `"ProxyFor":${orNull(summary.proxyFor)},`
  const compact = `{${summary.kind === '' ? '' : `"Kind":${jsonText(summary.kind)},`}"Name":${jsonText(
    summary.name,
  )},"Tags":${orNull([...summary.tags].sort(inByteOrder))},"Nodes":${orNull(summary.nodes.sort(inByteOrder))},"InstanceCount":${summary.nodes.length},${proxyFor}"ChecksPassing":${summary.passing},"ChecksWarning":${
    summary.warning
  },"ChecksCritical":${summary.critical},"ExternalSources":${orNull(summary.sources)},"GatewayConfig":${
    summary.addresses.size === 0 ? '{}' : `{"Addresses":${jsonTexts([...summary.addresses])}}`
  }}`
  return atDepth(compact, depth)
}
