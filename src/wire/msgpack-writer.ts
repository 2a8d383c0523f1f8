/** Values of msgpack.ts's dialect into bytes: one family for text and bytes, the shortest integers, floats as they are. */
import { Buffer } from 'node:buffer'
import { bytesFromText } from '../base/text.ts'
import { MsgpackError } from './msgpack-format.ts'

const TWO_32 = 0x1_0000_0000
const U64_MAX = 0xffff_ffff_ffff_ffffn
const I64_MIN = -0x8000_0000_0000_0000n
/** A buffer that grew past this is let go after use. */
const KEEP_BYTES_MAX = 1 << 20
/** Memory that what is kept is cut from, and the largest piece that is: so that little is left over at its end. */
const KEPT_SLAB_BYTES = 16 * 1024
const KEPT_BYTES_MAX = 2048
/** Text up to here is copied character by character, which beats a call into native code. */
const SHORT_TEXT = 31

/** `event` is the payload of user events: it alone tells text (`d9`) from bytes (`c4`). */
export type Dialect = 'plain' | 'event'

/** Appends values to a growing buffer. */
export class Writer {
  at = 0
  #bytes: Buffer
  #view: DataView
  readonly #initial: number
  readonly #event: boolean
  readonly #bytesMax: number

  /** @param bytesMax where a value would be longer, writing it throws `MsgpackError` (too-large) */
  constructor(bytesInitial = 1024, dialect: Dialect = 'plain', bytesMax: number = Number.POSITIVE_INFINITY) {
    this.#initial = bytesInitial
    this.#bytesMax = bytesMax
    this.#event = dialect === 'event'
    this.#bytes = Buffer.allocUnsafeSlow(bytesInitial)
    this.#view = viewOf(this.#bytes)
  }

  nil(): void {
    this.byte(0xc0)
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2)
  }

  /** A whole number; beyond 2^53 its nearest double, held inside the 64-bit range. */
  int(value: number): void {
    if (value >= 0) {
      this.#reserve(9)
      const bytes = this.#bytes
      if (value < 0x80) bytes[this.at++] = value
      else if (value < 0x100) {
        bytes[this.at++] = 0xcc
        bytes[this.at++] = value
      } else if (value < 0x10000) {
        bytes[this.at] = 0xcd
        this.#view.setUint16(this.at + 1, value)
        this.at += 3
      } else if (value < TWO_32) {
        bytes[this.at] = 0xce
        this.#view.setUint32(this.at + 1, value)
        this.at += 5
      } else if (value < 2 ** 64) {
        bytes[this.at] = 0xcf
        this.#view.setUint32(this.at + 1, Math.floor(value / TWO_32))
        this.#view.setUint32(this.at + 5, value % TWO_32)
        this.at += 9
      } else this.bigint(U64_MAX)
    } else if (value >= -32) this.byte(value & 0xff)
    else if (value >= -0x80) {
      this.#reserve(2)
      this.#bytes[this.at++] = 0xd0
      this.#bytes[this.at++] = value & 0xff
    } else if (value >= -0x8000) {
      this.#reserve(3)
      this.#bytes[this.at] = 0xd1
      this.#view.setInt16(this.at + 1, value)
      this.at += 3
    } else if (value >= -0x8000_0000) {
      this.#reserve(5)
      this.#bytes[this.at] = 0xd2
      this.#view.setInt32(this.at + 1, value)
      this.at += 5
    } else if (Number.isNaN(value)) this.byte(0)
    else this.bigint(value > -(2 ** 63) ? BigInt(Math.trunc(value)) : I64_MIN)
  }

  /** A whole number of at most 64 bits, signed or not. */
  bigint(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0xffff_ffffn) this.int(Number(value))
    else {
      this.#reserve(9)
      this.#bytes[this.at] = value >= 0n ? 0xcf : 0xd3
      this.#view.setBigInt64(this.at + 1, value)
      this.at += 9
    }
  }

  float64(value: number): void {
    this.#reserve(9)
    this.#bytes[this.at] = 0xcb
    this.#view.setFloat64(this.at + 1, value)
    this.at += 9
  }

  float32(value: number): void {
    this.#reserve(5)
    this.#bytes[this.at] = 0xca
    this.#view.setFloat32(this.at + 1, value)
    this.at += 5
  }

  text(value: string): void {
    const length = value.length
    if (length <= SHORT_TEXT && this.#shortAscii(value, length)) return
    if (value.isWellFormed()) {
      const size = Buffer.byteLength(value)
      this.#textHeader(size)
      this.#reserve(size)
      this.#bytes.write(value, this.at, size, 'utf8')
      this.at += size
    } else {
      const raw = bytesFromText(value)
      this.#textHeader(raw.length)
      this.append(raw)
    }
  }

  /** null is the nil byte slice, which the wire tells from the empty one. */
  bytes(value: Uint8Array | null): void {
    const length = value === null ? 0 : value.length
    if (value === null) this.nil()
    else if (!this.#event) this.#rawHeader(length)
    else if (length < 0x100) this.#short(0xc4, length)
    else if (length < 0x10000) this.#header16(0xc5, length)
    else this.#header32(0xc6, length)
    if (value !== null) this.append(value)
  }

  arrayHeader(count: number): void {
    if (count < 16) this.byte(0x90 | count)
    else if (count < 0x10000) this.#header16(0xdc, count)
    else this.#header32(0xdd, count)
  }

  mapHeader(count: number): void {
    if (count < 16) this.byte(0x80 | count)
    else if (count < 0x10000) this.#header16(0xde, count)
    else this.#header32(0xdf, count)
  }

  byte(value: number): void {
    if (this.at === this.#bytes.length) this.#reserve(1)
    this.#bytes[this.at++] = value
  }

  /** Bytes as they are: a value encoded before, or what follows a value. */
  append(encoded: Uint8Array): void {
    const length = encoded.length
    this.#reserve(length)
    if (length <= SHORT_TEXT) {
      const bytes = this.#bytes
      const at = this.at
      for (let i = 0; i < length; i++) bytes[at + i] = encoded[i]!
    } else this.#bytes.set(encoded, this.at)
    this.at += length
  }

  /**
   * A copy of all written so far; the writer starts anew. Small ones come out of Node's shared pool, ten times quicker
   * than an ArrayBuffer of their own: right for what is sent, logged and let go, not for what is kept for years.
   */
  take(): Uint8Array<ArrayBuffer> {
    const size = this.at
    const out = Buffer.allocUnsafe(size)
    this.#bytes.copy(out, 0, 0, size)
    this.clear()
    return new Uint8Array(out.buffer, out.byteOffset, size)
  }

  /**
   * The same, for what is kept while others are let go, as the entries of the log are: in memory that nothing else is cut
   * from. In the shared pool each would hold the answers and messages around it, too.
   */
  takeKept(): Uint8Array<ArrayBuffer> {
    const size = this.at
    const out = size > KEPT_BYTES_MAX ? new Uint8Array(size) : keptPlace(size)
    this.#bytes.copy(out, 0, 0, size)
    this.clear()
    return out
  }

  clear(): void {
    this.at = 0
    if (this.#bytes.length > KEEP_BYTES_MAX) {
      this.#bytes = Buffer.allocUnsafeSlow(this.#initial)
      this.#view = viewOf(this.#bytes)
    }
  }

  #shortAscii(value: string, length: number): boolean {
    this.#reserve(length + 1)
    const bytes = this.#bytes
    const at = this.at
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[at + 1 + i] = code
    }
    bytes[at] = 0xa0 | length
    this.at = at + 1 + length
    return true
  }

  #textHeader(size: number): void {
    if (this.#event && size >= 32 && size < 0x100) this.#short(0xd9, size)
    else this.#rawHeader(size)
  }

  #rawHeader(size: number): void {
    if (size < 32) this.byte(0xa0 | size)
    else if (size < 0x10000) this.#header16(0xda, size)
    else this.#header32(0xdb, size)
  }

  #short(code: number, value: number): void {
    this.#reserve(2)
    this.#bytes[this.at++] = code
    this.#bytes[this.at++] = value
  }

  #header16(code: number, value: number): void {
    this.#reserve(3)
    this.#bytes[this.at] = code
    this.#view.setUint16(this.at + 1, value)
    this.at += 3
  }

  #header32(code: number, value: number): void {
    this.#reserve(5)
    this.#bytes[this.at] = code
    this.#view.setUint32(this.at + 1, value)
    this.at += 5
  }

  #reserve(more: number): void {
    const needed = this.at + more
    if (needed <= this.#bytes.length) return
    const max = this.#bytesMax
    if (needed > max) throw new MsgpackError('too-large', `more than ${max} bytes`, max)
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, this.#bytes.length * 2), max))
    grown.set(this.#bytes.subarray(0, this.at))
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

/** Writes into memory that calls share, or that of `writer`, and returns a copy of what was written. Not to be nested. */
export function encodeWith(write: (w: Writer) => void, writer: Writer = shared): Uint8Array<ArrayBuffer> {
  writer.clear()
  write(writer)
  return writer.take()
}

const shared = new Writer(4096)

/** Where the next small one that is kept comes from. */
let kept = { memory: new ArrayBuffer(KEPT_SLAB_BYTES), used: 0 }

function keptPlace(size: number): Uint8Array<ArrayBuffer> {
  if (kept.used + size > KEPT_SLAB_BYTES) kept = { memory: new ArrayBuffer(KEPT_SLAB_BYTES), used: 0 }
  const place = new Uint8Array(kept.memory, kept.used, size)
  kept.used += size
  return place
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
