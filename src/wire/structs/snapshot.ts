/** The two values of a snapshot stream (protocol/rpc.md section 7). */
import type { QueryMeta } from '../../model/query.ts'
import type { SnapshotRequest } from '../../model/snapshot.ts'
import { bool, int, struct, text } from '../schema.ts'
import { type Consistency, QUERY_META, TO_DATACENTER } from './query.ts'

/** `Op` as it came: 0 saves, 1 restores. */
export type WireSnapshotRequest = Omit<SnapshotRequest, 'Op'> & { Op: number }

export const SNAPSHOT_OPS: Record<SnapshotRequest['Op'], number> = { save: 0, restore: 1 }

export const snapshotRequest = struct<WireSnapshotRequest>({ ...TO_DATACENTER, Token: text, AllowStale: bool, Op: int })

export type WireSnapshotResponse = QueryMeta & Consistency & { Error: string }

export const snapshotResponse = struct<WireSnapshotResponse>({ ...QUERY_META, Error: text })
