/**
 * The HTTP door: makes of a `Backend` the handler that `Host.http` wants. It decides what is common to all endpoints:
 * which one answers, methods, redirects, failures, compression, the log line of each request. What an endpoint means is
 * in the file of its noun. Read agent/http.go of Consul for the rules, host/http.ts for the sockets below.
 */
import { formatGoDuration } from '../../base/go-duration.ts'
import { joinHostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { Instrument, Metrics } from '../../base/metrics.ts'
import { NANOS_PER_MS, type Nanos } from '../../base/units.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../../host/host.ts'
import { acceptsGzip, gzipChunks } from '../../wire/gzip.ts'
import type { Backend } from '../backend.ts'
import { failureOf, HttpError } from './errors.ts'
import { type Door, Exchange, NO_META, plain, pushMeta } from './exchange.ts'
import { Slicer } from './json-body.ts'
import { pressedBody } from './kept-body.ts'
import { cleanPath, decodePath, escapePath, NO_PARAMS, type Params, parseQuery } from './params.ts'
import { makeRouter, type Route } from './router.ts'
import { ROUTES } from './routes.ts'
import { eventStream, wantsEvents } from './sse.ts'

/** Whoever may only read may use these. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS'])

export interface HttpOptions {
  /** Largest value of a key, in bytes (limits.kv_max_value_size). */
  kvMaxValueSize?: number
  /** Longest transaction, in bytes of its body (limits.txn_max_req_len). At least `kvMaxValueSize` is allowed. */
  txnMaxReqLen?: number
  /** Headers that every answer of the API carries (http_config.response_headers). */
  responseHeaders?: Record<string, string>
  /** Whether checks that run programs may be registered over HTTP (enable_script_checks). */
  enableScriptChecks?: boolean
  /** Paths that begin so are refused (http_config.block_endpoints). */
  blockEndpoints?: readonly string[]
  /** Whether that address may ask for more than to read (http_config.allow_write_http_from); all may, unless given. */
  mayWrite?(address: string): boolean
  /** False lets paths through whose characters cannot be printed (disable_http_unprintable_char_filter). */
  printableOnly?: boolean
  /** Whether answers about other datacenters carry their outside addresses (translate_wan_addrs). */
  translateWanAddrs?: boolean
  /** False keeps to itself where nodes stand in the network (disable_coordinates). */
  coordinates?: boolean
  /** Whether `?cached` is honoured (http_config.use_cache). */
  useCache?: boolean
  /** How old answers of the catalog and of health may be unless the asker says otherwise. None when absent. */
  discoveryMaxStale?: Nanos
  /** Whether metrics are shown to Prometheus (telemetry.prometheus_retention_time). */
  prometheus?: boolean
  /** Whether what belongs to debugging answers (enable_debug); in dev mode it does. */
  enableDebug?: boolean
}

const KV_VALUE_BYTES_MAX = 512 << 10
/**
 * Definitions, registrations and all else that is JSON. Consul itself has no bound here. Encoded for other servers, with
 * the names of fields that were not given, it may be twice as long, and they take calls of up to 64 MiB (wire/rpc.ts).
 */
const JSON_BYTES_MAX = 32 << 20
/** Archives have no bound, and are never held whole. */
const SNAPSHOT = /^\/v1\/snapshot(\?|$)/

/** Who may write a large value may do so within a transaction, too. */
function txnLimit({ kvMaxValueSize = KV_VALUE_BYTES_MAX, txnMaxReqLen = KV_VALUE_BYTES_MAX }: HttpOptions): number {
  return Math.max(kvMaxValueSize, txnMaxReqLen)
}

/** How long the body of a request may be. Bodies that no endpoint reads are thrown away by the host. */
export function bodyBytesMax(options: HttpOptions = {}): (method: string, url: string) => number {
  const kvBytesMax = options.kvMaxValueSize ?? KV_VALUE_BYTES_MAX
  const txnBytesMax = txnLimit(options)
  return (method, url) => {
    // Of what is removed by DELETE only gossip's keys are named in a body.
    if (method === 'DELETE' && url.startsWith('/v1/operator/keyring')) return JSON_BYTES_MAX
    if (method !== 'PUT' && method !== 'POST') return 0
    if (SNAPSHOT.test(url)) return Number.POSITIVE_INFINITY
    if (url.startsWith('/v1/txn')) return txnBytesMax
    return url.startsWith('/v1/kv/') ? kvBytesMax : JSON_BYTES_MAX
  }
}

export function makeHttpHandler(backend: Backend, options: HttpOptions = {}): HttpHandler {
  const log = backend.log.named('http')
  const router = makeRouter(ROUTES)
  const timer = makeTimers(backend.measured)
  const door: Door = {
    backend,
    slicer: new Slicer(backend.soon),
    pretty: backend.self.dev,
    kvValueBytesMax: options.kvMaxValueSize ?? KV_VALUE_BYTES_MAX,
    txnBytesMax: txnLimit(options),
    scriptsAllowed: options.enableScriptChecks ?? false,
    useCache: options.useCache ?? true,
    discoveryMaxStale: options.discoveryMaxStale ?? 0,
    coordinates: options.coordinates ?? true,
    translateWanAddrs: options.translateWanAddrs ?? false,
    prometheus: options.prometheus ?? false,
    debug: options.enableDebug ?? backend.self.dev,
    headers: [
      ...Object.entries(options.responseHeaders ?? {}).flatMap(([name, value]) => [canonicalName(name), value]),
      ...(options.translateWanAddrs ? ['X-Consul-Translate-Addresses', 'true'] : []),
    ],
  }
  const { blockEndpoints: blocked = [], mayWrite, printableOnly = true } = options

  return (request) => {
    const { url } = request
    const mark = url.indexOf('?')
    const decoded = decodePath(pathOf(mark < 0 ? url : url.slice(0, mark)), printableOnly)
    if ('fault' in decoded) {
      if (url === '*' && request.method === 'OPTIONS') return { status: 200, headers: [] }
      return decoded.fault === 'malformed' ? malformed() : { status: 400, headers: [] }
    }
    const { path } = decoded
    const query = mark < 0 ? '' : url.slice(mark + 1)
    // A quick look keeps clean paths, nearly all, from being taken apart.
    const clean = path.includes('//') || path.includes('/.') ? cleanPath(path) : path
    const route = router.find(clean)
    if (clean !== path || route === undefined) {
      if (router.wantsSlash(clean)) return redirect(request, `${clean}/`, query)
      return clean === path ? withoutRoute(path) : redirect(request, clean, query)
    }
    return measured(request, route, path, query)
  }

  function answer(
    request: HttpRequest,
    route: Route,
    path: string,
    query: string,
  ): HttpResponse | Promise<HttpResponse> {
    let params: Params | undefined = NO_PARAMS
    if (query !== '') params = parseQuery(query)
    if (params === undefined) {
      log.error('Failed to decode query', { from: addressOf(request) })
      return plain(500, '')
    }
    const { pattern } = route
    const rest = pattern.endsWith('/') ? path.slice(pattern.length) : ''
    const exchange = new Exchange(door, request, path, params, rest)
    let result: HttpResponse | Promise<HttpResponse>
    try {
      result = perform(exchange, route)
    } catch (error) {
      result = fail(exchange, error)
    }
    if (result instanceof Promise) {
      return result.then(
        (settled) => dress(request, settled),
        (error: unknown) => dress(request, fail(exchange, error)),
      )
    }
    return dress(request, result)
  }

  function perform(exchange: Exchange, route: Route): HttpResponse | Promise<HttpResponse> {
    const { methods, endpoint, pattern } = route
    const { method } = exchange
    if (blocked.length > 0 && blocked.some((prefix) => exchange.path.startsWith(prefix))) {
      throw new HttpError(403, 'Endpoint is blocked by agent configuration')
    }
    if (methods.length > 0 && !methods.includes(method)) {
      const allow = ['OPTIONS', ...methods].join(',')
      const response = method === 'OPTIONS' ? plain(200, '') : plain(405, `method ${method} not allowed`)
      if (method !== 'OPTIONS') complain(exchange, response.body as string)
      response.headers.unshift('Allow', allow)
      return response
    }
    if (mayWrite !== undefined && !READS.has(method) && !mayWrite(exchange.request.remote.host)) {
      throw new HttpError(403, 'Access is restricted')
    }
    if (endpoint !== undefined)
      return wantsEvents(exchange, route) ? eventStream(exchange, endpoint) : endpoint(exchange)
    return plain(501, `${method} ${pattern}: this endpoint of Consul is not built yet in Proconsul`)
  }

  function fail(exchange: Exchange, error: unknown): HttpResponse {
    const { status, text, unexpected } = failureOf(error)
    // A call that was given up because its asker went away is no error.
    if ((status >= 500 || status === 403) && !exchange.left) complain(exchange, text)
    if (unexpected) log.error('Unexpected failure', { error: error instanceof Error ? error.stack : String(error) })
    const response = plain(status, text)
    if (exchange.metaOnFailure) pushMeta(response.headers, NO_META)
    if (exchange.missOnFailure) response.headers.push('X-Cache', 'MISS')
    return response
  }

  function complain({ request, method }: Exchange, error: string): void {
    log.error('Request error', { method, url: hideTokens(request.url), from: addressOf(request), error })
  }

  /** Adds what is configured, and presses the body when the asker takes it so. */
  function dress(request: HttpRequest, response: HttpResponse): HttpResponse | Promise<HttpResponse> {
    if (door.headers.length > 0) response.headers = mergeHeaders(door.headers, response.headers)
    const { body } = response
    if (body === undefined || response.live || !acceptsGzip(request.header('accept-encoding'))) return response
    response.headers.unshift('Content-Encoding', 'gzip')
    if (typeof body === 'object' && !(body instanceof Uint8Array)) return { ...response, body: gzipChunks(body) }
    const pressed = pressedBody(body)
    if (!(pressed instanceof Promise)) return { ...response, body: pressed }
    return pressed.then((bytes) => ({ ...response, body: bytes }))
  }

  /** Every answer is measured, and told in the log where that is kept. */
  function measured(
    request: HttpRequest,
    route: Route,
    path: string,
    query: string,
  ): HttpResponse | Promise<HttpResponse> {
    const start = backend.now()
    const finish = (response: HttpResponse): HttpResponse => {
      const tookMs = backend.now() - start
      timer(route, request.method).add(tookMs)
      if (log.on('debug')) logRequest(log, request, formatGoDuration(Math.round(tookMs * NANOS_PER_MS)))
      return response
    }
    const result = answer(request, route, path, query)
    return result instanceof Promise ? result.then(finish) : finish(result)
  }
}

/** Others come from whoever makes them up, and are measured as one. */
const METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])

/** Of the requests of each route and method: `http.GET.v1.kv._`, an underscore standing for what follows the pattern. */
function makeTimers(metrics: Metrics): (route: Route, method: string) => Instrument {
  const timers = new Map<Route, Map<string, Instrument>>()
  return (route, asked) => {
    const method = METHODS.has(asked) ? asked : '_'
    const known = timers.get(route)?.get(method)
    if (known !== undefined) return known
    const parts = route.pattern.slice(1).split('/')
    const timer = metrics.sample(['http', method, ...parts.map((part) => part || '_')].join('.'))
    const ofRoute = timers.get(route) ?? new Map<string, Instrument>()
    timers.set(route, ofRoute.set(method, timer))
    return timer
  }
}

function logRequest(log: Log, request: HttpRequest, latency: string): void {
  log.debug('Request finished', {
    method: request.method,
    url: hideTokens(request.url),
    from: addressOf(request),
    latency,
  })
}

function withoutRoute(path: string): HttpResponse {
  if (path === '/') return { status: 200, headers: ['Content-Type', 'text/plain; charset=utf-8'], body: 'Consul Agent' }
  return { status: 404, headers: [] }
}

/** What Go's server says of a request line that it cannot read; it then closes the connection. */
function malformed(): HttpResponse {
  return { status: 400, headers: ['Content-Type', 'text/plain; charset=utf-8'], body: '400 Bad Request', close: true }
}

function redirect({ method }: HttpRequest, path: string, query: string): HttpResponse {
  const location = query === '' ? escapePath(path) : `${escapePath(path)}?${query}`
  if (method !== 'GET' && method !== 'HEAD') return { status: 301, headers: ['Location', location] }
  const shown = location
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
  const headers = ['Content-Type', 'text/html; charset=utf-8', 'Location', location]
  return { status: 301, headers, body: `<a href="${shown.replaceAll("'", '&#39;')}">Moved Permanently</a>.\n\n` }
}

/** Proxies send the whole URL on the request line; only its path counts here. */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target
  const path = /^https?:\/\/[^/]*(\/.*)?$/i.exec(target)
  return path === null ? '%' : (path[1] ?? '/')
}

function addressOf({ remote }: HttpRequest): string {
  return joinHostPort(remote.host, remote.port)
}

/** Secrets stay out of the log: `?token=` and those of the old ACL paths. */
function hideTokens(url: string): string {
  return url
    .replace(/([?&;]token=)[^&;]+/g, '$1<hidden>')
    .replace(/^(\/v1\/acl\/(?:create|update|destroy|info|clone|list)\/)[^?]+/, '$1<hidden>')
}

/** Go's spelling of a header's name: capitals at the start and after each dash. */
function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())
}

/** An answer's own headers win over configured ones; the whole is sorted by name. */
function mergeHeaders(configured: readonly string[], own: readonly string[]): string[] {
  const merged = new Map<string, string>()
  for (const list of [configured, own]) for (let i = 0; i < list.length; i += 2) merged.set(list[i]!, list[i + 1]!)
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).flat()
}
