/**
 * Domain names between bytes and text (the text form: core/dns/message.ts). Reading trusts nothing: a pointer must go
 * backwards, a label holds 1 to 63 bytes, a name at most 255. Writing compresses against the names already written.
 * Read RFC 1035 sections 3.1, 4.1.4 and 5.1.
 */
import { bytesFromText } from '../base/text.ts'
import type { Message } from '../core/dns/message.ts'

const LABEL_BYTES_MAX = 63
/** Length bytes and the root included. */
const NAME_BYTES_MAX = 255
/** A pointer has 14 bits. */
const POINTER_MAX = 0x3fff

/** A message that cannot be read, or a record that cannot be written. */
export class DnsError extends Error {
  override name = 'DnsError'
  /** What was read before the fault: header, and the questions if they were whole. undefined without a header. */
  partial: Message | undefined = undefined
}

/** A message that would be longer than any may be. */
export class MessageTooLong extends DnsError {
  override name = 'MessageTooLong'
}

/** Text of each byte within a label. Source of the set of escaped characters: miekg/dns, as Consul's names show. */
const BYTE_TEXT: string[] = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  if ('.()"; @\\'.includes(char)) return `\\${char}`
  return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, '0')}` : char
})

export interface Reader {
  bytes: Uint8Array
  at: number
}

/** Reads the name at `reader.at` and moves behind it. */
export function readName(reader: Reader): string {
  const { bytes } = reader
  let at = reader.at
  /** Where to go on, once the first pointer was followed. */
  let after = -1
  /** The start of the run of labels that is being read: a pointer must lead before it, so reading ends. */
  let runStart = at
  let length = 1
  let text = ''
  for (;;) {
    if (at >= bytes.length) throw new DnsError('name runs past the end of the message')
    const head = bytes[at]!
    if (head === 0) {
      reader.at = after === -1 ? at + 1 : after
      return text === '' ? '.' : text
    }
    if (head <= LABEL_BYTES_MAX) {
      const end = at + 1 + head
      if (end > bytes.length) throw new DnsError('label runs past the end of the message')
      length += 1 + head
      if (length > NAME_BYTES_MAX) throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
      for (let i = at + 1; i < end; i++) text += BYTE_TEXT[bytes[i]!]!
      text += '.'
      at = end
    } else if (head >= 0xc0) {
      if (at + 2 > bytes.length) throw new DnsError('pointer runs past the end of the message')
      const to = ((head & 0x3f) << 8) | bytes[at + 1]!
      if (to >= runStart) throw new DnsError('name pointer does not lead backwards')
      if (after === -1) after = at + 2
      at = to
      runStart = to
    } else throw new DnsError('label of an unknown kind')
  }
}

/** Where a message is built. Writing past `limit`, the room in `bytes`, is an error. */
export interface Writer {
  bytes: Uint8Array
  at: number
  limit: number
}

export function ensureRoom(writer: Writer, bytes: number): void {
  if (writer.at + bytes > writer.limit) throw new MessageTooLong('message too long')
}

// The name that is being written, as it is without compression, and where its labels begin.
const spelled = new Uint8Array(NAME_BYTES_MAX)
const labelAt = new Uint8Array(NAME_BYTES_MAX)
let labelCount = 0
let spelledLength = 0

/** Offsets that a pointer can hold, and so the most suffixes there can be, are fewer than twice the labels. */
const SLOTS = 0x4000

/**
 * The names of one message, for compression: a hash table from each suffix of each name to where it stands. Slots of
 * earlier messages are known by their stamp, so that forgetting them costs nothing.
 */
export interface WrittenNames {
  compress: boolean
  /** The first name and its offset: most records repeat it. */
  first: string | undefined
  firstAt: number
  stamp: number
  readonly stamps: Uint32Array
  readonly hashes: Int32Array
  readonly offsets: Uint16Array
}

export function makeWrittenNames(): WrittenNames {
  return {
    compress: true,
    first: undefined,
    firstAt: 0,
    stamp: 0,
    stamps: new Uint32Array(SLOTS),
    hashes: new Int32Array(SLOTS),
    offsets: new Uint16Array(SLOTS),
  }
}

/** Another message begins. */
export function forgetNames(written: WrittenNames, compress: boolean): void {
  written.compress = compress
  written.first = undefined
  written.stamp = (written.stamp + 1) >>> 0
  if (written.stamp === 0) {
    written.stamps.fill(0)
    written.stamp = 1
  }
}

/**
 * @param mayPoint false where a name must stand in full (RFC 2782: the target of SRV); later names may point into it
 */
export function writeName(writer: Writer, name: string, written: WrittenNames, mayPoint: boolean): void {
  if (mayPoint && name === written.first && written.compress) {
    ensureRoom(writer, 2)
    writePointer(writer, written.firstAt)
    return
  }
  spell(name)
  ensureRoom(writer, spelledLength)
  const begin = writer.at
  if (!written.compress || labelCount === 0) {
    append(writer, spelledLength)
    return
  }
  if (written.first === undefined && begin <= POINTER_MAX) {
    written.first = name
    written.firstAt = begin
  }
  let found = -1
  let kept = labelCount
  // From the last label to the first: the longest suffix that stands already is found last.
  for (let hash = 0, i = labelCount - 1; i >= 0; i--) {
    const at = labelAt[i]!
    const end = at + 1 + spelled[at]!
    for (let j = at; j < end; j++) hash = Math.imul(hash ^ spelled[j]!, 0x01000193)
    hash ^= hash >>> 15
    const offset = findOrAdd(writer, written, hash, at, begin + at)
    if (offset !== -1) {
      found = offset
      kept = i
    }
  }
  if (found === -1 || !mayPoint) append(writer, spelledLength)
  else {
    append(writer, kept === 0 ? 0 : labelAt[kept]!)
    writePointer(writer, found)
  }
}

/**
 * Where the suffix of `spelled` from `at` stands already, or -1; then it is noted to stand at `offset`. A suffix whose
 * own suffix is to be a pointer is noted all the same, for that is where it will be read from.
 */
function findOrAdd(writer: Writer, written: WrittenNames, hash: number, at: number, offset: number): number {
  const { stamps, hashes, offsets, stamp } = written
  let slot = hash & (SLOTS - 1)
  while (stamps[slot] === stamp) {
    if (hashes[slot] === hash && standsAt(writer.bytes, offsets[slot]!, at)) return offsets[slot]!
    slot = (slot + 1) & (SLOTS - 1)
  }
  if (offset <= POINTER_MAX) {
    stamps[slot] = stamp
    hashes[slot] = hash
    offsets[slot] = offset
  }
  return -1
}

/** True when the name at `offset`, followed through pointers, is the suffix of `spelled` from `at`. */
function standsAt(bytes: Uint8Array, offset: number, at: number): boolean {
  let from = offset
  for (let i = at; i < spelledLength; ) {
    let head = bytes[from]!
    while (head >= 0xc0) {
      from = ((head & 0x3f) << 8) | bytes[from + 1]!
      head = bytes[from]!
    }
    for (let left = head + 1; left > 0; left--) if (bytes[from++] !== spelled[i++]) return false
  }
  return true
}

function append(writer: Writer, length: number): void {
  const { bytes, at } = writer
  for (let i = 0; i < length; i++) bytes[at + i] = spelled[i]!
  writer.at = at + length
}

function writePointer(writer: Writer, to: number): void {
  writer.bytes[writer.at++] = 0xc0 | (to >>> 8)
  writer.bytes[writer.at++] = to & 0xff
}

/** Sets `spelled` and `labelAt` from the text of a name. */
function spell(name: string): void {
  labelCount = 0
  let lengthAt = 0
  let out = 1
  if (name === '') throw new DnsError('empty name')
  if (name === '.') out = 0
  else {
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i)
      if (code === 0x5c || code > 0x7e) {
        spellUnusual(name)
        return
      }
      if (code === 0x2e) {
        endLabel(lengthAt, out)
        lengthAt = out
      } else if (out >= NAME_BYTES_MAX) throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
      else spelled[out] = code
      out += 1
    }
    if (lengthAt !== out - 1) throw new DnsError('name without its final dot')
    out -= 1
  }
  if (out >= NAME_BYTES_MAX) throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
  spelled[out] = 0
  spelledLength = out + 1
}

function endLabel(lengthAt: number, end: number): void {
  const length = end - lengthAt - 1
  if (length === 0) throw new DnsError('empty label')
  if (length > LABEL_BYTES_MAX) throw new DnsError(`label longer than ${LABEL_BYTES_MAX} bytes`)
  if (lengthAt >= NAME_BYTES_MAX) throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
  spelled[lengthAt] = length
  labelAt[labelCount++] = lengthAt
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** The same for names with escapes, or with text beyond ASCII (which the catalog may hold): as UTF-8. */
function spellUnusual(name: string): void {
  const raw = bytesFromText(name)
  labelCount = 0
  let lengthAt = 0
  let out = 1
  for (let i = 0; i < raw.length; i++) {
    let byte = raw[i]!
    if (byte === 0x2e) {
      endLabel(lengthAt, out)
      lengthAt = out++
      continue
    }
    if (byte === 0x5c) {
      if (isDigit(raw[i + 1]) && isDigit(raw[i + 2]) && isDigit(raw[i + 3])) {
        byte = ((raw[i + 1]! - 0x30) * 100 + (raw[i + 2]! - 0x30) * 10 + (raw[i + 3]! - 0x30)) & 0xff
        i += 3
      } else if (i + 1 < raw.length) byte = raw[++i]!
      else throw new DnsError('name ends within an escape')
    }
    if (out >= NAME_BYTES_MAX) throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
    spelled[out++] = byte
  }
  if (lengthAt !== out - 1) throw new DnsError('name without its final dot')
  if (lengthAt >= NAME_BYTES_MAX) throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
  spelled[lengthAt] = 0
  spelledLength = lengthAt + 1
}
