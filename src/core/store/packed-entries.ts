/**
 * The table `kvs` in memory: entries as bytes in an arena, found by a hash of the key, ordered by a tree of keys. A
 * million keys then cost the collector a million strings and nothing more, and a write to a key that is there touches
 * neither tree nor heap: it goes over the old bytes, unless a snapshot shows them.
 *
 * An entry's bytes: create, modify and lock index (three doubles), flags (low, high), length of the value plus one (0
 * for null), length of the session, length of the key and whether it is plain ASCII (32 bits each), then key, session,
 * and from the next multiple of four on the value: it can then be copied four bytes at a time.
 *
 * Very many entries under one prefix go at once: the tree lets go of whole nodes, and that is all that a reader can see.
 * Their places stay in the hash for a while, known for dead by the cut that they belong to; each later write clears some
 * of them away.
 */
import { Arena, Page, sizeClass } from '../../base/arena.ts'
import { assert } from '../../base/assert.ts'
import { type Cursor, OrderedMap, type OrderedSnapshot, type OrderedView } from '../../base/ordered-map.ts'
import { byteKey, isAscii, textFromByteKey } from '../../base/text.ts'
import type { DirEntry } from '../../model/kv.ts'
import { hashKey, type Keyed, KeyHash } from './key-hash.ts'
import type { RowMap, RowMapSnapshot } from './row-map.ts'
import type { RangeGone } from './store.ts'

const HEADER_BYTES = 44
/** Values up to here are handed out as parts of a shared page: a typed array with memory of its own costs ten times that. */
const POOLED_BYTES_MAX = 1024
const POOL_BYTES = 16 * 1024
/** Beside the key's length: the key is its own text. */
const ASCII_KEY = 0x8000_0000
const KEY_LENGTH = 0x7fff_ffff

/** How many entries go at once. Tests take less. */
export interface Cutting {
  /** So many entries under a prefix are worth a cut; fewer are as well deleted one by one. */
  entriesMin: number
  /** Dead entries that one write clears away. */
  tidyEntries: number
}

/** A cut is worth it from where deleting one by one takes some milliseconds; clearing away costs a write some 50 microseconds. */
const CUTTING: Cutting = { entriesMin: 2048, tidyEntries: 64 }

/** A range that went at once, and is not cleared away yet. */
interface Cut {
  prefix: string
  /** The tree as it was: what it has under the prefix is dead. */
  before: OrderedSnapshot<number>
  /** How far that is cleared away. */
  cursor: Cursor<number>
  /** Places under the prefix that were taken since: their entries live. */
  fresh: Set<number>
}

const padded = (bytes: number) => (bytes + 3) & ~3

export class PackedEntries implements RowMap<DirEntry>, Keyed {
  readonly copies = true
  private readonly arena = new Arena()
  private readonly order = new OrderedMap<number>()
  private readonly reader = new EntryReader(this.arena)
  private readonly places = new KeyHash(this)
  private readonly cuts: Cut[] = []
  private readonly cutting: Cutting
  private snapshots = 0
  /** What was looked for last, and found: rules read an entry before they write it. */
  private lastKey: string | undefined = undefined
  private lastHash = 0
  private lastPlace = -1
  private last: DirEntry | undefined = undefined
  /** Places that a snapshot may still show: handle and size in turn. */
  private readonly retired: number[] = []

  constructor(cutting = CUTTING) {
    this.cutting = cutting
  }

  /** For the hash: whether the living entry of that key is at `place`. */
  holds(place: number, key: string): boolean {
    return this.reader.holds(place, key) && (this.cuts.length === 0 || !this.isDead(place, key))
  }

  get(key: string): DirEntry | undefined {
    const place = this.find(key)
    if (place < 0) return undefined
    this.last ??= this.reader.entry(key, place)
    return this.last
  }

  /** @returns the place, or -1 */
  private find(key: string): number {
    if (this.lastKey === key) return this.lastPlace
    this.lastHash = hashKey(key)
    this.lastPlace = this.places.get(key, this.lastHash)
    this.lastKey = key
    this.last = undefined
    return this.lastPlace
  }

  under(prefix: string): Iterable<DirEntry> {
    return new Entries(this.order, this.reader, prefix)
  }

  set(key: string, row: DirEntry): DirEntry | undefined {
    const session = byteKey(row.Session)
    const size = padded(HEADER_BYTES + key.length + session.length) + (row.Value === null ? 0 : row.Value.length)
    const place = this.find(key)
    if (place < 0) {
      const fresh = this.take(key, size)
      this.write(fresh, key, row, session)
      this.places.add(this.lastHash, fresh)
      this.order.set(key, fresh)
      this.lastKey = undefined
      return undefined
    }
    const before = this.last ?? this.reader.entry(key, place)
    const sizeBefore = this.reader.size(place)
    const kind = sizeClass(size)
    if (this.snapshots === 0 && kind >= 0 && kind === sizeClass(sizeBefore)) {
      this.write(place, key, row, session)
    } else {
      const fresh = this.take(key, size)
      this.write(fresh, key, row, session)
      this.places.move(key, this.lastHash, fresh)
      this.order.set(key, fresh)
      this.retire(place, sizeBefore)
    }
    this.lastKey = undefined
    return before
  }

  delete(key: string): DirEntry | undefined {
    const place = this.find(key)
    if (place < 0) return undefined
    const before = this.last ?? this.reader.entry(key, place)
    this.places.remove(key, this.lastHash)
    this.order.delete(key)
    this.retire(place, this.reader.size(place))
    this.lastKey = undefined
    return before
  }

  deleteUnder(prefix: string, gone: (key: string, row: DirEntry) => void): void {
    const cursor = this.order.cursor(prefix)
    while (cursor.next()) {
      const { key } = cursor
      const place = cursor.value!
      gone(key, this.reader.entry(key, place))
      this.places.removePlace(hashKey(key), place)
      this.retire(place, this.reader.size(place))
    }
    this.order.deleteUnder(prefix)
    this.lastKey = undefined
  }

  cut(prefix: string): RangeGone | undefined {
    const counting = this.order.cursor(prefix)
    for (let count = 0; count < this.cutting.entriesMin; count++) if (!counting.next()) return undefined
    const before = this.order.snapshot()
    this.order.deleteUnder(prefix)
    const cut: Cut = { prefix, before, cursor: before.cursor(prefix), fresh: new Set() }
    this.cuts.push(cut)
    this.lastKey = undefined
    return {
      held: (key) => key.startsWith(prefix) && before.get(key) !== undefined,
      heldUnder: (wider) => prefix.startsWith(wider) || (wider.startsWith(prefix) && before.cursor(wider).next()),
      undo: () => {
        assert(this.cuts.pop() === cut, 'cuts are undone the last one first')
        const cursor = before.cursor(prefix)
        while (cursor.next()) this.order.set(cursor.key, cursor.value!)
        before.release()
        this.lastKey = undefined
      },
    }
  }

  tidy(): void {
    for (let left = this.cutting.tidyEntries; left > 0 && this.cuts.length > 0; left--) {
      const { before, cursor } = this.cuts[0]!
      if (cursor.next()) {
        const place = cursor.value!
        this.places.removePlace(hashKey(cursor.key), place)
        this.retire(place, this.reader.size(place))
      } else {
        before.release()
        this.cuts.shift()
      }
    }
  }

  private isDead(place: number, key: string): boolean {
    for (const { prefix, fresh } of this.cuts) if (key.startsWith(prefix) && !fresh.has(place)) return true
    return false
  }

  private take(key: string, size: number): number {
    const place = this.arena.take(size)
    for (const { prefix, fresh } of this.cuts) if (key.startsWith(prefix)) fresh.add(place)
    return place
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

  private retire(place: number, size: number): void {
    if (this.snapshots === 0) this.arena.give(place, size)
    else this.retired.push(place, size)
  }

  private write(place: number, key: string, row: DirEntry, session: string): void {
    const { u8, u32, f64 } = this.arena.page(place)
    const at = this.arena.offset(place)
    f64[at >>> 3] = row.CreateIndex
    f64[(at >>> 3) + 1] = row.ModifyIndex
    f64[(at >>> 3) + 2] = row.LockIndex
    u32[(at >>> 2) + 6] = row.Flags === 0n ? 0 : Number(row.Flags & 0xffff_ffffn)
    u32[(at >>> 2) + 7] = row.Flags === 0n ? 0 : Number(row.Flags >> 32n)
    u32[(at >>> 2) + 8] = row.Value === null ? 0 : row.Value.length + 1
    u32[(at >>> 2) + 9] = session.length
    u32[(at >>> 2) + 10] = isAscii(key) ? (key.length | ASCII_KEY) >>> 0 : key.length
    const body = at + HEADER_BYTES
    for (let i = 0; i < key.length; i++) u8[body + i] = key.charCodeAt(i)
    for (let i = 0; i < session.length; i++) u8[body + key.length + i] = session.charCodeAt(i)
    if (row.Value !== null) u8.set(row.Value, padded(body + key.length + session.length))
  }
}

/** Makes entries of their bytes. */
class EntryReader {
  private readonly arena: Arena
  private pool = new Page(0)
  private pooled = 0

  constructor(arena: Arena) {
    this.arena = arena
  }

  size(place: number): number {
    const { u32 } = this.arena.page(place)
    const at = this.arena.offset(place) >>> 2
    return padded(HEADER_BYTES + (u32[at + 10]! & KEY_LENGTH) + u32[at + 9]!) + Math.max(0, u32[at + 8]! - 1)
  }

  holds(place: number, key: string): boolean {
    const { u8, u32 } = this.arena.page(place)
    const at = this.arena.offset(place)
    if ((u32[(at >>> 2) + 10]! & KEY_LENGTH) !== key.length) return false
    // From the end: keys that differ, differ there more often than in front.
    const body = at + HEADER_BYTES
    for (let i = key.length - 1; i >= 0; i--) if (u8[body + i] !== key.charCodeAt(i)) return false
    return true
  }

  entry(key: string, place: number): DirEntry {
    const page = this.arena.page(place)
    const { u32, f64 } = page
    const at = this.arena.offset(place)
    const low = u32[(at >>> 2) + 6]!
    const high = u32[(at >>> 2) + 7]!
    const length = u32[(at >>> 2) + 8]! - 1
    const sessionLength = u32[(at >>> 2) + 9]!
    const body = at + HEADER_BYTES + key.length
    return {
      LockIndex: f64[(at >>> 3) + 2]!,
      Key: u32[(at >>> 2) + 10]! >= ASCII_KEY ? key : textFromByteKey(key),
      Flags: low === 0 && high === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low),
      Value: length < 0 ? null : this.bytes(page, padded(body + sessionLength), length),
      Session: sessionLength === 0 ? '' : readText(page.u8, body, sessionLength),
      CreateIndex: f64[at >>> 3]!,
      ModifyIndex: f64[(at >>> 3) + 1]!,
    }
  }

  /** A copy: what the arena holds may be written over. */
  private bytes(from: Page, at: number, length: number): Uint8Array {
    if (length > POOLED_BYTES_MAX) return from.u8.slice(at, at + length)
    const words = (length + 3) >>> 2
    if (this.pooled + words > this.pool.u32.length) {
      this.pool = new Page(POOL_BYTES)
      this.pooled = 0
    }
    const to = this.pool.u32
    const start = this.pooled
    this.pooled += words
    for (let i = 0; i < words; i++) to[start + i] = from.u32[(at >>> 2) + i]!
    return this.pool.u8.subarray(start * 4, start * 4 + length)
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
