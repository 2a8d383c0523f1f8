/**
 * Who waits for which rows. A commit looks up what it changed: each key in a table of watched keys, and for ranges the
 * key's beginnings of the lengths at which anybody watches. So waking costs changes times distinct lengths, however many
 * wait; and nothing at all when nobody does.
 */
import type { Indexes, IndexName, ReadTxn, TableName, Tables } from './rows.ts'
import type { Change, Footprint, RangeGone } from './store.ts'
import { counterKey } from './tables.ts'

/** These move with every key; see `Footprint`. */
const NOT_NOTED = new Set(['kvs', 'tombstones'])

/** A read that notes what it depended on. */
export class TracingTxn implements ReadTxn {
  readonly footprint: Footprint = { keys: new Set(), prefixes: new Set() }
  private readonly txn: ReadTxn

  constructor(txn: ReadTxn) {
    this.txn = txn
  }

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    if (table === 'kvs') this.footprint.keys.add(`kvs\0${key}`)
    return this.txn.get(table, key)
  }

  prefix<T extends TableName>(table: T, prefix: string): Iterable<Tables[T]> {
    if (table === 'kvs' || table === 'index') this.footprint.prefixes.add(`${table}\0${prefix}`)
    return this.txn.prefix(table, prefix)
  }

  by<I extends IndexName>(index: I, prefix: string): Iterable<Tables[Indexes[I]]> {
    return this.txn.by(index, prefix)
  }

  counter(name: string): number {
    const key = counterKey(name)
    if (!NOT_NOTED.has(key)) this.footprint.keys.add(`index\0${key}`)
    return this.txn.counter(name)
  }
}

class Watcher {
  readonly footprint: Footprint
  readonly wake: (replaced: boolean) => void
  stopped = false

  constructor(footprint: Footprint, wake: (replaced: boolean) => void) {
    this.footprint = footprint
    this.wake = wake
  }
}

/** Watchers of one table. */
class TableWatchers {
  readonly keys = new Map<string, Set<Watcher>>()
  readonly prefixes = new Map<string, Set<Watcher>>()
  /** Lengths of the watched prefixes, in rising order, and how many prefixes have each. */
  private readonly lengths: { length: number; prefixes: number }[] = []

  add(watcher: Watcher, text: string, isPrefix: boolean): void {
    const sets = isPrefix ? this.prefixes : this.keys
    const set = sets.get(text)
    if (set !== undefined) {
      set.add(watcher)
      return
    }
    sets.set(text, new Set([watcher]))
    if (!isPrefix) return
    const at = this.lengths.findIndex((entry) => entry.length >= text.length)
    if (at >= 0 && this.lengths[at]!.length === text.length) this.lengths[at]!.prefixes += 1
    else this.lengths.splice(at < 0 ? this.lengths.length : at, 0, { length: text.length, prefixes: 1 })
  }

  remove(watcher: Watcher, text: string, isPrefix: boolean): void {
    const sets = isPrefix ? this.prefixes : this.keys
    const set = sets.get(text)
    if (set === undefined || !set.delete(watcher) || set.size > 0) return
    sets.delete(text)
    if (!isPrefix) return
    const at = this.lengths.findIndex((entry) => entry.length === text.length)
    this.lengths[at]!.prefixes -= 1
    if (this.lengths[at]!.prefixes === 0) this.lengths.splice(at, 1)
  }

  /** All who watch something that went. Looks at each text that is watched: they are fewer than what goes at once. */
  collectRange(range: RangeGone, into: Set<Watcher>): void {
    for (const [key, watchers] of this.keys) if (range.held(key)) addAll(watchers, into)
    for (const [prefix, watchers] of this.prefixes) if (range.heldUnder(prefix)) addAll(watchers, into)
  }

  collect(key: string, into: Set<Watcher>): void {
    if (this.keys.size > 0) addAll(this.keys.get(key), into)
    for (const { length } of this.lengths) {
      if (length > key.length) break
      addAll(this.prefixes.get(key.slice(0, length)), into)
    }
  }
}

function addAll(from: Set<Watcher> | undefined, into: Set<Watcher>): void {
  if (from !== undefined) for (const watcher of from) into.add(watcher)
}

export class Watches {
  private readonly tables = new Map<string, TableWatchers>()
  private readonly watchers = new Set<Watcher>()
  /** Touched, not yet woken. */
  private readonly touched = new Set<Watcher>()

  get size(): number {
    return this.watchers.size
  }

  /** @returns how to stop watching, which may be called at any time */
  add(footprint: Footprint, wake: (replaced: boolean) => void): () => void {
    const watcher = new Watcher(footprint, wake)
    this.watchers.add(watcher)
    this.eachPart(watcher, (table, text, isPrefix) => {
      let watchers = this.tables.get(table)
      if (watchers === undefined) {
        watchers = new TableWatchers()
        this.tables.set(table, watchers)
      }
      watchers.add(watcher, text, isPrefix)
    })
    return () => {
      watcher.stopped = true
      this.remove(watcher)
    }
  }

  /** Marks those whom these changes concern. */
  touch(changes: readonly Change[]): void {
    for (const { table, key, range } of changes) {
      const watchers = this.tables.get(table)
      if (range === undefined) watchers?.collect(key, this.touched)
      else watchers?.collectRange(range, this.touched)
    }
  }

  touchAll(): void {
    addAll(this.watchers, this.touched)
  }

  /**
   * Wakes the marked, each once; all are forgotten before the first of them runs.
   * @param replaced the whole state gave way to another: what they know of it counts no more
   */
  wake(replaced = false): void {
    if (this.touched.size === 0) return
    const due = [...this.touched]
    for (const watcher of due) this.remove(watcher)
    for (const watcher of due) if (!watcher.stopped) watcher.wake(replaced)
  }

  private remove(watcher: Watcher): void {
    this.touched.delete(watcher)
    if (!this.watchers.delete(watcher)) return
    this.eachPart(watcher, (table, text, isPrefix) => this.tables.get(table)?.remove(watcher, text, isPrefix))
  }

  private eachPart(watcher: Watcher, run: (table: string, text: string, isPrefix: boolean) => void): void {
    for (const part of watcher.footprint.keys) {
      const cut = part.indexOf('\0')
      run(part.slice(0, cut), part.slice(cut + 1), false)
    }
    for (const part of watcher.footprint.prefixes) {
      const cut = part.indexOf('\0')
      run(part.slice(0, cut), part.slice(cut + 1), true)
    }
  }
}
