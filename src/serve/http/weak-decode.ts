/**
 * Values whose types are taken loosely, as mitchellh's mapstructure reads them with weakly typed input: "8080" is a
 * port, 1 is true, one thing stands for a list of it. Configuration entries are read so, since they are written by hand.
 * Names compare in any case and may have a second spelling; names that nobody asked for are gathered.
 *
 * Loops over what may be many are resumable (base/resumable.ts), so that a long entry is read in slices. What is found is
 * told where it is told once: in a loop's beginning or its rounds, or of a value that has no loop.
 */
import { goDurationFault, parseGoDuration } from '../../base/go-duration.ts'
import { quoteGo } from '../../base/go-quote.ts'
import { loop } from '../../base/resumable.ts'

/** What was read and could not be, each by its place: complaints and names that are not known. */
export interface Findings {
  faults: string[]
  unused: string[]
}

/** @param at where the value stands, for complaints */
export type Weak<T> = (value: unknown, at: string, found: Findings) => T

/** @param type Go's name of the type: it has some that are strings by another name */
export function weakTextOf(type: string): Weak<string> {
  return (given, at, found) => {
    const value = single(given)
    if (value === null || value === undefined) return ''
    if (typeof value === 'string') return value
    if (typeof value === 'number') return String(value)
    if (typeof value === 'boolean') return value ? '1' : '0'
    found.faults.push(`'${at}' expected type '${type}', got unconvertible type '${typeName(value)}'`)
    return ''
  }
}

export const weakText: Weak<string> = weakTextOf('string')

/** From here on, the processors that Go is built for make the least of all numbers of it. */
const INT64_END = 2 ** 63

export const weakInt: Weak<number> = weakIntOf('int')

/** @param type Go's name of the type */
function weakIntOf(type: string): Weak<number> {
  return (given, at, found) => {
    const value = single(given)
    if (value === null || value === undefined) return 0
    if (typeof value === 'number') return Math.abs(value) < INT64_END ? Math.trunc(value) : -INT64_END
    if (typeof value === 'boolean') return value ? 1 : 0
    if (typeof value === 'string') {
      if (/^[+-]?\d+$/.test(value)) return Number(value)
      found.faults.push(`cannot parse '${at}' as int: strconv.ParseInt: parsing ${quoteGo(value)}: invalid syntax`)
      return 0
    }
    found.faults.push(`'${at}' expected type '${type}', got unconvertible type '${typeName(value)}'`)
    return 0
  }
}

const UINT32_END = 2 ** 32

/** A number that is not of 32 bits wraps around; a text that says such a number is refused. */
export const weakUint32: Weak<number> = (given, at, found) => {
  const value = single(given)
  if (typeof value === 'number') {
    const whole = Math.trunc(value)
    return Math.abs(whole) < INT64_END ? ((whole % UINT32_END) + UINT32_END) % UINT32_END : 0
  }
  if (typeof value === 'string') {
    const digits = /^\d+$/.test(value)
    if (digits && Number(value) < UINT32_END) return Number(value)
    const why = digits ? 'value out of range' : 'invalid syntax'
    found.faults.push(`cannot parse '${at}' as uint: strconv.ParseUint: parsing ${quoteGo(value)}: ${why}`)
    return 0
  }
  return weakIntOf('uint32')(value, at, found)
}

export const weakFloat: Weak<number> = (given, at, found) => {
  const value = single(given)
  if (value === null || value === undefined) return 0
  if (typeof value === 'number') return Math.fround(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string' && value.trim() === value && value !== '' && Number.isFinite(Number(value))) {
    return Math.fround(Number(value))
  }
  found.faults.push(
    typeof value === 'string'
      ? `cannot parse '${at}' as float: strconv.ParseFloat: parsing ${quoteGo(value)}: invalid syntax`
      : `'${at}' expected type 'float32', got unconvertible type '${typeName(value)}'`,
  )
  return 0
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['', '0', 'f', 'F', 'FALSE', 'false', 'False'])

export const weakBool: Weak<boolean> = (given, at, found) => {
  const value = single(given)
  if (value === null || value === undefined) return false
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return value !== 0
  if (typeof value === 'string') {
    if (TRUE.has(value)) return true
    if (FALSE.has(value)) return false
    found.faults.push(`cannot parse '${at}' as bool: strconv.ParseBool: parsing ${quoteGo(value)}: invalid syntax`)
    return false
  }
  found.faults.push(`'${at}' expected type 'bool', got unconvertible type '${typeName(value)}'`)
  return false
}

const weakNanos = weakIntOf('time.Duration')

/** Text like "10s", or nanoseconds. */
export const weakDuration: Weak<number> = (given, at, found) => {
  const value = single(given)
  if (typeof value !== 'string') return weakNanos(value, at, found)
  const nanos = parseGoDuration(value)
  if (nanos !== undefined) return nanos
  found.faults.push(`error decoding '${at}': ${goDurationFault(value)}`)
  return 0
}

export function weakList<T>(item: Weak<T>): Weak<T[] | null> {
  return (value, at, found) => {
    if (value === null || value === undefined) return null
    if (Array.isArray(value)) return mapped(value, (each, i) => item(each, `${at}[${i}]`, found))
    return isMap(value) && Object.keys(value).length === 0 ? [] : [item(value, `${at}[0]`, found)]
  }
}

export function weakMap<T>(item: Weak<T>): Weak<Record<string, T> | null> {
  const map: Weak<Record<string, T> | null> = (given, at, found) => {
    const value = single(given)
    if (value === null || value === undefined) return null
    // A list of maps is all of them in one; a later one wins.
    if (Array.isArray(value)) return Object.assign({}, ...mapped(value, (each, i) => map(each, `${at}[${i}]`, found)))
    if (!isMap(value)) {
      found.faults.push(`'${at}' expected a map, got '${kindName(value)}'`)
      return null
    }
    return mappedFields(value, (each, name) => item(each, `${at}[${name}]`, found))
  }
  return map
}

function mapped<T>(list: readonly unknown[], make: (each: unknown, i: number) => T): T[] {
  const makeNext = (made: T[]) => {
    const i = made.length
    if (i === list.length) return false
    made.push(make(list[i], i))
    return true
  }
  return loop(list, () => [], makeNext)
}

function mappedFields<T>(map: Record<string, unknown>, make: (each: unknown, name: string) => T): Record<string, T> {
  const makeNext = (state: { names: string[]; made: T[] }) => {
    const name = state.names[state.made.length]
    if (name === undefined) return false
    state.made.push(make(map[name], name))
    return true
  }
  const { names, made } = loop(map, () => ({ names: Object.keys(map), made: [] }), makeNext)
  // fromEntries defines each name as an own property, `__proto__` too.
  return Object.fromEntries(names.map((name, i) => [name, made[i]!]))
}

/**
 * Any value. A list of one item is that item: HCL writes every block as a list. Inside of such an item the same holds
 * for all that its maps hold. Source: lib/decode/decode.go (HookWeakDecodeFromSlice).
 */
export const untypedValue: Weak<unknown> = (value) =>
  (Array.isArray(value) && value.length === 1 ? unpacked(value[0]) : value) ?? null

function unpacked(value: unknown): unknown {
  if (Array.isArray(value)) return mapped(value, unpacked)
  if (!isMap(value)) return value
  return mappedFields(value, (each) => unpacked(Array.isArray(each) && each.length === 1 ? each[0] : each))
}

/** @param aliases second spellings: the usual one wins where both are given */
export function weakStruct<T extends object>(
  fields: { [K in keyof T]-?: Weak<T[K]> },
  aliases: Record<string, keyof T & string> = {},
): Weak<T> {
  const names = Object.keys(fields) as (keyof T & string)[]
  const byName = new Map<string, keyof T & string>(names.map((name) => [name.toLowerCase(), name]))
  const byAlias = new Map(Object.entries(aliases))
  const givenFields = (map: Record<string, unknown>, at: string, found: Findings) => {
    const given = new Map<string, unknown>()
    for (const [name, each] of Object.entries(map)) {
      const lower = name.toLowerCase()
      const known = byName.get(lower)
      const meant = known ?? byAlias.get(lower)
      if (meant === undefined) found.unused.push(at === '' ? name : `${at}.${name}`)
      else if (known !== undefined || !given.has(meant)) given.set(meant, each)
    }
    return { given, next: 0, out: {} as T }
  }
  const readField = (name: keyof T & string, value: unknown, at: string, found: Findings) =>
    fields[name](value, at === '' ? name : `${at}.${name}`, found)
  return (value, at, found) => {
    const map = single(value)
    if (!isMap(map)) {
      if (map !== null && map !== undefined) found.faults.push(`'${at}' expected a map, got '${kindName(map)}'`)
      const out = {} as T
      for (const name of names) out[name] = readField(name, undefined, at, found)
      return out
    }
    const begin = () => givenFields(map, at, found)
    return loop(map, begin, (state) => {
      const name = names[state.next]
      if (name === undefined) return false
      state.out[name] = readField(name, state.given.get(name), at, found)
      state.next += 1
      return true
    }).out
  }
}

/** Something that need not be there. */
export function weakOptional<T>(item: Weak<T>): Weak<T | null> {
  return (value, at, found) => (value === null || value === undefined ? null : item(value, at, found))
}

/** @returns undefined, and a complaint, when it is none */
export function asMap(value: unknown, at: string, found: Findings): Record<string, unknown> | undefined {
  if (isMap(value)) return value
  found.faults.push(`'${at}' expected a map, got '${kindName(value)}'`)
  return undefined
}

/** One value may stand in a list of its own. */
function single(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As Go names the type of what JSON gave. */
function typeName(value: unknown): string {
  return Array.isArray(value) ? '[]interface {}' : isMap(value) ? 'map[string]interface {}' : kindName(value)
}

function kindName(value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  if (typeof value === 'number') return 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'map'
}

/** The complaints as mapstructure words them; undefined when there are none. */
export function faultText({ faults }: Findings): string | undefined {
  if (faults.length === 0) return undefined
  return `${faults.length} error(s) decoding:\n\n${[...faults]
    .sort()
    .map((fault) => `* ${fault}`)
    .join('\n')}`
}
