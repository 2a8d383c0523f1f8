/** Gossip's keys, shown and changed on all members of all pools: rows of the answer and the method between servers. */
import type { QueryMeta, QueryOptions, ToDatacenter } from './query.ts'

/** As they stand on the wire. */
export type KeyringOperation = 'list' | 'install' | 'use' | 'remove'

export interface KeyringRequest extends QueryOptions, ToDatacenter {
  Operation: KeyringOperation
  /** In base64; "" to list. */
  Key?: string
  /** Another server has asked this one: its own datacenter's LAN alone. */
  Forwarded?: boolean
  /** 0..5: through how many others each member answers besides directly. */
  RelayFactor?: number
  /** Only for lists: this datacenter's LAN alone. */
  LocalOnly?: boolean
}

/** What one pool's members said. */
export interface KeyringResponse {
  WAN: boolean
  Datacenter: string
  Segment: string
  /** Complaints and remarks, by member. */
  Messages: Record<string, string> | null
  /** How many members have each key, in base64. */
  Keys: Record<string, number> | null
  /** How many members seal with each key. */
  PrimaryKeys: Record<string, number> | null
  NumNodes: number
  /** Why it was not done everywhere, or "". */
  Error: string
}

export interface KeyringResponses extends QueryMeta {
  Responses: KeyringResponse[] | null
}

export interface KeyringMethods {
  'Internal.KeyringOperation': { args: KeyringRequest; reply: KeyringResponses }
}
