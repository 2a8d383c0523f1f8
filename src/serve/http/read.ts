/**
 * Asking the cluster on behalf of a request: at once when local state can answer, else by a call that is given up when
 * the asker goes away.
 */
import type { HttpResponse } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import type { QueryMeta, QueryOptions } from '../../model/query.ts'
import type { Args, CallContext, Gone, Method, Reply } from '../../model/rpc.ts'
import type { CachedMethod } from '../backend.ts'
import type { Exchange } from './exchange.ts'

/** Methods whose replies carry an index. */
export type IndexedMethod = { [M in Method]: Reply<M> extends QueryMeta ? M : never }[Method]

/** @param finish makes the answer; throws for what it refuses */
export function ask<M extends Method>(
  exchange: Exchange,
  method: M,
  args: Args<M>,
  finish: (exchange: Exchange, reply: Reply<M>) => HttpResponse,
): HttpResponse | Promise<HttpResponse> {
  const { backend } = exchange
  const reply = backend.peek(method, args)
  if (reply !== undefined) return finish(exchange, reply)
  return backend.call(method, args, contextOf(exchange)).then((late) => finish(exchange, late))
}

/**
 * The same for reads of the catalog, which honour `?max_stale`: an answer from too long ago is asked for again, this
 * time of the leader. Its failures carry index headers too.
 */
export function askCatalog<M extends IndexedMethod>(
  exchange: Exchange,
  method: M,
  args: Args<M> & QueryOptions,
  finish: (exchange: Exchange, reply: Reply<M>, options: QueryOptions) => HttpResponse,
): HttpResponse | Promise<HttpResponse> {
  exchange.metaOnFailure = true
  if (!args.AllowStale || !(args.MaxStaleDuration! > 0)) {
    return ask(exchange, method, args, (_, reply) => finish(exchange, reply, args))
  }
  const context = contextOf(exchange)
  const { backend } = exchange
  return backend.call(method, args, context).then(async (reply) => {
    if ((reply as QueryMeta).LastContact <= args.MaxStaleDuration!) return finish(exchange, reply, args)
    const again = { ...args, AllowStale: false, MaxStaleDuration: 0 }
    return finish(exchange, await backend.call(method, again, context), again)
  })
}

/** Their failures do not tell of the cache. */
const SILENT_MISSES: ReadonlySet<CachedMethod> = new Set(['Catalog.ListDatacenters', 'Catalog.ListServices'])

/**
 * The same for what the agent's cache keeps: from there when the asker says `?cached` (and http_config.use_cache does not
 * forbid it), with the headers that tell so.
 */
export function askCached<M extends CachedMethod>(
  exchange: Exchange,
  method: M,
  args: Args<M> & QueryOptions,
  otherwise: () => HttpResponse | Promise<HttpResponse>,
  finish: (exchange: Exchange, reply: Reply<M>) => HttpResponse,
): HttpResponse | Promise<HttpResponse> {
  if (!args.UseCache || !exchange.door.useCache) return otherwise()
  exchange.metaOnFailure = 'Datacenter' in args
  return exchange.backend.cached(method, args, contextOf(exchange)).then(
    ({ reply, hit, ageMs }) => {
      const response = finish(exchange, reply)
      if (hit) response.headers.unshift('Age', (ageMs / 1000).toFixed(0))
      response.headers.push('X-Cache', hit ? 'HIT' : 'MISS')
      return response
    },
    (error: unknown) => {
      exchange.missOnFailure =
        error instanceof ConsulError && error.code === 'nothing-cached' && !SILENT_MISSES.has(method)
      throw error
    },
  )
}

function contextOf(exchange: Exchange): CallContext {
  return { signal: new Asker(exchange) }
}

/** Whoever waits for the answer to a request. */
class Asker implements Gone {
  aborted = false
  readonly #told: (() => void)[] = []
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    this.#exchange = exchange
    exchange.request.onGone(() => this.#leave())
  }

  addEventListener(_: 'abort', run: () => void): void {
    this.#told.push(run)
  }

  removeEventListener(_: 'abort', run: () => void): void {
    const at = this.#told.indexOf(run)
    if (at >= 0) this.#told.splice(at, 1)
  }

  #leave(): void {
    this.aborted = true
    this.#exchange.left = true
    for (const run of this.#told.splice(0)) run()
  }
}
