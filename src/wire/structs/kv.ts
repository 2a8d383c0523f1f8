/** Wire structs of the key/value store (protocol/rpc.md section 10). */
import type { DirEntry, KVOp, KVSRequest, TombstoneRequest } from '../../model/kv.ts'
import type { Reader } from '../msgpack.ts'
import { bytes, type Codec, int, keyOf, RAFT_INDEX, struct, text, textOf, u64, WRITE_REQUEST } from '../schema.ts'

const anyDirEntry = struct<DirEntry>({
  ...RAFT_INDEX,
  LockIndex: int,
  Key: text,
  Flags: u64,
  Value: bytes,
  Session: text,
})

/** Fields in the order in which every peer writes them: that of their names. */
const CREATE_INDEX = keyOf('CreateIndex')
const FLAGS = keyOf('Flags')
const KEY = keyOf('Key')
const LOCK_INDEX = keyOf('LockIndex')
const MODIFY_INDEX = keyOf('ModifyIndex')
const SESSION = keyOf('Session')
const VALUE = keyOf('Value')
const FIELD_COUNT = 7

/** An entry. A start may have a million of them before it, so the usual form is read without looking fields up. */
export const dirEntry: Codec<DirEntry> = {
  ...anyDirEntry,
  read(r) {
    const { at } = r
    const usual = readUsual(r)
    if (usual !== undefined) return usual
    r.at = at
    return anyDirEntry.read(r)
  },
}

/** @returns undefined, somewhere inside the entry, when its fields are others or in another order */
function readUsual(r: Reader): DirEntry | undefined {
  if (r.mapHeader() !== FIELD_COUNT || !r.key(CREATE_INDEX)) return undefined
  const CreateIndex = r.int()
  if (!r.key(FLAGS)) return undefined
  const Flags = u64.read(r)
  if (!r.key(KEY)) return undefined
  const Key = r.text()
  if (!r.key(LOCK_INDEX)) return undefined
  const LockIndex = r.int()
  if (!r.key(MODIFY_INDEX)) return undefined
  const ModifyIndex = r.int()
  if (!r.key(SESSION)) return undefined
  const Session = r.text()
  if (!r.key(VALUE)) return undefined
  r.charge(FIELD_COUNT)
  return { LockIndex, Key, Flags, Value: bytes.read(r), Session, CreateIndex, ModifyIndex }
}

export const kvsRequest = struct<KVSRequest>({ ...WRITE_REQUEST, Op: textOf<KVOp>(), DirEnt: dirEntry })

export const tombstoneRequest = struct<TombstoneRequest>({ ...WRITE_REQUEST, Op: textOf<'reap'>(), ReapIndex: int })
