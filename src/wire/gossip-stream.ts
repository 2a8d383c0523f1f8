/**
 * Gossip's streams: one exchange a connection, each direction one message (push/pull, fallback ping and its ack, user
 * message, error), nearly always compressed, encrypted when keys are set. A reader is fed chunks and says when the
 * message is whole; every length is held against a bound before anything is kept. Source: protocol/memberlist.md section 7.
 */
import type { NodeState, StreamMessage } from '../core/gossip/messages.ts'
import {
  ACK,
  COMPRESS,
  compressMessage,
  decompressMessage,
  ENCRYPT,
  ERR,
  HAS_LABEL,
  PING,
  PUSH_PULL,
  USER,
} from './gossip.ts'
import { type Keyring, seal, sealedLength, unseal } from './gossip-crypto.ts'
import { ack, GossipError, nodeState, ping, pushPullHeader, streamError, userHeader } from './gossip-structs.ts'
import { encodeWith, Reader } from './msgpack.ts'
import { ValueScanner } from './msgpack-stream.ts'

/** As received; the bound that memberlist itself sets on encrypted streams. */
const RECEIVED_BYTES_MAX = 20 * 1024 * 1024
/** After decompression. */
const PLAIN_BYTES_MAX = 40 * 1024 * 1024
const HEADER_BYTES = 5

export interface SealWith {
  key: Uint8Array
  nonce: Uint8Array
}

/** @param sealWith encrypts it */
export function encodeStream(message: StreamMessage, compress: boolean, sealWith?: SealWith): Uint8Array {
  let out = encodePlain(message)
  if (compress) out = compressMessage(out)
  if (sealWith === undefined) return out
  const framed = Buffer.allocUnsafe(HEADER_BYTES + sealedLength(out.length))
  framed[0] = ENCRYPT
  framed.writeUInt32BE(framed.length - HEADER_BYTES, 1)
  framed.set(seal(sealWith.key, sealWith.nonce, out, framed.subarray(0, HEADER_BYTES)), HEADER_BYTES)
  return framed
}

function encodePlain(message: StreamMessage): Uint8Array {
  return encodeWith((w) => {
    switch (message.type) {
      case 'pushPull':
        w.byte(PUSH_PULL)
        pushPullHeader.write(w, {
          Join: message.Join,
          Nodes: message.nodes.length,
          UserStateLen: message.userState.length,
        })
        for (const node of message.nodes) nodeState.write(w, node)
        w.append(message.userState)
        return
      case 'ping':
        w.byte(PING)
        ping.write(w, message)
        return
      case 'ackResp':
        w.byte(ACK)
        ack.write(w, message)
        return
      case 'user':
        w.byte(USER)
        userHeader.write(w, { UserMsgLen: message.body.length })
        w.append(message.body)
        return
      case 'err':
        w.byte(ERR)
        streamError.write(w, message)
        return
    }
  })
}

export interface StreamOptions {
  keyring?: Keyring
  /** With keys, what is not encrypted is refused. */
  verifyIncoming?: boolean
}

/** Reads one message. */
export class StreamReader {
  readonly #options: StreamOptions
  #bytes: Uint8Array<ArrayBufferLike> = new Uint8Array(0)
  #filled = 0
  /** Length of the label in front, header and all. */
  #label = 0
  /** The whole message's length once it is known, or 0. */
  #end = 0
  #scan: PlainScan | undefined

  constructor(options: StreamOptions = {}) {
    this.#options = options
  }

  /**
   * @returns the message once it is whole; what follows it is ignored
   * @throws GossipError, MsgpackError or LzwError on what cannot be read; the reader is of no further use then
   */
  feed(chunk: Uint8Array): StreamMessage | undefined {
    this.#append(chunk)
    const bytes = this.#bytes.subarray(0, this.#filled)
    if (this.#label === 0 && bytes[0] === HAS_LABEL) {
      if (bytes.length < 2) return undefined
      if (bytes[1] === 0) throw new GossipError('an empty label')
      this.#label = 2 + bytes[1]!
    }
    if (bytes.length <= this.#label) return undefined
    const at = this.#label
    return bytes[at] === ENCRYPT ? this.#encrypted(bytes, at) : this.#plain(bytes, at)
  }

  #encrypted(bytes: Uint8Array, at: number): StreamMessage | undefined {
    const { keyring } = this.#options
    if (keyring === undefined || keyring.keys.length === 0) {
      throw new GossipError('Remote state is encrypted and encryption is not configured')
    }
    if (bytes.length < at + HEADER_BYTES) return undefined
    if (this.#end === 0) {
      const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE(at + 1)
      if (length > RECEIVED_BYTES_MAX) throw new GossipError(`Remote node state is larger than limit (${length})`)
      this.#end = at + HEADER_BYTES + length
    }
    if (bytes.length < this.#end) return undefined
    const data =
      at === 0
        ? bytes.subarray(0, HEADER_BYTES)
        : Buffer.concat([bytes.subarray(at, at + HEADER_BYTES), bytes.subarray(2, at)])
    return decodeWhole(unseal(keyring, bytes.subarray(at + HEADER_BYTES, this.#end), data))
  }

  #plain(bytes: Uint8Array, at: number): StreamMessage | undefined {
    const { keyring, verifyIncoming } = this.#options
    if (keyring !== undefined && keyring.keys.length > 0 && verifyIncoming !== false) {
      throw new GossipError('Encryption is configured but remote state is not encrypted')
    }
    this.#scan ??= new PlainScan(bytes[at]!, at + 1)
    const end = this.#scan.look(bytes)
    return end === -1 ? undefined : decodeWhole(bytes.subarray(at, end))
  }

  #append(chunk: Uint8Array): void {
    const size = this.#filled + chunk.length
    if (size > RECEIVED_BYTES_MAX + HEADER_BYTES + 257) throw new GossipError('a stream that is too long')
    if (this.#filled === 0) {
      this.#bytes = chunk
    } else {
      if (size > this.#bytes.length || this.#filled === this.#bytes.length) {
        const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2, this.#end))
        grown.set(this.#bytes.subarray(0, this.#filled))
        this.#bytes = grown
      }
      this.#bytes.set(chunk, this.#filled)
    }
    this.#filled = size
  }
}

/** Finds the end of a message that carries no length: a msgpack value, and for some messages what it announces. */
class PlainScan {
  readonly #type: number
  readonly #scanner = new ValueScanner(RECEIVED_BYTES_MAX)
  readonly #start: number
  #at: number
  /** Values still to come after the header; -1 before it was read. */
  #values = -1
  /** Raw bytes at the end. */
  #rest = 0

  constructor(type: number, at: number) {
    if (![PING, ACK, PUSH_PULL, USER, COMPRESS, ERR].includes(type)) {
      throw new GossipError(`received invalid msgType (${type})`)
    }
    this.#type = type
    this.#start = at
    this.#at = at
  }

  /** @returns the offset after the message, or -1 */
  look(bytes: Uint8Array): number {
    while (this.#values !== 0) {
      const end = this.#scanner.push(bytes, this.#at)
      if (end === -1) {
        this.#at = bytes.length
        return -1
      }
      this.#at = end
      if (this.#values === -1) this.#readHeader(bytes.subarray(this.#start, end))
      else this.#values -= 1
    }
    return bytes.length >= this.#at + this.#rest ? this.#at + this.#rest : -1
  }

  #readHeader(header: Uint8Array): void {
    this.#values = 0
    if (this.#type === PUSH_PULL) {
      const { Nodes, UserStateLen } = pushPullHeader.read(new Reader(header))
      this.#values = bounded(Nodes)
      this.#rest = bounded(UserStateLen)
    } else if (this.#type === USER) this.#rest = bounded(userHeader.read(new Reader(header)).UserMsgLen)
  }
}

function bounded(count: number): number {
  if (count > RECEIVED_BYTES_MAX) throw new GossipError(`a length of ${count} is over the limit`)
  return count
}

/** @param bytes one whole message, nothing missing */
function decodeWhole(bytes: Uint8Array): StreamMessage {
  const plain = bytes[0] === COMPRESS ? decompressMessage(bytes.subarray(1), PLAIN_BYTES_MAX) : bytes
  const r = new Reader(plain, 1)
  switch (plain[0]) {
    case PING:
      return { type: 'ping', ...ping.read(r) }
    case ACK:
      return { type: 'ackResp', ...ack.read(r) }
    case ERR:
      return { type: 'err', ...streamError.read(r) }
    case USER: {
      const { UserMsgLen } = userHeader.read(r)
      return { type: 'user', body: raw(plain, r.at, UserMsgLen) }
    }
    case PUSH_PULL: {
      const { Join, Nodes, UserStateLen } = pushPullHeader.read(r)
      const nodes: NodeState[] = []
      for (let i = 0; i < Nodes; i++) nodes.push(nodeState.read(r))
      return { type: 'pushPull', Join, nodes, userState: raw(plain, r.at, UserStateLen) }
    }
    default:
      throw new GossipError(`received invalid msgType (${plain[0]})`)
  }
}

function raw(bytes: Uint8Array, at: number, length: number): Uint8Array {
  if (at + length > bytes.length) throw new GossipError('the stream ends early')
  return bytes.slice(at, at + length)
}
