/**
 * The msgpack dialect of Go's go-msgpack 0.5.x as Consul 1.8 speaks it, value by value: one family for text and bytes,
 * the shortest integer form, floats never shortened (protocol/msgpack-dialect.md). How values make up a struct is
 * schema.ts's business; finding the end of a value on a stream is msgpack-stream.ts's.
 *
 * A reader never trusts a length or a count: both are held against the bytes that are left before anything is made.
 */
import { Buffer } from 'node:buffer'
import { bytesFromText, textFromBytes } from '../base/text.ts'

export type MsgpackFault =
  /** The input ends inside a value: more bytes may mend it. */
  | 'truncated'
  /** A byte that starts no value of this dialect. */
  | 'malformed'
  /** A value of another kind than the field's. */
  | 'mismatch'
  /** A number that does not fit the field. */
  | 'range'
  /** Nested deeper, or unpacking to more, than any real message. */
  | 'too-large'

export class MsgpackError extends Error {
  override name = 'MsgpackError'
  readonly fault: MsgpackFault
  /** Offset of the offending byte in the input. */
  readonly at: number
  constructor(fault: MsgpackFault, message: string, at: number) {
    super(`msgpack: ${message} at byte ${at}`)
    this.fault = fault
    this.at = at
  }
}

/** Untyped values nest at most so deep. Consul sets no limit; configurations of real services stay below ten. */
export const DEPTH_MAX = 100
/**
 * Fields that a message may unpack to beyond one for each of its bytes. A struct on the wire spells out its field names,
 * so real ones stay far below; a hostile list of empty structs, one byte each, does not.
 */
export const FIELDS_FREE = 4096

const TWO_32 = 0x1_0000_0000
const U64_MAX = 0xffff_ffff_ffff_ffffn
const I64_MIN = -0x8000_0000_0000_0000n
/** A buffer that grew past this is let go after use. */
const KEEP_BYTES_MAX = 1 << 20
/** Text up to here is copied character by character, which beats a call into native code. */
const SHORT_TEXT = 31
/** V8 keeps typed arrays up to here in its own heap, which makes them cheap. */
const HEAP_BYTES = 64

/** `event` is the payload of user events: it alone tells text (`d9`) from bytes (`c4`). */
export type Dialect = 'plain' | 'event'

/** Appends values to a growing buffer. */
export class Writer {
  at = 0
  #bytes: Buffer
  #view: DataView
  readonly #initial: number
  readonly #event: boolean

  constructor(bytesInitial = 1024, dialect: Dialect = 'plain') {
    this.#initial = bytesInitial
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
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.at))
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

/**
 * Reads values from `input`, one after the other. `at` is the offset of the next one, so it tells exactly what was
 * consumed. Every method throws `MsgpackError` and nothing else; after that the reader is of no further use.
 */
export class Reader {
  at: number
  readonly #bytes: Buffer
  readonly #end: number
  #fieldsLeft: number
  #depth = 0

  readonly #shared: boolean

  /**
   * @param end reads stop here, as if the input did
   * @param shared larger byte values are views of the input: for an input most of which is kept anyway
   */
  constructor(input: Uint8Array, at = 0, end: number = input.length, shared = false) {
    this.#shared = shared
    this.#bytes = Buffer.isBuffer(input) ? input : Buffer.from(input.buffer, input.byteOffset, input.length)
    this.at = at
    this.#end = end
    this.#fieldsLeft = end - at + FIELDS_FREE
  }

  /** Accounts for a struct of so many fields before it is made. */
  charge(fields: number): void {
    this.#fieldsLeft -= fields
    if (this.#fieldsLeft < 0) throw this.#fault('too-large', 'the message unpacks to more than its size allows')
  }

  /** Consumes a nil, if one is next. */
  nil(): boolean {
    if (this.at >= this.#end) throw this.#truncated()
    if (this.#bytes[this.at] !== 0xc0) return false
    this.at += 1
    return true
  }

  bool(): boolean {
    const code = this.#next()
    if (code === 0xc3 || code === 1) return true
    if (code === 0xc2 || code === 0 || code === 0xc0) return false
    throw this.#mismatch('a boolean', code)
  }

  /** Any integer form; beyond 2^53 the nearest double. */
  int(): number {
    const code = this.#next()
    if (code < 0x80) return code
    if (code >= 0xe0) return code - 0x100
    const bytes = this.#bytes
    const at = this.at
    switch (code) {
      case 0xc0:
        return 0
      case 0xcc:
        this.#need(1)
        return bytes[this.at++]!
      case 0xcd:
        this.#need(2)
        this.at += 2
        return bytes.readUInt16BE(at)
      case 0xce:
        this.#need(4)
        this.at += 4
        return bytes.readUInt32BE(at)
      case 0xcf:
        this.#need(8)
        this.at += 8
        return bytes.readUInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4)
      case 0xd0:
        this.#need(1)
        this.at += 1
        return bytes.readInt8(at)
      case 0xd1:
        this.#need(2)
        this.at += 2
        return bytes.readInt16BE(at)
      case 0xd2:
        this.#need(4)
        this.at += 4
        return bytes.readInt32BE(at)
      case 0xd3:
        this.#need(8)
        this.at += 8
        return Number(bytes.readBigInt64BE(at))
      default:
        throw this.#mismatch('an integer', code)
    }
  }

  /** Any integer form, exactly. */
  bigint(): bigint {
    if (this.at >= this.#end) throw this.#truncated()
    const code = this.#bytes[this.at]!
    if (code !== 0xcf && code !== 0xd3) return BigInt(this.int())
    this.at += 1
    this.#need(8)
    const at = this.at
    this.at += 8
    return code === 0xcf ? this.#bytes.readBigUInt64BE(at) : this.#bytes.readBigInt64BE(at)
  }

  /** A float of either width, or any integer. */
  float(): number {
    if (this.at >= this.#end) throw this.#truncated()
    const code = this.#bytes[this.at]!
    if (code !== 0xca && code !== 0xcb) return this.int()
    this.at += 1
    const at = this.at
    if (code === 0xca) {
      this.#need(4)
      this.at += 4
      return this.#bytes.readFloatBE(at)
    }
    this.#need(8)
    this.at += 8
    return this.#bytes.readDoubleBE(at)
  }

  text(): string {
    const size = this.textSize()
    const at = this.at
    this.at += size
    return size === 0 ? '' : this.#textAt(at, at + size)
  }

  /** Consumes the header of a text; so many bytes of it follow, and are there. */
  textSize(): number {
    const code = this.#next()
    if (code >= 0xa0 && code <= 0xbf) return this.#sized(code & 0x1f)
    if (code === 0xda) return this.#sized(this.#u16())
    if (code === 0xd9) return this.#sized(this.#u8())
    if (code === 0xdb) return this.#sized(this.#u32())
    if (code === 0xc0) return 0
    throw this.#mismatch('text', code)
  }

  /**
   * Bytes, null for nil. A view of the input where they are most of its memory (a large value in a log entry of its
   * own), or where the input is `shared`; else a copy, so that keeping it keeps little else. Nobody may write to the
   * input afterwards.
   */
  bytes(): Uint8Array | null {
    if (this.nil()) return null
    const code = this.#bytes[this.at]!
    let size: number
    if (code >= 0xc4 && code <= 0xc6) {
      this.at += 1
      size = this.#sized(code === 0xc4 ? this.#u8() : code === 0xc5 ? this.#u16() : this.#u32())
    } else size = this.textSize()
    const at = this.at
    this.at += size
    const bytes = this.#bytes
    if ((this.#shared && size > HEAP_BYTES) || size * 2 >= bytes.buffer.byteLength)
      return new Uint8Array(bytes.buffer, bytes.byteOffset + at, size)
    const copy = new Uint8Array(size)
    if (size > SHORT_TEXT) bytes.copy(copy, 0, at, at + size)
    else for (let i = 0; i < size; i++) copy[i] = bytes[at + i]!
    return copy
  }

  /** Count of an array's elements, -1 for nil. So many bytes at least are left. */
  arrayHeader(): number {
    const code = this.#next()
    if (code >= 0x90 && code <= 0x9f) return this.#sized(code & 0x0f)
    if (code === 0xdc) return this.#sized(this.#u16())
    if (code === 0xdd) return this.#sized(this.#u32())
    if (code === 0xc0) return -1
    throw this.#mismatch('a list', code)
  }

  /** Count of a map's pairs, -1 for nil. Twice so many bytes at least are left. */
  mapHeader(): number {
    const code = this.#next()
    let count: number
    if (code >= 0x80 && code <= 0x8f) count = code & 0x0f
    else if (code === 0xde) count = this.#u16()
    else if (code === 0xdf) count = this.#u32()
    else if (code === 0xc0) return -1
    else throw this.#mismatch('a map', code)
    this.#sized(count * 2)
    return count
  }

  /** True, and consumed, when the next text is exactly `key`. */
  key(key: Uint8Array): boolean {
    const bytes = this.#bytes
    const at = this.at
    const length = key.length
    if (at + length > this.#end) return false
    for (let i = 0; i < length; i++) if (bytes[at + i] !== key[i]) return false
    this.at = at + length
    return true
  }

  /**
   * Whatever comes. Text for all raw values; integers as bigint and floats as number, so that writing it again gives
   * the same bytes (`untyped` in schema.ts); maps must have text keys.
   */
  any(): unknown {
    if (this.at >= this.#end) throw this.#truncated()
    const code = this.#bytes[this.at]!
    if (code < 0x80 || code >= 0xe0 || (code >= 0xcc && code <= 0xd3)) return this.bigint()
    if (code <= 0x8f || code === 0xde || code === 0xdf) return this.#nested(() => this.#anyMap())
    if (code <= 0x9f || code === 0xdc || code === 0xdd) return this.#nested(() => this.#anyList())
    if (code <= 0xbf || (code >= 0xd9 && code <= 0xdb)) return this.text()
    if (code === 0xca || code === 0xcb) return this.float()
    if (code >= 0xc4 && code <= 0xc6) {
      const raw = this.bytes()
      return raw === null ? '' : textFromBytes(raw)
    }
    this.at += 1
    if (code === 0xc0) return null
    if (code === 0xc2) return false
    if (code === 0xc3) return true
    throw this.#fault('malformed', `0x${code.toString(16)} starts no value`)
  }

  /** Passes over one value, however deep, without recursion. */
  skip(): void {
    let pending = 1
    while (pending > 0) {
      pending -= 1
      const code = this.#next()
      const shape = SHAPES[code]!
      if (shape === BAD) throw this.#fault('malformed', `0x${code.toString(16)} starts no value`)
      const lengthBytes = shape >> 4
      let amount = lengthBytes === 0 ? FIXED[code]! : this.#length(lengthBytes)
      const kind = shape & 0x0f
      if (kind === RAW) {
        this.#sized(amount)
        this.at += amount
      } else {
        if (kind === MAP) amount *= 2
        this.#sized(amount)
        pending += amount
        if (pending > this.#end - this.at) throw this.#truncated()
      }
    }
  }

  #anyMap(): Record<string, unknown> {
    const count = this.mapHeader()
    this.charge(count)
    const out: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) setEntry(out, this.text(), this.any())
    return out
  }

  #anyList(): unknown[] {
    const count = this.arrayHeader()
    this.charge(count)
    const out: unknown[] = []
    for (let i = 0; i < count; i++) out.push(this.any())
    return out
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) throw this.#fault('too-large', `nested deeper than ${DEPTH_MAX}`)
    const value = read()
    this.#depth -= 1
    return value
  }

  #textAt(from: number, to: number): string {
    const text = this.#bytes.toString('utf8', from, to)
    // A replacement character may be genuine, or stand for bytes that are not UTF-8.
    return text.includes('\ufffd') ? textFromBytes(this.#bytes.subarray(from, to)) : text
  }

  #next(): number {
    if (this.at >= this.#end) throw this.#truncated()
    return this.#bytes[this.at++]!
  }

  #need(size: number): void {
    if (this.at + size > this.#end) throw this.#truncated()
  }

  #sized(size: number): number {
    if (size > this.#end - this.at) throw this.#truncated()
    return size
  }

  #length(bytes: number): number {
    return bytes === 1 ? this.#u8() : bytes === 2 ? this.#u16() : this.#u32()
  }

  #u8(): number {
    this.#need(1)
    return this.#bytes[this.at++]!
  }

  #u16(): number {
    this.#need(2)
    this.at += 2
    return this.#bytes.readUInt16BE(this.at - 2)
  }

  #u32(): number {
    this.#need(4)
    this.at += 4
    return this.#bytes.readUInt32BE(this.at - 4)
  }

  #truncated(): MsgpackError {
    return this.#fault('truncated', 'the input ends inside a value')
  }

  #mismatch(wanted: string, code: number): MsgpackError {
    this.at -= 1
    return this.#fault('mismatch', `${wanted} was expected, not 0x${code.toString(16).padStart(2, '0')}`)
  }

  #fault(fault: MsgpackFault, message: string): MsgpackError {
    return new MsgpackError(fault, message, this.at)
  }
}

/** Sets a map's entry, also under the one key that plain assignment would take for something else. */
export function setEntry<T>(map: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  else map[key] = value
}

/** Writes into memory that calls share, and returns a copy of what was written. Not to be nested. */
export function encodeWith(write: (w: Writer) => void): Uint8Array<ArrayBuffer> {
  shared.clear()
  write(shared)
  return shared.take()
}

const shared = new Writer(4096)

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** What follows a value's first byte, by that byte: how many bytes of length, and what the length counts. */
export const RAW = 1
export const LIST = 2
export const MAP = 3
export const BAD = 0
/** `lengthBytes << 4 | kind`. */
export const SHAPES = new Uint8Array(256).fill(RAW)
/** The length itself where the first byte tells it. */
export const FIXED = new Uint8Array(256)

for (let i = 0; i < 16; i++) {
  SHAPES[0x80 + i] = MAP
  SHAPES[0x90 + i] = LIST
  FIXED[0x80 + i] = i
  FIXED[0x90 + i] = i
}
for (let i = 0; i < 32; i++) FIXED[0xa0 + i] = i
for (const bad of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]) SHAPES[bad] = BAD
for (const [code, size] of [
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
] as const)
  FIXED[code] = size
for (const [code, lengthBytes, kind] of [
  [0xc4, 1, RAW],
  [0xc5, 2, RAW],
  [0xc6, 4, RAW],
  [0xd9, 1, RAW],
  [0xda, 2, RAW],
  [0xdb, 4, RAW],
  [0xdc, 2, LIST],
  [0xdd, 4, LIST],
  [0xde, 2, MAP],
  [0xdf, 4, MAP],
] as const)
  SHAPES[code] = (lengthBytes << 4) | kind
