/** Fields that every read and its reply carry (protocol/rpc.md section 6). */
import type { QuerySource } from '../../model/query.ts'
import { bool, int, struct, text } from '../schema.ts'

export const QUERY_OPTIONS = {
  Token: text,
  MinQueryIndex: int,
  MaxQueryTime: int,
  AllowStale: bool,
  RequireConsistent: bool,
  UseCache: bool,
  MaxStaleDuration: int,
  MaxAge: int,
  MustRevalidate: bool,
  StaleIfError: int,
  Filter: text,
}

export const TO_DATACENTER = { Datacenter: text }

/** Always empty in 1.8.7, and always there. */
export interface Consistency {
  ConsistencyLevel?: string
}

export const QUERY_META = { Index: int, LastContact: int, KnownLeader: bool, ConsistencyLevel: text }

export const querySource = struct<QuerySource>({ Datacenter: text, Segment: text, Node: text, Ip: text })
