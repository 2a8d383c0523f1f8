/** The key/value store: rows, commands, methods. */
import type { Index } from '../base/units.ts'
import type { QueryMeta, QueryOptions, RaftIndex, ToDatacenter, WriteRequest } from './query.ts'

/** A row. `Flags` is any 64-bit number of the user's choice, hence a bigint. */
export interface DirEntry extends RaftIndex {
  LockIndex: Index
  Key: string
  Flags: bigint
  /** null and empty differ on the wire, and both read as null in JSON. */
  Value: Uint8Array | null
  /** Id of the session that holds the lock, or "". */
  Session: string
}

/** Remembers a deleted key (or prefix) so that the index of a list never goes backwards. */
export interface Tombstone {
  Key: string
  Index: Index
}

export type KVOp = 'set' | 'delete' | 'delete-cas' | 'delete-tree' | 'cas' | 'lock' | 'unlock'

/** In `DirEnt`, `ModifyIndex` carries the index to compare with for the cas operations. */
export interface KVSRequest extends WriteRequest, ToDatacenter {
  Op: KVOp
  DirEnt: DirEntry
}

export interface TombstoneRequest extends WriteRequest, ToDatacenter {
  Op: 'reap'
  ReapIndex: Index
}

export interface KeyRequest extends QueryOptions, ToDatacenter {
  Key: string
}

export interface KeyListRequest extends QueryOptions, ToDatacenter {
  Prefix: string
  /** Spelled as on the wire. */
  Seperator: string
}

export interface IndexedDirEntries extends QueryMeta {
  Entries: DirEntry[] | null
}

export interface IndexedKeyList extends QueryMeta {
  Keys: string[] | null
}

export interface KVMethods {
  /** True only for cas, delete-cas, lock and unlock that succeeded; false for the others even when they did. */
  'KVS.Apply': { args: KVSRequest; reply: boolean }
  'KVS.Get': { args: KeyRequest; reply: IndexedDirEntries }
  'KVS.List': { args: KeyRequest; reply: IndexedDirEntries }
  'KVS.ListKeys': { args: KeyListRequest; reply: IndexedKeyList }
}
