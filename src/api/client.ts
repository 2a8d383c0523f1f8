/**
 * The transport of the HTTP API: how a request is put together, how its answer is read, what can go wrong, and how a
 * blocking query is followed. It knows no noun of Consul's (kv.ts, catalog.ts, ... do), and runs wherever `fetch` does.
 * Read: Consul's HTTP API documentation, "Blocking Queries" and "Consistency Modes".
 */
import { formatGoDuration } from '../base/go-duration.ts'
import type { Index, Millis } from '../base/units.ts'

export interface ApiRequest {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Absolute: address, path and query. */
  url: string
  headers: Record<string, string>
  body?: Uint8Array<ArrayBuffer> | string | AsyncIterable<Uint8Array>
  signal?: AbortSignal
  /** The answer's body is wanted as it comes, in `chunks`, if the status is 200. */
  streamed?: boolean
}

export interface ApiResponse {
  status: number
  header(name: string): string | null
  /** Empty when it comes in `chunks`. */
  body: Uint8Array
  /** Throws when the body breaks off. */
  chunks?: AsyncIterable<Uint8Array>
}

/** Sends one request and reads its whole answer; rejects when there is none. */
export type Transport = (request: ApiRequest) => Promise<ApiResponse>

export interface ClientOptions {
  /** Scheme, host and port of an agent; `http://127.0.0.1:8500` when not given. */
  address?: string
  token?: string
  /** Datacenter of every request that names none itself. */
  datacenter?: string
  namespace?: string
  /** User and password for a proxy in front of the agent. */
  auth?: { user: string; password: string }
  transport?: Transport
}

/** What any request may say beside its own arguments. */
export interface RequestOptions {
  datacenter?: string
  token?: string
  namespace?: string
  signal?: AbortSignal
}

export interface ReadOptions extends RequestOptions {
  /** Any server may answer, from what it knows. */
  stale?: boolean
  /** The leader makes sure that it still leads before it answers. */
  consistent?: boolean
  /** Answer only once the index has passed this one. */
  index?: Index
  /** How long to wait for that at most; the agent's default is five minutes, its limit ten. */
  waitMs?: Millis
  /** Sort by distance from this node, or `_agent`. */
  near?: string
  nodeMeta?: Record<string, string>
  /** An expression that each entry must meet. */
  filter?: string
  /** The agent's cache may answer. */
  cached?: boolean
}

export interface QueryMeta {
  /** Give it back as `index` to wait for the next change. 0 when the answer has none. */
  index: Index
  knownLeader: boolean
  /** Milliseconds since the answering server has heard from the leader. */
  lastContactMs: Millis
  cacheHit: boolean
}

/** What was read, and how far one can rely on it. */
export interface Reply<T> {
  value: T
  meta: QueryMeta
}

/** The agent answered with an error. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number
  /** The agent's own words. */
  readonly body: string
  constructor(status: number, body: string) {
    super(`Unexpected response code: ${status} (${body})`)
    this.status = status
    this.body = body
  }
}

/** The agent's answer is not what its status promised. */
export class ApiDecodeError extends Error {
  override name = 'ApiDecodeError'
}

/** A flag (true), a value, or several; nothing is sent for undefined and false. */
export type Parameters = Record<string, string | number | bigint | boolean | readonly string[] | undefined>

export const DEFAULT_ADDRESS = 'http://127.0.0.1:8500'
const NANOS_PER_MS = 1e6

export interface Caller {
  /** A GET whose JSON answer is `T`. */
  read<T>(path: string, options?: ReadOptions, parameters?: Parameters): Promise<Reply<T>>
  /** Any request; errors of the agent are returned, not thrown. */
  send(
    method: ApiRequest['method'],
    path: string,
    options?: ReadOptions,
    parameters?: Parameters,
    body?: ApiRequest['body'],
    streamed?: boolean,
  ): Promise<ApiResponse>
}

export function makeCaller(options: ClientOptions = {}): Caller {
  const transport = options.transport ?? fetchTransport
  const address = (options.address ?? DEFAULT_ADDRESS).replace(/\/+$/, '')
  const send: Caller['send'] = (method, path, request = {}, parameters = {}, body, streamed) => {
    const headers: Record<string, string> = {}
    const token = request.token ?? options.token
    if (token !== undefined && token !== '') headers['X-Consul-Token'] = token
    if (options.auth !== undefined) headers.Authorization = basicAuth(options.auth)
    const query = queryString({
      dc: (request.datacenter ?? options.datacenter) || undefined,
      ns: (request.namespace ?? options.namespace) || undefined,
      stale: request.stale,
      consistent: request.consistent,
      index: request.index || undefined,
      wait: request.waitMs === undefined ? undefined : formatGoDuration(request.waitMs * NANOS_PER_MS),
      near: request.near || undefined,
      'node-meta': request.nodeMeta && Object.entries(request.nodeMeta).map(([name, value]) => `${name}:${value}`),
      filter: request.filter || undefined,
      cached: request.cached,
      ...parameters,
    })
    const asked = { method, url: `${address}${path}${query}`, headers, body, signal: request.signal }
    return transport(streamed ? { ...asked, streamed } : asked)
  }
  return {
    send,
    async read<T>(path: string, request?: ReadOptions, parameters?: Parameters) {
      const response = expectOk(await send('GET', path, request, parameters))
      return { value: decodeJson<T>(response), meta: queryMeta(response) }
    },
  }
}

/** @throws ApiError unless the status is 200 */
export function expectOk(response: ApiResponse): ApiResponse {
  if (response.status !== 200) throw new ApiError(response.status, bodyText(response))
  return response
}

export function bodyText(response: ApiResponse): string {
  return new TextDecoder().decode(response.body)
}

/** The body as what the caller knows it to be: the shape is the agent's promise, and is not checked here. */
export function decodeJson<T>(response: ApiResponse): T {
  const text = bodyText(response)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ApiDecodeError(`the answer is not JSON: ${text.slice(0, 100)}`, { cause: error })
  }
}

export function queryMeta(response: ApiResponse): QueryMeta {
  return {
    index: Number(response.header('X-Consul-Index') ?? 0),
    knownLeader: response.header('X-Consul-KnownLeader') === 'true',
    lastContactMs: Number(response.header('X-Consul-LastContact') ?? 0),
    cacheHit: response.header('X-Cache')?.toLowerCase() === 'hit',
  }
}

/**
 * A key, name or id as one or more segments of a path. Slashes stay, and so do the marks that Go's client leaves alone, so
 * that both ask for the same URL.
 */
export function escapePath(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/%(2F|24|26|2B|2C|3A|3B|3D|40)/g, (escaped) => decodeURIComponent(escaped))
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Names in order, a flag as `name=`, as Go's client writes them. */
function queryString(parameters: Parameters): string {
  const parts: string[] = []
  for (const name of Object.keys(parameters).sort()) {
    const value = parameters[name]
    if (value === undefined || value === false) continue
    for (const each of Array.isArray(value) ? value : [value === true ? '' : String(value)]) {
      parts.push(`${escapeQuery(name)}=${escapeQuery(each)}`)
    }
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

function basicAuth(auth: { user: string; password: string }): string {
  const bytes = new TextEncoder().encode(`${auth.user}:${auth.password}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const from = chunks[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await from.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: async () => void (await from.return?.()),
  })
}

async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const reader = body.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    yield value
  }
}

/** The transport that every modern runtime brings. */
export const fetchTransport: Transport = async ({ url, body: given, streamed, ...request }) => {
  const piecemeal = given !== undefined && typeof given !== 'string' && !(given instanceof Uint8Array)
  const sent = piecemeal ? { body: streamOf(given), duplex: 'half' as const } : { body: given }
  // What comes piece by piece is not pressed: the real agent's log would be announced so, and come plain.
  const headers = streamed ? { ...request.headers, 'Accept-Encoding': 'identity' } : request.headers
  const response = await fetch(url, { ...request, headers, ...sent })
  if (streamed && response.status === 200) {
    const header = (name: string) => response.headers.get(name)
    return { status: response.status, header, body: new Uint8Array(0), chunks: chunksOf(response) }
  }
  const body = new Uint8Array(await response.arrayBuffer())
  return { status: response.status, header: (name) => response.headers.get(name), body }
}

/**
 * Follows a read: yields its value now, and again after each change, until the signal aborts or the consumer stops. Errors
 * are thrown to the consumer, who knows whether to go on. After a restore of an older state the index falls back: then the
 * next read does not wait.
 */
export async function* follow<T>(
  read: (options: ReadOptions) => Promise<Reply<T>>,
  options: ReadOptions = {},
): AsyncGenerator<Reply<T>, void, undefined> {
  let index: Index = 0
  while (options.signal?.aborted !== true) {
    const reply = await read({ ...options, index })
    // A wait that ends without a change answers with the index it was given.
    if (reply.meta.index !== index) yield reply
    index = reply.meta.index < index ? 0 : reply.meta.index
  }
}
