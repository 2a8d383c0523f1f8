/**
 * Serf's messages, tags, query filters and ack payloads as bytes (protocol/serf.md), and with memberlist's messages the
 * whole codec that the gossip cores are given.
 */
import { Buffer } from 'node:buffer'
import type {
  ConflictResponse,
  Filter,
  GossipCodec,
  JoinIntent,
  KeyRequest,
  KeyResponse,
  LeaveIntent,
  Query,
  QueryResponse,
  SerfMessage,
  SerfPushPull,
  UserEvent,
  UserEvents,
} from '../core/gossip/messages.ts'
import type { Coordinate } from '../model/coordinate.ts'
import { encodeMessage } from './gossip.ts'
import { address, count, GossipError, name, u8, u16, u32 } from './gossip-structs.ts'
import { encodeWith, Reader } from './msgpack.ts'
import { bool, bytes, type Codec, filled, int, list, map, pointer, struct, text } from './schema.ts'
import { coordinate } from './structs/coordinate.ts'

const TAGS_MAGIC = 255
const PING_VERSION = 1
const FILTER_NODES = 0
const FILTER_TAG = 1
const RELAY = 9
/** Slots of a peer's event ring; Serf's own has 512. */
const EVENT_SLOTS_MAX = 4096

type Body<T> = Omit<T, 'type'>
type Plain = Exclude<SerfMessage, { type: 'relay' }>

const userEvents = struct<UserEvents>({
  Events: filled(list(struct<UserEvents['Events'][number]>({ Name: text, Payload: bytes })), () => []),
  LTime: count,
})

const CODECS: { [K in Plain['type']]: { code: number; codec: Codec<Body<Extract<Plain, { type: K }>>> } } = {
  leave: { code: 0, codec: struct<Body<LeaveIntent>>({ LTime: count, Node: name, Prune: bool }) },
  join: { code: 1, codec: struct<Body<JoinIntent>>({ LTime: count, Node: name }) },
  pushPull: {
    code: 2,
    codec: struct<Body<SerfPushPull>>({
      EventLTime: count,
      Events: filled(list(pointer(userEvents)), () => []),
      LTime: count,
      LeftMembers: filled(list(name), () => []),
      QueryLTime: count,
      StatusLTimes: filled(map(count), () => ({})),
    }),
  },
  userEvent: {
    code: 3,
    codec: struct<Body<UserEvent>>({ CC: bool, LTime: count, Name: text, Payload: bytes }),
  },
  query: {
    code: 4,
    codec: struct<Body<Query>>({
      Addr: address,
      Filters: list(filled(bytes, () => new Uint8Array(0))),
      Flags: u32,
      ID: u32,
      LTime: count,
      Name: text,
      Payload: bytes,
      Port: u16,
      RelayFactor: u8,
      SourceNode: name,
      Timeout: int,
    }),
  },
  queryResponse: {
    code: 5,
    codec: struct<Body<QueryResponse>>({ Flags: u32, From: name, ID: u32, LTime: count, Payload: bytes }),
  },
  conflictResponse: {
    code: 6,
    codec: struct<Body<ConflictResponse>>({
      Addr: address,
      DelegateCur: u8,
      DelegateMax: u8,
      DelegateMin: u8,
      Name: name,
      Port: u16,
      ProtocolCur: u8,
      ProtocolMax: u8,
      ProtocolMin: u8,
      Status: int,
      Tags: filled(map(text), () => ({})),
    }),
  },
  keyRequest: { code: 7, codec: struct<Body<KeyRequest>>({ Key: bytes }) },
  keyResponse: {
    code: 8,
    codec: struct<Body<KeyResponse>>({
      Keys: list(text),
      Message: text,
      PrimaryKey: text,
      Result: bool,
    }),
  },
}
const BY_CODE = new Map(
  Object.entries(CODECS).map(([type, { code, codec }]) => [code, { type, codec: codec as Codec<Body<Plain>> }]),
)

const relayHeader = struct<{ DestAddr: { IP: string; Port: number; Zone: string }; DestName: string }>({
  DestAddr: struct({ IP: address, Port: int, Zone: text }),
  DestName: name,
})

export function encodeSerf(message: SerfMessage): Uint8Array {
  return encodeWith((w) => {
    if (message.type === 'relay') {
      w.byte(RELAY)
      relayHeader.write(w, { DestAddr: { ...message.DestAddr, Zone: '' }, DestName: message.DestName })
      w.append(message.body)
      return
    }
    const { code, codec } = CODECS[message.type]
    w.byte(code)
    ;(codec as Codec<Body<Plain>>).write(w, message)
  })
}

/** @throws GossipError or MsgpackError */
export function decodeSerf(input: Uint8Array): SerfMessage {
  const code = input[0]
  if (code === undefined) throw new GossipError('an empty serf message')
  const r = new Reader(input, 1)
  if (code === RELAY) {
    const { DestAddr, DestName } = relayHeader.read(r)
    const { IP, Port } = DestAddr
    return { type: 'relay', DestAddr: { IP, Port }, DestName, body: input.slice(r.at) }
  }
  const kind = BY_CODE.get(code)
  if (kind === undefined) throw new GossipError(`Received message of unknown type ${code}`)
  const message = { type: kind.type, ...kind.codec.read(r) } as SerfMessage
  if (message.type === 'pushPull' && message.Events.length > EVENT_SLOTS_MAX) {
    throw new GossipError('an event ring that is too long')
  }
  return message
}

const tagMap = filled(map(text), () => ({}))

export function encodeTags(tags: Readonly<Record<string, string>>): Uint8Array {
  return encodeWith((w) => {
    w.byte(TAGS_MAGIC)
    tagMap.write(w, tags)
  })
}

/** Without the magic byte all of it is the role, as nodes before Serf 0.3 had it. What makes no sense is no tags. */
export function decodeTags(meta: Uint8Array | null): Record<string, string> {
  if (meta === null || meta.length === 0 || meta[0] !== TAGS_MAGIC) {
    return { role: meta === null ? '' : Buffer.from(meta).toString() }
  }
  try {
    return tagMap.read(new Reader(meta, 1))
  } catch {
    return {}
  }
}

const nodeFilter = filled(list(name), () => [])
const tagFilter = struct<{ Expr: string; Tag: string }>({ Expr: text, Tag: text })

export function encodeFilter(filter: Filter): Uint8Array {
  return encodeWith((w) => {
    if (filter.kind === 'nodes') {
      w.byte(FILTER_NODES)
      nodeFilter.write(w, filter.names)
    } else {
      w.byte(FILTER_TAG)
      tagFilter.write(w, { Expr: filter.expr, Tag: filter.tag })
    }
  })
}

export function decodeFilter(input: Uint8Array): Filter | undefined {
  const r = new Reader(input, 1)
  if (input[0] === FILTER_NODES) return { kind: 'nodes', names: nodeFilter.read(r) }
  if (input[0] !== FILTER_TAG) return undefined
  const { Expr, Tag } = tagFilter.read(r)
  return { kind: 'tag', tag: Tag, expr: Expr }
}

function encodeCoordinate(value: Coordinate): Uint8Array {
  return encodeWith((w) => {
    w.byte(PING_VERSION)
    coordinate.write(w, value)
  })
}

export function decodeCoordinate(payload: Uint8Array): Coordinate | undefined {
  return payload[0] === PING_VERSION ? coordinate.read(new Reader(payload, 1)) : undefined
}

export const gossipCodec: GossipCodec = {
  encode: encodeMessage,
  encodeSerf,
  decodeSerf,
  encodeTags,
  decodeTags,
  encodeFilter,
  decodeFilter,
  encodeCoordinate,
  decodeCoordinate,
}
