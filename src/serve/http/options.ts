/**
 * What every read may carry besides its own arguments: datacenter, token, consistency, index and wait, caching, and
 * whose distance sorts. Read in Consul's order, so that of several mistakes the same one is named (agent/http.go).
 */
import { parseGoDuration } from '../../base/go-duration.ts'
import { quoteGo } from '../../base/go-quote.ts'
import { NANOS_PER_SECOND, type Nanos } from '../../base/units.ts'
import type { QueryOptions, QuerySource, ToDatacenter } from '../../model/query.ts'
import { HttpError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { NO_PARAMS } from './params.ts'

export { quoteGo }

export type ReadOptions = QueryOptions & ToDatacenter

/** Throws `HttpError` (400) for what cannot be read. */
export function readOptions(ask: Exchange): ReadOptions {
  const options: ReadOptions = { Datacenter: datacenter(ask), Token: token(ask) }
  if (ask.params !== NO_PARAMS || ask.door.discoveryMaxStale > 0) readConsistency(ask, options)
  const cacheControl = ask.request.header('cache-control')
  if (cacheControl !== undefined) readCacheControl(cacheControl, options)
  if (ask.params !== NO_PARAMS) readWait(ask, options)
  return options
}

export function datacenter(ask: Exchange): string {
  return ask.params.get('dc') || ask.backend.self.datacenter
}

/** `?token`, then `X-Consul-Token`, then `Authorization: Bearer`; "" when there is none. */
export function token(ask: Exchange): string {
  const { params, request } = ask
  if (params !== NO_PARAMS && params.get('token') !== '') return params.get('token')
  const header = request.header('x-consul-token')
  if (header !== undefined && header !== '') return header
  const authorization = request.header('authorization')
  if (authorization === undefined) return ''
  const [scheme, ...rest] = authorization.split(' ')
  if (rest.length === 0 || scheme!.toLowerCase() !== 'bearer') return ''
  return rest.join(' ').trim().split(' ')[0]!
}

export function readConsistency(ask: Exchange, options: QueryOptions): void {
  const { params } = ask
  if (params.has('stale')) options.AllowStale = true
  if (params.has('consistent')) options.RequireConsistent = true
  if (params.has('cached')) options.UseCache = true
  const maxStale = params.get('max_stale')
  if (maxStale !== '') {
    const nanos = parseGoDuration(maxStale)
    if (nanos === undefined) throw new HttpError(400, `Invalid max_stale value ${quoteGo(maxStale)}`)
    options.MaxStaleDuration = nanos
    if (nanos > 0) options.AllowStale = true
  }
  if (!options.AllowStale && !options.RequireConsistent && !options.UseCache) preferStale(ask, options)
  if (options.AllowStale && options.RequireConsistent) {
    throw new HttpError(400, 'Cannot specify ?stale with ?consistent, conflicting semantics.')
  }
  if (options.UseCache && options.RequireConsistent) {
    throw new HttpError(400, 'Cannot specify ?cached with ?consistent, conflicting semantics.')
  }
}

/** Who looks for services, and does not say how fresh an answer has to be, gets what the agent's owner allows. */
function preferStale({ door, params, path }: Exchange, options: QueryOptions): void {
  if (door.discoveryMaxStale <= 0 || params.has('leader')) return
  if (!path.startsWith('/v1/catalog') && !path.startsWith('/v1/health')) return
  options.AllowStale = true
  options.MaxStaleDuration = door.discoveryMaxStale
}

/** Three directives count: must-revalidate, max-age, stale-if-error; both numbers are whole seconds. */
export function readCacheControl(header: string, options: QueryOptions): void {
  for (const part of header.toLowerCase().split(',')) {
    const directive = part.trim()
    if (directive === 'must-revalidate') options.MustRevalidate = true
    else if (directive.startsWith('max-age=')) {
      options.MaxAge = cacheSeconds(directive.slice('max-age='.length))
      if (options.MaxAge === 0) options.MustRevalidate = true
    } else if (directive.startsWith('stale-if-error=')) {
      options.StaleIfError = cacheSeconds(directive.slice('stale-if-error='.length))
    }
  }
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/** Seconds of more nanoseconds than 64 bits hold come to what is left of them there, as in Go. */
function cacheSeconds(text: string): Nanos {
  const seconds = /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined
  if (seconds === undefined || seconds < INT64_MIN || seconds > INT64_MAX) {
    throw new HttpError(400, 'Invalid Cache-Control header.')
  }
  return Number(BigInt.asIntN(64, seconds * BigInt(NANOS_PER_SECOND)))
}

export function readWait({ params }: Exchange, options: QueryOptions): void {
  const wait = params.get('wait')
  if (wait !== '') {
    const nanos = parseGoDuration(wait)
    if (nanos === undefined) throw new HttpError(400, 'Invalid wait time')
    options.MaxQueryTime = nanos
  }
  const index = params.get('index')
  if (index !== '') {
    if (parseUint64(index) === undefined) throw new HttpError(400, 'Invalid index')
    options.MinQueryIndex = Number(index)
  }
}

/** Whose distance sorts the answer: `?near=`, where `_agent` is this one; and the asker's address. */
export function readSource(ask: Exchange): QuerySource {
  const near = ask.params.get('near')
  const source: QuerySource = { Datacenter: datacenter(ask) }
  if (near === '') return source
  source.Node = near === '_agent' ? ask.backend.self.nodeName : near
  source.Ip = askerIp(ask)
  return source
}

/** Of whoever asked, through a proxy that says so or not. */
export function askerIp({ request }: Exchange): string {
  const forwarded = (request.header('x-forwarded-for') ?? '').split(',')[0]!.trim()
  return /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.test(forwarded) ? forwarded : request.remote.host
}

/** Each `?node-meta=key:value`; null when there is none. */
export function readMetaFilter({ params }: Exchange): Record<string, string> | null {
  if (params === NO_PARAMS || !params.has('node-meta')) return null
  return Object.fromEntries(
    params.all('node-meta').map((pair) => {
      const colon = pair.indexOf(':')
      return colon < 0 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)]
    }),
  )
}

/** `?filter=` for arguments that carry one. */
export function readFilter({ params }: Exchange): { Filter?: string } {
  const filter = params === NO_PARAMS ? '' : params.get('filter')
  return filter === '' ? {} : { Filter: filter }
}

export function consistencyOf(options: QueryOptions): string {
  return options.RequireConsistent ? 'consistent' : options.AllowStale ? 'stale' : 'leader'
}

const UINT64_MAX = 2n ** 64n - 1n

/** @returns undefined unless `text` is decimal digits for an unsigned 64-bit number */
export function parseUint64(text: string): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = BigInt(text)
  return value > UINT64_MAX ? undefined : value
}

/** Throws (500) when the text is no whole number in Go's eyes, with `what` before its words. */
export function requireInt(text: string, what: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new HttpError(500, `${what}: strconv.Atoi: parsing ${quoteGo(text)}: invalid syntax`)
  }
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw new HttpError(500, `${what}: strconv.Atoi: parsing ${quoteGo(text)}: value out of range`)
}

/** Throws as Consul fails when a number in a parameter is none: 500, and the words of Go's strconv. */
export function requireUint64(text: string): bigint {
  const value = parseUint64(text)
  if (value !== undefined) return value
  const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  throw new HttpError(500, `strconv.ParseUint: parsing ${quoteGo(text)}: ${why}`)
}
