/**
 * The rules and reads of the key/value store: what each KVS operation does to the rows, and the index each read answers.
 * Reads: protocol/fsm-and-snapshot.md sections 3 and 4; Consul's agent/consul/state/kvs.go and graveyard.go.
 */

import { byteKey } from '../../base/text.ts'
import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import type { DirEntry, IndexedDirEntries, IndexedKeyList, KVSRequest } from '../../model/kv.ts'
import type { Found } from '../../model/query.ts'
import { setCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { SliceCounter, type Slices } from './slices.ts'
import { kvKey, sessionKey } from './tables.ts'

const DONE: Result = { kind: 'done' }
const TRUE: Result = { kind: 'bool', value: true }
const FALSE: Result = { kind: 'bool', value: false }

export function applyKVS(txn: WriteTxn, index: Index, body: KVSRequest): Result {
  const entry = body.DirEnt
  switch (body.Op) {
    case 'set':
      kvSet(txn, index, entry)
      return DONE
    case 'cas':
      return kvCas(txn, index, entry) ? TRUE : FALSE
    case 'delete':
      kvDelete(txn, index, entry.Key)
      return DONE
    case 'delete-cas':
      return kvDeleteCas(txn, index, entry) ? TRUE : FALSE
    case 'delete-tree':
      kvDeleteTree(txn, index, entry.Key)
      return DONE
    case 'lock':
      return kvLock(txn, index, entry)
    case 'unlock':
      return kvUnlock(txn, index, entry)
    default:
      // The log is the peers': an operation that we do not know fails the command, as it does in theirs.
      return { kind: 'failed', message: `Invalid KVS operation '${String(body.Op)}'` }
  }
}

/** Sets the value and flags. The session stays; the lock index becomes the request's, which for a plain set is 0. */
export function kvSet(txn: WriteTxn, index: Index, entry: DirEntry): void {
  const existing = txn.get('kvs', kvKey(entry.Key))
  store(txn, index, existing, entry, entry.LockIndex, existing === undefined ? '' : existing.Session)
}

/** @returns whether the entry was as `entry.ModifyIndex` says; 0 stands for "absent" */
export function kvCas(txn: WriteTxn, index: Index, entry: DirEntry): boolean {
  const existing = txn.get('kvs', kvKey(entry.Key))
  if ((existing === undefined ? 0 : existing.ModifyIndex) !== entry.ModifyIndex) return false
  store(txn, index, existing, entry, entry.LockIndex, existing === undefined ? '' : existing.Session)
  return true
}

export function kvDelete(txn: WriteTxn, index: Index, key: string): void {
  const row = kvKey(key)
  if (txn.get('kvs', row) === undefined) return
  bury(txn, index, key)
  txn.delete('kvs', row)
  setCounter(txn, 'kvs', index)
}

/** @returns true also when the key is absent, whatever index was asked for */
export function kvDeleteCas(txn: WriteTxn, index: Index, entry: DirEntry): boolean {
  const existing = txn.get('kvs', kvKey(entry.Key))
  if (existing === undefined) return true
  if (existing.ModifyIndex !== entry.ModifyIndex) return false
  kvDelete(txn, index, entry.Key)
  return true
}

/** One tombstone stands for the whole prefix; none is left for the empty one, whose index is the table's anyway. */
export function kvDeleteTree(txn: WriteTxn, index: Index, prefix: string): void {
  const under = kvKey(prefix)
  if (txn.prefix('kvs', under)[Symbol.iterator]().next().done === true) return
  txn.deleteUnder('kvs', under)
  if (prefix !== '') bury(txn, index, prefix)
  setCounter(txn, 'kvs', index)
}

export function kvLock(txn: WriteTxn, index: Index, entry: DirEntry): Result {
  if (entry.Session === '') return { kind: 'failed', message: 'missing session' }
  const malformed = sessionIdError(entry.Session)
  if (malformed !== undefined) return { kind: 'failed', message: `failed session lookup: ${malformed}` }
  if (txn.get('sessions', sessionKey(entry.Session)) === undefined) {
    return { kind: 'failed', message: `invalid session ${JSON.stringify(entry.Session)}` }
  }
  const existing = txn.get('kvs', kvKey(entry.Key))
  if (existing === undefined) {
    store(txn, index, existing, entry, 1, entry.Session)
    return TRUE
  }
  if (existing.Session === entry.Session) {
    store(txn, index, existing, entry, existing.LockIndex, entry.Session)
    return TRUE
  }
  if (existing.Session !== '') return FALSE
  store(txn, index, existing, entry, existing.LockIndex + 1, entry.Session)
  return TRUE
}

export function kvUnlock(txn: WriteTxn, index: Index, entry: DirEntry): Result {
  if (entry.Session === '') return { kind: 'failed', message: 'missing session' }
  const existing = txn.get('kvs', kvKey(entry.Key))
  if (existing === undefined || existing.Session !== entry.Session) return FALSE
  store(txn, index, existing, entry, existing.LockIndex, '')
  return TRUE
}

/** Takes the lock from an entry whose session went away. */
export function kvRelease(txn: WriteTxn, index: Index, existing: DirEntry): void {
  store(txn, index, existing, existing, existing.LockIndex, '')
}

/** Writes the entry unless nothing differs: then neither the row nor any index moves. */
function store(
  txn: WriteTxn,
  index: Index,
  existing: DirEntry | undefined,
  entry: DirEntry,
  lockIndex: Index,
  session: string,
): void {
  if (
    existing !== undefined &&
    existing.LockIndex === lockIndex &&
    existing.Session === session &&
    existing.Flags === entry.Flags &&
    bytesEqual(existing.Value, entry.Value)
  ) {
    return
  }
  txn.put('kvs', {
    LockIndex: lockIndex,
    Key: existing === undefined ? entry.Key : existing.Key,
    Flags: entry.Flags,
    Value: entry.Value,
    Session: session,
    CreateIndex: existing === undefined ? index : existing.CreateIndex,
    ModifyIndex: index,
  })
  setCounter(txn, 'kvs', index)
}

function bury(txn: WriteTxn, index: Index, key: string): void {
  txn.put('tombstones', { Key: key, Index: index })
  setCounter(txn, 'tombstones', index)
}

/** Null and empty are equal here, as for Consul: overwriting one by the other changes nothing. */
function bytesEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return (a === null ? 0 : a.length) === (b === null ? 0 : b.length)
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Forgets the tombstones up to an index. No counter moves. */
export function reapTombstones(txn: WriteTxn, upTo: Index): void {
  for (const stone of txn.prefix('tombstones', '')) {
    if (stone.Index <= upTo) txn.delete('tombstones', kvKey(stone.Key))
  }
}

/** The highest index the store as a whole moved at, for reads that find nothing. */
function tableIndex(txn: ReadTxn): Index {
  return Math.max(txn.counter('kvs'), txn.counter('tombstones'))
}

export function kvGet(txn: ReadTxn, key: string): Found<IndexedDirEntries> {
  const entry = txn.get('kvs', kvKey(key))
  if (entry === undefined) return { Index: tableIndex(txn), Entries: null }
  return { Index: entry.ModifyIndex, Entries: [entry] }
}

/** Entries that are not `visible` are left out, but count for the index. */
export function* kvListSlices(
  txn: ReadTxn,
  prefix: string,
  visible?: (key: string) => boolean,
): Slices<Found<IndexedDirEntries>> {
  const entries: DirEntry[] = []
  const slice = new SliceCounter()
  let high = 0
  for (const entry of txn.prefix('kvs', kvKey(prefix))) {
    if (slice.full(entry.Value === null ? 0 : entry.Value.length)) yield
    if (entry.ModifyIndex > high) high = entry.ModifyIndex
    if (visible === undefined || visible(entry.Key)) entries.push(entry)
  }
  return { Index: listIndex(txn, prefix, high), Entries: entries.length === 0 ? null : entries }
}

/**
 * Keys with the prefix; with a separator, all that share the text up to its first occurrence after the prefix are one.
 * Left-out keys count for the index, and so do keys that are not `visible`.
 */
export function* kvKeysSlices(
  txn: ReadTxn,
  prefix: string,
  separator: string,
  visible?: (key: string) => boolean,
): Slices<Found<IndexedKeyList>> {
  const keys: string[] = []
  const slice = new SliceCounter()
  let high = 0
  let last = ''
  for (const entry of txn.prefix('kvs', kvKey(prefix))) {
    if (slice.full(entry.Value === null ? 0 : entry.Value.length)) yield
    if (entry.ModifyIndex > high) high = entry.ModifyIndex
    if (visible !== undefined && !visible(entry.Key)) continue
    const at = separator === '' ? -1 : entry.Key.indexOf(separator, prefix.length)
    if (at < 0) {
      keys.push(entry.Key)
      continue
    }
    const branch = entry.Key.slice(0, at + separator.length)
    if (branch === last && keys.length > 0) continue
    last = branch
    keys.push(branch)
  }
  return { Index: listIndex(txn, prefix, high), Keys: keys.length === 0 ? null : keys }
}

function listIndex(txn: ReadTxn, prefix: string, highest: Index): Index {
  if (prefix === '') return tableIndex(txn)
  let high = highest
  for (const stone of txn.prefix('tombstones', byteKey(prefix))) if (stone.Index > high) high = stone.Index
  return high === 0 ? tableIndex(txn) : high
}

const HEX_PAIRS = /^(?:[0-9a-fA-F]{2})*$/

/**
 * Why Consul's store refuses to look up this session id at all, in its own words; undefined when the id is well formed.
 * Source: go-memdb's UUIDFieldIndex, on which the session tables are keyed.
 */
export function sessionIdError(id: string): string | undefined {
  if (id.length !== 36) return 'index error: UUID must be 36 characters'
  const hyphens = id.split('-').length - 1
  if (hyphens > 4) return `index error: UUID should have maximum of 4 "-"; got ${hyphens}`
  const digits = id.replaceAll('-', '')
  if (digits.length % 2 !== 0) return 'index error: Input (without hyphens) must be even length'
  if (HEX_PAIRS.test(digits)) return undefined
  const bad = digits.search(/[^0-9a-fA-F]/)
  return `index error: Invalid UUID: encoding/hex: invalid byte: ${describeByte(digits.charCodeAt(bad))}`
}

/** A byte as Go's `%#U` shows it. */
function describeByte(code: number): string {
  const hex = code.toString(16).toUpperCase().padStart(4, '0')
  return code >= 0x20 && code !== 0x7f ? `U+${hex} '${String.fromCharCode(code)}'` : `U+${hex}`
}
