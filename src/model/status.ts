/** What a server says of its cluster. */
import type { QueryOptions, ToDatacenter } from './query.ts'

export interface StatusMethods {
  'Status.Ping': { args: Record<string, never>; reply: Record<string, never> }
  /** `ip:port` of the leader's RPC address, or "". */
  'Status.Leader': { args: QueryOptions & ToDatacenter; reply: string }
  /** Addresses of all servers in the Raft configuration. */
  'Status.Peers': { args: QueryOptions & ToDatacenter; reply: string[] }
}
