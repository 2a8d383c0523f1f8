/**
 * yamux's frames as bytes: a header of twelve, big-endian (protocol/rpc.md section 2), and the payload of data frames.
 * What frames mean is yamux.ts's affair.
 */
import { Buffer } from 'node:buffer'

export const HEADER_BYTES = 12

const TYPES = ['data', 'window', 'ping', 'go-away'] as const
export type FrameType = (typeof TYPES)[number]

export interface Flags {
  syn?: boolean
  ack?: boolean
  fin?: boolean
  rst?: boolean
}

export interface Frame {
  type: FrameType
  flags: Flags
  stream: number
  /** Of the payload; in other frames the increment, the ping's value, or the reason to go away. */
  length: number
}

const SYN = 1
const ACK = 2
const FIN = 4
const RST = 8

/** All sets of flags there are, so that reading a frame makes none. */
const FLAG_SETS: Flags[] = Array.from({ length: 16 }, (_, bits) => ({
  syn: (bits & SYN) !== 0,
  ack: (bits & ACK) !== 0,
  fin: (bits & FIN) !== 0,
  rst: (bits & RST) !== 0,
}))

/** @returns undefined for a version, type or flag that there is not */
export function parseHeader(bytes: Uint8Array, at: number): Frame | undefined {
  const type = TYPES[bytes[at + 1]!]
  const flags = bytes[at + 2] === 0 ? FLAG_SETS[bytes[at + 3]!] : undefined
  if (bytes[at] !== 0 || type === undefined || flags === undefined) return undefined
  return { type, flags, stream: readU32(bytes, at + 4), length: readU32(bytes, at + 8) }
}

function readU32(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1_00_00_00 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
}

/** Payload up to here is copied beside its header; larger goes out as it is. */
const COPIED_BYTES_MAX = 8 * 1024
const BUFFER_BYTES = 16 * 1024

/** Collects frames to be sent. Small ones share a buffer, so that they leave in one write. */
export class FrameWriter {
  #buffer: Buffer | undefined
  #at = 0
  #from = 0
  #parts: Uint8Array[] = []

  frame({ type, flags, stream, length }: Frame): void {
    const bits = (flags.syn ? SYN : 0) | (flags.ack ? ACK : 0) | (flags.fin ? FIN : 0) | (flags.rst ? RST : 0)
    const buffer = this.#room(HEADER_BYTES)
    this.#header(buffer, TYPES.indexOf(type), bits, stream, length)
  }

  data(stream: number, payload: Uint8Array): void {
    const copied = payload.length <= COPIED_BYTES_MAX
    const buffer = this.#room(HEADER_BYTES + (copied ? payload.length : 0))
    this.#header(buffer, 0, 0, stream, payload.length)
    if (copied) {
      buffer.set(payload, this.#at)
      this.#at += payload.length
    } else {
      this.#cut()
      this.#parts.push(payload)
    }
  }

  /** The bytes so far; the writer never touches them again. */
  take(): Uint8Array[] {
    this.#cut()
    const parts = this.#parts
    if (parts.length > 0) this.#parts = []
    return parts
  }

  #header(buffer: Buffer, type: number, bits: number, stream: number, length: number): void {
    const at = this.#at
    buffer[at] = 0
    buffer[at + 1] = type
    buffer[at + 2] = 0
    buffer[at + 3] = bits
    buffer.writeUInt32BE(stream, at + 4)
    buffer.writeUInt32BE(length, at + 8)
    this.#at = at + HEADER_BYTES
  }

  #room(bytes: number): Buffer {
    if (this.#buffer === undefined || this.#at + bytes > this.#buffer.length) {
      this.#cut()
      this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
      this.#at = 0
      this.#from = 0
    }
    return this.#buffer
  }

  #cut(): void {
    if (this.#buffer === undefined || this.#at === this.#from) return
    this.#parts.push(this.#buffer.subarray(this.#from, this.#at))
    this.#from = this.#at
  }
}
