/**
 * The table `kvs` in memory: entries as bytes in an arena, found by a hash of the key, ordered by a tree of keys. A
 * million keys then cost the collector a million strings and nothing more, and a write to a key that is there touches
 * neither tree nor heap: it goes over the old bytes, unless a snapshot shows them.
 *
 * An entry's bytes: create, modify and lock index (three doubles), flags (low, high), length of the value plus one (0
 * for null), length of the session (32 bits each), then session and value. The key is the tree's.
 */
import { Arena, sizeClass } from '../../base/arena.ts'
import { type Cursor, OrderedMap, type OrderedSnapshot, type OrderedView } from '../../base/ordered-map.ts'
import { byteKey, textFromByteKey } from '../../base/text.ts'
import type { DirEntry } from '../../model/kv.ts'
import type { RowMap, RowMapSnapshot } from './row-map.ts'

const HEADER_BYTES = 40
/** Values up to here are handed out as parts of a shared page: a typed array with memory of its own costs ten times that. */
const POOLED_BYTES_MAX = 1024
const POOL_BYTES = 16 * 1024
const NO_BYTES = new Uint8Array(0)

export class PackedEntries implements RowMap<DirEntry> {
  readonly copies = true
  private readonly arena = new Arena()
  private readonly order = new OrderedMap<number>()
  private readonly places = new KeyHash()
  private readonly reader = new EntryReader(this.arena)
  private snapshots = 0
  /** What was read last: rules read an entry before they write it. */
  private lastKey = ''
  private last: DirEntry | undefined = undefined
  /** Places that a snapshot may still show: handle and size in turn. */
  private readonly retired: number[] = []

  get(key: string): DirEntry | undefined {
    const place = this.places.get(key)
    if (place === undefined) return undefined
    const entry = this.reader.entry(key, place)
    this.lastKey = key
    this.last = entry
    return entry
  }

  under(prefix: string): Iterable<DirEntry> {
    return new Entries(this.order, this.reader, prefix)
  }

  set(key: string, row: DirEntry): DirEntry | undefined {
    const session = byteKey(row.Session)
    const size = HEADER_BYTES + session.length + (row.Value === null ? 0 : row.Value.length)
    const place = this.places.get(key)
    if (place === undefined) {
      const fresh = this.arena.take(size)
      this.write(fresh, row, session)
      this.places.set(key, fresh)
      this.order.set(key, fresh)
      return undefined
    }
    const before = this.before(key, place)
    const sizeBefore = this.reader.size(place)
    const kind = sizeClass(size)
    if (this.snapshots === 0 && kind >= 0 && kind === sizeClass(sizeBefore)) {
      this.write(place, row, session)
      return before
    }
    const fresh = this.arena.take(size)
    this.write(fresh, row, session)
    this.places.set(key, fresh)
    this.order.set(key, fresh)
    this.retire(place, sizeBefore)
    return before
  }

  delete(key: string): DirEntry | undefined {
    const place = this.places.get(key)
    if (place === undefined) return undefined
    const before = this.before(key, place)
    this.places.delete(key)
    this.order.delete(key)
    this.retire(place, this.reader.size(place))
    return before
  }

  snapshot(): RowMapSnapshot<DirEntry> {
    this.snapshots += 1
    return new PackedSnapshot(this.order.snapshot(), this.reader, () => {
      this.snapshots -= 1
      if (this.snapshots > 0) return
      for (let i = 0; i < this.retired.length; i += 2) this.arena.give(this.retired[i]!, this.retired[i + 1]!)
      this.retired.length = 0
    })
  }

  /** The entry that a write is about to replace. */
  private before(key: string, place: number): DirEntry {
    const { last } = this
    this.last = undefined
    return last !== undefined && this.lastKey === key ? last : this.reader.entry(key, place)
  }

  private retire(place: number, size: number): void {
    if (this.snapshots === 0) this.arena.give(place, size)
    else this.retired.push(place, size)
  }

  private write(place: number, row: DirEntry, session: string): void {
    const { u8, u32, f64 } = this.arena.page(place)
    const at = this.arena.offset(place)
    f64[at >>> 3] = row.CreateIndex
    f64[(at >>> 3) + 1] = row.ModifyIndex
    f64[(at >>> 3) + 2] = row.LockIndex
    u32[(at >>> 2) + 6] = row.Flags === 0n ? 0 : Number(row.Flags & 0xffff_ffffn)
    u32[(at >>> 2) + 7] = row.Flags === 0n ? 0 : Number(row.Flags >> 32n)
    u32[(at >>> 2) + 8] = row.Value === null ? 0 : row.Value.length + 1
    u32[(at >>> 2) + 9] = session.length
    for (let i = 0; i < session.length; i++) u8[at + HEADER_BYTES + i] = session.charCodeAt(i)
    if (row.Value !== null) u8.set(row.Value, at + HEADER_BYTES + session.length)
  }
}

/** Makes entries of their bytes. */
class EntryReader {
  private readonly arena: Arena
  private pool = NO_BYTES
  private pooled = 0

  constructor(arena: Arena) {
    this.arena = arena
  }

  size(place: number): number {
    const { u32 } = this.arena.page(place)
    const at = this.arena.offset(place) >>> 2
    return HEADER_BYTES + u32[at + 9]! + Math.max(0, u32[at + 8]! - 1)
  }

  entry(key: string, place: number): DirEntry {
    const { u8, u32, f64 } = this.arena.page(place)
    const at = this.arena.offset(place)
    const low = u32[(at >>> 2) + 6]!
    const high = u32[(at >>> 2) + 7]!
    const length = u32[(at >>> 2) + 8]! - 1
    const sessionLength = u32[(at >>> 2) + 9]!
    const body = at + HEADER_BYTES
    return {
      LockIndex: f64[(at >>> 3) + 2]!,
      Key: textFromByteKey(key),
      Flags: low === 0 && high === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low),
      Value: length < 0 ? null : this.bytes(u8, body + sessionLength, length),
      Session: sessionLength === 0 ? '' : readText(u8, body, sessionLength),
      CreateIndex: f64[at >>> 3]!,
      ModifyIndex: f64[(at >>> 3) + 1]!,
    }
  }

  private bytes(from: Uint8Array, at: number, length: number): Uint8Array {
    if (length > POOLED_BYTES_MAX) return from.slice(at, at + length)
    if (this.pooled + length > this.pool.length) {
      this.pool = new Uint8Array(POOL_BYTES)
      this.pooled = 0
    }
    const out = this.pool.subarray(this.pooled, this.pooled + length)
    this.pooled += length
    for (let i = 0; i < length; i++) out[i] = from[at + i]!
    return out
  }
}

function readText(u8: Uint8Array, at: number, length: number): string {
  let out = ''
  for (let i = at; i < at + length; i++) out += String.fromCharCode(u8[i]!)
  return textFromByteKey(out)
}

class Entries implements Iterable<DirEntry>, Iterator<DirEntry> {
  private readonly view: OrderedView<number>
  private readonly reader: EntryReader
  private readonly prefix: string
  private cursor: Cursor<number> | undefined = undefined

  constructor(view: OrderedView<number>, reader: EntryReader, prefix: string) {
    this.view = view
    this.reader = reader
    this.prefix = prefix
  }

  [Symbol.iterator](): Iterator<DirEntry> {
    return new Entries(this.view, this.reader, this.prefix)
  }

  next(): IteratorResult<DirEntry> {
    this.cursor ??= this.view.cursor(this.prefix)
    const { cursor } = this
    return cursor.next()
      ? { done: false, value: this.reader.entry(cursor.key, cursor.value!) }
      : { done: true, value: undefined }
  }
}

class PackedSnapshot implements RowMapSnapshot<DirEntry> {
  private readonly view: OrderedSnapshot<number>
  private readonly reader: EntryReader
  private onRelease: (() => void) | undefined

  constructor(view: OrderedSnapshot<number>, reader: EntryReader, onRelease: () => void) {
    this.view = view
    this.reader = reader
    this.onRelease = onRelease
  }

  get(key: string): DirEntry | undefined {
    const place = this.view.get(key)
    return place === undefined ? undefined : this.reader.entry(key, place)
  }

  under(prefix: string): Iterable<DirEntry> {
    return new Entries(this.view, this.reader, prefix)
  }

  release(): void {
    this.view.release()
    this.onRelease?.()
    this.onRelease = undefined
  }
}

/** As many maps as keep each so small that growing one never stops the world: a full one is copied at a stroke. */
const HASH_PARTS = 64

/** Places by key: a hash map in parts. */
class KeyHash {
  private readonly parts: Map<string, number>[] = Array.from({ length: HASH_PARTS }, () => new Map())
  /** The last answer, for the write that follows a read. */
  private lastKey: string | undefined = undefined
  private last: number | undefined = undefined

  get(key: string): number | undefined {
    if (this.lastKey !== key) {
      this.last = this.parts[partOf(key)]!.get(key)
      this.lastKey = key
    }
    return this.last
  }

  set(key: string, place: number): void {
    this.parts[partOf(key)]!.set(key, place)
    this.lastKey = undefined
  }

  delete(key: string): void {
    this.parts[partOf(key)]!.delete(key)
    this.lastKey = undefined
  }
}

/** Spread by the length and a few characters, most of them from the end, where keys differ. */
function partOf(key: string): number {
  const length = key.length
  if (length === 0) return 0
  let mix = length
  mix = mix * 31 + key.charCodeAt(length - 1)
  mix = mix * 31 + key.charCodeAt(length >>> 1)
  if (length > 2) mix = mix * 31 + key.charCodeAt(length - 2)
  if (length > 3) mix = mix * 31 + key.charCodeAt(length - 3)
  return (mix ^ (mix >>> 7)) & (HASH_PARTS - 1)
}
