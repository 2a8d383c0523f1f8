/**
 * The face of gossip: one pool of Serf over memberlist, as a core. Decides who is a member and in what state, hands on
 * user events and queries once each, keeps the network coordinate, and says what to send. It owns no socket, timer or
 * clock; agent/gossip.ts drives it, simulations play its network. Source: protocol/serf.md.
 */
import type { Core } from '../../base/core.ts'
import type { Random } from '../../base/random.ts'
import type { Instant } from '../../base/units.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import type { MemberlistConfig, SerfConfig } from './config.ts'
import type { TransportEffect } from './effects.ts'
import type { KeyOutcome, KeyRequestParams } from './key-manager.ts'
import type { GossipKeyring } from './keyring.ts'
import type { GossipCodec, PacketMessage, Query, StreamMessage } from './messages.ts'
import type { GossipAddress } from './nodes.ts'
import type { QueryParams } from './queries.ts'
import type { MemberEventKind, SerfMember } from './roster.ts'
import { Pool } from './serf-pool.ts'
import type { Clocks } from './snapshot.ts'

export type { KeyOperation, KeyOutcome, KeyRequestParams } from './key-manager.ts'
export { GossipKeyring } from './keyring.ts'
export type { GossipAddress } from './nodes.ts'
export type { QueryParams } from './queries.ts'
export type { MemberStatus, SerfMember } from './roster.ts'
export { type Clocks, type PreviousNode, SnapshotLog } from './snapshot.ts'

/** A member that wants in, as its claim describes it. */
export interface Candidate {
  name: string
  addr: string
  port: number
  tags: Record<string, string>
  left: boolean
}

/** A member as it was known before a restart; `text` names it in the log. */
export interface PreviousAddress {
  name: string
  text: string
  address: GossipAddress
}

export interface SerfOptions {
  name: string
  /** As others reach it. */
  address: GossipAddress
  tags: Record<string, string>
  memberlist: MemberlistConfig
  serf: SerfConfig
  codec: GossipCodec
  random: Random
  now: Instant
  /** Why these may not be in this pool; undefined when they may. */
  refusal?(candidates: readonly Candidate[]): string | undefined
  /** Encryption's keys; also what key queries work on. */
  keyring?: GossipKeyring
  /** Whether a member may have this address; all may without it. */
  allowed?(address: string): boolean
  /** Bytes that encryption adds to each packet. */
  sealBytes?(): number
  /** The clocks before a restart: what was handed on then is not handed on again. */
  clocks?: Clocks
}

export type SerfInput =
  | { kind: 'packet'; from: GossipAddress; messages: readonly PacketMessage[] }
  /** A peer opened a stream and said this; `answer-stream` follows before anything else is done. */
  | { kind: 'stream-request'; id: number; from: GossipAddress; message: StreamMessage }
  | { kind: 'stream-reply'; id: number; message: StreamMessage }
  | { kind: 'stream-failed'; id: number; error: string }
  /** All of the addresses are tried. `unresolved`: what is wrong with others that could not be. */
  | {
      kind: 'join'
      ticket: number
      addresses: readonly GossipAddress[]
      unresolved?: readonly string[]
      ignoreOldEvents: boolean
    }
  /** Whom this node knew before a restart: asked one after the other, until one answers. */
  | { kind: 'rejoin'; previous: readonly PreviousAddress[] }
  | { kind: 'leave'; ticket: number }
  | { kind: 'force-leave'; ticket: number; name: string; prune: boolean }
  | { kind: 'user-event'; ticket: number; name: string; payload: Uint8Array | null; coalesce: boolean }
  | ({ kind: 'query'; ticket: number } & QueryParams)
  | { kind: 'respond'; query: Query; payload: Uint8Array }
  | { kind: 'set-tags'; ticket: number; tags: Record<string, string> }
  | ({ kind: 'keys'; ticket: number } & KeyRequestParams)

export type SerfEffect =
  | TransportEffect
  | { kind: 'member'; event: MemberEventKind; member: SerfMember }
  | { kind: 'user-event'; name: string; payload: Uint8Array | null; time: number }
  | { kind: 'query'; query: Query }
  | { kind: 'query-ack'; ticket: number; from: string }
  | { kind: 'query-response'; ticket: number; from: string; payload: Uint8Array | null }
  /** What was asked by ticket is over. `joined`: addresses that answered. */
  | { kind: 'done'; ticket: number; joined: number }
  | { kind: 'refused'; ticket: number; message: string }
  /** What all members said to a `keys` input. */
  | { kind: 'keys'; ticket: number; outcome: KeyOutcome }
  /** Of this node. */
  | { kind: 'keys-changed' }
  /** Another node holds our name, and the others say it is its. */
  | { kind: 'give-way' }

export interface Serf extends Core<SerfInput, SerfEffect> {
  members(): SerfMember[]
  member(name: string): SerfMember | undefined
  /** Where this node stands. */
  coordinate(): Coordinate
  /** Where another node said it stands, when it last answered. */
  coordinateOf(name: string): Coordinate | undefined
  stats(): Record<string, string>
  /** The latest Lamport times that were handled, to be remembered across a restart. */
  clocks(): Clocks
  /** 0: at its best; see awareness.ts. */
  healthScore(): number
}

export function makeSerf(options: SerfOptions): Serf {
  return new Pool(options)
}
