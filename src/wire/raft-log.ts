/**
 * The Raft log as bytes on our own disk, and a Raft configuration as bytes in the log and on the wire.
 *
 * Peers meet on the wire only, so the entry's form is ours: a fixed header under a checksum, then extensions and data.
 * The checksum also covers index and term, so that an entry that lands in another's place is found out. The
 * configuration's form is the library's (protocol/raft.md section 2), for it is the data of a log entry.
 */
import { Buffer } from 'node:buffer'
import { bytesFromText, textFromBytes } from '../base/text.ts'
import {
  type Configuration,
  ENTRY_TYPES,
  type Entry,
  type EntryType,
  type HardState,
  type Server,
  type Suffrage,
} from '../core/raft/messages.ts'
import { encodeWith, Reader } from './msgpack.ts'
import { type Codec, filled, int, list, struct, text } from './schema.ts'
import { crc32 } from './zlib.ts'

/**
 * Header, little-endian: u8 format, u8 type, u8 1 when there are extensions, u8 0, u32 checksum of all but itself,
 * f64 index, f64 term, u32 length of the extensions. Indexes and terms are whole numbers below 2^53.
 */
const HEADER_BYTES = 28
const FORMAT = 1
const CHECKSUM_AT = 4

export class CorruptEntry extends Error {
  override name = 'CorruptEntry'
}

const TYPE_NAMES = Object.keys(ENTRY_TYPES) as EntryType[]

export function encodeEntry(entry: Entry): Uint8Array {
  const extensions = entry.extensions?.length ?? 0
  const out = Buffer.allocUnsafe(HEADER_BYTES + extensions + entry.data.length)
  out[0] = FORMAT
  out[1] = ENTRY_TYPES[entry.type]
  out[2] = entry.extensions === null ? 0 : 1
  out[3] = 0
  out.writeDoubleLE(entry.index, 8)
  out.writeDoubleLE(entry.term, 16)
  out.writeUInt32LE(extensions, 24)
  if (entry.extensions !== null) out.set(entry.extensions, HEADER_BYTES)
  out.set(entry.data, HEADER_BYTES + extensions)
  out.writeUInt32LE(checksum(out), CHECKSUM_AT)
  return out
}

/**
 * Data and extensions of the result are views of `bytes`.
 * @param index where the entry was found
 * @throws CorruptEntry when `bytes` are not what was written for that index
 */
export function decodeEntry(index: number, bytes: Uint8Array): Entry {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (from.length < HEADER_BYTES) throw new CorruptEntry(`${from.length} bytes are too few`)
  if (from[0] !== FORMAT) throw new CorruptEntry(`unknown format ${from[0]}`)
  if (from.readUInt32LE(CHECKSUM_AT) !== checksum(from)) throw new CorruptEntry('its checksum does not match')
  if (from.readDoubleLE(8) !== index) throw new CorruptEntry(`it says it is entry ${from.readDoubleLE(8)}`)
  const type = TYPE_NAMES[from[1]!]
  const dataAt = HEADER_BYTES + from.readUInt32LE(24)
  if (type === undefined || dataAt > from.length) throw new CorruptEntry('its header makes no sense')
  return {
    index,
    term: from.readDoubleLE(16),
    type,
    data: bytes.subarray(dataAt),
    extensions: from[2] === 1 ? bytes.subarray(HEADER_BYTES, dataAt) : null,
  }
}

function checksum(entry: Buffer): number {
  return crc32(entry.subarray(CHECKSUM_AT + 4), crc32(entry.subarray(0, CHECKSUM_AT)))
}

/** What stands beside the entries: the vote, and which entries count. */
export interface LogState {
  hardState: HardState
  /** Entries from `first` to `last` are the log; others that still lie about are not. Empty: `last` = `first` - 1. */
  first: number
  last: number
}

/** The format before had no floor, and the vote's text where that begins now. */
const STATE_FORMAT = 2
const STATE_BYTES = { 1: 40, 2: 56 }

/**
 * Little-endian: u8 format, 3 bytes 0, u32 checksum as above, f64 first, last, term, voted term, index and term of the
 * floor (0 for none), then the vote's text.
 */
export function encodeLogState(state: LogState): Uint8Array {
  const { term, votedTerm, votedFor, floor } = state.hardState
  const candidate = bytesFromText(votedFor)
  const out = Buffer.alloc(STATE_BYTES[STATE_FORMAT] + candidate.length)
  out[0] = STATE_FORMAT
  out.writeDoubleLE(state.first, 8)
  out.writeDoubleLE(state.last, 16)
  out.writeDoubleLE(term, 24)
  out.writeDoubleLE(votedTerm, 32)
  out.writeDoubleLE(floor?.index ?? 0, 40)
  out.writeDoubleLE(floor?.term ?? 0, 48)
  out.set(candidate, STATE_BYTES[STATE_FORMAT])
  out.writeUInt32LE(checksum(out), CHECKSUM_AT)
  return out
}

/** @throws CorruptEntry when `bytes` are not what was written */
export function decodeLogState(bytes: Uint8Array): LogState {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const format = from[0]
  if (format !== 1 && format !== STATE_FORMAT) throw new CorruptEntry(`unknown format ${format}`)
  const head = STATE_BYTES[format]
  if (from.length < head) throw new CorruptEntry(`${from.length} bytes are too few`)
  if (from.readUInt32LE(CHECKSUM_AT) !== checksum(from)) throw new CorruptEntry('its checksum does not match')
  return {
    first: from.readDoubleLE(8),
    last: from.readDoubleLE(16),
    hardState: {
      term: from.readDoubleLE(24),
      votedTerm: from.readDoubleLE(32),
      votedFor: textFromBytes(from.subarray(head)),
      floor:
        format === 1 || from.readDoubleLE(40) === 0
          ? null
          : { index: from.readDoubleLE(40), term: from.readDoubleLE(48) },
    },
  }
}

const SUFFRAGES: Suffrage[] = ['voter', 'nonvoter', 'staging']

interface WireServer {
  Address: string
  ID: string
  Suffrage: number
}

const configuration = struct<{ Servers: WireServer[] }>({
  Servers: filled(list<WireServer>(struct({ Address: text, ID: text, Suffrage: int })), () => []),
})

export function encodeConfiguration({ servers }: Configuration): Uint8Array {
  return encodeWith((w) => configuration.write(w, { Servers: servers.map(wireServer) }))
}

/** @throws MsgpackError */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return { servers: configuration.read(new Reader(bytes)).Servers.map(serverOf) }
}

/** As in an archive's meta.json and in a struct: see `decodeConfiguration` for the bytes. */
export function wireServer(server: Server): WireServer {
  return { Suffrage: SUFFRAGES.indexOf(server.suffrage), ID: server.id, Address: server.address }
}

/** A suffrage that is not in our list counts as none. */
export function serverOf(server: WireServer): Server {
  return { id: server.ID, address: server.Address, suffrage: SUFFRAGES[server.Suffrage] ?? 'nonvoter' }
}

const peers: Codec<string[]> = filled(list(text), () => [])

/** The legacy form of a configuration: the voters' addresses. Written beside the real one, for old readers. */
export function encodePeers({ servers }: Configuration): Uint8Array {
  const voters = servers.filter((server) => server.suffrage === 'voter')
  return encodeWith((w) =>
    peers.write(
      w,
      voters.map((server) => server.address),
    ),
  )
}

/** A legacy peer list as a configuration: voters known by their addresses alone. @throws MsgpackError */
export function decodePeers(bytes: Uint8Array): Configuration {
  return { servers: peers.read(new Reader(bytes)).map((address) => ({ id: address, address, suffrage: 'voter' })) }
}
