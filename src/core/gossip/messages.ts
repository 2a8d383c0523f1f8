/**
 * What gossip says: memberlist's messages, Serf's within them, and the codec that the cores are given, since packets
 * are filled by encoded size. Fields that cross the wire keep their wire names; addresses are IP text here, normalised
 * by the codec. Types alone. Source: protocol/memberlist.md section 1, serf.md section 1.
 */
import type { Coordinate } from '../../model/coordinate.ts'

/** `[protocol min, max, current, delegate min, max, current]`. */
export type Vsn = Uint8Array

export interface Ping {
  type: 'ping'
  SeqNo: number
  /** Who is meant; whoever else receives it keeps quiet. "" means anybody. */
  Node: string
  /** "" when the sender leaves it to the packet. */
  SourceAddr: string
  SourcePort: number
  SourceNode: string
}

export interface IndirectPing {
  type: 'indirectPing'
  SeqNo: number
  Target: string
  Port: number
  Node: string
  /** The asker wants to hear of failure, too. */
  Nack: boolean
  SourceAddr: string
  SourcePort: number
  SourceNode: string
}

export interface Ack {
  type: 'ackResp'
  SeqNo: number
  Payload: Uint8Array | null
}

export interface Nack {
  type: 'nackResp'
  SeqNo: number
}

export interface Suspect {
  type: 'suspect'
  Incarnation: number
  Node: string
  From: string
}

export interface Dead {
  type: 'dead'
  Incarnation: number
  Node: string
  From: string
}

export interface Alive {
  type: 'alive'
  Incarnation: number
  Node: string
  Addr: string
  Port: number
  Meta: Uint8Array | null
  Vsn: Vsn | null
}

/** On a packet: a Serf message. On a stream: the same, alone. */
export interface UserMessage {
  type: 'user'
  body: Uint8Array
}

export type PacketMessage = Ping | IndirectPing | Ack | Nack | Suspect | Dead | Alive | UserMessage

/**
 * Memberlist's node states as they stand in a push/pull. Suspect (1) and dead (2) are taken alike, as one who may have
 * failed, and so need no name.
 */
export const NODE_ALIVE = 0
export const NODE_LEFT = 3

export interface NodeState {
  Name: string
  Addr: string
  Port: number
  Meta: Uint8Array | null
  Incarnation: number
  State: number
  Vsn: Vsn | null
}

export interface PushPull {
  type: 'pushPull'
  Join: boolean
  nodes: NodeState[]
  /** A Serf message, or empty. */
  userState: Uint8Array
}

export interface StreamError {
  type: 'err'
  Error: string
}

export type StreamMessage = PushPull | Ping | Ack | UserMessage | StreamError

export interface LeaveIntent {
  type: 'leave'
  LTime: number
  Node: string
  Prune: boolean
}

export interface JoinIntent {
  type: 'join'
  LTime: number
  Node: string
}

export interface UserEvents {
  LTime: number
  Events: { Name: string; Payload: Uint8Array | null }[]
}

export interface SerfPushPull {
  type: 'pushPull'
  LTime: number
  StatusLTimes: Record<string, number>
  LeftMembers: string[]
  EventLTime: number
  /** The whole ring, with null for slots without events. */
  Events: (UserEvents | null)[]
  QueryLTime: number
}

export interface UserEvent {
  type: 'userEvent'
  LTime: number
  Name: string
  Payload: Uint8Array | null
  /** May be merged with others of its name before it is handed on. */
  CC: boolean
}

export interface Query {
  type: 'query'
  LTime: number
  ID: number
  Addr: string
  Port: number
  SourceNode: string
  Filters: Uint8Array[] | null
  Flags: number
  RelayFactor: number
  /** Nanoseconds. */
  Timeout: number
  Name: string
  Payload: Uint8Array | null
}

/** In a query: an ack is wanted. In a response: this is one. */
export const FLAG_ACK = 1
export const FLAG_NO_BROADCAST = 2

export interface QueryResponse {
  type: 'queryResponse'
  LTime: number
  ID: number
  From: string
  Flags: number
  Payload: Uint8Array | null
}

/** A member as another one knows it; an answer about a name that two claim. */
export interface ConflictResponse {
  type: 'conflictResponse'
  Name: string
  Addr: string
  Port: number
  Tags: Record<string, string>
  Status: number
  ProtocolMin: number
  ProtocolMax: number
  ProtocolCur: number
  DelegateMin: number
  DelegateMax: number
  DelegateCur: number
}

export interface KeyRequest {
  type: 'keyRequest'
  Key: Uint8Array | null
}

export interface KeyResponse {
  type: 'keyResponse'
  Result: boolean
  Message: string
  /** In base64. */
  Keys: string[] | null
  PrimaryKey: string
}

export interface Relay {
  type: 'relay'
  DestAddr: { IP: string; Port: number }
  DestName: string
  /** A whole message, type byte and all. */
  body: Uint8Array
}

export type SerfMessage =
  | LeaveIntent
  | JoinIntent
  | SerfPushPull
  | UserEvent
  | Query
  | QueryResponse
  | ConflictResponse
  | KeyRequest
  | KeyResponse
  | Relay

export type Filter = { kind: 'nodes'; names: string[] } | { kind: 'tag'; tag: string; expr: string }

/** Bytes out of messages and back. Decoders throw on bytes that make no sense, and on nothing else. */
export interface GossipCodec {
  /** With its type byte; what a compound packet is made of. */
  encode(message: PacketMessage): Uint8Array
  encodeSerf(message: SerfMessage): Uint8Array
  decodeSerf(bytes: Uint8Array): SerfMessage
  encodeTags(tags: Readonly<Record<string, string>>): Uint8Array
  decodeTags(meta: Uint8Array | null): Record<string, string>
  encodeFilter(filter: Filter): Uint8Array
  /** undefined: a sort that this version does not know. */
  decodeFilter(bytes: Uint8Array): Filter | undefined
  /** The payload of an ack, version byte and all. */
  encodeCoordinate(coordinate: Coordinate): Uint8Array
  /** undefined: another version. */
  decodeCoordinate(payload: Uint8Array): Coordinate | undefined
}
