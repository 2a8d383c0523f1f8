/**
 * Rows in memory: a table is an ordered map of row objects, an index another; only the key/value store, which may hold
 * millions, keeps its entries as bytes. Writes go in place; a snapshot makes later writes copy what it shows. Nothing outlives the process: a server that must not forget replays its log and its last snapshot.
 */
import { assert } from '../../base/assert.ts'
import type { Index } from '../../base/units.ts'
import { type Cutting, PackedEntries } from './packed-entries.ts'
import { ObjectRows, type RowMap, type RowMapSnapshot, type RowMapView } from './row-map.ts'
import type {
  Indexes,
  IndexName,
  ReadTxn,
  Replacement,
  Rows,
  RowsSnapshot,
  TableName,
  Tables,
  WriteTxn,
} from './rows.ts'
import { Sharing } from './share.ts'
import type { Change } from './store.ts'
import { counterKey, INDEX_NAMES, TABLE_NAMES, TABLES } from './tables.ts'

type RowMaps = { [T in TableName]: RowMap<Tables[T]> }
type RowMapViews = { [T in TableName]: RowMapView<Tables[T]> }
type IndexMaps = { [I in IndexName]: RowMap<Tables[Indexes[I]]> }
type IndexViews = { [I in IndexName]: RowMapView<Tables[Indexes[I]]> }

function newTables(cutting: Cutting | undefined): RowMaps {
  const plain = TABLE_NAMES.map((name) => [name, new ObjectRows()])
  return { ...Object.fromEntries(plain), kvs: new PackedEntries(cutting) } as RowMaps
}

function newIndexes(): IndexMaps {
  return Object.fromEntries(INDEX_NAMES.map((name) => [name, new ObjectRows()])) as unknown as IndexMaps
}

class Reader implements ReadTxn {
  protected readonly tables: RowMapViews
  protected readonly indexes: IndexViews

  constructor(tables: RowMapViews, indexes: IndexViews) {
    this.tables = tables
    this.indexes = indexes
  }

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    return this.tables[table].get(key)
  }

  prefix<T extends TableName>(table: T, prefix: string): Iterable<Tables[T]> {
    return this.tables[table].under(prefix)
  }

  by<I extends IndexName>(index: I, prefix: string): Iterable<Tables[Indexes[I]]> {
    return this.indexes[index].under(prefix)
  }

  counter(name: string): number {
    const row = this.tables.index.get(counterKey(name))
    return row === undefined ? 0 : row.Value
  }
}

class Writer extends Reader implements WriteTxn {
  private readonly maps: RowMaps
  private readonly indexMaps: IndexMaps
  private readonly sharing = new Sharing()
  /** What was done since the write began; undefined when nobody will ask and nothing can be undone. */
  changes: Change[] | undefined = undefined

  constructor(maps: RowMaps, indexMaps: IndexMaps) {
    super(maps, indexMaps)
    this.maps = maps
    this.indexMaps = indexMaps
  }

  put<T extends TableName>(table: T, row: Tables[T]): void {
    const key = TABLES[table].key(row)
    const before = this.set(table, key, row)
    this.changes?.push({ table, key, before, after: row })
  }

  delete<T extends TableName>(table: T, key: string): void {
    const before = this.remove(table, key)
    if (before !== undefined) this.changes?.push({ table, key, before, after: undefined })
  }

  deleteUnder(table: TableName, prefix: string): void {
    const { changes } = this
    const { indexes } = TABLES[table] as unknown as {
      indexes: { name: IndexName; key(row: unknown): string | undefined }[]
    }
    const rows = this.maps[table] as unknown as RowMap<Tables[TableName]>
    const range = rows.cut?.(prefix)
    if (range !== undefined) {
      const restore = this.cutIndexes(table, prefix)
      const undo = () => {
        range.undo()
        restore()
      }
      changes?.push({ table, key: prefix, range: { ...range, undo } })
      return
    }
    rows.deleteUnder(prefix, (key, before) => {
      for (const index of indexes) {
        const then = index.key(before)
        if (then !== undefined) this.indexMaps[index.name].delete(then)
      }
      changes?.push({ table, key, before, after: undefined })
    })
  }

  /** Lets the indexes go of all rows under a prefix. They hold few of them. @returns what brings them back */
  private cutIndexes(table: TableName, prefix: string): () => void {
    const { indexes, key: keyOf } = TABLES[table] as unknown as {
      indexes: { name: IndexName; key(row: unknown): string | undefined }[]
      key(row: unknown): string
    }
    const gone: { index: RowMap<unknown>; key: string; row: unknown }[] = []
    for (const { name, key } of indexes) {
      const index = this.indexMaps[name] as unknown as RowMap<unknown>
      for (const row of index.under('')) {
        if (keyOf(row).startsWith(prefix)) gone.push({ index, key: key(row)!, row })
      }
    }
    for (const { index, key } of gone) index.delete(key)
    return () => {
      for (const { index, key, row } of gone) index.set(key, row)
    }
  }

  /** Takes back all changes, the last one first. */
  undo(): void {
    const changes = this.changes ?? []
    for (let change = changes.pop(); change !== undefined; change = changes.pop()) {
      if (change.range !== undefined) change.range.undo()
      else if (change.before === undefined) this.remove(change.table, change.key)
      else this.set(change.table, change.key, change.before as Tables[TableName])
    }
  }

  private set<T extends TableName>(table: T, key: string, given: Tables[T]): Tables[T] | undefined {
    const row = this.shared(table, given)
    const rows = this.maps[table]
    const before = rows.set(key, row)
    for (const index of TABLES[table].indexes) {
      const map = this.indexMaps[index.name] as unknown as RowMap<Tables[T]>
      const now = index.key(row)
      const then = before === undefined ? undefined : index.key(before)
      if (then !== undefined && then !== now) map.delete(then)
      if (now !== undefined) map.set(now, rows.copies ? rows.get(key)! : row)
    }
    return before
  }

  private shared<T extends TableName>(table: T, row: Tables[T]): Tables[T] {
    if (table === 'services') return this.sharing.service(row as Tables['services']) as Tables[T]
    if (table === 'checks') return this.sharing.check(row as Tables['checks']) as Tables[T]
    return row
  }

  private remove<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    const before = this.maps[table].delete(key)
    if (before === undefined) return undefined
    for (const index of TABLES[table].indexes) {
      const then = index.key(before)
      if (then !== undefined) this.indexMaps[index.name].delete(then)
    }
    return before
  }
}

class Snapshot extends Reader implements RowsSnapshot {
  private readonly parts: RowMapSnapshot<unknown>[]

  constructor(tables: RowMapViews, indexes: IndexViews, parts: RowMapSnapshot<unknown>[]) {
    super(tables, indexes)
    this.parts = parts
  }

  release(): void {
    for (const part of this.parts) part.release()
  }
}

class MemoryRows implements Rows {
  applied: Index = 0
  private readonly cutting: Cutting | undefined
  private tables: RowMaps
  private indexes = newIndexes()
  private writer: Writer
  private writing = false
  /** Used when the caller has no list of his own: a write must be undone when it throws. */
  private readonly scratch: Change[] = []

  constructor(cutting: Cutting | undefined) {
    this.cutting = cutting
    this.tables = newTables(cutting)
    this.writer = new Writer(this.tables, this.indexes)
  }

  read<T>(run: (txn: ReadTxn) => T): T {
    return run(this.writer)
  }

  write<T>(run: (txn: WriteTxn) => T, applied?: Index, changes: Change[] = this.scratch): T {
    assert(!this.writing, 'a write within a write')
    assert(changes.length === 0, 'the list of changes starts empty')
    const { writer } = this
    this.tables.kvs.tidy?.()
    this.writing = true
    writer.changes = changes
    try {
      const value = run(writer)
      if (applied !== undefined) this.applied = applied
      return value
    } catch (error) {
      writer.undo()
      throw error
    } finally {
      writer.changes = undefined
      this.writing = false
      this.scratch.length = 0
    }
  }

  batch<T>(run: () => T): T {
    return run()
  }

  snapshot(): RowsSnapshot {
    assert(!this.writing, 'a snapshot within a write')
    const parts: RowMapSnapshot<unknown>[] = []
    const freeze = (map: RowMap<unknown>) => {
      const part = map.snapshot()
      parts.push(part)
      return part
    }
    const views = (maps: object) =>
      Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, freeze(map as RowMap<unknown>)]))
    return new Snapshot(
      views(this.tables) as unknown as RowMapViews,
      views(this.indexes) as unknown as IndexViews,
      parts,
    )
  }

  replace(): Replacement {
    const tables = newTables(this.cutting)
    const indexes = newIndexes()
    const txn = new Writer(tables, indexes)
    return {
      txn,
      commit: (applied) => {
        assert(!this.writing, 'a replacement within a write')
        this.tables = tables
        this.indexes = indexes
        this.writer = txn
        this.applied = applied
      },
      abandon: () => {},
    }
  }

  async close(): Promise<void> {
    this.replace().commit(0)
  }
}

/** @param cutting how many KV entries go at once; for tests */
export function memoryRows(cutting?: Cutting): Rows {
  return new MemoryRows(cutting)
}
