/** Values of msgpack.ts's dialect out of bytes that nobody vouches for. */
import { Buffer } from 'node:buffer'
import { textFromBytes } from '../base/text.ts'
import { BAD, FIXED, MAP, MsgpackError, type MsgpackFault, RAW, SHAPES } from './msgpack-format.ts'

/**
 * Untyped values nest at most so deep. Consul sets no limit; configurations of real services stay below ten. It must be
 * more than JSON_DEPTH_MAX, with what is around a value in a command: what HTTP lets into the log comes out of it again.
 */
export const DEPTH_MAX = 1100
/**
 * Fields that a message may unpack to beyond one for each of its bytes. A struct on the wire spells out its field names,
 * so real ones stay far below; a hostile list of empty structs, one byte each, does not.
 */
export const FIELDS_FREE = 4096

const TWO_32 = 0x1_0000_0000
/** Bytes up to here are copied one by one, which beats a call into native code. */
const SHORT_BYTES = 31
/** Texts that `recurring` remembers, one for each hash. */
const RECURRING_SLOTS = 4096
const recurring = new Array<string>(RECURRING_SLOTS).fill('')
/** Byte values that `recurringBytes` remembers, and the longest of them. */
const RECURRING_BYTES_SLOTS = 1024
const RECURRING_BYTES_MAX = 512
const recurringBytes = new Array<Uint8Array | undefined>(RECURRING_BYTES_SLOTS)
/** V8 keeps typed arrays up to here in its own heap, which makes them cheap. */
const HEAP_BYTES = 64

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

  /**
   * A text that comes again and again, such as a node's name. The same bytes mostly give the very same string, which
   * costs no call into native code, no memory, and is found in maps without being hashed anew.
   */
  recurring(): string {
    const size = this.textSize()
    const at = this.at
    this.at += size
    if (size === 0) return ''
    if (size > SHORT_BYTES) return this.#textAt(at, at + size)
    const bytes = this.#bytes
    let hash = size
    for (let i = at; i < at + size; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
    const slot = (hash ^ (hash >>> 15)) & (RECURRING_SLOTS - 1)
    const known = recurring[slot]!
    if (known.length === size) {
      let i = 0
      // Only ASCII has one character for each byte, so whatever is equal throughout is the same text.
      while (i < size && known.charCodeAt(i) === bytes[at + i]! && bytes[at + i]! < 0x80) i += 1
      if (i === size) return known
    }
    const text = this.#textAt(at, at + size)
    recurring[slot] = text
    return text
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
    if (size > SHORT_BYTES) bytes.copy(copy, 0, at, at + size)
    else for (let i = 0; i < size; i++) copy[i] = bytes[at + i]!
    return copy
  }

  /**
   * Bytes that come again and again, such as a node's tags: the same ones mostly give the very same array, to which
   * nobody may write. Null for nil.
   */
  recurringBytes(): Uint8Array | null {
    const start = this.at
    const code = this.#bytes[start]
    // Bytes that say their type are rare; they and nil take the common way.
    if (code === 0xc0 || (code !== undefined && code >= 0xc4 && code <= 0xc6)) return this.bytes()
    const size = this.textSize()
    if (size > RECURRING_BYTES_MAX) {
      this.at = start
      return this.bytes()
    }
    const bytes = this.#bytes
    const at = this.at
    this.at += size
    let hash = size
    for (let i = at; i < at + size; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
    const slot = (hash ^ (hash >>> 15)) & (RECURRING_BYTES_SLOTS - 1)
    const known = recurringBytes[slot]
    if (known !== undefined && known.length === size) {
      let i = 0
      while (i < size && known[i] === bytes[at + i]) i += 1
      if (i === size) return known
    }
    const copy = new Uint8Array(size)
    bytes.copy(copy, 0, at, at + size)
    recurringBytes[slot] = copy
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
