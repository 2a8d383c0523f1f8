/**
 * JSON decoded as Go does it (package encoding/json with DisallowUnknownFields): field names in any case, no weak types.
 * Complaints are in Go's words. The text itself is read by json-parse.ts.
 *
 * A decoder is a pure function of a value and its place. One that has many values to look at can be left in their midst
 * and called again, to go on where it was (base/resumable.ts): so long bodies are decoded in slices.
 */
import { goDurationFault, parseGoDuration } from '../base/go-duration.ts'
import { loop, Resumable } from '../base/resumable.ts'
import { type Json, JsonError, JsonNumber, type JsonObject, JsonParser, parseJson } from './json-parse.ts'

export { type Json, JsonError, JsonNumber, type JsonObject, JsonTooLarge } from './json-parse.ts'

/** A value of the wrong type, not yet knowing where it stands. */
class TypeFault extends JsonError {}

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

/** Fields and elements that are decoded in one slice: some 3 ms of work. */
const SLICE_ROUNDS = 2000

/**
 * The same in slices: it yields between them, and returns what `decodeJson` returns, or throws what that throws.
 * @param windowBytes how much is parsed in a slice
 */
export function* decodeJsonSlowly<T>(
  bytes: Uint8Array,
  decode: Decode<T>,
  windowBytes?: number,
  rounds: number = SLICE_ROUNDS,
): Generator<undefined, T | undefined, undefined> {
  const parser = new JsonParser(bytes, windowBytes)
  while (!parser.step()) yield
  const decoding = new Resumable(() => decode(parser.value, TOP))
  while (!decoding.step(rounds)) yield
  return decoding.result
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
    if (!isWithin(value.text, min, max)) throw mismatch(value, at, type, `number ${value.text}`)
    return Number(value.text)
  }
}

const INTEGER_CHARS_MAX = 20

function isWithin(text: string, min: bigint, max: bigint): boolean {
  if (text.length > INTEGER_CHARS_MAX || !/^-?\d+$/.test(text)) return false
  const value = BigInt(text)
  return value >= min && value <= max
}

export const float: Decode<number> = (value, at) => {
  if (value === null) return undefined
  if (!(value instanceof JsonNumber)) throw mismatch(value, at, 'float64')
  const number = Number(value.text)
  if (!Number.isFinite(number)) throw mismatch(value, at, 'float64', `number ${value.text}`)
  return number
}

const INT64_MIN = -(2 ** 63)

/** What is beyond 64 bits becomes the least of all numbers, as the processors that Go is built for have it. */
function nanosOf(number: number): number {
  return Math.abs(number) < -INT64_MIN ? Math.trunc(number) : INT64_MIN
}

/** Text ("10s") or a number of nanoseconds; anything else is passed over, as Consul does. */
export const duration: Decode<number> = (value) => {
  if (value instanceof JsonNumber) return nanosOf(Number(value.text))
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
    const decodeNext = (made: { next: number; items: T[] }): boolean => {
      if (made.next === value.length) return false
      const decoded = item(value[made.next]!, at)
      made.next += 1
      if (decoded !== undefined) made.items.push(decoded)
      return true
    }
    return loop(value, () => ({ next: 0, items: [] }), decodeNext).items
  }
}

export function map<T>(item: Decode<T>, type: string): Decode<Record<string, T> | null> {
  return (value, at) => {
    if (value === null) return null
    if (!(value instanceof Map)) throw mismatch(value, at, type)
    return decodeEntries(value, (made: Record<string, T>, name, element) => {
      const decoded = item(element, at)
      if (decoded !== undefined) setOwn(made, name, decoded)
    })
  }
}

/** Goes through an object in the order of its names. @param take is called for a name again if it was left midway */
function decodeEntries<T extends object>(object: JsonObject, take: (made: T, name: string, element: Json) => void): T {
  const begin = () => {
    const entries = object.entries()
    return { entries, next: entries.next(), made: {} as T }
  }
  return loop(object, begin, (state) => {
    if (state.next.done) return false
    take(state.made, state.next.value[0], state.next.value[1])
    state.next = state.entries.next()
    return true
  }).made
}

/** No name is special, `__proto__` neither. */
function setOwn<T>(made: Record<string, T>, name: string, value: T): void {
  if (name !== '__proto__') made[name] = value
  else Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true })
}

/** Go keeps a place in the list for null. */
export const texts: Decode<string[] | null> = list<string>((value, at) => text(value, at) ?? '', '[]string')

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
  if (Array.isArray(value)) {
    return loop(
      value,
      () => [] as unknown[],
      (items) => {
        if (items.length === value.length) return false
        items.push(plainValue(value[items.length]!))
        return true
      },
    )
  }
  if (!(value instanceof Map)) return value
  return decodeEntries(value, (made: Record<string, unknown>, name, item) => setOwn(made, name, plainValue(item)))
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
  // Spelled as it usually is, a name needs no lower case.
  for (const field of [...byName.values()]) byName.set(field[0], field)
  const structName = options.own ? '' : options.type.slice(options.type.lastIndexOf('.') + 1)
  const decodeFields = (value: JsonObject, at: Place): Partial<T> => {
    return decodeEntries(value, (made: Partial<T>, given, item) => {
      const field = byName.get(given) ?? byName.get(given.toLowerCase())
      if (field === undefined) {
        if (options.ignoreUnknown) return
        throw new JsonError(`json: unknown field ${JSON.stringify(given)}`)
      }
      const [name, decode] = field
      const path = at.path === '' || options.own ? name : `${at.path}.${name}`
      const result = decode(item, { struct: structName, path })
      if (result !== undefined) (made as Record<string, unknown>)[name] = result
    })
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
