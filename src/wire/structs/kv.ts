/** Wire structs of the key/value store (protocol/rpc.md section 10). */
import type { DirEntry, KVOp, KVSRequest, TombstoneRequest } from '../../model/kv.ts'
import { bytes, int, RAFT_INDEX, struct, text, textOf, u64, WRITE_REQUEST } from '../schema.ts'

export const dirEntry = struct<DirEntry>({
  ...RAFT_INDEX,
  LockIndex: int,
  Key: text,
  Flags: u64,
  Value: bytes,
  Session: text,
})

export const kvsRequest = struct<KVSRequest>({ ...WRITE_REQUEST, Op: textOf<KVOp>(), DirEnt: dirEntry })

export const tombstoneRequest = struct<TombstoneRequest>({ ...WRITE_REQUEST, Op: textOf<'reap'>(), ReapIndex: int })
