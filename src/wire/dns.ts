/**
 * DNS messages between bytes and values. Decoding distrusts its input and throws `DnsError` alone; encoding writes into
 * one buffer that is reused, and hands out a copy. What a message means is decided elsewhere (core/dns).
 * Read RFC 1035 section 4, RFC 3596 (AAAA), RFC 2782 (SRV), RFC 6891 (EDNS), RFC 7871 (client subnet).
 */
import {
  CLASS_IN,
  type ClientSubnet,
  type Edns,
  MESSAGE_BYTES_MAX,
  type Message,
  type Question,
  type Resource,
  TYPE,
} from '../core/dns/message.ts'
import {
  DnsError,
  ensureRoom,
  forgetNames,
  MessageTooLong,
  makeWrittenNames,
  type Reader,
  readName,
  type Writer,
  writeName,
} from './dns-name.ts'

export { DnsError } from './dns-name.ts'

const HEADER_BYTES = 12
const OPTION_CLIENT_SUBNET = 8
const CHARACTER_STRING_MAX = 255

/** The four counts of a header, as claimed. */
export interface Counts {
  questions: number
  answers: number
  authority: number
  additional: number
}

/** @returns undefined when `bytes` is shorter than a header */
export function decodeHeader(bytes: Uint8Array): { id: number; flags: number; counts: Counts } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const counts = {
    questions: u16(bytes, 4),
    answers: u16(bytes, 6),
    authority: u16(bytes, 8),
    additional: u16(bytes, 10),
  }
  return { id: u16(bytes, 0), flags: u16(bytes, 2), counts }
}

/**
 * Reads a whole message. A section may hold fewer records than the header claims if the message ends there, as other
 * servers (miekg/dns) read it; bytes behind the last record are ignored.
 * Throws `DnsError`; its `partial` carries what could be read.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const header = decodeHeader(bytes)
  if (header === undefined) throw new DnsError('message shorter than its header')
  const { counts } = header
  const message: Message = {
    id: header.id,
    flags: header.flags,
    questions: [],
    answers: [],
    authority: [],
    additional: [],
  }
  const reader: Reader = { bytes, at: HEADER_BYTES }
  try {
    readQuestions(reader, counts.questions, message)
    readSection(reader, counts.answers, message.answers, message)
    readSection(reader, counts.authority, message.authority, message)
    readSection(reader, counts.additional, message.additional, message)
  } catch (error) {
    if (error instanceof DnsError) {
      error.partial = { ...message, answers: [], authority: [], additional: [] }
      delete error.partial.edns
    }
    throw error
  }
  return message
}

function readQuestions(reader: Reader, count: number, message: Message): void {
  const { bytes } = reader
  const questions: Question[] = []
  for (let i = 0; i < count && reader.at < bytes.length; i++) {
    const name = readName(reader)
    if (bytes.length - reader.at === 1) throw new DnsError('question ends within its type')
    questions.push({ name, type: read16OrZero(reader), class: read16OrZero(reader) })
  }
  // Only whole: a reply to a broken question does not repeat it.
  message.questions = questions
}

/** A message that ends before the type, before the class or within it leaves them 0, as miekg/dns reads it. */
function read16OrZero(reader: Reader): number {
  const { bytes, at } = reader
  reader.at = Math.min(bytes.length, at + 2)
  return at + 2 <= bytes.length ? u16(bytes, at) : 0
}

/** @param section of `message`, to which records are added; an OPT record goes to the message */
function readSection(reader: Reader, count: number, section: Resource[], message: Message): void {
  for (let i = 0; i < count && reader.at < reader.bytes.length; i++) readRecord(reader, section, message)
}

function readRecord(reader: Reader, section: Resource[], message: Message): void {
  const { bytes } = reader
  const name = readName(reader)
  need(reader, 10, 'record')
  const at = reader.at
  const type = u16(bytes, at)
  const recordClass = u16(bytes, at + 2)
  const ttl = u32(bytes, at + 4)
  const length = u16(bytes, at + 8)
  reader.at = at + 10
  need(reader, length, 'record data')
  const end = reader.at + length
  if (type === TYPE.OPT && section === message.additional) message.edns = readEdns(reader, recordClass, end)
  else section.push(readData(reader, name, type, recordClass, ttl, end))
  if (reader.at !== end) throw new DnsError(`record data of type ${type} does not end where it says`)
}

function readData(reader: Reader, name: string, type: number, recordClass: number, ttl: number, end: number): Resource {
  const { bytes } = reader
  const at = reader.at
  if (recordClass !== CLASS_IN) return readOther(reader, name, type, recordClass, ttl, end)
  switch (type) {
    case TYPE.A:
      expectLength(reader, end, 4)
      return { type: 'A', name, ttl, address: u32(bytes, at) }
    case TYPE.AAAA:
      expectLength(reader, end, 16)
      return { type: 'AAAA', name, ttl, address: bytes.slice(at, at + 16) }
    case TYPE.CNAME:
      return { type: 'CNAME', name, ttl, target: readName(reader) }
    case TYPE.NS:
      return { type: 'NS', name, ttl, target: readName(reader) }
    case TYPE.PTR:
      return { type: 'PTR', name, ttl, target: readName(reader) }
    case TYPE.SRV: {
      need(reader, 6, 'SRV record')
      reader.at += 6
      const target = readName(reader)
      const [priority, weight, port] = [u16(bytes, at), u16(bytes, at + 2), u16(bytes, at + 4)]
      return { type: 'SRV', name, ttl, priority, weight, port, target }
    }
    case TYPE.TXT:
      return { type: 'TXT', name, ttl, texts: readTexts(reader, end) }
    case TYPE.SOA: {
      const nameserver = readName(reader)
      const mailbox = readName(reader)
      need(reader, 20, 'SOA record')
      const [serial, refresh, retry] = [u32(bytes, reader.at), u32(bytes, reader.at + 4), u32(bytes, reader.at + 8)]
      const [expire, minimum] = [u32(bytes, reader.at + 12), u32(bytes, reader.at + 16)]
      reader.at += 20
      return { type: 'SOA', name, ttl, nameserver, mailbox, serial, refresh, retry, expire, minimum }
    }
    default:
      return readOther(reader, name, type, recordClass, ttl, end)
  }
}

function readOther(
  reader: Reader,
  name: string,
  typeNumber: number,
  recordClass: number,
  ttl: number,
  end: number,
): Resource {
  const data = reader.bytes.slice(reader.at, end)
  reader.at = end
  return { type: 'other', name, ttl, typeNumber, class: recordClass, data }
}

function readTexts(reader: Reader, end: number): string[] {
  const texts: string[] = []
  while (reader.at < end) {
    const from = reader.at + 1
    const to = from + reader.bytes[reader.at]!
    if (to > end) throw new DnsError('character string runs past its record')
    texts.push(String.fromCharCode(...reader.bytes.subarray(from, to)))
    reader.at = to
  }
  return texts
}

function readEdns(reader: Reader, udpSize: number, end: number): Edns {
  const edns: Edns = { udpSize }
  const { bytes } = reader
  while (reader.at < end) {
    if (reader.at + 4 > end) throw new DnsError('EDNS option runs past its record')
    const code = u16(bytes, reader.at)
    const from = reader.at + 4
    const to = from + u16(bytes, reader.at + 2)
    if (to > end) throw new DnsError('EDNS option runs past its record')
    // The first counts.
    if (code === OPTION_CLIENT_SUBNET) edns.subnet ??= readSubnet(bytes, from, to)
    reader.at = to
  }
  return edns
}

/** Address bytes may be fewer than the family's (the rest is zero) or, as miekg/dns reads it, more (ignored). */
function readSubnet(bytes: Uint8Array, from: number, to: number): ClientSubnet {
  if (to - from < 4) throw new DnsError('client subnet shorter than its head')
  const family = u16(bytes, from)
  const sourceNetmask = bytes[from + 2]!
  const scopeNetmask = bytes[from + 3]!
  const width = addressBytes(family)
  if (width === undefined) throw new DnsError('client subnet of an unknown family')
  if (sourceNetmask > width * 8 || scopeNetmask > width * 8) throw new DnsError('client subnet with a bad netmask')
  const address = new Uint8Array(width)
  address.set(bytes.subarray(from + 4, Math.min(to, from + 4 + width)))
  return { family, sourceNetmask, scopeNetmask, address }
}

function addressBytes(family: number): number | undefined {
  return family === 1 ? 4 : family === 2 ? 16 : family === 0 ? 0 : undefined
}

function expectLength(reader: Reader, end: number, bytes: number): void {
  if (end - reader.at !== bytes) throw new DnsError('address of a wrong length')
  reader.at = end
}

function need(reader: Reader, bytes: number, what: string): void {
  if (reader.at + bytes > reader.bytes.length) throw new DnsError(`${what} runs past the end of the message`)
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!
const u32 = (bytes: Uint8Array, at: number): number => ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0

// Encoding. One message is built at a time, and nothing is kept of it: the buffer and the names are reused.
// Room is checked a little generously (a whole label at a time), hence the spare.
const BUFFER_BYTES = MESSAGE_BYTES_MAX + 1 + 512
const writer: Writer = { bytes: new Uint8Array(BUFFER_BYTES), at: 0, limit: BUFFER_BYTES }
const written = makeWrittenNames()

/** Throws `DnsError` when a name or text cannot be written, or the message is longer than 65535 bytes. */
export function encodeMessage(message: Message, compress = true): Uint8Array {
  write(message, compress)
  return writer.bytes.slice(0, writer.at)
}

/** Bytes that `encodeMessage` would make, Infinity when too many: for those who must fit an answer to a size. */
export function measureMessage(message: Message, compress: boolean): number {
  try {
    write(message, compress)
  } catch (error) {
    if (error instanceof MessageTooLong) return Number.POSITIVE_INFINITY
    throw error
  }
  return writer.at
}

function write(message: Message, compress: boolean): void {
  forgetNames(written, compress)
  const { questions, answers, authority, additional, edns } = message
  writer.at = 0
  put16(message.id)
  put16(message.flags)
  put16(questions.length)
  put16(answers.length)
  put16(authority.length)
  put16(additional.length + (edns === undefined ? 0 : 1))
  for (let i = 0; i < questions.length; i++) {
    const question = questions[i]!
    writeName(writer, question.name, written, true)
    ensureRoom(writer, 4)
    put16(question.type)
    put16(question.class)
  }
  for (let i = 0; i < answers.length; i++) writeRecord(answers[i]!)
  for (let i = 0; i < authority.length; i++) writeRecord(authority[i]!)
  for (let i = 0; i < additional.length; i++) writeRecord(additional[i]!)
  if (edns !== undefined) writeEdns(edns)
  if (writer.at > MESSAGE_BYTES_MAX) throw new MessageTooLong('message too long')
}

function writeRecord(record: Resource): void {
  writeName(writer, record.name, written, true)
  ensureRoom(writer, 10)
  const other = record.type === 'other'
  put16(other ? record.typeNumber : TYPE[record.type])
  put16(other ? record.class : CLASS_IN)
  put32(record.ttl)
  const lengthAt = writer.at
  writer.at += 2
  writeData(record)
  const length = writer.at - lengthAt - 2
  writer.bytes[lengthAt] = length >>> 8
  writer.bytes[lengthAt + 1] = length & 0xff
}

function writeData(record: Resource): void {
  switch (record.type) {
    case 'A':
      ensureRoom(writer, 4)
      put32(record.address)
      break
    case 'AAAA':
      putBytes(record.address)
      break
    case 'CNAME':
    case 'NS':
    case 'PTR':
      writeName(writer, record.target, written, true)
      break
    case 'SRV':
      ensureRoom(writer, 6)
      put16(record.priority)
      put16(record.weight)
      put16(record.port)
      writeName(writer, record.target, written, false)
      break
    case 'TXT':
      writeTexts(record.texts)
      break
    case 'SOA':
      writeName(writer, record.nameserver, written, true)
      writeName(writer, record.mailbox, written, true)
      ensureRoom(writer, 20)
      put32(record.serial)
      put32(record.refresh)
      put32(record.retry)
      put32(record.expire)
      put32(record.minimum)
      break
    case 'other':
      putBytes(record.data)
      break
  }
}

/** A text longer than a character string may be is split. */
function writeTexts(texts: string[]): void {
  for (const text of texts) {
    let from = 0
    do {
      const to = Math.min(text.length, from + CHARACTER_STRING_MAX)
      ensureRoom(writer, 1 + to - from)
      writer.bytes[writer.at++] = to - from
      for (let i = from; i < to; i++) writer.bytes[writer.at++] = text.charCodeAt(i)
      from = to
    } while (from < text.length)
  }
}

function writeEdns(edns: Edns): void {
  const { subnet } = edns
  ensureRoom(writer, 11)
  writer.bytes[writer.at++] = 0
  put16(TYPE.OPT)
  put16(edns.udpSize)
  put32(0)
  if (subnet === undefined) {
    put16(0)
    return
  }
  const addressLength = Math.ceil(subnet.sourceNetmask / 8)
  ensureRoom(writer, 2 + 8 + addressLength)
  put16(8 + addressLength)
  put16(OPTION_CLIENT_SUBNET)
  put16(4 + addressLength)
  put16(subnet.family)
  writer.bytes[writer.at++] = subnet.sourceNetmask
  writer.bytes[writer.at++] = subnet.scopeNetmask
  for (let i = 0; i < addressLength; i++) {
    const bits = Math.min(8, subnet.sourceNetmask - i * 8)
    writer.bytes[writer.at++] = subnet.address[i]! & (0xff << (8 - bits))
  }
}

function putBytes(bytes: Uint8Array): void {
  ensureRoom(writer, bytes.length)
  writer.bytes.set(bytes, writer.at)
  writer.at += bytes.length
}

function put16(value: number): void {
  const { bytes } = writer
  bytes[writer.at++] = value >>> 8
  bytes[writer.at++] = value
}

function put32(value: number): void {
  const { bytes } = writer
  bytes[writer.at++] = value >>> 24
  bytes[writer.at++] = value >>> 16
  bytes[writer.at++] = value >>> 8
  bytes[writer.at++] = value
}
