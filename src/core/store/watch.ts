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
  /** Whoever watches but one thing needs no look at what it was when that was touched. */
  readonly single: boolean
  over = false

  constructor(footprint: Footprint, wake: (replaced: boolean) => void) {
    this.footprint = footprint
    this.wake = wake
    this.single = footprint.keys.size + footprint.prefixes.size === 1
  }
}

/** All who watch the same key, or the same range. */
type Crowd = Set<Watcher>

/** Watchers of one table. */
class TableWatchers {
  private readonly keys = new Map<string, Crowd>()
  private readonly prefixes = new Map<string, Crowd>()
  /** Lengths of the watched prefixes, in rising order, and how many prefixes have each. */
  private readonly lengths: { length: number; prefixes: number }[] = []

  add(watcher: Watcher, text: string, isPrefix: boolean): void {
    const crowds = isPrefix ? this.prefixes : this.keys
    const crowd = crowds.get(text)
    if (crowd !== undefined) {
      crowd.add(watcher)
      return
    }
    crowds.set(text, new Set([watcher]))
    if (!isPrefix) return
    const at = this.lengths.findIndex((entry) => entry.length >= text.length)
    if (at >= 0 && this.lengths[at]!.length === text.length) this.lengths[at]!.prefixes += 1
    else this.lengths.splice(at < 0 ? this.lengths.length : at, 0, { length: text.length, prefixes: 1 })
  }

  remove(watcher: Watcher, text: string, isPrefix: boolean): void {
    const crowd = (isPrefix ? this.prefixes : this.keys).get(text)
    if (crowd?.delete(watcher) && crowd.size === 0) this.forget(text, isPrefix)
  }

  /** Takes out all who watch something that went. Looks at each text that is watched: they are fewer than what goes at once. */
  takeRange(range: RangeGone, into: Crowd[]): void {
    for (const key of this.keys.keys()) if (range.held(key)) this.take(key, false, into)
    for (const prefix of this.prefixes.keys()) if (range.heldUnder(prefix)) this.take(prefix, true, into)
  }

  /** Takes out all whom that key concerns. */
  takeKey(key: string, into: Crowd[]): void {
    if (this.keys.size > 0) this.take(key, false, into)
    // From the longest on: what is taken makes the list shorter behind the place looked at.
    for (let i = this.lengths.length - 1; i >= 0; i--) {
      const { length } = this.lengths[i]!
      if (length <= key.length) this.take(key.slice(0, length), true, into)
    }
  }

  takeAll(into: Crowd[]): void {
    for (const crowds of [this.keys, this.prefixes]) for (const crowd of crowds.values()) into.push(crowd)
    this.keys.clear()
    this.prefixes.clear()
    this.lengths.length = 0
  }

  private take(text: string, isPrefix: boolean, into: Crowd[]): void {
    const crowd = (isPrefix ? this.prefixes : this.keys).get(text)
    if (crowd === undefined) return
    into.push(crowd)
    this.forget(text, isPrefix)
  }

  private forget(text: string, isPrefix: boolean): void {
    if (!isPrefix) {
      this.keys.delete(text)
      return
    }
    this.prefixes.delete(text)
    const at = this.lengths.findIndex((entry) => entry.length === text.length)
    this.lengths[at]!.prefixes -= 1
    if (this.lengths[at]!.prefixes === 0) this.lengths.splice(at, 1)
  }
}

export class Watches {
  private readonly tables = new Map<string, TableWatchers>()
  /** Of those whom nothing has touched yet; with them, until they are woken, those who are in `touched`. */
  private watching = 0
  /** Crowds that something has touched, taken out whole: waking many costs no look at each before its turn. */
  private touched: Crowd[] = []

  get size(): number {
    return this.watching
  }

  /** @returns how to stop watching, which may be called at any time */
  add(footprint: Footprint, wake: (replaced: boolean) => void): () => void {
    const watcher = new Watcher(footprint, wake)
    this.watching += 1
    this.eachPart(watcher, (table, text, isPrefix) => {
      let watchers = this.tables.get(table)
      if (watchers === undefined) {
        watchers = new TableWatchers()
        this.tables.set(table, watchers)
      }
      watchers.add(watcher, text, isPrefix)
    })
    return () => {
      if (!watcher.over) this.leave(watcher)
    }
  }

  /** Marks those whom these changes concern. */
  touch(changes: readonly Change[]): void {
    for (const { table, key, range } of changes) {
      const watchers = this.tables.get(table)
      if (range === undefined) watchers?.takeKey(key, this.touched)
      else watchers?.takeRange(range, this.touched)
    }
  }

  touchAll(): void {
    for (const watchers of this.tables.values()) watchers.takeAll(this.touched)
  }

  /**
   * Wakes the marked, each once.
   * @param replaced the whole state gave way to another: what they know of it counts no more
   */
  wake(replaced = false): void {
    if (this.touched.length === 0) return
    const { touched } = this
    this.touched = []
    for (const crowd of touched) {
      for (const watcher of crowd) {
        if (watcher.over) continue
        if (watcher.single) this.end(watcher)
        else this.leave(watcher)
        watcher.wake(replaced)
      }
    }
  }

  private end(watcher: Watcher): void {
    watcher.over = true
    this.watching -= 1
  }

  /** Takes it out of all crowds but those that were taken out whole. */
  private leave(watcher: Watcher): void {
    this.end(watcher)
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
