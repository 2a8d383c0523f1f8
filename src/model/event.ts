/** User events: told to all agents of a datacenter by gossip, kept by each for a while. */
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
