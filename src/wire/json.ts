/**
 * JSON as Go writes it (package encoding/json): the escapes, the order of map keys, base64 for bytes, and the layout of
 * `MarshalIndent` with four spaces. Rows of the catalog and the store are in json-rows.ts, reading is in json-decode.ts.
 *
 * Text is composed of fragments. A fragment is a piece of JSON for a depth: `COMPACT`, or how many levels of four spaces
 * its continuation lines stand to the right. So the text of a row that did not change is made once and then only joined.
 */
import { byteKey, isAscii } from '../base/text.ts'

/** The depth of a fragment; `COMPACT` means no white space at all. */
export type Depth = number
export const COMPACT: Depth = -1

const INDENT = '    '
const INDENTS: string[] = Array.from({ length: 16 }, (_, depth) => `\n${INDENT.repeat(depth)}`)
/** Deeper values are refused: our own recursion, and nobody's configuration, goes there. */
export const JSON_DEPTH_MAX = 1000

/** What makes Go's encoder leave the fast path: quotes, control characters, HTML's three, U+2028/9, any surrogate. */
const NEEDS_ESCAPE = /["\\<>&\0-\x1f\u2028\u2029\ud800-\udfff]/
const ESCAPES = /["\\<>&\0-\x1f\u2028\u2029]|\p{Surrogate}/gu

/** A line break and `depth` levels of indentation. */
export function lineBreak(depth: Depth): string {
  return INDENTS[depth] ?? `\n${INDENT.repeat(depth)}`
}

/** A JSON string. Bytes that are not UTF-8 (base/text.ts) become `\ufffd`, spelled out, as Go has it. */
export function jsonText(text: string): string {
  return NEEDS_ESCAPE.test(text) ? `"${text.replace(ESCAPES, escapeChar)}"` : `"${text}"`
}

function escapeChar(char: string): string {
  switch (char) {
    case '"':
      return '\\"'
    case '\\':
      return '\\\\'
    case '\n':
      return '\\n'
    case '\r':
      return '\\r'
    case '\t':
      return '\\t'
    default: {
      const code = char.charCodeAt(0)
      return code >= 0xd800 && code <= 0xdfff ? '\\ufffd' : `\\u${code.toString(16).padStart(4, '0')}`
    }
  }
}

/** Bytes as base64; nothing and no bytes both read `null`. */
export function jsonBytes(bytes: Uint8Array | null): string {
  if (bytes === null || bytes.length === 0) return 'null'
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
}

/** Keys in the order of their bytes, as Go sorts the keys of a map. */
export function sortedKeys(map: object): string[] {
  const keys = Object.keys(map)
  if (keys.length < 2) return keys
  if (keys.every(isAscii)) return keys.sort()
  const order = new Map(keys.map((key) => [key, byteKey(key)]))
  return keys.sort((a, b) => (order.get(a)! < order.get(b)! ? -1 : 1))
}

/** A compact object of a map, `null` for none. */
export function jsonMap<T>(map: Record<string, T> | null | undefined, value: (item: T) => string): string {
  if (map === null || map === undefined) return 'null'
  let text = ''
  for (const key of sortedKeys(map)) text += `${text === '' ? '' : ','}${jsonText(key)}:${value(map[key]!)}`
  return `{${text}}`
}

export function jsonTextMap(map: Record<string, string> | null | undefined): string {
  return jsonMap(map, jsonText)
}

/** A compact array of strings, `null` for none. */
export function jsonTexts(texts: readonly string[] | null | undefined): string {
  if (texts === null || texts === undefined) return 'null'
  let text = ''
  for (const item of texts) text += text === '' ? jsonText(item) : `,${jsonText(item)}`
  return `[${text}]`
}

/**
 * Any value, compact. Objects are Go's maps (keys sorted) unless `keepOrder` says they are structs; bytes are base64,
 * bigints are numbers; `undefined`, functions and numbers that JSON does not know read `null`.
 */
export function jsonValue(value: unknown, keepOrder = false, levels = 0): string {
  if (levels > JSON_DEPTH_MAX) throw new RangeError('JSON value nested too deeply')
  switch (typeof value) {
    case 'string':
      return jsonText(value)
    case 'number':
      return Number.isFinite(value) ? String(Object.is(value, -0) ? '-0' : value) : 'null'
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      break
    default:
      return 'null'
  }
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return jsonBytes(value)
  const parts: string[] = []
  if (Array.isArray(value)) {
    for (const item of value) parts.push(jsonValue(item, keepOrder, levels + 1))
    return `[${parts.join(',')}]`
  }
  const record = value as Record<string, unknown>
  for (const key of keepOrder ? Object.keys(record) : sortedKeys(record)) {
    if (record[key] !== undefined) parts.push(`${jsonText(key)}:${jsonValue(record[key], keepOrder, levels + 1)}`)
  }
  return `{${parts.join(',')}}`
}

/**
 * Compact JSON laid out as `MarshalIndent(…, "", "    ")` does: empty objects and arrays stay closed.
 * @param compact well-formed JSON without white space between its tokens
 * @param depth of the place where it will stand; the first line is not indented
 */
export function indentJson(compact: string, depth: Depth = 0): string {
  const out: string[] = []
  let level = depth
  let start = 0
  let at = 0
  while (at < compact.length) {
    switch (compact.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(compact, at)
        continue
      case 0x7b: // {
      case 0x5b: {
        // [
        const next = compact.charCodeAt(at + 1)
        if (next === 0x7d || next === 0x5d) {
          at += 2
          continue
        }
        level += 1
        out.push(compact.slice(start, at + 1), lineBreak(level))
        start = at + 1
        break
      }
      case 0x7d: // }
      case 0x5d: // ]
        level -= 1
        out.push(compact.slice(start, at), lineBreak(level))
        start = at
        break
      case 0x2c: // ,
        out.push(compact.slice(start, at + 1), lineBreak(level))
        start = at + 1
        break
      case 0x3a: // :
        out.push(compact.slice(start, at), ': ')
        start = at + 1
        break
    }
    at += 1
  }
  out.push(compact.slice(start))
  return out.join('')
}

/** @returns the place after the string's closing quote */
function endOfString(text: string, open: number): number {
  let at = open + 1
  while (true) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return text.length
    let slashes = 0
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes += 1
    if (slashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** An array of fragments that were made for `depth + 1`. */
export function jsonArray(items: readonly string[], depth: Depth): string {
  if (items.length === 0) return '[]'
  if (depth < 0) return `[${items.join(',')}]`
  const inner = lineBreak(depth + 1)
  return `[${inner}${items.join(`,${inner}`)}${lineBreak(depth)}]`
}

/** An object of fields in the given order: names and fragments that were made for `depth + 1`, in turn. */
export function jsonObject(fields: readonly string[], depth: Depth): string {
  if (fields.length === 0) return '{}'
  const colon = depth < 0 ? ':' : ': '
  const items: string[] = []
  for (let i = 0; i < fields.length; i += 2) items.push(jsonText(fields[i]!) + colon + fields[i + 1]!)
  if (depth < 0) return `{${items.join(',')}}`
  const inner = lineBreak(depth + 1)
  return `{${inner}${items.join(`,${inner}`)}${lineBreak(depth)}}`
}

/** The depth of what stands inside something at `depth`. */
export function inside(depth: Depth): Depth {
  return depth < 0 ? COMPACT : depth + 1
}

/** Compact JSON as it is, or laid out for `depth`. */
export function atDepth(compact: string, depth: Depth): string {
  return depth < 0 ? compact : indentJson(compact, depth)
}

/** Rows whose text is kept, for each kind and depth: half of them is surely the most recently used. */
const FRAGMENTS_MAX = 8192

/**
 * Remembers the text of rows by their identity: a row object never changes once it is in the store.
 * Two generations bound the memory without bookkeeping on a hit: a full young generation becomes the old one.
 * @param encode a row as compact JSON
 */
export function fragments<Row extends object>(encode: (row: Row) => string): (row: Row, depth: Depth) => string {
  const young: Map<Row, string>[] = []
  const old: Map<Row, string>[] = []
  return (row, depth) => {
    const slot = depth + 1
    let recent = young[slot]
    if (recent === undefined) {
      recent = new Map()
      young[slot] = recent
    }
    const known = recent.get(row)
    if (known !== undefined) return known
    const text = old[slot]?.get(row) ?? flat(atDepth(encode(row), depth))
    if (recent.size >= FRAGMENTS_MAX / 2) {
      old[slot] = recent
      recent = new Map()
      young[slot] = recent
    }
    recent.set(row, text)
    return text
  }
}

/** The same text as one piece in memory: the engine keeps what was composed as a tree, and would walk it at each use. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}
