/**
 * Rows as bytes, for the engine on disk. The form is our own and nobody else reads it; what counts is that every field
 * comes back exactly (64-bit flags, minus zero, bytes, text that is not UTF-8) and that a row is small.
 *
 * KV entries have a layout of their own, without the key, which is the database's. All other rows are written as tagged
 * values; the names of the model's fields are one byte each.
 */
import { bytesFromText, isAscii, textFromByteKey, textFromBytes } from '../base/text.ts'
import type { DirEntry } from '../model/kv.ts'

/** On disk a name is its place in this list: add at the end, never remove. At most 255. */
const FIELDS = (
  'ID Node Address Datacenter TaggedAddresses Meta CreateIndex ModifyIndex Service Kind Tags Port Weights Passing ' +
  'Warning EnableTagOverride Proxy Connect LocallyRegisteredAsSidecar Native SidecarService DestinationServiceName ' +
  'DestinationServiceID LocalServiceAddress LocalServicePort Config Upstreams MeshGateway Mode Expose Checks Paths ' +
  'ListenerPort Path LocalPathPort Protocol ParsedFromCheck DestinationType DestinationNamespace DestinationName ' +
  'LocalBindAddress LocalBindPort IngressHosts CheckID Name Status Notes Output ServiceID ServiceName ServiceTags Type ' +
  'Definition HTTP TLSSkipVerify Header Method Body TCP Interval OutputMaxSize Timeout DeregisterCriticalServiceAfter ' +
  'ScriptArgs DockerContainerID Shell GRPC GRPCUseTLS AliasNode AliasService TTL LockDelay Behavior NodeChecks ' +
  'ServiceChecks Namespace Session Key Index Value Segment Coord Vec Error Adjustment Height CleanupDeadServers ' +
  'LastContactThreshold MaxTrailingLogs MinQuorum ServerStabilizationTime RedundancyZoneTag DisableUpgradeMigration ' +
  'UpgradeVersionTag Sequence Data lan wan'
).split(' ')
const FIELD_NUMBERS = new Map(FIELDS.map((name, number) => [name, number]))
/** In place of a field's number: the name follows as text. */
const OTHER_FIELD = 255

const TAG_NULL = 0
const TAG_FALSE = 1
const TAG_TRUE = 2
const TAG_WHOLE = 3
const TAG_DOUBLE = 4
const TAG_BIGINT = 5
const TAG_TEXT = 6
const TAG_BYTES = 7
const TAG_LIST = 8
const TAG_OBJECT = 9
/** From here on, a text's length is in its tag. */
const TAG_SHORT_TEXT = 128
const SHORT_TEXT_MAX = 127
/** Small whole numbers are tags too. */
const TAG_SMALL = 16
const SMALL_MAX = TAG_SHORT_TEXT - TAG_SMALL - 1

/** Grown to the largest row so far, shared by all encodings: they do not overlap. */
let out = Buffer.allocUnsafeSlow(64 * 1024)
let at = 0

/** Makes room for `bytes` more. */
function room(bytes: number): void {
  if (at + bytes <= out.length) return
  const wider = Buffer.allocUnsafeSlow(Math.max(out.length * 2, at + bytes))
  out.copy(wider, 0, 0, at)
  out = wider
}

/** @returns bytes that are good until the next call */
export function encodeRow(row: object): Uint8Array {
  at = 0
  writeObject(row as Record<string, unknown>)
  return out.subarray(0, at)
}

/** @returns bytes that are good until the next call; without the key */
export function encodeEntry(entry: DirEntry): Uint8Array {
  at = 0
  const session = isAscii(entry.Session) ? entry.Session : undefined
  const sessionBytes = session === undefined ? bytesFromText(entry.Session) : undefined
  const value = entry.Value
  room(64 + (session ?? sessionBytes!).length + (value?.length ?? 0))
  writeWhole(entry.CreateIndex)
  writeWhole(entry.ModifyIndex)
  writeWhole(entry.LockIndex)
  if (entry.Flags === 0n) out[at++] = 0
  else {
    out[at++] = 1
    at = out.writeBigUInt64LE(entry.Flags, at)
  }
  if (session !== undefined) {
    writeWhole(session.length)
    at += out.write(session, at, 'latin1')
  } else {
    writeWhole(sessionBytes!.length)
    out.set(sessionBytes!, at)
    at += sessionBytes!.length
  }
  out[at++] = value === null ? 0 : 1
  if (value !== null) {
    out.set(value, at)
    at += value.length
  }
  return out.subarray(0, at)
}

function writeWhole(value: number): void {
  let rest = value
  while (rest >= 0x80) {
    out[at++] = (rest % 0x80) + 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[at++] = rest
}

function writeText(text: string, short: boolean): void {
  if (isAscii(text)) {
    room(text.length + 12)
    writeTextHead(text.length, short)
    at += out.write(text, at, 'latin1')
    return
  }
  const bytes = bytesFromText(text)
  room(bytes.length + 12)
  writeTextHead(bytes.length, short)
  out.set(bytes, at)
  at += bytes.length
}

function writeTextHead(length: number, short: boolean): void {
  if (short && length <= SHORT_TEXT_MAX) {
    out[at++] = TAG_SHORT_TEXT + length
    return
  }
  out[at++] = TAG_TEXT
  writeWhole(length)
}

function writeValue(value: unknown): void {
  room(24)
  if (typeof value === 'string') writeText(value, true)
  else if (typeof value === 'number') writeNumber(value)
  else if (value === null || value === undefined) out[at++] = TAG_NULL
  else if (typeof value === 'boolean') out[at++] = value ? TAG_TRUE : TAG_FALSE
  else if (typeof value === 'bigint') {
    out[at++] = TAG_BIGINT
    writeText(value.toString(), true)
  } else if (value instanceof Uint8Array) {
    room(value.length + 12)
    out[at++] = TAG_BYTES
    writeWhole(value.length)
    out.set(value, at)
    at += value.length
  } else if (Array.isArray(value)) {
    out[at++] = TAG_LIST
    writeWhole(value.length)
    for (const item of value) writeValue(item)
  } else if (typeof value === 'object') {
    writeObject(value as Record<string, unknown>)
  } else throw new TypeError(`a row cannot hold a ${typeof value}`)
}

function writeNumber(value: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) {
    if (value <= SMALL_MAX) out[at++] = TAG_SMALL + value
    else {
      out[at++] = TAG_WHOLE
      writeWhole(value)
    }
    return
  }
  out[at++] = TAG_DOUBLE
  at = out.writeDoubleLE(value, at)
}

/** Fields that are undefined are left out. */
function writeObject(value: Record<string, unknown>): void {
  room(24)
  out[at++] = TAG_OBJECT
  const names = Object.keys(value)
  let count = 0
  for (const name of names) if (value[name] !== undefined) count++
  writeWhole(count)
  for (const name of names) {
    const field = value[name]
    if (field === undefined) continue
    room(2)
    const number = FIELD_NUMBERS.get(name)
    if (number !== undefined) out[at++] = number
    else {
      out[at++] = OTHER_FIELD
      writeText(name, true)
    }
    writeValue(field)
  }
}

/** What is being read, and where. */
let from: Buffer = Buffer.alloc(0)
let pos = 0

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The row shares no memory with `bytes`. */
export function decodeRow(bytes: Uint8Array): unknown {
  from = viewOf(bytes)
  pos = 0
  return readValue()
}

/** @param key of the database @param length of the entry within `bytes`, from 0 */
export function decodeEntry(key: string, bytes: Uint8Array, length: number = bytes.length): DirEntry {
  from = viewOf(bytes)
  pos = 0
  const CreateIndex = readWhole()
  const ModifyIndex = readWhole()
  const LockIndex = readWhole()
  let Flags = 0n
  if (from[pos++] === 1) {
    Flags = from.readBigUInt64LE(pos)
    pos += 8
  }
  const sessionLength = readWhole()
  const Session = sessionLength === 0 ? '' : readText(sessionLength)
  const Value = from[pos++] === 0 ? null : copy(pos, length)
  return { LockIndex, Key: textFromByteKey(key), Flags, Value, Session, CreateIndex, ModifyIndex }
}

/** A copy that is a plain Uint8Array; small ones are cut from a shared page, which costs a tenth. */
function copy(start: number, end: number): Uint8Array {
  const length = end - start
  const page = Buffer.allocUnsafe(length)
  from.copy(page, 0, start, end)
  return new Uint8Array(page.buffer, page.byteOffset, length)
}

function readWhole(): number {
  let value = 0
  let scale = 1
  for (;;) {
    const byte = from[pos++]!
    if (byte < 0x80) return value + byte * scale
    value += (byte - 0x80) * scale
    scale *= 0x80
  }
}

/** Short ASCII is the rule, and quickest byte by byte. */
function readText(length: number): string {
  const start = pos
  pos += length
  for (let i = start; i < pos; i++) if (from[i]! >= 0x80) return textFromBytes(from.subarray(start, pos))
  return from.toString('latin1', start, pos)
}

function readValue(): unknown {
  const tag = from[pos++]!
  if (tag >= TAG_SHORT_TEXT) return tag === TAG_SHORT_TEXT ? '' : readText(tag - TAG_SHORT_TEXT)
  if (tag >= TAG_SMALL) return tag - TAG_SMALL
  switch (tag) {
    case TAG_NULL:
      return null
    case TAG_FALSE:
      return false
    case TAG_TRUE:
      return true
    case TAG_WHOLE:
      return readWhole()
    case TAG_DOUBLE:
      pos += 8
      return from.readDoubleLE(pos - 8)
    case TAG_BIGINT:
      return BigInt(readValue() as string)
    case TAG_TEXT:
      return readText(readWhole())
    case TAG_BYTES: {
      const length = readWhole()
      pos += length
      return copy(pos - length, pos)
    }
    case TAG_LIST: {
      const list: unknown[] = []
      for (let rest = readWhole(); rest > 0; rest--) list.push(readValue())
      return list
    }
    case TAG_OBJECT: {
      const value: Record<string, unknown> = {}
      for (let rest = readWhole(); rest > 0; rest--) {
        const number = from[pos++]!
        if (number !== OTHER_FIELD) value[FIELDS[number]!] = readValue()
        else define(value, readValue() as string, readValue())
      }
      return value
    }
    default:
      throw new Error(`a stored row holds an unknown tag ${tag}`)
  }
}

/** A name that users chose may be "__proto__", which an assignment would not make a field. */
function define(value: Record<string, unknown>, name: string, field: unknown): void {
  if (name !== '__proto__') value[name] = field
  else Object.defineProperty(value, name, { value: field, enumerable: true, writable: true, configurable: true })
}
