/**
 * Gossip packets: bytes to memberlist's messages and back, layer by layer (label, encryption, checksum, compression,
 * compound). Sans-IO and without state. Streams are gossip-stream.ts's, Serf's messages serf.ts's.
 *
 * A packet comes from anybody. What it may unpack to, how deep its layers go and how many messages it holds is bounded
 * here; a message that makes no sense is told of and passed over, as real agents do. Source: protocol/memberlist.md.
 */
import { Buffer } from 'node:buffer'
import { messageOf } from '../base/message-of.ts'
import type { PacketMessage } from '../core/gossip/messages.ts'
import { type Keyring, unseal } from './gossip-crypto.ts'
import { ack, alive, compressed, dead, GossipError, indirectPing, nack, ping, suspect } from './gossip-structs.ts'
import { compressLzw, decompressLzw } from './lzw.ts'
import { encodeWith, Reader } from './msgpack.ts'
import type { Codec } from './schema.ts'
import { crc32 } from './zlib.ts'

export const PING = 0
export const INDIRECT_PING = 1
export const ACK = 2
export const SUSPECT = 3
export const ALIVE = 4
export const DEAD = 5
export const PUSH_PULL = 6
export const COMPOUND = 7
export const USER = 8
export const COMPRESS = 9
export const ENCRYPT = 10
export const NACK = 11
export const HAS_CRC = 12
export const ERR = 13
export const HAS_LABEL = 244

/** All that one packet unpacks to. Real ones stay within a few kilobytes; the largest datagram is 64 KiB. */
const UNPACKED_BYTES_MAX = 1 << 20
/** Compression within compound within compression is more than any peer makes. */
const DEPTH_MAX = 4
const COMPOUND_MAX = 255
/** Shorter packets hardly ever shrink. */
const COMPRESS_BYTES_MIN = 48
const CRC_BYTES = 5

type Body<T> = T extends { type: string } ? Omit<T, 'type'> : never
type Plain = Exclude<PacketMessage, { type: 'user' }>
type Kind = Plain['type']

const KINDS: { [K in Kind]: { code: number; codec: Codec<Body<Extract<Plain, { type: K }>>> } } = {
  ping: { code: PING, codec: ping },
  indirectPing: { code: INDIRECT_PING, codec: indirectPing },
  ackResp: { code: ACK, codec: ack },
  nackResp: { code: NACK, codec: nack },
  suspect: { code: SUSPECT, codec: suspect },
  dead: { code: DEAD, codec: dead },
  alive: { code: ALIVE, codec: alive },
}

/** One message with its type byte. */
export function encodeMessage(message: PacketMessage): Uint8Array {
  if (message.type === 'user') {
    const out = new Uint8Array(1 + message.body.length)
    out[0] = USER
    out.set(message.body, 1)
    return out
  }
  const { code, codec } = KINDS[message.type]
  return encodeWith((w) => {
    w.byte(code)
    ;(codec as Codec<Body<Plain>>).write(w, message)
  })
}

export interface PacketOptions {
  /** The receiver is known to understand checksums. */
  crc: boolean
  compress: boolean
}

/** One packet out of messages that `encodeMessage` made, before encryption. */
export function encodePacket(parts: readonly Uint8Array[], options: PacketOptions): Uint8Array {
  let out = parts.length === 1 ? parts[0]! : compound(parts)
  if (options.compress && out.length >= COMPRESS_BYTES_MIN) {
    const smaller = compressMessage(out)
    if (smaller.length < out.length) out = smaller
  }
  return options.crc ? withCrc(out) : out
}

function compound(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length > COMPOUND_MAX) throw new RangeError('too many messages for one packet')
  let size = 2 + 2 * parts.length
  for (const part of parts) size += part.length
  const out = Buffer.allocUnsafe(size)
  out[0] = COMPOUND
  out[1] = parts.length
  let at = 2
  for (const part of parts) at = out.writeUInt16BE(part.length, at)
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function compressMessage(message: Uint8Array): Uint8Array {
  const Buf = compressLzw(message)
  return encodeWith((w) => {
    w.byte(COMPRESS)
    compressed.write(w, { Algo: 0, Buf })
  })
}

function withCrc(message: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(CRC_BYTES + message.length)
  out[0] = HAS_CRC
  out.writeUInt32BE(crc32(message), 1)
  out.set(message, CRC_BYTES)
  return out
}

export interface Unpacked {
  messages: PacketMessage[]
  /** What was passed over, in words for the log. */
  faults: string[]
}

export interface UnpackOptions {
  keyring?: Keyring
  /** A packet that no key opens is dropped; without this it is read as it is. */
  verifyIncoming?: boolean
}

/** Never throws. */
export function decodePacket(packet: Uint8Array, options: UnpackOptions = {}): Unpacked {
  const out: Unpacked = { messages: [], faults: [] }
  try {
    const bytes = asBuffer(outermost(packet, options))
    unpack(bytes, 0, bytes.length, out, { bytesLeft: UNPACKED_BYTES_MAX }, 0)
  } catch (error) {
    out.faults.push(messageOf(error))
  }
  return out
}

/** Label, encryption and checksum stand outside of all else. */
function outermost(packet: Uint8Array, options: UnpackOptions): Uint8Array {
  let bytes = packet
  let label: Uint8Array | undefined
  if (bytes[0] === HAS_LABEL) {
    const end = 2 + (bytes[1] ?? 0)
    if (end === 2 || bytes.length <= end) throw new GossipError('a label that is cut off')
    label = bytes.subarray(2, end)
    bytes = bytes.subarray(end)
  }
  if (options.keyring !== undefined && options.keyring.keys.length > 0) {
    try {
      bytes = unseal(options.keyring, bytes, label)
    } catch (error) {
      if (options.verifyIncoming !== false) throw error
    }
  }
  if (bytes[0] === HAS_CRC && bytes.length >= CRC_BYTES) {
    const said = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE(1)
    bytes = bytes.subarray(CRC_BYTES)
    const found = crc32(bytes)
    if (found !== said)
      throw new GossipError(`invalid checksum for UDP packet: ${found.toString(16)}, not ${said.toString(16)}`)
  }
  return bytes
}

/** Messages are read where they stand, between two offsets: a packet holds dozens, and a view of each would cost as much as it. */
function unpack(
  bytes: Buffer,
  at: number,
  end: number,
  out: Unpacked,
  bound: { bytesLeft: number },
  depth: number,
): void {
  if (at >= end) throw new GossipError('missing message type byte')
  if (depth > DEPTH_MAX) throw new GossipError('layers that are too deep')
  switch (bytes[at]) {
    case COMPOUND:
      unpackCompound(bytes, at, end, out, bound, depth)
      return
    case COMPRESS: {
      const plain = asBuffer(decompressMessage(bytes.subarray(at + 1, end), bound.bytesLeft))
      bound.bytesLeft -= plain.length
      unpack(plain, 0, plain.length, out, bound, depth + 1)
      return
    }
    default:
      out.messages.push(decodeMessage(bytes, at, end))
  }
}

function unpackCompound(
  bytes: Buffer,
  start: number,
  end: number,
  out: Unpacked,
  bound: { bytesLeft: number },
  depth: number,
): void {
  if (start + 1 >= end) throw new GossipError('a compound without its count')
  const count = bytes[start + 1]!
  let lengthAt = start + 2
  let at = lengthAt + 2 * count
  if (end < at) throw new GossipError('a compound without its lengths')
  for (let i = 0; i < count; i++) {
    const length = (bytes[lengthAt]! << 8) | bytes[lengthAt + 1]!
    lengthAt += 2
    if (at + length > end) {
      out.faults.push(`compound request had ${count - i} truncated messages`)
      return
    }
    const part = at
    at += length
    try {
      unpack(bytes, part, at, out, bound, depth + 1)
    } catch (error) {
      out.faults.push(messageOf(error))
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** @param body what follows the type byte */
export function decompressMessage(body: Uint8Array, bytesMax: number): Uint8Array {
  const { Algo, Buf } = compressed.read(new Reader(body, 0, body.length, true))
  if (Algo !== 0) throw new GossipError(`Cannot decompress unknown algorithm ${Algo}`)
  return decompressLzw(Buf ?? new Uint8Array(0), bytesMax)
}

function decodeMessage(bytes: Buffer, at: number, end: number): PacketMessage {
  const code = bytes[at]
  if (code === USER) return { type: 'user', body: copyOf(bytes, at + 1, end) }
  const r = new Reader(bytes, at + 1, end)
  switch (code) {
    case PING:
      return { type: 'ping', ...ping.read(r) }
    case INDIRECT_PING:
      return { type: 'indirectPing', ...indirectPing.read(r) }
    case ACK:
      return { type: 'ackResp', ...ack.read(r) }
    case NACK:
      return { type: 'nackResp', ...nack.read(r) }
    case SUSPECT:
      return { type: 'suspect', ...suspect.read(r) }
    case DEAD:
      return { type: 'dead', ...dead.read(r) }
    case ALIVE:
      return { type: 'alive', ...alive.read(r) }
    default:
      throw new GossipError(`msg type (${code}) not supported`)
  }
}

/** Of its own, for it may wait in a queue long after its packet. */
function copyOf(bytes: Buffer, at: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - at)
  bytes.copy(copy, 0, at, end)
  return copy
}
