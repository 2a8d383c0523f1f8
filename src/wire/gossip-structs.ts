/**
 * Memberlist's structs in msgpack (protocol/memberlist.md section 1), and IP addresses as gossip writes them: four or
 * sixteen bytes, IPv4 also in its mapped form, which is the same address.
 */
import { formatIp, mappedIpv4, parseIp } from '../core/dns/ip.ts'
import type {
  Ack,
  Alive,
  Dead,
  IndirectPing,
  Nack,
  NodeState,
  Ping,
  PushPull,
  StreamError,
  Suspect,
} from '../core/gossip/messages.ts'
import { bool, bytes, type Codec, int, struct, text } from './schema.ts'

/** Longer ones are refused by no peer, but none is real: Consul's names are DNS labels, or two with a dot. */
const NAME_BYTES_MAX = 512

export class GossipError extends Error {
  override name = 'GossipError'
}

/** Text of an address; "" for none. */
function addressFromBytes(raw: Uint8Array | null): string {
  if (raw === null || raw.length === 0) return ''
  if (raw.length === 4) return dotted(raw)
  if (raw.length !== 16) throw new GossipError(`an IP address of ${raw.length} bytes`)
  const v4 = mappedIpv4(raw)
  return formatIp(v4 === -1 ? raw : v4)
}

/** Members' addresses come again and again: the same bytes mostly give the very same string. */
const DOTTED_SLOTS = 1024
const dottedOf = new Uint32Array(DOTTED_SLOTS)
const dottedTexts = new Array<string>(DOTTED_SLOTS).fill('0.0.0.0')

function dotted(raw: Uint8Array): string {
  const ip = ((raw[0]! << 24) | (raw[1]! << 16) | (raw[2]! << 8) | raw[3]!) >>> 0
  const slot = (ip ^ (ip >>> 12)) & (DOTTED_SLOTS - 1)
  if (dottedOf[slot] !== ip) {
    dottedOf[slot] = ip
    dottedTexts[slot] = `${raw[0]}.${raw[1]}.${raw[2]}.${raw[3]}`
  }
  return dottedTexts[slot]!
}

function bytesFromAddress(address: string): Uint8Array | null {
  if (address === '') return null
  const ip = parseIp(address)
  if (ip === undefined) throw new GossipError(`not an IP address: ${address}`)
  if (typeof ip !== 'number') return ip
  return Uint8Array.of(ip >>> 24, (ip >>> 16) & 0xff, (ip >>> 8) & 0xff, ip & 0xff)
}

export const address: Codec<string> = {
  write: (w, value) => w.bytes(bytesFromAddress(value ?? '')),
  read: (r) => addressFromBytes(r.bytes()),
  zero: () => '',
  fields: 0,
  shape: { kind: 'bytes' },
}

function within(codec: Codec<number>, max: number): Codec<number> {
  return {
    ...codec,
    read(r) {
      const value = codec.read(r)
      if (!(value >= 0 && value <= max)) throw new GossipError(`${value} is out of range`)
      return value
    },
  }
}

export const u8 = within(int, 0xff)
export const u16 = within(int, 0xffff)
export const u32 = within(int, 0xffff_ffff)
/** Lamport times and lengths: none that is real comes near. */
export const count = within(int, Number.MAX_SAFE_INTEGER)

export const name: Codec<string> = {
  ...text,
  read(r) {
    const value = r.recurring()
    if (value.length > NAME_BYTES_MAX) throw new GossipError('a name that is too long')
    return value
  },
}

/** Tags and versions, which hardly ever change. Nobody writes to what is read. */
const recurringBytes: Codec<Uint8Array | null> = { ...bytes, read: (r) => r.recurringBytes() }

type Body<T> = Omit<T, 'type'>

const SOURCE = { SourceAddr: address, SourceNode: name, SourcePort: u16 }
export const ping = struct<Body<Ping>>({ Node: name, SeqNo: u32, ...SOURCE })
export const indirectPing = struct<Body<IndirectPing>>({
  Nack: bool,
  Node: name,
  Port: u16,
  SeqNo: u32,
  Target: address,
  ...SOURCE,
})
export const ack = struct<Body<Ack>>({ Payload: bytes, SeqNo: u32 })
export const nack = struct<Body<Nack>>({ SeqNo: u32 })
export const suspect = struct<Body<Suspect>>({ From: name, Incarnation: u32, Node: name })
export const dead: Codec<Body<Dead>> = suspect
export const alive = struct<Body<Alive>>({
  Addr: address,
  Incarnation: u32,
  Meta: recurringBytes,
  Node: name,
  Port: u16,
  Vsn: recurringBytes,
})
export const compressed = struct<{ Algo: number; Buf: Uint8Array | null }>({ Algo: u8, Buf: bytes })
export const streamError = struct<Body<StreamError>>({ Error: text })
export const pushPullHeader = struct<{ Join: PushPull['Join']; Nodes: number; UserStateLen: number }>({
  Join: bool,
  Nodes: count,
  UserStateLen: count,
})
export const nodeState = struct<NodeState>({
  Addr: address,
  Incarnation: u32,
  Meta: recurringBytes,
  Name: name,
  Port: u16,
  State: u8,
  Vsn: recurringBytes,
})
export const userHeader = struct<{ UserMsgLen: number }>({ UserMsgLen: count })
