/**
 * One question and what its answer needs: the request, its path and parameters, the door it came through. The helpers
 * make answers with Consul's headers: names in Go's canonical spelling, in Go's (alphabetical) order.
 */
import type { Nanos } from '../../base/units.ts'
import type { HttpRequest, HttpResponse } from '../../host/host.ts'
import type { QueryMeta } from '../../model/query.ts'
import { COMPACT, type Depth, indentJson } from '../../wire/json.ts'
import type { Backend } from '../backend.ts'
import { badRequest } from './errors.ts'
import type { Slicer } from './json-body.ts'
import type { Params } from './params.ts'

/** What stays the same from request to request. */
export interface Door {
  backend: Backend
  /** For bodies that are too large to be decoded at once. */
  slicer: Slicer
  /** Every JSON answer is laid out for people (dev mode). */
  pretty: boolean
  kvValueBytesMax: number
  /** Of a transaction's whole body. */
  txnBytesMax: number
  /** Checks that run programs may be registered over HTTP (enable_script_checks). */
  scriptsAllowed: boolean
  /** Answers about other datacenters carry their outside addresses (translate_wan_addrs). */
  translateWanAddrs: boolean
  /** `?cached` is honoured (http_config.use_cache). */
  useCache: boolean
  /** Catalog and health may be as old as this unless the asker says otherwise; 0: the leader answers (discovery_max_stale). */
  discoveryMaxStale: Nanos
  /** Metrics are kept for Prometheus (telemetry.prometheus_retention_time above 0). */
  prometheus: boolean
  /** It is told where nodes stand in the network (disable_coordinates says no). */
  coordinates: boolean
  /** The profiler answers without ACLs too (enable_debug). */
  debug: boolean
  /** Configured headers (http_config.response_headers), names canonical; names and values in turn. */
  headers: readonly string[]
}

export type Endpoint = (ask: Exchange) => HttpResponse | Promise<HttpResponse>

export class Exchange {
  readonly door: Door
  readonly request: HttpRequest
  readonly method: string
  readonly path: string
  readonly params: Params
  /** What follows the route's pattern in the path; "" for routes that match whole paths. */
  readonly rest: string
  /** Where a JSON answer starts: `COMPACT`, or depth 0 of a pretty one. */
  readonly depth: Depth
  /** Set by endpoints whose failures also carry the index headers, all zero. */
  metaOnFailure = false
  /** Set by those whose failures tell that the agent's cache knew nothing. */
  missOnFailure = false
  /** Set when the asker is known to have gone away: nobody hears how it ends. */
  left = false

  constructor(door: Door, request: HttpRequest, path: string, params: Params, rest: string) {
    this.door = door
    this.request = request
    this.method = request.method
    this.path = path
    this.params = params
    this.rest = rest
    this.depth = door.pretty || params.has('pretty') ? 0 : COMPACT
  }

  get backend(): Backend {
    return this.door.backend
  }
}

/** @param body JSON made for `ask.depth` */
export function json(ask: Exchange, body: string, status = 200): HttpResponse {
  return {
    status,
    headers: ['Content-Type', 'application/json', 'Vary', 'Accept-Encoding'],
    body: ask.depth < 0 ? body : `${body}\n`,
  }
}

/** @param body compact JSON */
export function jsonCompact(ask: Exchange, body: string, status = 200): HttpResponse {
  return json(ask, ask.depth < 0 ? body : indentJson(body), status)
}

/** The JSON answer of a read, with its index and the state of who answered. */
export function jsonWithMeta(ask: Exchange, meta: QueryMeta, body: string, consistency = ''): HttpResponse {
  return bodyWithMeta(meta, ask.depth < 0 ? body : `${body}\n`, consistency)
}

/** @param body JSON, with all that belongs to it */
export function bodyWithMeta(meta: QueryMeta, body: HttpResponse['body'] & {}, consistency = ''): HttpResponse {
  const headers = ['Content-Type', 'application/json', 'Vary', 'Accept-Encoding']
  pushMeta(headers, meta, consistency)
  return { status: 200, headers, body }
}

export function pushMeta(headers: string[], meta: QueryMeta, consistency = ''): void {
  if (consistency !== '') headers.push('X-Consul-Effective-Consistency', consistency)
  headers.push(
    'X-Consul-Index',
    // A client that blocks on index 0 does not block at all, so 0 is never told.
    meta.Index === 0 ? '1' : String(meta.Index),
    'X-Consul-Knownleader',
    meta.KnownLeader ? 'true' : 'false',
    'X-Consul-Lastcontact',
    meta.LastContact <= 0 ? '0' : String(Math.floor(meta.LastContact / 1e6)),
  )
}

export const NO_META: QueryMeta = { Index: 0, LastContact: 0, KnownLeader: false }

/** Text, or nothing at all: an empty answer has no content type. */
export function plain(status: number, text: string): HttpResponse {
  if (text === '') return { status, headers: ['Vary', 'Accept-Encoding'] }
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', 'Vary', 'Accept-Encoding'], body: text }
}

/** The answer of writes that have nothing to say. */
export function done(): HttpResponse {
  return plain(200, '')
}

/** Namespaces belong to Consul Enterprise: asking for one is refused, never passed over. */
export function refuseNamespace(ask: Exchange): void {
  if ((ask.request.header('x-consul-namespace') ?? '') !== '') {
    throw badRequest('Invalid header: "X-Consul-Namespace" - Namespaces are a Consul Enterprise feature')
  }
  if (ask.params.get('ns') !== '') {
    throw badRequest('Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature')
  }
}
