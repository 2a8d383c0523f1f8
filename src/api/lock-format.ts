/**
 * What locks and semaphores look like in the key/value store, so that all who hold them respect one another, programs with
 * this client and commands alike. A lock is one key that a session holds. A semaphore is a prefix: a key for each contender,
 * and one that lists the holders, changed by compare and set. Source: Consul's api/lock.go, semaphore.go.
 */
import type { KVPair } from './kv.ts'

/** They mark a key as a lock's, or as a semaphore's. */
export const LOCK_FLAGS = 0x2ddccbc058a50c18n
export const SEMAPHORE_FLAGS = 0xe0f69a2baa414de0n
/** The name of a semaphore's list of holders, and of a lock that is kept at a prefix. */
export const LOCK_KEY = '.lock'

export interface Slots {
  Limit: number
  /** By their sessions. */
  Holders: Record<string, boolean>
}

/** @param list undefined when nobody has been there. @throws SyntaxError when it is no JSON */
export function decodeSlots(list: KVPair | undefined, limit: number): Slots {
  if (list === undefined || list.Value.length === 0) return { Limit: limit, Holders: {} }
  const { Limit, Holders } = JSON.parse(new TextDecoder().decode(list.Value)) as Partial<Slots>
  return { Limit: Number(Limit ?? 0), Holders: { ...Holders } }
}

/** Holders whose contender's key is held by no session have lost their place. @param pairs all below the prefix */
export function livingSlots({ Limit, Holders }: Slots, pairs: readonly KVPair[]): Slots {
  const sessions = new Set(pairs.map(({ Session }) => Session).filter(Boolean))
  return { Limit, Holders: Object.fromEntries(Object.entries(Holders).filter(([holder]) => sessions.has(holder))) }
}

/** Holders in order, as Go writes a map. */
export function encodeSlots({ Limit, Holders }: Slots): string {
  const sorted = Object.entries(Holders).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify({ Limit, Holders: Object.fromEntries(sorted) })
}
