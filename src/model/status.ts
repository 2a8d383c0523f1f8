/** What a server says of its cluster. */
import type { Index, Term } from '../base/units.ts'
import type { QueryOptions, ToDatacenter } from './query.ts'

/** What autopilot asks of each server, to judge its health. */
export interface ServerStats {
  /** A Go duration; "0" on the leader, "never" for one that never heard from any. */
  LastContact: string
  LastTerm: Term
  LastIndex: Index
}

export interface StatusMethods {
  'Status.Ping': { args: Record<string, never>; reply: Record<string, never> }
  /** `ip:port` of the leader's RPC address, or "". */
  'Status.Leader': { args: QueryOptions & ToDatacenter; reply: string }
  /** Addresses of all servers in the Raft configuration. */
  'Status.Peers': { args: QueryOptions & ToDatacenter; reply: string[] }
  'Status.RaftStats': { args: Record<string, never>; reply: ServerStats }
}
