/**
 * Rows on LMDB: off the heap, there again after a restart, readable while writes go on. Tables and indexes share one
 * ordered database, a tag in front of each key; an index entry holds the key of its row.
 *
 * It is not what makes a server durable: the Raft log is. So commits go to the operating system and wait for no disk,
 * which makes them ten times quicker; a killed process loses nothing. Only a machine that went down in between may leave
 * a torn file, and so a file that was not closed since the machine started is not believed: it is thrown away, and the
 * state comes from the newest snapshot and the log, as it does for an engine in memory.
 */
import { open as openFile, readFile, rm } from 'node:fs/promises'
import type { RootDatabase } from 'lmdb'
import { assert } from '../base/assert.ts'
import type { Index } from '../base/units.ts'
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
} from '../core/store/rows.ts'
import type { Change } from '../core/store/store.ts'
import { counterKey, INDEX_TABLES, TABLES } from '../core/store/tables.ts'
import { BYTE_KEYS, type ByteCursor, type ByteDatabase, ByteKeys } from './lmdb-keys.ts'
import { decodeEntry, decodeRow, encodeEntry, encodeRow } from './row-codec.ts'

/** On disk a table is its tag: never change one, never use one again. */
const TABLE_TAGS: Record<TableName, string> = {
  kvs: '\x01',
  tombstones: '\x02',
  nodes: '\x03',
  services: '\x04',
  checks: '\x05',
  sessions: '\x06',
  'session-checks': '\x07',
  coordinates: '\x08',
  autopilot: '\x09',
  index: '\x0a',
  // \x0b held records that were only carried.
  'federation-states': '\x0c',
  'prepared-queries': '\x20',
  'config-entries': '\x30',
  'gateway-services': '\x31',
  intentions: '\x32',
  'ca-roots': '\x33',
  'ca-provider-state': '\x34',
  'ca-config': '\x35',
  'acl-tokens': '\x36',
  'acl-policies': '\x37',
  'acl-roles': '\x38',
  'acl-binding-rules': '\x39',
  'acl-auth-methods': '\x3a',
}
const INDEX_TAGS: Record<IndexName, string> = {
  'nodes-by-id': '\x81',
  'services-by-name': '\x82',
  'checks-by-service': '\x83',
  'checks-by-node-service': '\x84',
  'checks-by-status': '\x85',
  'sessions-by-node': '\x86',
  'kvs-by-session': '\x87',
  'session-checks-by-session': '\x88',
  'queries-by-name': '\xa0',
  'queries-by-template': '\xa1',
  'queries-by-session': '\xa2',
  'gateway-services-by-service': '\xb0',
  'services-by-destination': '\xb6',
  'intentions-by-ends': '\xb1',
  'acl-tokens-by-accessor': '\xb2',
  'acl-tokens-by-auth-method': '\xb3',
  'acl-policies-by-name': '\xb4',
  'acl-roles-by-name': '\xb5',
}
/** The log index that the rows stand for, beside them. */
const APPLIED_KEY = '\x7fapplied'
/** In the root database: which of the two databases of rows counts. */
const GENERATION_KEY = 'generation'
const GENERATIONS = ['rows-a', 'rows-b']
/** Bound of the file, reserved in the address space only. */
const MAP_BYTES = 2 ** 40
/** Beside the database while it is open; says since when the machine runs. */
const OPEN_MARK = '.open'
/** Names this run of the machine, on Linux; elsewhere an unclosed file is never believed. */
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id'
/** Rows of a replacement that wait to be written together. */
const REPLACE_BATCH = 2000

function decode<T extends TableName>(table: T, key: string, bytes: Uint8Array, length?: number): Tables[T] {
  return (table === 'kvs' ? decodeEntry(key, bytes, length) : decodeRow(bytes)) as Tables[T]
}

class Reader implements ReadTxn {
  protected readonly keys: ByteKeys

  constructor(keys: ByteKeys) {
    this.keys = keys
  }

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    return this.keys.get(TABLE_TAGS[table] + key, (bytes, length) => decode(table, key, bytes, length))
  }

  prefix<T extends TableName>(table: T, prefix: string): Iterable<Tables[T]> {
    return new Found(
      () => this.keys.under(TABLE_TAGS[table] + prefix),
      (cursor) => decode(table, cursor.key.slice(1), cursor.bytes),
    )
  }

  by<I extends IndexName>(index: I, prefix: string): Iterable<Tables[Indexes[I]]> {
    const table = INDEX_TABLES[index]
    return new Found(
      () => this.keys.under(INDEX_TAGS[index] + prefix),
      (cursor) => this.get(table, Buffer.from(cursor.bytes).toString('latin1'))!,
    )
  }

  counter(name: string): number {
    return this.get('index', counterKey(name))?.Value ?? 0
  }
}

/** One iterator object serves one loop. */
class Found<R> implements Iterable<R>, Iterator<R> {
  private readonly start: () => ByteCursor
  private readonly make: (cursor: ByteCursor) => R
  private cursor: ByteCursor | undefined = undefined

  constructor(start: () => ByteCursor, make: (cursor: ByteCursor) => R) {
    this.start = start
    this.make = make
  }

  [Symbol.iterator](): Iterator<R> {
    return new Found(this.start, this.make)
  }

  next(): IteratorResult<R> {
    this.cursor ??= this.start()
    return this.cursor.next() ? { done: false, value: this.make(this.cursor) } : { done: true, value: undefined }
  }
}

/** To be used within a transaction of the database. */
class Writer extends Reader implements WriteTxn {
  changes: Change[] | undefined = undefined
  /** What was read last: rules read a row before they write it. */
  private lastTable: TableName = 'kvs'
  private lastKey = ''
  private last: Tables[TableName] | undefined = undefined

  override get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    const row = super.get(table, key)
    this.lastTable = table
    this.lastKey = key
    this.last = row
    return row
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
    const keys: string[] = []
    for (const row of this.prefix(table, prefix)) keys.push((TABLES[table].key as (row: unknown) => string)(row))
    for (const key of keys) this.delete(table, key)
  }

  /** Takes back all changes, the last one first. */
  undo(): void {
    const changes = this.changes ?? []
    for (let change = changes.pop(); change !== undefined; change = changes.pop()) {
      if (change.before === undefined) this.remove(change.table, change.key)
      else this.set(change.table, change.key, change.before as Tables[TableName])
    }
  }

  private before<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    const known = this.last !== undefined && this.lastKey === key && this.lastTable === table
    const row = known ? (this.last as Tables[T]) : super.get(table, key)
    this.last = undefined
    return row
  }

  private set<T extends TableName>(table: T, key: string, row: Tables[T]): Tables[T] | undefined {
    const before = this.before(table, key)
    this.keys.put(TABLE_TAGS[table] + key, table === 'kvs' ? encodeEntry(row as Tables['kvs']) : encodeRow(row))
    for (const index of TABLES[table].indexes) {
      const now = index.key(row)
      const then = before === undefined ? undefined : index.key(before)
      if (now === then) continue
      const tag = INDEX_TAGS[index.name]
      if (then !== undefined) this.keys.remove(tag + then)
      if (now !== undefined) this.keys.put(tag + now, Buffer.from(key, 'latin1'))
    }
    return before
  }

  private remove<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    const before = this.before(table, key)
    if (before === undefined) return undefined
    this.keys.remove(TABLE_TAGS[table] + key)
    for (const index of TABLES[table].indexes) {
      const then = index.key(before)
      if (then !== undefined) this.keys.remove(INDEX_TAGS[index.name] + then)
    }
    return before
  }
}

class Snapshot extends Reader implements RowsSnapshot {
  private readonly done: () => void
  private released = false

  constructor(keys: ByteKeys, done: () => void) {
    super(keys)
    this.done = done
  }

  release(): void {
    if (this.released) return
    this.released = true
    this.done()
  }
}

class LmdbRows implements Rows {
  applied: Index
  private readonly root: RootDatabase<Uint8Array, string>
  private readonly databases: ByteDatabase[]
  private generation: number
  private writer: Writer
  private writing = false
  private batching = false
  /** Given with a write of the batch under way. */
  private appliedDirty = false
  private readonly scratch: Change[] = []

  private readonly path: string

  constructor(root: RootDatabase<Uint8Array, string>, path: string) {
    this.root = root
    this.path = path
    // A constant, because lmdb-js's types know nothing of the second option.
    const options = { encoding: 'binary' as const, keyEncoder: BYTE_KEYS }
    this.databases = GENERATIONS.map((name) => root.openDB<Uint8Array, string>(name, options) as ByteDatabase)
    this.generation = root.get(GENERATION_KEY)?.[0] ?? 0
    const database = this.databases[this.generation]!
    this.writer = new Writer(new ByteKeys(database))
    const bytes = database.getBinary(APPLIED_KEY)
    this.applied = bytes === undefined ? 0 : Buffer.from(bytes).readDoubleLE(0)
  }

  read<T>(run: (txn: ReadTxn) => T): T {
    return run(this.writer)
  }

  write<T>(run: (txn: WriteTxn) => T, applied?: Index, changes: Change[] = this.scratch): T {
    assert(!this.writing, 'a write within a write')
    assert(changes.length === 0, 'the list of changes starts empty')
    if (this.batching) return this.attempt(run, applied, changes)
    return this.transact(() => this.attempt(run, applied, changes))
  }

  private attempt<T>(run: (txn: WriteTxn) => T, applied: Index | undefined, changes: Change[]): T {
    const { writer } = this
    this.writing = true
    writer.changes = changes
    try {
      const value = run(writer)
      if (applied !== undefined) {
        this.applied = applied
        this.appliedDirty = true
      }
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
    if (this.batching) return run()
    this.batching = true
    try {
      return this.transact(run)
    } finally {
      this.batching = false
    }
  }

  /** One transaction, kept also when `run` throws: each write in it has then been undone by itself. */
  private transact<T>(run: () => T): T {
    const outcome = this.root.transactionSync<{ value: T } | { error: unknown }>(() => {
      let outcome: { value: T } | { error: unknown }
      try {
        outcome = { value: run() }
      } catch (error) {
        outcome = { error }
      }
      if (this.appliedDirty) this.putApplied(this.databases[this.generation]!, this.applied)
      this.appliedDirty = false
      return outcome
    })
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  private putApplied(database: ByteDatabase, applied: Index): void {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleLE(applied, 0)
    database.putSync(APPLIED_KEY, bytes)
  }

  snapshot(): RowsSnapshot {
    assert(!this.writing && !this.batching, 'a snapshot within a write')
    const database = this.databases[this.generation]!
    database.resetReadTxn()
    const transaction = database.useReadTransaction()
    return new Snapshot(new ByteKeys(database, transaction), () => transaction.done())
  }

  replace(): Replacement {
    const generation = 1 - this.generation
    const database = this.databases[generation]!
    database.clearSync()
    const txn = new ReplacementWriter(new Writer(new ByteKeys(database)), (run) => this.root.transactionSync(run))
    return {
      txn,
      commit: (applied) => {
        assert(!this.writing && !this.batching, 'a replacement within a write')
        assert(generation !== this.generation, 'two replacements at a time')
        txn.flush()
        this.root.transactionSync(() => {
          this.putApplied(database, applied)
          this.root.putSync(GENERATION_KEY, Uint8Array.of(generation))
        })
        const old = this.databases[this.generation]!
        this.generation = generation
        this.writer = new Writer(new ByteKeys(database))
        this.applied = applied
        old.clearSync()
      },
      abandon: () => database.clearSync(),
    }
  }

  async close(): Promise<void> {
    await this.root.close()
    await flush(this.path)
    await rm(this.path + OPEN_MARK, { force: true })
  }
}

/** Puts rows into a database that nobody reads yet, many in one transaction. */
class ReplacementWriter implements WriteTxn {
  private readonly writer: Writer
  private readonly transact: (run: () => void) => void
  private waiting: (() => void)[] = []

  constructor(writer: Writer, transact: (run: () => void) => void) {
    this.writer = writer
    this.transact = transact
  }

  flush(): void {
    const { waiting } = this
    if (waiting.length === 0) return
    this.waiting = []
    this.transact(() => {
      for (const write of waiting) write()
    })
  }

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    this.flush()
    return this.writer.get(table, key)
  }

  prefix<T extends TableName>(table: T, prefix: string): Iterable<Tables[T]> {
    this.flush()
    return this.writer.prefix(table, prefix)
  }

  by<I extends IndexName>(index: I, prefix: string): Iterable<Tables[Indexes[I]]> {
    this.flush()
    return this.writer.by(index, prefix)
  }

  counter(name: string): number {
    this.flush()
    return this.writer.counter(name)
  }

  put<T extends TableName>(table: T, row: Tables[T]): void {
    this.later(() => this.writer.put(table, row))
  }

  delete<T extends TableName>(table: T, key: string): void {
    this.later(() => this.writer.delete(table, key))
  }

  deleteUnder(table: TableName, prefix: string): void {
    this.later(() => this.writer.deleteUnder(table, prefix))
  }

  private later(write: () => void): void {
    this.waiting.push(write)
    if (this.waiting.length >= REPLACE_BATCH) this.flush()
  }
}

async function flush(path: string): Promise<void> {
  const file = await openFile(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Throws the database away unless it was closed, or the machine has been running since it was opened. */
async function forgetTorn(path: string): Promise<void> {
  const openedIn = await readFile(path + OPEN_MARK, 'utf8').catch(() => undefined)
  if (openedIn === undefined) return
  const boot = await readFile(BOOT_ID_FILE, 'utf8').catch(() => undefined)
  if (boot !== undefined && boot === openedIn) return
  await rm(path, { force: true })
  await rm(`${path}-lock`, { force: true })
}

async function markOpen(path: string): Promise<void> {
  const boot = await readFile(BOOT_ID_FILE, 'utf8').catch(() => '')
  const file = await openFile(path + OPEN_MARK, 'w')
  try {
    await file.writeFile(boot)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** @param path of the database file, made if it is not there; its folder must be */
export async function openLmdbRows(path: string): Promise<Rows> {
  const { open } = await import('lmdb')
  await forgetTorn(path)
  await markOpen(path)
  const root = open<Uint8Array, string>({
    path,
    noSubdir: true,
    mapSize: MAP_BYTES,
    maxDbs: GENERATIONS.length + 1,
    maxReaders: 64,
    encoding: 'binary',
    cache: false,
    noSync: true,
    overlappingSync: false,
  })
  return new LmdbRows(root, path)
}
