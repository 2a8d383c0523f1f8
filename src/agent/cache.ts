/**
 * The agent's cache of answers (`?cached`): what was asked once is answered from here from then on. Most kinds are kept
 * fresh by a blocking query that runs for as long as somebody still asks; others count as fresh for as long as the asker
 * allows (`Cache-Control: max-age`). Who asks for more than an index waits for the next answer, all on one query.
 * Rules: Consul's agent/cache/cache.go and agent/cache-types.
 */
import { type Instant, NANOS_PER_MS } from '../base/units.ts'
import type { Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { QueryMeta, QueryOptions } from '../model/query.ts'
import type { Args, CallContext, Caller, Gone, Reply } from '../model/rpc.ts'
import type { CachedMethod, CachedReply } from '../serve/backend.ts'
import { cacheMeters } from './meters.ts'

/** Kept fresh in the background, or asked for anew when too old. */
const REFRESHED: Record<CachedMethod, boolean> = {
  'Catalog.ListDatacenters': false,
  'Catalog.ListServices': true,
  'Catalog.NodeServices': true,
  'Catalog.ServiceNodes': true,
  'DiscoveryChain.Get': true,
  'Health.ServiceNodes': true,
  'PreparedQuery.Execute': false,
}

/** What nobody asks for any more is let go of after so long. */
const IDLE_MS_MAX = 72 * 3_600_000
/** Each may hold a blocking query at a server; past this the one that was asked for longest ago goes. */
const ENTRIES_MAX = 10_000
const REFRESH_WAIT_NANOS = 600_000 * NANOS_PER_MS
/** So many failures in a row are tried again at once, later ones after a doubling pause. */
const QUICK_TRIES = 3
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 60_000

interface Entry {
  key: string
  /** undefined before the first answer. */
  reply: unknown
  index: number
  fetchedAt: Instant
  /** Since when refreshing fails; null while it does not. */
  lostAt: Instant | null
  askedAt: Instant
  fetching: boolean
  failures: number
  /** Called at each answer, and at each failure with its error. */
  waiting: Set<(error?: unknown) => void>
  gone: AbortController
}

export interface AgentCache {
  get<M extends CachedMethod>(method: M, args: Args<M>, context?: CallContext): Promise<CachedReply<M>>
  /** Ends all refreshing, and tells those who wait. */
  stop(): void
}

export function makeCache(host: Pick<Host, 'now' | 'wake' | 'metrics'>, caller: Pick<Caller, 'call'>): AgentCache {
  /** Asked for longest ago first. */
  const entries = new Map<string, Entry>()
  const meters = cacheMeters(host.metrics, () => entries.size)
  let stopped = false

  function touch(key: string): Entry {
    let entry = entries.get(key)
    if (entry === undefined) {
      entry = {
        key,
        reply: undefined,
        index: 0,
        fetchedAt: 0,
        lostAt: null,
        askedAt: 0,
        fetching: false,
        failures: 0,
        waiting: new Set(),
        gone: new AbortController(),
      }
      for (const [oldest, old] of entries) {
        if (entries.size < ENTRIES_MAX) break
        if (old.waiting.size === 0) drop(oldest, old)
      }
    }
    entries.delete(key)
    entries.set(key, entry)
    entry.askedAt = host.now()
    return entry
  }

  function drop(key: string, entry: Entry): void {
    entries.delete(key)
    entry.gone.abort()
  }

  function fetch<M extends CachedMethod>(method: M, args: Args<M>, entry: Entry): void {
    if (entry.fetching || stopped) return
    entry.fetching = true
    const refreshed = REFRESHED[method]
    // Going to the leader would make little sense for an answer that may be old when it is used.
    const asked = { ...args, AllowStale: true, RequireConsistent: false, MaxStaleDuration: 0, MinQueryIndex: 0 }
    if (refreshed) Object.assign(asked, { MinQueryIndex: entry.index, MaxQueryTime: REFRESH_WAIT_NANOS })
    caller.call(method, asked, { signal: entry.gone.signal }).then(
      (reply) => {
        meters.fetched(method, true)
        entry.fetching = false
        entry.failures = 0
        entry.lostAt = null
        entry.reply = reply
        entry.fetchedAt = host.now()
        entry.index = Math.max(1, (reply as Partial<QueryMeta>).Index ?? 0)
        tell(entry)
        if (refreshed) again(method, args, entry, 0)
      },
      (error: unknown) => {
        meters.fetched(method, false)
        entry.fetching = false
        entry.failures += 1
        entry.lostAt ??= host.now()
        tell(entry, error)
        if (entry.reply === undefined) drop(entry.key, entry)
        else if (refreshed) again(method, args, entry, pauseMs(entry.failures))
      },
    )
  }

  function again<M extends CachedMethod>(method: M, args: Args<M>, entry: Entry, inMs: number): void {
    const run = () => {
      if (stopped || entries.get(entry.key) !== entry) return
      if (entry.waiting.size === 0 && host.now() - entry.askedAt > IDLE_MS_MAX) {
        drop(entry.key, entry)
        meters.expired.add(1)
      } else fetch(method, args, entry)
    }
    if (inMs === 0) run()
    else host.wake(host.now() + inMs, run)
  }

  function tell(entry: Entry, error?: unknown): void {
    const waiting = [...entry.waiting]
    entry.waiting.clear()
    for (const wake of waiting) wake(error)
  }

  /** Resolves at the next answer (true) or when the time is up (false); rejects with the next failure. */
  function next(entry: Entry, until: Instant | null, signal: Gone | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel?.()
        entry.waiting.delete(wake)
        signal?.removeEventListener('abort', leave)
      }
      const wake = (error?: unknown) => {
        end()
        if (error === undefined) resolve(true)
        else reject(error)
      }
      const leave = () => wake(new ConsulError('shutting-down'))
      const cancel =
        until === null
          ? undefined
          : host.wake(until, () => {
              end()
              resolve(false)
            })
      entry.waiting.add(wake)
      signal?.addEventListener('abort', leave)
      if (signal?.aborted) leave()
    })
  }

  async function get<M extends CachedMethod>(
    method: M,
    args: Args<M>,
    context: CallContext = {},
  ): Promise<CachedReply<M>> {
    const options = args as QueryOptions
    const key = keyOf(method, args)
    const refreshed = REFRESHED[method]
    const timeoutMs = (options.MaxQueryTime ?? 0) / NANOS_PER_MS
    const until = timeoutMs > 0 ? host.now() + timeoutMs : null
    for (let first = true; ; first = false) {
      if (stopped) throw new ConsulError('shutting-down')
      const entry = touch(key)
      const now = host.now()
      if (entry.reply !== undefined && isFresh(entry, options, refreshed, first, now)) {
        if (first) meters.hit(method)
        const since = refreshed ? entry.lostAt : entry.fetchedAt
        return { reply: entry.reply as Reply<M>, hit: first, ageMs: since === null ? 0 : now - since }
      }
      if (first) meters.missed(method, (options.MinQueryIndex ?? 0) > 0)
      fetch(method, args, entry)
      let answered: boolean
      try {
        answered = await next(entry, until, context.signal)
      } catch (error) {
        // Having tried is enough: the old answer serves whoever wanted it looked at again, unless it is too old, or the
        // index is known. That somebody takes a stale one if there is an error changes nothing, as it does not in 1.8.7.
        const serves = !stopped && entry.reply !== undefined && isFresh(entry, options, refreshed, false, host.now())
        if (!serves || context.signal?.aborted) throw error
        return { reply: entry.reply as Reply<M>, hit: false, ageMs: 0 }
      }
      if (answered) continue
      // The time that the asker gave is up.
      if (entry.reply === undefined) throw new ConsulError('nothing-cached')
      return { reply: entry.reply as Reply<M>, hit: false, ageMs: 0 }
    }
  }

  return {
    get,
    stop() {
      stopped = true
      for (const entry of entries.values()) {
        entry.gone.abort()
        tell(entry, new ConsulError('shutting-down'))
      }
      entries.clear()
    },
  }
}

function isFresh(entry: Entry, options: QueryOptions, refreshed: boolean, first: boolean, now: Instant): boolean {
  const { MinQueryIndex = 0, MaxAge = 0, MustRevalidate = false } = options
  if (refreshed) return !(MinQueryIndex > 0 && MinQueryIndex >= entry.index)
  if (MustRevalidate && first) return false
  return !(MaxAge > 0 && now - entry.fetchedAt > MaxAge / NANOS_PER_MS)
}

function pauseMs(failures: number): number {
  return failures <= QUICK_TRIES ? PAUSE_MS / 10 : Math.min(PAUSE_MS * 2 ** (failures - QUICK_TRIES - 1), PAUSE_MS_MAX)
}

/** How an answer is asked for makes no difference to what it is. */
const NOT_KEYS = new Set([
  ...['MinQueryIndex', 'MaxQueryTime', 'AllowStale', 'RequireConsistent', 'UseCache', 'MaxStaleDuration'],
  ...['MaxAge', 'MustRevalidate', 'StaleIfError'],
])

function keyOf(method: string, args: object): string {
  const parts = Object.entries(args)
    .filter(([name, value]) => !NOT_KEYS.has(name) && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `${method} ${JSON.stringify(parts)}`
}
