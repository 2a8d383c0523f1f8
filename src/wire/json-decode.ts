/**
 * JSON as Go reads it (package encoding/json with DisallowUnknownFields): field names in any case, no weak types, the
 * first value alone counts and what follows it is not looked at. Complaints are in Go's words, since people search for
 * them and tools match them. The parser is our own because JSON.parse cannot stop early, forgets how a number was
 * written, and complains in other words.
 */
import { goDurationFault, parseGoDuration } from '../base/go-duration.ts'
import { printable, textFromBytes } from '../base/text.ts'
import { JSON_DEPTH_MAX } from './json.ts'

export class JsonError extends Error {
  override name = 'JsonError'
}

/** A value of the wrong type, not yet knowing where it stands. */
class TypeFault extends JsonError {}

/** A number as it was written. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What the parser yields: objects are maps, so that no name is special. */
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject
export type JsonObject = Map<string, Json>

const SPACE = /[ \t\r\n]*/y
const PLAIN_CHARS = /[^"\\\0-\x1f]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const HEX4 = /^[0-9a-fA-F]{4}$/
const LITERALS: Record<string, [string, boolean | null]> = { t: ['true', true], f: ['false', false], n: ['null', null] }
const SHORT_ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** @returns the first value in the bytes. Throws `JsonError`. */
export function parseJson(bytes: Uint8Array): Json {
  const parser = new Parser(printable(textFromBytes(bytes)))
  return parser.first()
}

/** @returns the only value in the bytes, as Go's `json.Unmarshal` wants it. Throws `JsonError`. */
export function parseWholeJson(bytes: Uint8Array): Json {
  try {
    return new Parser(printable(textFromBytes(bytes))).only()
  } catch (error) {
    if (error instanceof JsonError && /EOF$/.test(error.message)) throw new JsonError('unexpected end of JSON input')
    throw error
  }
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  first(): Json {
    this.#space()
    if (this.#at >= this.#text.length) throw new JsonError('EOF')
    return this.#value(0)
  }

  only(): Json {
    const value = this.first()
    this.#space()
    if (this.#at < this.#text.length) throw this.#fault('after top-level value')
    return value
  }

  #space(): void {
    SPACE.lastIndex = this.#at
    SPACE.exec(this.#text)
    this.#at = SPACE.lastIndex
  }

  #value(depth: number): Json {
    if (depth > JSON_DEPTH_MAX) throw new JsonError('exceeded max depth')
    this.#space()
    const char = this.#text[this.#at]
    switch (char) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return this.#string()
      case 't':
      case 'f':
      case 'n':
        return this.#literal(char)
      default:
        if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) return this.#number()
        throw this.#fault('looking for beginning of value')
    }
  }

  #object(depth: number): JsonObject {
    const object: JsonObject = new Map()
    this.#at += 1
    this.#space()
    if (this.#text[this.#at] === '}') {
      this.#at += 1
      return object
    }
    while (true) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw this.#fault('looking for beginning of object key string')
      const name = this.#string()
      this.#space()
      if (this.#text[this.#at] !== ':') throw this.#fault('after object key')
      this.#at += 1
      object.set(name, this.#value(depth + 1))
      this.#space()
      const next = this.#text[this.#at]
      if (next !== ',' && next !== '}') throw this.#fault('after object key:value pair')
      this.#at += 1
      if (next === '}') return object
    }
  }

  #array(depth: number): Json[] {
    const array: Json[] = []
    this.#at += 1
    this.#space()
    if (this.#text[this.#at] === ']') {
      this.#at += 1
      return array
    }
    while (true) {
      array.push(this.#value(depth + 1))
      this.#space()
      const next = this.#text[this.#at]
      if (next !== ',' && next !== ']') throw this.#fault('after array element')
      this.#at += 1
      if (next === ']') return array
    }
  }

  #string(): string {
    let out = ''
    this.#at += 1
    while (true) {
      PLAIN_CHARS.lastIndex = this.#at
      out += PLAIN_CHARS.exec(this.#text)![0]
      this.#at = PLAIN_CHARS.lastIndex
      const char = this.#text[this.#at]
      if (char === '"') {
        this.#at += 1
        return out.toWellFormed()
      }
      if (char !== '\\') throw this.#fault('in string literal')
      this.#at += 1
      out += this.#escaped()
    }
  }

  #escaped(): string {
    const char = this.#text[this.#at]
    if (char === 'u') {
      this.#at += 1
      const digits = this.#text.slice(this.#at, this.#at + 4)
      if (!HEX4.test(digits)) {
        this.#at += /^[0-9a-fA-F]*/.exec(digits)![0].length
        throw this.#fault('in \\u hexadecimal character escape')
      }
      this.#at += 4
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const short = char === undefined ? undefined : SHORT_ESCAPES[char]
    if (short === undefined) throw this.#fault('in string escape code')
    this.#at += 1
    return short
  }

  #literal(start: string): boolean | null {
    const [word, value] = LITERALS[start]!
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) throw this.#fault(`in literal ${word} (expecting '${expected}')`)
      this.#at += 1
    }
    return value
  }

  #number(): JsonNumber {
    NUMBER.lastIndex = this.#at
    const match = NUMBER.exec(this.#text)
    if (match === null) {
      this.#at += 1
      throw this.#fault('in numeric literal')
    }
    this.#at = NUMBER.lastIndex
    const next = this.#text[this.#at]
    if (next === '.' && !match[0].includes('.') && !/[eE]/.test(match[0])) {
      this.#at += 1
      throw this.#fault('after decimal point in numeric literal')
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(match[0])) {
      this.#at += /^[eE][+-]?/.exec(this.#text.slice(this.#at, this.#at + 2))![0].length
      throw this.#fault('in exponent of numeric literal')
    }
    return new JsonNumber(match[0])
  }

  #fault(where: string): JsonError {
    const char = this.#text[this.#at]
    return new JsonError(char === undefined ? 'unexpected EOF' : `invalid character ${nameOf(char)} ${where}`)
  }
}

/** As Go names the byte at which it stopped: of a longer character, the first one. */
function nameOf(char: string): string {
  if (char === "'") return "'\\''"
  if (char === '"') return "'\"'"
  const code = char.charCodeAt(0)
  const letter = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }[char]
  if (letter !== undefined) return `'${letter}'`
  const byte = code < 0x80 ? code : code < 0x800 ? 0xc0 | (code >> 6) : code < 0xd800 ? 0xe0 | (code >> 12) : 0xef
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`
  return `'${String.fromCharCode(byte)}'`
}

/** Where a value stands: the innermost structure's name, and the path of field names to here. */
export interface Place {
  struct: string | null
  path: string
}

/**
 * Makes a value of the JSON found. `undefined` stands for JSON's null where Go leaves the field as it was.
 * Throws `JsonError`.
 */
export type Decode<T> = (value: Json, at: Place) => T | undefined

const TOP: Place = { struct: null, path: '' }

export function decodeJson<T>(bytes: Uint8Array, decode: Decode<T>): T | undefined {
  return decode(parseJson(bytes), TOP)
}

/** @param type Go's name of the type: it has some that are strings by another name */
export function textOf<T extends string>(type: string): Decode<T> {
  return (value, at) => {
    if (typeof value === 'string') return value as T
    if (value === null) return undefined
    throw mismatch(value, at, type)
  }
}

export const text: Decode<string> = textOf('string')

export const bool: Decode<boolean> = (value, at) => {
  if (typeof value === 'boolean') return value
  if (value === null) return undefined
  throw mismatch(value, at, 'bool')
}

export const int: Decode<number> = integer('int', -(2n ** 63n), 2n ** 63n - 1n)
export const uint: Decode<number> = integer('uint', 0n, 2n ** 64n - 1n)
export const uint64: Decode<number> = integer('uint64', 0n, 2n ** 64n - 1n)

/** Values beyond 2^53 are rounded: the fields read so are ports, limits and indexes. */
function integer(type: string, min: bigint, max: bigint): Decode<number> {
  return (value, at) => {
    if (value === null) return undefined
    if (!(value instanceof JsonNumber)) throw mismatch(value, at, type)
    if (!/^-?\d+$/.test(value.text) || BigInt(value.text) < min || BigInt(value.text) > max) {
      throw mismatch(value, at, type, `number ${value.text}`)
    }
    return Number(value.text)
  }
}

export const float: Decode<number> = (value, at) => {
  if (value === null) return undefined
  if (!(value instanceof JsonNumber)) throw mismatch(value, at, 'float64')
  const number = Number(value.text)
  if (!Number.isFinite(number)) throw mismatch(value, at, 'float64', `number ${value.text}`)
  return number
}

/** Text ("10s") or a number of nanoseconds; anything else is passed over, as Consul does. */
export const duration: Decode<number> = (value) => {
  if (value instanceof JsonNumber) return Math.trunc(Number(value.text))
  if (typeof value !== 'string') return undefined
  const nanos = parseGoDuration(value)
  if (nanos === undefined) throw new JsonError(goDurationFault(value))
  return nanos
}

/** @param type Go's name of the list, for complaints */
export function list<T>(item: Decode<T>, type: string): Decode<T[] | null> {
  return (value, at) => {
    if (value === null) return null
    if (!Array.isArray(value)) throw mismatch(value, at, type)
    return value.map((element) => item(element, at)).filter((element): element is T => element !== undefined)
  }
}

export function map<T>(item: Decode<T>, type: string): Decode<Record<string, T> | null> {
  return (value, at) => {
    if (value === null) return null
    if (!(value instanceof Map)) throw mismatch(value, at, type)
    const entries: [string, T][] = []
    for (const [name, element] of value) {
      const decoded = item(element, at)
      if (decoded !== undefined) entries.push([name, decoded])
    }
    // fromEntries defines each name as an own property, `__proto__` too.
    return Object.fromEntries(entries)
  }
}

export const texts: Decode<string[] | null> = (value, at) => {
  if (value === null) return null
  // Go keeps a place in the list for null.
  return list<string>((item, place) => text(item, place) ?? '', '[]string')(value, at)
}

export const textMap: Decode<Record<string, string> | null> = map(
  (value, at) => text(value, at) ?? '',
  'map[string]string',
)
export const textsMap: Decode<Record<string, string[]> | null> = map(
  (value, at) => texts(value, at) ?? [],
  'map[string][]string',
)

/** Any JSON as plain values; numbers become floating point, as in Go. */
export const untyped: Decode<unknown> = (value) => plainValue(value)

export const untypedMap: Decode<Record<string, unknown> | null> = map(untyped, 'map[string]interface {}')

function plainValue(value: Json): unknown {
  if (value instanceof JsonNumber) return Number(value.text)
  if (Array.isArray(value)) return value.map(plainValue)
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, item]) => [name, plainValue(item)]))
  return value
}

/** The fields of a structure: for each name, what its value is decoded by. */
export type Fields<T> = { [K in keyof T]-?: Decode<T[K]> }

export interface StructOptions {
  /** Go's name of the type, with its package: for complaints. */
  type: string
  /** Names that the structure does not know: refused, unless Consul decodes it without that wish. */
  ignoreUnknown?: boolean
  /** The type has a decoder of its own in Go: complaints from within name only the field that holds it. */
  own?: boolean
}

/** @returns a decoder that yields the fields that were given, and no others */
export function struct<T extends object>(fields: Fields<T>, options: StructOptions): Decode<Partial<T>> {
  const byName = new Map<string, [keyof T & string, Decode<unknown>]>()
  for (const name of Object.keys(fields) as (keyof T & string)[]) {
    byName.set(name.toLowerCase(), [name, fields[name] as Decode<unknown>])
  }
  const structName = options.own ? '' : options.type.slice(options.type.lastIndexOf('.') + 1)
  const decodeFields = (value: JsonObject, at: Place): Partial<T> => {
    const decoded: Partial<T> = {}
    for (const [given, item] of value) {
      const field = byName.get(given.toLowerCase())
      if (field === undefined) {
        if (options.ignoreUnknown) continue
        throw new JsonError(`json: unknown field ${JSON.stringify(given)}`)
      }
      const [name, decode] = field
      const path = at.path === '' || options.own ? name : `${at.path}.${name}`
      const result = decode(item, { struct: structName, path })
      if (result !== undefined) (decoded as Record<string, unknown>)[name] = result
    }
    return decoded
  }
  return (value, at) => {
    if (value === null) return undefined
    if (!(value instanceof Map)) throw mismatch(value, at, options.type)
    if (!options.own || at.struct === null) return decodeFields(value, at)
    try {
      return decodeFields(value, at)
    } catch (error) {
      if (!(error instanceof TypeFault)) throw error
      const known = error.message
      throw new TypeFault(known.replace(/into Go struct field \S*/, `into Go struct field ${at.struct}.${at.path}`))
    }
  }
}

function mismatch(value: Json, at: Place, type: string, found = kindOf(value)): TypeFault {
  const where = at.struct === null ? 'Go value' : `Go struct field ${at.struct}.${at.path}`
  return new TypeFault(`json: cannot unmarshal ${found} into ${where} of type ${type}`)
}

function kindOf(value: Json): string {
  if (value instanceof JsonNumber) return 'number'
  if (Array.isArray(value)) return 'array'
  if (value instanceof Map) return 'object'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
