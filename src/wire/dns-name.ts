/**
 * Domain names between bytes and text (the text form: core/dns/message.ts). Reading trusts nothing: a pointer must go
 * backwards, a label holds 1 to 63 bytes, a name at most 255. Writing compresses against the names already written.
 * Read RFC 1035 sections 3.1, 4.1.4 and 5.1.
 */
import { bytesFromText, isAscii } from '../base/text.ts'
import type { Message } from '../core/dns/message.ts'

export const LABEL_BYTES_MAX = 63
/** Length bytes and the root included. */
export const NAME_BYTES_MAX = 255
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

/** The names of one message and where they begin, for compression. Suffixes are indexed when first needed. */
export interface WrittenNames {
  /** Names written in full or in part, whose suffixes are not yet in `suffixes`. */
  pending: string[]
  pendingAt: number[]
  suffixes: Map<string, number>
  compress: boolean
}

export function ensureRoom(writer: Writer, bytes: number): void {
  if (writer.at + bytes > writer.limit) throw new MessageTooLong('message too long')
}

/**
 * @param mayPoint false where a name must stand in full (RFC 2782: the target of SRV); later names may point into it
 */
export function writeName(writer: Writer, name: string, written: WrittenNames, mayPoint: boolean): void {
  if (name.length * 3 >= NAME_BYTES_MAX && nameLength(name) > NAME_BYTES_MAX) {
    throw new DnsError(`name longer than ${NAME_BYTES_MAX} bytes`)
  }
  if (!written.compress) {
    writeLabels(writer, name, 0, name.length)
    writer.bytes[writer.at++] = 0
    return
  }
  const { pending } = written
  if (mayPoint && pending.length > 0 && pending[0] === name) {
    writePointer(writer, written.pendingAt[0]!)
    return
  }
  if (name === '.') {
    ensureRoom(writer, 1)
    writer.bytes[writer.at++] = 0
    return
  }
  indexPending(written)
  const begin = writer.at
  let at = 0
  while (at < name.length) {
    const found = written.suffixes.get(at === 0 ? name : name.slice(at))
    if (found !== undefined && mayPoint) {
      if (at > 0 && begin <= POINTER_MAX) remember(written, name, begin)
      writePointer(writer, found)
      return
    }
    const end = labelEnd(name, at)
    writeLabels(writer, name, at, end + 1)
    at = end + 1
  }
  ensureRoom(writer, 1)
  writer.bytes[writer.at++] = 0
  if (begin <= POINTER_MAX) remember(written, name, begin)
}

function remember(written: WrittenNames, name: string, at: number): void {
  written.pending.push(name)
  written.pendingAt.push(at)
}

/** The first to use a suffix keeps it. A pending name stays at the head of `pending` as a shortcut only until here. */
function indexPending(written: WrittenNames): void {
  for (let i = 0; i < written.pending.length; i++) {
    const name = written.pending[i]!
    let offset = written.pendingAt[i]!
    let at = 0
    while (at < name.length && offset <= POINTER_MAX) {
      const suffix = at === 0 ? name : name.slice(at)
      // A known suffix was written as a pointer or stands elsewhere: its own suffixes are known as well.
      if (written.suffixes.has(suffix)) break
      written.suffixes.set(suffix, offset)
      const end = labelEnd(name, at)
      offset += 1 + labelLength(name, at, end)
      at = end + 1
    }
  }
  written.pending.length = 0
  written.pendingAt.length = 0
}

function writePointer(writer: Writer, to: number): void {
  ensureRoom(writer, 2)
  writer.bytes[writer.at++] = 0xc0 | (to >>> 8)
  writer.bytes[writer.at++] = to & 0xff
}

/** Position of the dot that ends the label at `at`. */
function labelEnd(name: string, at: number): number {
  for (let i = at; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code === 0x2e) return i
    if (code === 0x5c) i += escapeLength(name, i) - 1
  }
  throw new DnsError('name without its final dot')
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** Characters of the escape whose backslash is at `at`: 4 for `\DDD`, else 2. */
function escapeLength(name: string, at: number): number {
  const decimal =
    isDigit(name.charCodeAt(at + 1)) && isDigit(name.charCodeAt(at + 2)) && isDigit(name.charCodeAt(at + 3))
  return decimal ? 4 : 2
}

/** Bytes of the whole name on the wire, without compression. */
function nameLength(name: string): number {
  let length = 1
  for (let at = 0; at < name.length && name !== '.'; ) {
    const end = labelEnd(name, at)
    length += 1 + labelLength(name, at, end)
    at = end + 1
  }
  return length
}

function labelLength(name: string, at: number, end: number): number {
  const label = name.slice(at, end)
  return label.includes('\\') || !isAscii(label) ? unescapeLabel(label).length : label.length
}

function unescapeLabel(label: string): Uint8Array {
  const raw = bytesFromText(label)
  const out: number[] = []
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== 0x5c) out.push(raw[i]!)
    else if (i + 3 < raw.length && isDigit(raw[i + 1]!) && isDigit(raw[i + 2]!) && isDigit(raw[i + 3]!)) {
      out.push(((raw[i + 1]! - 0x30) * 100 + (raw[i + 2]! - 0x30) * 10 + (raw[i + 3]! - 0x30)) & 0xff)
      i += 3
    } else if (i + 1 < raw.length) out.push(raw[++i]!)
    else throw new DnsError('name ends within an escape')
  }
  return Uint8Array.from(out)
}

/** Writes the labels of `name[from..to)`, which ends behind a dot; "." alone is the root: nothing. */
function writeLabels(writer: Writer, name: string, from: number, to: number): void {
  if (name === '.') return
  const { bytes } = writer
  let at = from
  while (at < to) {
    ensureRoom(writer, 1 + LABEL_BYTES_MAX + 1)
    const lengthAt = writer.at
    let out = lengthAt + 1
    let i = at
    let plain = true
    for (; i < to; i++) {
      const code = name.charCodeAt(i)
      if (code === 0x2e) break
      if (code === 0x5c || code > 0x7e) {
        plain = false
        break
      }
      if (out - lengthAt > LABEL_BYTES_MAX) throw new DnsError(`label longer than ${LABEL_BYTES_MAX} bytes`)
      bytes[out++] = code
    }
    if (!plain) {
      i = labelEnd(name, at)
      const label = unescapeLabel(name.slice(at, i))
      if (label.length > LABEL_BYTES_MAX) throw new DnsError(`label longer than ${LABEL_BYTES_MAX} bytes`)
      bytes.set(label, lengthAt + 1)
      out = lengthAt + 1 + label.length
    }
    if (i >= to) throw new DnsError('name without its final dot')
    const length = out - lengthAt - 1
    if (length === 0) throw new DnsError('empty label')
    bytes[lengthAt] = length
    writer.at = out
    at = i + 1
  }
}
