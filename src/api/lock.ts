/**
 * Locks and semaphores for programs: held until they are released or lost, with a session that is made for them and kept
 * alive. Keys and flags (lock-format.ts) are those of Consul's own client and of `consul lock`, so that all their holders
 * exclude one another. Source: Consul's api/lock.go, semaphore.go.
 *
 *     await using held = await consul.lock('service/web/leader')
 *     held.lost.addEventListener('abort', stepDown)
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { ApiError, type ReadOptions, type RequestOptions } from './client.ts'
import { type HeldSession, holdSession } from './held-session.ts'
import type { KV, KVPair } from './kv.ts'
import {
  decodeSlots,
  encodeSlots,
  LOCK_FLAGS,
  LOCK_KEY,
  livingSlots,
  SEMAPHORE_FLAGS,
  type Slots,
} from './lock-format.ts'
import type { SessionRequest, Sessions } from './session.ts'

const WAIT_MS = 15_000
/** A lock that nobody holds and that still cannot be had rests in its lock-delay. */
const LOCK_DELAY_RETRY_MS = 5_000
const MONITOR_RETRY_MS = 2_000

export interface LockOptions extends RequestOptions {
  /** Kept in the key, for others to read. */
  value?: string | Uint8Array<ArrayBuffer>
  /** A session of the caller's own; else one is made, renewed, and ended with what it holds. */
  session?: string
  sessionName?: string
  /** Of the session that is made: "15s". */
  ttl?: string
  /** Give up after so long; 0 tries once. Without it the wait has no end (but for `signal`). */
  tryMs?: number
  /** Errors in a row that the watch over what is held overlooks, one each two seconds. */
  monitorRetries?: number
}

/** What is held, until it is lost or released. */
export interface Held extends AsyncDisposable {
  readonly session: string
  /** Aborted once it is no longer held. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

/** Somebody uses the key for something else, or by other rules. */
export class LockConflict extends Error {
  override name = 'LockConflict'
}

export interface CoordinationParts {
  kv: KV
  session: Sessions
}

/** @returns null when the time to try is up. @throws LockConflict, ApiError, and what `signal` was aborted with */
export async function acquireLock(
  parts: CoordinationParts,
  key: string,
  options: LockOptions = {},
): Promise<Held | null> {
  const { kv } = parts
  const name = options.sessionName ?? 'Consul API Lock'
  return holding(parts, { Name: name }, options, async (session, until) => {
    const request = requestOf(options)
    const value = options.value ?? ''
    let index = 0
    for (let first = true; ; first = false) {
      const waitMs = waitFor(until, first)
      if (waitMs === undefined) return null
      const { value: pair, meta } = await kv.get(key, { ...request, index, waitMs })
      if (pair !== null && pair.Flags !== LOCK_FLAGS) throw new LockConflict('the key is not used as a lock')
      if (pair?.Session && pair.Session !== session) {
        index = meta.index
        continue
      }
      if (await kv.put(key, value, { ...request, flags: LOCK_FLAGS, acquire: session })) {
        return {
          isHeld: async (read) => {
            const { value: now, meta: at } = await kv.get(key, read)
            return { held: now?.Session === session, index: at.index }
          },
          giveBack: async () => void (await kv.put(key, value, { ...request, flags: LOCK_FLAGS, release: session })),
        }
      }
      const again = await kv.get(key, request)
      index = again.value?.Session ? again.meta.index : 0
      if (index === 0) await pause(Math.min(LOCK_DELAY_RETRY_MS, waitFor(until, false) ?? 0), options.signal)
    }
  })
}

/** One of `limit` places. @returns null when the time to try is up. @throws as `acquireLock` does */
export async function acquireSemaphore(
  parts: CoordinationParts,
  prefix: string,
  limit: number,
  options: LockOptions = {},
): Promise<Held | null> {
  const { kv } = parts
  const root = prefix.endsWith('/') ? prefix : `${prefix}/`
  const name = options.sessionName ?? 'Consul API Semaphore'
  // What a contender leaves behind when its session is lost goes with the session.
  return holding(parts, { Name: name, Behavior: 'delete' }, options, async (session, until) => {
    const request = requestOf(options)
    const own = root + session
    const entered = await kv.put(own, options.value ?? '', { ...request, flags: SEMAPHORE_FLAGS, acquire: session })
    if (!entered) throw new LockConflict('failed to make contender entry')
    const leave = async () => {
      for (;;) {
        const { slots, at } = readSlots((await kv.list(root, request)).value, root, limit)
        if (!Object.hasOwn(slots.Holders, session)) break
        delete slots.Holders[session]
        if (await writeSlots(kv, root, slots, at, request)) break
      }
      await kv.delete(own, request)
    }
    let index = 0
    for (let first = true; ; first = false) {
      const waitMs = waitFor(until, first)
      if (waitMs === undefined) {
        await kv.delete(own, request)
        return null
      }
      const { value: pairs, meta } = await kv.list(root, { ...request, index, waitMs })
      const { slots, at } = readSlots(pairs, root, limit)
      if (Object.keys(slots.Holders).length >= limit) {
        index = meta.index
        continue
      }
      slots.Holders[session] = true
      if (!(await writeSlots(kv, root, slots, at, request))) {
        index = 0
        continue
      }
      return {
        isHeld: async (read) => {
          const { value: now, meta: seen } = await kv.list(root, read)
          return { held: Object.hasOwn(readSlots(now, root, limit).slots.Holders, session), index: seen.index }
        },
        giveBack: leave,
      }
    }
  })
}

/** Holders without a living session are not counted. @throws LockConflict */
function readSlots(pairs: readonly KVPair[], root: string, limit: number): { slots: Slots; at: number } {
  const lock = pairs.find(({ Key }) => Key === root + LOCK_KEY)
  if (lock === undefined) return { slots: { Limit: limit, Holders: {} }, at: 0 }
  if (lock.Flags !== SEMAPHORE_FLAGS) throw new LockConflict('the key is not used as a semaphore')
  const slots = decodeSlots(lock, limit)
  if (slots.Limit !== limit) {
    throw new LockConflict(`semaphore limit conflict (lock: ${slots.Limit}, local: ${limit})`)
  }
  return { slots: livingSlots(slots, pairs), at: lock.ModifyIndex }
}

function writeSlots(kv: KV, root: string, slots: Slots, at: number, request: RequestOptions): Promise<boolean> {
  return kv.put(root + LOCK_KEY, encodeSlots(slots), { ...request, flags: SEMAPHORE_FLAGS, cas: at })
}

/** What a kind of lock knows of itself once it was taken. */
interface Taken {
  isHeld(options: ReadOptions): Promise<{ held: boolean; index: number }>
  giveBack(): Promise<void>
}

/** The life around it: a session, the watch while it is held, the way back. */
async function holding(
  { session: sessions }: CoordinationParts,
  wish: SessionRequest,
  options: LockOptions,
  take: (session: string, until: number | undefined) => Promise<Taken | null>,
): Promise<Held | null> {
  const request = requestOf(options)
  // The session must be ended even when the asker's signal aborts.
  const { signal: _, ...ending } = request
  let own: HeldSession | undefined
  if (options.session === undefined) own = await holdSession(sessions, { ...wish, TTL: options.ttl }, ending)
  const session = options.session ?? own!.id
  const until = options.tryMs === undefined ? undefined : Date.now() + options.tryMs
  let taken: Taken | null
  try {
    taken = await take(session, until)
  } catch (error) {
    await own?.release().catch(() => {})
    throw error
  }
  if (taken === null) {
    await own?.release()
    return null
  }
  const { isHeld, giveBack } = taken
  const lost = new AbortController()
  own?.lost.addEventListener('abort', () => lost.abort(own.lost.reason))
  void watch(isHeld, lost, options)
  const release = async () => {
    const before = lost.signal.aborted
    lost.abort(new Error('released'))
    try {
      if (!before) await giveBack()
    } finally {
      await own?.release()
    }
  }
  return { session, lost: lost.signal, release, [Symbol.asyncDispose]: release }
}

/** Looks, each time something changes, whether it is still held. */
async function watch(isHeld: Taken['isHeld'], lost: AbortController, options: LockOptions): Promise<void> {
  const { datacenter, token, namespace, monitorRetries = 0 } = options
  let index = 0
  let retries = monitorRetries
  while (!lost.signal.aborted) {
    try {
      const now = await isHeld({ datacenter, token, namespace, signal: lost.signal, consistent: true, index })
      if (!now.held) return lost.abort(new Error('it is no longer held'))
      index = now.index
      retries = monitorRetries
    } catch (error) {
      if (lost.signal.aborted) return
      if (retries-- <= 0 || !isPassing(error)) return lost.abort(error)
      index = 0
      await pause(MONITOR_RETRY_MS, lost.signal).catch(() => {})
    }
  }
}

/** No server, or none that leads: that may pass. */
function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500
}

/** How long to wait next; undefined when the time is up. The first look is always taken. */
function waitFor(until: number | undefined, first: boolean): number | undefined {
  if (until === undefined) return WAIT_MS
  const left = until - Date.now()
  if (left <= 0 && !first) return undefined
  return Math.max(1, Math.min(WAIT_MS, left))
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal!.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

function requestOf({ datacenter, token, namespace, signal }: LockOptions): RequestOptions {
  return { datacenter, token, namespace, signal }
}
