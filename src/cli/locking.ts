/**
 * Locks and semaphores for commands. They differ from those of src/api/lock.ts in what their users see: each failure names
 * the step that failed, in the words of Consul's client; a signal ends a wait without an error; and what nobody uses any more
 * is cleared away. What is stored, and its meaning, is the same (api/lock-format.ts). Source: Consul's api/lock.go,
 * semaphore.go.
 */
import { ApiError, type KV, type KVPair, type Sessions } from '../api/index.ts'
import {
  decodeSlots,
  encodeSlots,
  LOCK_FLAGS,
  LOCK_KEY,
  livingSlots,
  SEMAPHORE_FLAGS,
  type Slots,
} from '../api/lock-format.ts'
import { messageOf } from '../base/message-of.ts'

export class LockError extends Error {
  override name = 'LockError'
}

/** The key is used for something else. */
export class LockConflict extends LockError {}

/** Somebody else has it, so it cannot be cleared away. */
export class InUseError extends LockError {}

export interface LockWish {
  /** A key for a lock, a prefix for a semaphore. */
  path: string
  /** How many may hold it at once; more than one makes a semaphore. */
  limit: number
  sessionName: string
  /** Give up after so long, 0 being one try; undefined: never. */
  timeoutMs: number | undefined
  /** How many errors in a row are overlooked while it is held, one a second. */
  monitorRetries: number
  /** What the lock's key, or the contender's, shall hold. */
  value?: string | Uint8Array<ArrayBuffer>
}

export interface Held {
  session: string
  /** Aborted when it is lost or released. */
  lost: AbortSignal
  /** Throws `LockError`. */
  release(): Promise<void>
}

export interface Lock {
  /** @returns null when the time was up or the signal aborted. Throws `LockError`. */
  acquire(signal: AbortSignal): Promise<Held | null>
  /** Clears away what nobody uses any more. Throws `InUseError`, `LockError`. */
  destroy(): Promise<void>
}

/** What of a client is needed. */
export interface Store {
  kv: KV
  session: Sessions
}

const SESSION_TTL = '15s'
const RENEW_MS = 7_500
const WAIT_MS = 15_000
/** A lock whose holder went away is withheld for a while: then it is asked for again so often. */
const RETRY_MS = 5_000
const MONITOR_RETRY_MS = 1_000

/** @param semaphore also when one alone may hold it */
export function makeLock(store: Store, wish: LockWish, semaphore = wish.limit > 1): Lock {
  return !semaphore ? makeMutex(store, wish) : makeSemaphore(store, wish)
}

/** Path segments in one, as Go's `path.Join` cleans them. */
export function joinPath(...parts: string[]): string {
  const out: string[] = []
  for (const part of parts.join('/').split('/')) {
    if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop()
    else if (part !== '' && part !== '.') out.push(part)
  }
  return out.join('/')
}

function makeMutex({ kv, session }: Store, wish: LockWish): Lock {
  const { path, value: content = '' } = wish

  /** @returns true once the session holds the key, false when the time is up */
  async function take(id: string, signal: AbortSignal): Promise<boolean> {
    const until = deadline(wish)
    for (let index = 0; !signal.aborted; ) {
      const waitMs = until()
      if (waitMs <= 0) return false
      const { value, meta } = await said('failed to read lock', kv.get(path, { index, waitMs, signal }))
      if (value !== null && value.Flags !== LOCK_FLAGS) throw new LockConflict('Existing key does not match lock use')
      if (value?.Session === id) return true
      if (value?.Session) {
        index = meta.index
        continue
      }
      if (await said('failed to acquire lock', kv.put(path, content, { flags: LOCK_FLAGS, acquire: id }))) return true
      const now = await kv.get(path)
      index = now.value?.Session ? now.meta.index : 0
      if (index === 0) await pause(RETRY_MS, signal)
    }
    return false
  }

  return {
    acquire: (signal) =>
      withSession(
        { session, wish, behavior: 'release', signal, take },
        {
          holds: async (id, read) => {
            const { value, meta } = await kv.get(path, read)
            return value?.Session === id ? meta.index : undefined
          },
          async release(id) {
            await said('failed to release lock', kv.put(path, content, { flags: LOCK_FLAGS, release: id }))
          },
        },
      ),
    async destroy() {
      const { value } = await said('failed to read lock', kv.get(path))
      if (value === null) return
      if (value.Flags !== LOCK_FLAGS) throw new LockConflict('Existing key does not match lock use')
      if (value.Session) throw new InUseError('Lock in use')
      const gone = await said('failed to remove lock', kv.delete(path, { cas: value.ModifyIndex }))
      if (!gone) throw new InUseError('Lock in use')
    },
  }
}

function makeSemaphore({ kv, session }: Store, wish: LockWish): Lock {
  const { path: prefix, limit } = wish
  const key = joinPath(prefix, LOCK_KEY)
  const contender = (id: string) => joinPath(prefix, id)
  const find = (pairs: KVPair[]) => pairs.find((pair) => pair.Key === key)

  const alive = (list: KVPair | undefined, pairs: KVPair[]) => livingSlots(decodeHolders(list, limit), pairs)
  const write = (lock: Slots, list: KVPair | undefined) => {
    const options = { flags: SEMAPHORE_FLAGS, cas: list?.ModifyIndex ?? 0 }
    return said('failed to update lock', kv.put(key, encodeSlots(lock), options))
  }

  async function take(id: string, signal: AbortSignal): Promise<boolean> {
    const made = await said(
      'failed to make contender entry',
      kv.put(contender(id), wish.value ?? '', { flags: SEMAPHORE_FLAGS, acquire: id }),
    )
    if (!made) throw new LockError('failed to make contender entry: <nil>')
    const until = deadline(wish)
    for (let index = 0; !signal.aborted; ) {
      const waitMs = until()
      if (waitMs <= 0) return false
      const { value: pairs, meta } = await said('failed to read prefix', kv.list(prefix, { index, waitMs, signal }))
      const list = find(pairs)
      if (list !== undefined && list.Flags !== SEMAPHORE_FLAGS) {
        throw new LockConflict('Existing key does not match semaphore use')
      }
      const lock = alive(list, pairs)
      if (lock.Limit !== limit) throw new LockError(`semaphore limit conflict (lock: ${lock.Limit}, local: ${limit})`)
      index = meta.index
      if (Object.keys(lock.Holders).length >= limit) continue
      lock.Holders[id] = true
      if (await write(lock, list)) return true
      index = 0
    }
    return false
  }

  return {
    acquire: (signal) =>
      withSession(
        { session, wish, behavior: 'delete', signal, take },
        {
          holds: async (id, read) => {
            const { value: pairs, meta } = await kv.list(prefix, read)
            return alive(find(pairs), pairs).Holders[id] ? meta.index : undefined
          },
          async release(id) {
            for (;;) {
              const { value } = await kv.get(key)
              const lock = decodeHolders(value ?? undefined, limit)
              if (!lock.Holders[id]) break
              delete lock.Holders[id]
              if (await write(lock, value ?? undefined)) break
            }
            await kv.delete(contender(id))
          },
        },
      ),
    async destroy() {
      const { value: pairs } = await said('failed to read prefix', kv.list(prefix))
      const list = find(pairs)
      if (list === undefined) return
      if (list.Flags !== SEMAPHORE_FLAGS) throw new LockConflict('Existing key does not match semaphore use')
      if (Object.keys(alive(list, pairs).Holders).length > 0) throw new InUseError('Semaphore in use')
      const gone = await said('failed to remove semaphore', kv.delete(key, { cas: list.ModifyIndex }))
      if (!gone) throw new InUseError('Semaphore in use')
    },
  }
}

function decodeHolders(list: KVPair | undefined, limit: number): Slots {
  try {
    return decodeSlots(list, limit)
  } catch (error) {
    throw new LockError(`lock decoding failed: ${messageOf(error)}`)
  }
}

interface Taking {
  session: Sessions
  wish: LockWish
  behavior: 'release' | 'delete'
  signal: AbortSignal
  take(id: string, signal: AbortSignal): Promise<boolean>
}

interface Holding {
  /** The index to wait from while the session holds it, else undefined. */
  holds(id: string, read: { index: number; consistent: true; signal: AbortSignal }): Promise<number | undefined>
  release(id: string): Promise<void>
}

/** A session is kept alive from before the attempt until what it took is released; then it goes. */
async function withSession({ session, wish, behavior, signal, take }: Taking, holding: Holding): Promise<Held | null> {
  const made = session.create({ Name: wish.sessionName, TTL: SESSION_TTL, Behavior: behavior })
  const id = await said('failed to create session', made)
  const over = new AbortController()
  void keepAlive(session, id, over.signal)
  const end = async () => {
    over.abort()
    await session.destroy(id).catch(() => {})
  }
  let held = false
  try {
    held = await take(id, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    if (!held) await end()
  }
  if (!held) return null
  const lost = new AbortController()
  over.signal.addEventListener('abort', () => lost.abort())
  void watchHeld(id, wish.monitorRetries, over.signal, holding).then(() => lost.abort())
  return {
    session: id,
    lost: lost.signal,
    async release() {
      try {
        await holding.release(id)
      } finally {
        await end()
      }
    },
  }
}

async function keepAlive(session: Sessions, id: string, over: AbortSignal): Promise<void> {
  for (let waitMs = RENEW_MS; !over.aborted; ) {
    await pause(waitMs, over)
    if (over.aborted) return
    try {
      if ((await session.renew(id)) === null) return
      waitMs = RENEW_MS
    } catch {
      // The session has half its life left for another try.
      waitMs = MONITOR_RETRY_MS
    }
  }
}

async function watchHeld(id: string, retries: number, over: AbortSignal, { holds }: Holding): Promise<void> {
  let left = retries
  for (let index = 0; !over.aborted; ) {
    try {
      const next = await holds(id, { index, consistent: true, signal: over })
      if (next === undefined) return
      index = next
      left = retries
    } catch (error) {
      const mayPass = !(error instanceof ApiError) || error.status === 500
      if (left <= 0 || !mayPass) return
      left -= 1
      index = 0
      await pause(MONITOR_RETRY_MS, over)
    }
  }
}

/** How long the next read may wait; 0 or less when the time is up. The first one is always tried. */
function deadline({ timeoutMs }: LockWish): () => number {
  const start = performance.now()
  let tries = 0
  return () => {
    tries += 1
    if (timeoutMs === undefined) return WAIT_MS
    return tries === 1 ? Math.max(1, timeoutMs) : timeoutMs - (performance.now() - start)
  }
}

async function said<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new LockError(`${what}: ${messageOf(error)}`, { cause: error })
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end)
  })
}
