/** Saving and restoring the whole state of a datacenter: what is asked, and what stands before the archive's bytes. */
import type { QueryMeta } from './query.ts'

export interface SnapshotRequest {
  Datacenter: string
  Token: string
  /** Any server may take it, of what it knows. */
  AllowStale: boolean
  Op: 'save' | 'restore'
}

export interface SnapshotAnswer {
  /** `Index` is the archive's, 0 after a restore. */
  meta: QueryMeta
  /** The archive's bytes; none after a restore. */
  archive: AsyncIterable<Uint8Array>
}

/** Asks for either; rejects with a `ConsulError`. @param archive read to its end for a restore, else not at all */
export type SnapshotCaller = (request: SnapshotRequest, archive: AsyncIterable<Uint8Array>) => Promise<SnapshotAnswer>

export async function* noArchive(): AsyncGenerator<Uint8Array> {}
