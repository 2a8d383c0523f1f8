/** What every read and write carries besides its own arguments. Wire: protocol/rpc.md section 6. */
import type { Index, Nanos } from '../base/units.ts'

export interface QueryOptions {
  Token?: string
  /** Above 0 the read blocks until its own index is greater, or `MaxQueryTime` is up. */
  MinQueryIndex?: Index
  /** Nanoseconds; 0 or absent means the default of 300 s. At most 600 s counts. */
  MaxQueryTime?: Nanos
  AllowStale?: boolean
  RequireConsistent?: boolean
  UseCache?: boolean
  MaxStaleDuration?: Nanos
  MaxAge?: Nanos
  MustRevalidate?: boolean
  StaleIfError?: Nanos
  Filter?: string
}

export interface QueryMeta {
  /** Never 0 on a reply that succeeded. */
  Index: Index
  /** How long since this server heard from the leader; 0 on the leader itself. */
  LastContact: Nanos
  KnownLeader: boolean
}

export interface WriteRequest {
  Token?: string
}

export interface ToDatacenter {
  /** Empty or absent means the asked agent's own. */
  Datacenter?: string
}

/** Whose distance sorts the results. */
export interface QuerySource {
  Datacenter?: string
  Segment?: string
  Node?: string
  Ip?: string
}

export interface RaftIndex {
  CreateIndex: Index
  ModifyIndex: Index
}

/** A read's own result: everything but what the dispatcher adds to it (`LastContact`, `KnownLeader`). */
export type Found<Reply extends QueryMeta> = Omit<Reply, 'LastContact' | 'KnownLeader'>
