/** User events: told to all agents of a datacenter by gossip, kept by each for a while. */
import type { QueryMeta, QueryOptions, ToDatacenter } from './query.ts'

export interface UserEvent {
  /** A UUID. */
  ID: string
  Name: string
  Payload: Uint8Array | null
  /** Regular expressions; "" lets all through. */
  NodeFilter: string
  ServiceFilter: string
  /** Only with a service filter. */
  TagFilter: string
  Version: number
  /** Serf's, 0 until it came by gossip. */
  LTime: number
}

export const EVENT_VERSION = 1

export interface EventFireRequest extends QueryOptions, ToDatacenter {
  Name: string
  /** The whole event as bytes, name included. */
  Payload: Uint8Array | null
}

export interface EventMethods {
  /** Answered by any server, leader or not. */
  'Internal.EventFire': { args: EventFireRequest; reply: QueryMeta }
}
