/**
 * Structs as data: a descriptor names each field's codec, and from it come a writer and a reader that follow Go's
 * rules (protocol/msgpack-dialect.md sections 3 and 4): fields sorted by wire name, all of them always written; on
 * reading any order, unknown keys skipped, missing and nil the zero value, the last of duplicates wins.
 *
 * Everything that can be decided from the descriptor (order, header, the bytes of each key) is decided once, when the
 * module loads. Absent properties (`undefined`) write as zero, so a model's optional fields need no care.
 */
import { type Reader, setEntry, Writer } from './msgpack.ts'

export interface Codec<T> {
  write(w: Writer, value: T | undefined): void
  /** Nil reads as `zero()`. */
  read(r: Reader): T
  zero(): T
  /** Fields that one value makes at least; see `Reader.charge`. */
  readonly fields: number
  readonly shape: Shape
}

/** What values a codec has, told: the description of the HTTP API is made of it (serve/http/schemas). */
export type Shape =
  /** `opaque`: not told. */
  | { kind: 'text' | 'bool' | 'int' | 'float' | 'bytes' | 'time' | 'untyped' | 'opaque' }
  | { kind: 'list' | 'map'; of: Shape; nullable: boolean }
  | { kind: 'pointer'; to: Shape }
  | { kind: 'struct'; fields: Readonly<Record<string, Shape>> }

/** A codec for each field of T, under its wire name. */
export type Fields<T> = { [K in keyof T]-?: Codec<Exclude<T[K], undefined>> }

export const text: Codec<string> = {
  write: (w, value) => w.text(value ?? ''),
  read: (r) => r.text(),
  zero: () => '',
  fields: 0,
  shape: { kind: 'text' },
}

/** Text of which nearly every message has one of a few: the names of operations, of datacenters. */
const recurringText: Codec<string> = { ...text, read: (r) => r.recurring() }

/** Text whose known values have names; whatever else a peer sends is kept. */
export function textOf<T extends string>(): Codec<T> {
  return recurringText as Codec<T>
}

export const bool: Codec<boolean> = {
  write: (w, value) => w.bool(value === true),
  read: (r) => r.bool(),
  zero: () => false,
  fields: 0,
  shape: { kind: 'bool' },
}

/**
 * Integers of up to 64 bits that fit our numbers in all real use: indexes, ports, durations in nanoseconds. Beyond 2^53
 * they become the nearest double, which still compares unequal to every real index, rather than an error: a log entry
 * that a peer accepted must not stop us.
 */
export const int: Codec<number> = {
  write: (w, value) => w.int(value ?? 0),
  read: (r) => r.int(),
  zero: () => 0,
  fields: 0,
  shape: { kind: 'int' },
}

/** 64-bit numbers of the users' choice. */
export const u64: Codec<bigint> = {
  write: (w, value) => w.bigint(value ?? 0n),
  read: (r) => BigInt.asUintN(64, r.bigint()),
  zero: () => 0n,
  fields: 0,
  shape: { kind: 'int' },
}

export const float64: Codec<number> = {
  write: (w, value) => w.float64(value ?? 0),
  read: (r) => r.float(),
  zero: () => 0,
  fields: 0,
  shape: { kind: 'float' },
}

export const float32: Codec<number> = {
  write: (w, value) => w.float32(value ?? 0),
  read: (r) => r.float(),
  zero: () => 0,
  fields: 0,
  shape: { kind: 'float' },
}

export const bytes: Codec<Uint8Array | null> = {
  write: (w, value) => w.bytes(value ?? null),
  read: (r) => r.bytes(),
  zero: () => null,
  fields: 0,
  shape: { kind: 'bytes' },
}

/** Go's nil slice is null here. */
export function list<T>(element: Codec<T>): Codec<T[] | null> {
  return {
    write(w, values) {
      if (values === undefined || values === null) w.nil()
      else {
        w.arrayHeader(values.length)
        for (const value of values) element.write(w, value)
      }
    },
    read(r) {
      const count = r.arrayHeader()
      if (count < 0) return null
      const out: T[] = []
      for (let i = 0; i < count; i++) out.push(element.read(r))
      return out
    },
    zero: () => null,
    fields: 0,
    shape: { kind: 'list', of: element.shape, nullable: true },
  }
}

/** A map with text keys, in the order of insertion; Go's own order is random. */
export function map<T>(element: Codec<T>): Codec<Record<string, T> | null> {
  return {
    write(w, values) {
      if (values === undefined || values === null) {
        w.nil()
        return
      }
      const keys = Object.keys(values)
      w.mapHeader(keys.length)
      for (const key of keys) {
        w.text(key)
        element.write(w, values[key])
      }
    },
    read(r) {
      const count = r.mapHeader()
      if (count < 0) return null
      r.charge(count)
      const out: Record<string, T> = {}
      for (let i = 0; i < count; i++) setEntry(out, r.text(), element.read(r))
      return out
    },
    zero: () => null,
    fields: 0,
    shape: { kind: 'map', of: element.shape, nullable: true },
  }
}

/** For fields whose model has no null: nil reads as the empty list or map. */
export function filled<T extends object>(codec: Codec<T | null>, empty: () => T): Codec<T> {
  return {
    write: (w, value) => codec.write(w, value),
    read: (r) => codec.read(r) ?? empty(),
    zero: empty,
    fields: codec.fields,
    shape: 'nullable' in codec.shape ? { ...codec.shape, nullable: false } : codec.shape,
  }
}

/** A pointer: nil stays null. */
export function pointer<T>(target: Codec<T>): Codec<T | null> {
  return {
    write(w, value) {
      if (value === undefined || value === null) w.nil()
      else target.write(w, value)
    },
    read: (r) => (r.nil() ? null : target.read(r)),
    zero: () => null,
    fields: 0,
    shape: { kind: 'pointer', to: target.shape },
  }
}

/**
 * A value without a type of its own. Numbers are floats and bigints are integers, both ways, so what came in as a float
 * leaves as one (section 7: a real agent would otherwise see a difference and register in a loop).
 */
export const untyped: Codec<unknown> = {
  write: writeUntyped,
  read: (r) => r.any(),
  zero: () => null,
  fields: 0,
  shape: { kind: 'untyped' },
}

function writeUntyped(w: Writer, value: unknown): void {
  if (typeof value === 'string') w.text(value)
  else if (typeof value === 'number') w.float64(value)
  else if (typeof value === 'bigint') w.bigint(value)
  else if (typeof value === 'boolean') w.bool(value)
  else if (value instanceof Uint8Array) w.bytes(value)
  else if (Array.isArray(value)) {
    w.arrayHeader(value.length)
    for (const element of value) writeUntyped(w, element)
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    w.mapHeader(entries.length)
    for (const [key, element] of entries) {
      w.text(key)
      writeUntyped(w, element)
    }
  } else w.nil()
}

interface Slot {
  name: string
  /** The name as it stands on the wire, header and all. */
  key: Uint8Array
  codec: Codec<unknown>
}

/** Reads and writes a struct; `fields` lists those of embedded structs too, as the wire does. */
export function struct<T extends object>(fields: Fields<T>): Codec<T> {
  const slots: Slot[] = Object.entries<Codec<unknown>>(fields as Record<string, Codec<unknown>>)
    .map(([name, codec]) => ({ name, key: keyOf(name), codec }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const count = slots.length
  const places = new Map(slots.map((slot, place) => [slot.name, place]))
  const weight = slots.reduce((sum, slot) => sum + 1 + slot.codec.fields, 0)

  function write(w: Writer, value: T | undefined): void {
    w.mapHeader(count)
    const from = (value ?? {}) as Record<string, unknown>
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!
      w.append(slot.key)
      slot.codec.write(w, from[slot.name])
    }
  }

  function read(r: Reader): T {
    const pairs = r.mapHeader()
    r.charge(weight)
    const out: Record<string, unknown> = {}
    if (pairs < 0) return fill(out)
    // Peers write the fields in our order, so the next key is nearly always the next slot's.
    let next = 0
    let inOrder = 0
    for (let i = 0; i < pairs; i++) {
      let place = next
      if (place >= count || !r.key(slots[place]!.key)) {
        const found = places.get(r.text())
        if (found === undefined) {
          r.skip()
          continue
        }
        place = found
      }
      const slot = slots[place]!
      out[slot.name] = slot.codec.read(r)
      if (place === inOrder) inOrder += 1
      next = place + 1
    }
    return inOrder === count ? (out as T) : fill(out)
  }

  function fill(out: Record<string, unknown>): T {
    for (const slot of slots) if (out[slot.name] === undefined) out[slot.name] = slot.codec.zero()
    return out as T
  }

  const shape: Shape = {
    kind: 'struct',
    fields: Object.fromEntries(
      Object.entries<Codec<unknown>>(fields as Record<string, Codec<unknown>>).map(([name, { shape }]) => [
        name,
        shape,
      ]),
    ),
  }
  return { write, read, zero: () => fill({}), fields: weight, shape }
}

/** Fields of the structs that Consul embeds in many others. */
export const RAFT_INDEX = { CreateIndex: int, ModifyIndex: int }
export const WRITE_REQUEST = { Token: text, Datacenter: recurringText }

/** Field names recur in many structs; their bytes are made once. */
const KEYS = new Map<string, Uint8Array>()
const keyWriter = new Writer(64)

/** A field's name as it stands on the wire, header and all: for `Reader.key`. */
export function keyOf(name: string): Uint8Array {
  let key = KEYS.get(name)
  if (key === undefined) {
    keyWriter.text(name)
    key = keyWriter.take()
    KEYS.set(name, key)
  }
  return key
}
