/**
 * The state: commands in, commits out. Applying is a pure function of the rows and the command: no clock, no chance, no
 * ACLs. Everyone who must know of a change (waiting callers, blocking reads, leader duties) feeds on the commits.
 */
import { assert } from '../../base/assert.ts'
import type { Index } from '../../base/units.ts'
import type { Command, Result } from '../../model/command.ts'
import { ConsulError } from '../../model/errors.ts'
import { applyCommand } from './apply.ts'
import type { ReadTxn, Replacement, Rows, RowsSnapshot, TableName, WriteTxn } from './rows.ts'
import { TracingTxn, Watches } from './watch.ts'

export interface Change {
  table: TableName
  key: string
  before?: unknown
  after?: unknown
  /** All rows whose key begins with `key` went at once: so many that they are not told one by one. */
  range?: RangeGone
}

/** What can be asked of rows that went at once, while the commit is told; later they are forgotten. */
export interface RangeGone {
  held(key: string): boolean
  heldUnder(prefix: string): boolean
  /** Brings them back: the write is undone. */
  undo(): void
}

export interface Commit {
  index: Index
  changes: Change[]
  result: Result
}

/**
 * What a read depended on. Only `kvs` and the counters of `index` are noted: every other row changes together with a
 * counter that the reads of it name (fsm-and-snapshot.md section 4). The counters `kvs` and `tombstones` are left out:
 * they move with every key, and whoever asks them has noted the very keys that he read.
 */
export interface Footprint {
  /** `table \0 key` of each single row read, present or not. */
  keys: Set<string>
  /** `table \0 prefix` of each range read. */
  prefixes: Set<string>
}

export interface Store {
  /** Index of the last command applied. */
  readonly applied: Index
  /** Never throws for what a command says: failures are results, and change nothing but `applied`. */
  apply(index: Index, command: Command): Commit
  /** For log entries without a command (noop, configuration): only moves `applied`. */
  advance(index: Index): void
  /**
   * Applies inside `run` share one write to the engine's disk, and wake the watches together at the end. For the many
   * entries that Raft commits at once; commits are given to listeners one by one all the same.
   */
  batch<T>(run: () => T): T
  /** A plain read; leaves no footprint. */
  read<T>(query: (txn: ReadTxn) => T): T
  /** A read that notes its footprint, for a blocking query. */
  trace<T>(query: (txn: ReadTxn) => T): { value: T; footprint: Footprint }
  /** Calls `wake` once, at the first commit that touches the footprint, or when the state is replaced. */
  watch(footprint: Footprint, wake: (replaced: boolean) => void): () => void
  /** Every commit, in order, after its rows are readable. */
  onCommit(listener: (commit: Commit) => void): () => void
  snapshot(): { applied: Index; rows: RowsSnapshot }
  /** Replaces the whole state by these rows; all watches wake. */
  restore(applied: Index, load: (put: WriteTxn) => void): void
  /** The same in slices: put rows at leisure; they replace the state, and wake all watches, at `commit`. */
  replace(): Replacement
  close(): Promise<void>
}

/** Thrown within a write to undo it. No `Error`: it tells nothing, so it need not gather a stack. */
class Refusal {
  readonly result: Result
  constructor(result: Result) {
    this.result = result
  }
}

/** Whether nothing of the command may stay. */
function undoes(result: Result): boolean {
  return result.kind === 'failed' || (result.kind === 'txn' && result.response.Errors !== null)
}

class RowsStore implements Store {
  private readonly rows: Rows
  private readonly watches = new Watches()
  private readonly listeners = new Set<(commit: Commit) => void>()
  private position: Index
  private batches = 0

  constructor(rows: Rows) {
    this.rows = rows
    this.position = rows.applied
  }

  get applied(): Index {
    return this.position
  }

  apply(index: Index, command: Command): Commit {
    assert(index > this.position, 'entries are applied once, in order')
    const changes: Change[] = []
    const result = this.write(index, command, changes)
    this.position = index
    const commit: Commit = { index, changes, result }
    if (this.listeners.size > 0) for (const listener of this.listeners) listener(commit)
    if (this.watches.size > 0) {
      this.watches.touch(changes)
      if (this.batches === 0) this.watches.wake()
    }
    return commit
  }

  private write(index: Index, command: Command, changes: Change[]): Result {
    try {
      return this.rows.write(
        (txn) => {
          const result = applyCommand(txn, index, command)
          if (undoes(result) && changes.length > 0) throw new Refusal(result)
          return result
        },
        index,
        changes,
      )
    } catch (error) {
      if (error instanceof Refusal) return error.result
      if (error instanceof ConsulError) return { kind: 'failed', message: error.message }
      throw error
    }
  }

  advance(index: Index): void {
    assert(index >= this.position, 'the log only goes on')
    this.position = index
  }

  batch<T>(run: () => T): T {
    this.batches += 1
    try {
      return this.batches === 1 ? this.rows.batch(run) : run()
    } finally {
      this.batches -= 1
      if (this.batches === 0) this.watches.wake()
    }
  }

  read<T>(query: (txn: ReadTxn) => T): T {
    return this.rows.read(query)
  }

  trace<T>(query: (txn: ReadTxn) => T): { value: T; footprint: Footprint } {
    return this.rows.read((txn) => {
      const tracing = new TracingTxn(txn)
      return { value: query(tracing), footprint: tracing.footprint }
    })
  }

  watch(footprint: Footprint, wake: (replaced: boolean) => void): () => void {
    return this.watches.add(footprint, wake)
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  snapshot(): { applied: Index; rows: RowsSnapshot } {
    return { applied: this.position, rows: this.rows.snapshot() }
  }

  restore(applied: Index, load: (put: WriteTxn) => void): void {
    const replacement = this.replace()
    try {
      load(replacement.txn)
    } catch (error) {
      replacement.abandon()
      throw error
    }
    replacement.commit(applied)
  }

  replace(): Replacement {
    const replacement = this.rows.replace()
    return {
      txn: replacement.txn,
      commit: (applied) => {
        replacement.commit(applied)
        this.position = applied
        this.watches.touchAll()
        this.watches.wake(true)
      },
      abandon: () => replacement.abandon(),
    }
  }

  async close(): Promise<void> {
    this.listeners.clear()
    await this.rows.close()
  }
}

export function makeStore(rows: Rows): Store {
  return new RowsStore(rows)
}
