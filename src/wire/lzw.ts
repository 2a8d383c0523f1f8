/**
 * LZW as memberlist uses it: least significant bit first, literals of 8 bits, codes of 9 to 12 bits that widen when the
 * next free code reaches a power of two, a clear code when the table is full (protocol/memberlist.md section 4; the
 * variant of GIF, Welch 1984). The encoder's output equals that of the Go library in real agents, so captured packets can be compared byte by byte.
 * Newer Go puts a clear code in front, which changes nothing for readers.
 */
import { Buffer } from 'node:buffer'

const CLEAR = 256
const END = 257
const CODE_BITS_MIN = 9
const CODES_MAX = 4096
/** Codes of a full table, less those that are no strings. */
const HASH_SLOTS_MAX = 16_384
const HASH_SLOTS_MIN = 256

export class LzwError extends Error {
  override name = 'LzwError'
}

/** Open addressing: a string (its prefix's code and its last byte) and the code it got, in one word each. */
let hashKeys: Int32Array | undefined
let hashCodes: Uint16Array | undefined
/** What is being written, by either direction; copied out in its true length. A packet's worth never makes it grow. */
let scratch = new Uint8Array(16_384)
/** A scratch that grew past this is let go. */
const SCRATCH_KEEP_MAX = 1 << 18

/** @param clearFirst starts with a clear code, as newer Go does */
export function compressLzw(input: Uint8Array, clearFirst = false): Uint8Array {
  const slots = slotsFor(input.length)
  hashKeys ??= new Int32Array(HASH_SLOTS_MAX)
  hashCodes ??= new Uint16Array(HASH_SLOTS_MAX)
  const keys = hashKeys
  const codes = hashCodes
  const mask = slots - 1
  keys.fill(-1, 0, slots)

  // The worst case: 12 bits a byte, and a clear code for each full table.
  const bound = Math.ceil(input.length * 1.5) + Math.ceil(input.length / 1024) * 2 + 8
  const out = scratchOf(bound)
  let at = 0
  let bits = 0
  let held = 0
  let width = CODE_BITS_MIN
  let newest = END
  const emit = (code: number) => {
    held |= code << bits
    bits += width
    while (bits >= 8) {
      out[at++] = held & 0xff
      held >>>= 8
      bits -= 8
    }
  }

  if (clearFirst) emit(CLEAR)
  let prefix = -1
  for (let i = 0; i < input.length; i++) {
    const byte = input[i]!
    if (prefix === -1) {
      prefix = byte
      continue
    }
    const key = (prefix << 8) | byte
    let slot = (Math.imul(key, 0x9e3779b1) >>> 16) & mask
    while (keys[slot] !== key && keys[slot] !== -1) slot = (slot + 1) & mask
    if (keys[slot] === key) {
      prefix = codes[slot]!
      continue
    }
    emit(prefix)
    prefix = byte
    newest += 1
    if (newest === 1 << width) width += 1
    if (newest === CODES_MAX - 1) {
      emit(CLEAR)
      keys.fill(-1, 0, slots)
      newest = END
      width = CODE_BITS_MIN
    } else {
      keys[slot] = key
      codes[slot] = newest
    }
  }
  if (prefix !== -1) {
    emit(prefix)
    newest += 1
    if (newest === 1 << width) width += 1
    if (newest === CODES_MAX - 1) {
      emit(CLEAR)
      width = CODE_BITS_MIN
    }
  }
  emit(END)
  if (bits > 0) out[at++] = held & 0xff
  return copyOf(out, at)
}

function scratchOf(bytesMin: number): Uint8Array<ArrayBuffer> {
  if (bytesMin <= scratch.length) return scratch
  const grown = new Uint8Array(bytesMin)
  if (bytesMin <= SCRATCH_KEEP_MAX) scratch = grown
  return grown
}

function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  // Out of Node's pool where it is short, ten times quicker than memory of its own: it is read or sent, and let go.
  const { buffer, byteOffset } = Buffer.allocUnsafe(length)
  const copy = new Uint8Array(buffer, byteOffset, length)
  copy.set(bytes.subarray(0, length))
  return copy
}

function slotsFor(length: number): number {
  let slots = HASH_SLOTS_MIN
  while (slots < HASH_SLOTS_MAX && slots < length * 2) slots *= 2
  return slots
}

/** The table of the decoder, shared: a string is its prefix's code, its last byte, and its length. */
let prefixes: Uint16Array | undefined
let suffixes: Uint8Array | undefined
let lengths: Uint16Array | undefined

/**
 * @param bytesMax more output than this is refused
 * @throws LzwError on codes that cannot be, a missing end, or too much output
 */
export function decompressLzw(input: Uint8Array, bytesMax: number): Uint8Array {
  prefixes ??= new Uint16Array(CODES_MAX)
  suffixes ??= new Uint8Array(CODES_MAX)
  lengths ??= new Uint16Array(CODES_MAX)
  const prefixOf = prefixes
  const suffixOf = suffixes
  const lengthOf = lengths
  let out = scratchOf(Math.min(bytesMax, Math.max(256, input.length * 4)))
  let at = 0
  let bits = 0
  let held = 0
  let width = CODE_BITS_MIN
  /** The code before, or -1 right after a clear, and where its string starts in `out`. */
  let last = -1
  let newest = END

  for (let i = 0; i < input.length || bits >= width; ) {
    while (bits < width && i < input.length) {
      held |= input[i++]! << bits
      bits += 8
    }
    if (bits < width) break
    const code = held & ((1 << width) - 1)
    held >>>= width
    bits -= width
    if (code === CLEAR) {
      width = CODE_BITS_MIN
      newest = END
      last = -1
      continue
    }
    if (code === END) return copyOf(out, at)
    // The string that this very code completes: the one before and its own first byte.
    const isNew = code === newest + 1 && last !== -1
    if (code > newest && !isNew) throw new LzwError('lzw: invalid code')

    const source = isNew ? last : code
    const length = (source < CLEAR ? 1 : lengthOf[source]!) + (isNew ? 1 : 0)
    if (at + length > bytesMax) throw new LzwError(`lzw: more than ${bytesMax} bytes`)
    if (at + length > out.length) {
      const grown = new Uint8Array(Math.min(bytesMax, Math.max(out.length * 2, at + length)))
      grown.set(out.subarray(0, at))
      out = grown
    }
    let write = at + length - 1
    if (isNew) write -= 1
    let walk = source
    while (walk >= CLEAR) {
      out[write--] = suffixOf[walk]!
      walk = prefixOf[walk]!
    }
    out[write] = walk
    const first = walk
    if (isNew) out[at + length - 1] = first
    at += length

    if (last !== -1 && newest < CODES_MAX - 1) {
      newest += 1
      prefixOf[newest] = last
      suffixOf[newest] = first
      lengthOf[newest] = (last < CLEAR ? 1 : lengthOf[last]!) + 1
    }
    last = code
    if (newest + 1 === 1 << width && width < 12) width += 1
  }
  throw new LzwError('lzw: the input ends early')
}
