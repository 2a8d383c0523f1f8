/** `/v1/health/…`: checks, and service instances with their checks (agent/health_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import type { CheckServiceNode, IndexedCheckServiceNodes, IndexedHealthChecks } from '../../model/health.ts'
import type { QueryOptions } from '../../model/query.ts'
import type { Depth } from '../../wire/json.ts'
import { checkServiceNodesChunks, checkServiceNodesJson, healthCheckJson } from '../../wire/json-rows.ts'
import { HttpError } from './errors.ts'
import { bodyWithMeta, type Exchange, refuseNamespace } from './exchange.ts'
import { keptBody } from './kept-body.ts'
import { listWithMeta } from './lists.ts'
import { consistencyOf, readFilter, readMetaFilter, readOptions, readSource } from './options.ts'
import { NO_PARAMS, type Params } from './params.ts'
import { askCached, askCatalog } from './read.ts'
import { translateInstances } from './translate.ts'

export function nodeChecks(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const args = { ...readOptions(exchange), Node: exchange.rest, ...readFilter(exchange) }
  requireRest(exchange, 'Missing node name')
  return askCatalog(exchange, 'Health.NodeChecks', args, checkList)
}

export function serviceChecks(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...filteredOptions(exchange), ServiceName: exchange.rest }
  requireRest(exchange, 'Missing service name')
  return askCatalog(exchange, 'Health.ServiceChecks', args, checkList)
}

export function checksInState(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...filteredOptions(exchange), State: exchange.rest }
  requireRest(exchange, 'Missing check state')
  return askCatalog(exchange, 'Health.ChecksInState', args, checkList)
}

export function serviceHealth(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return instances(exchange, {})
}

export function connectHealth(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return instances(exchange, { Connect: true })
}

export function ingressHealth(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return instances(exchange, { Ingress: true })
}

function instances(
  exchange: Exchange,
  ways: { Connect?: boolean; Ingress?: boolean },
): HttpResponse | Promise<HttpResponse> {
  const { params, rest } = exchange
  const tagged = params !== NO_PARAMS && params.has('tag')
  const args = {
    ...filteredOptions(exchange),
    ServiceName: rest,
    ServiceTags: tagged ? params.all('tag') : null,
    TagFilter: tagged,
    ...ways,
  }
  requireRest(exchange, 'Missing service name')
  const finish = (_: Exchange, reply: IndexedCheckServiceNodes, options: QueryOptions = args) => {
    const wanted = wantsPassing(params)
    if (wanted === undefined) {
      exchange.metaOnFailure = false
      throw new HttpError(400, 'Invalid value for ?passing')
    }
    const rows = translateInstances(exchange, args.Datacenter, reply.Nodes ?? [])
    const found = wanted ? onlyPassing(rows) : rows
    const body = found.length > INSTANCES_KEPT_MAX ? checkServiceNodesChunks : instancesBody
    return bodyWithMeta(reply, body(found, exchange.depth), consistencyOf(options))
  }
  const plainly = () => askCatalog(exchange, 'Health.ServiceNodes', args, finish)
  return askCached(exchange, 'Health.ServiceNodes', args, plainly, finish)
}

interface KnownBody {
  instances: readonly CheckServiceNode[]
  depth: Depth
  bytes: Uint8Array
}

/** A body of more instances is large: it is made as the client takes it, each time anew. */
const INSTANCES_KEPT_MAX = 1000

/** The newest body by the first instance in it: a service is asked for far more often than any of its parts changes. */
const knownBodies = new WeakMap<CheckServiceNode, KnownBody>()

function instancesBody(instances: readonly CheckServiceNode[], depth: Depth): string | Uint8Array {
  const first = instances[0]
  const known = first === undefined ? undefined : knownBodies.get(first)
  if (known?.depth === depth && sameItems(known.instances, instances)) return known.bytes
  const text = checkServiceNodesJson(instances, depth)
  const body = depth < 0 ? text : `${text}\n`
  if (first === undefined) return body
  const bytes = keptBody(body)
  knownBodies.set(first, { instances, depth, bytes })
  return bytes
}

/** Instances are never changed, and are shared between replies for as long as the catalog stays as it is. */
function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function filteredOptions(exchange: Exchange) {
  refuseNamespace(exchange)
  return {
    ...readOptions(exchange),
    NodeMetaFilters: readMetaFilter(exchange),
    Source: readSource(exchange),
    ...readFilter(exchange),
  }
}

function requireRest({ rest }: Exchange, complaint: string): void {
  if (rest === '') throw new HttpError(400, complaint)
}

function checkList(exchange: Exchange, reply: IndexedHealthChecks, options: QueryOptions): HttpResponse {
  return listWithMeta(exchange, reply, reply.HealthChecks ?? [], healthCheckJson, consistencyOf(options))
}

/** Go's ParseBool; without a value it counts as true. undefined: neither. */
function wantsPassing(params: Params): boolean | undefined {
  if (params === NO_PARAMS || !params.has('passing')) return false
  switch (params.get('passing')) {
    case '':
    case '1':
    case 't':
    case 'T':
    case 'TRUE':
    case 'true':
    case 'True':
      return true
    case '0':
    case 'f':
    case 'F':
    case 'FALSE':
    case 'false':
    case 'False':
      return false
    default:
      return undefined
  }
}

/**
 * Instances none of whose checks is other than passing. In Consul's order, which is not stable: one that is dropped
 * gives its place to the last.
 */
function onlyPassing(rows: readonly CheckServiceNode[]): CheckServiceNode[] {
  const kept = rows.slice()
  let length = kept.length
  for (let i = 0; i < length; ) {
    if (kept[i]!.Checks.every((check) => check.Status === 'passing')) i += 1
    else kept[i] = kept[--length]!
  }
  return kept.slice(0, length)
}
