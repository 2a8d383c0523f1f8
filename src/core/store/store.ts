/**
 * The state: commands in, commits out. Applying is a pure function of the rows and the command: no clock, no chance, no
 * ACLs. Everyone who must know of a change (waiting callers, blocking reads, leader duties) feeds on the commits.
 */
import type { Index } from '../../base/units.ts'
import type { Command, Result } from '../../model/command.ts'
import type { ReadTxn, RowsSnapshot, TableName, WriteTxn } from './rows.ts'

export interface Change {
  table: TableName
  key: string
  before?: unknown
  after?: unknown
}

export interface Commit {
  index: Index
  changes: Change[]
  result: Result
}

/**
 * What a read depended on. Only `kvs`, `tombstones` and the counters of `index` are noted: every other row changes
 * together with a counter that the reads of it name (fsm-and-snapshot.md section 4).
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
  /** A plain read; leaves no footprint. */
  read<T>(query: (txn: ReadTxn) => T): T
  /** A read that notes its footprint, for a blocking query. */
  trace<T>(query: (txn: ReadTxn) => T): { value: T; footprint: Footprint }
  /** Calls `wake` once, at the first commit that touches the footprint, or when the state is replaced. */
  watch(footprint: Footprint, wake: () => void): () => void
  /** Every commit, in order, after its rows are readable. */
  onCommit(listener: (commit: Commit) => void): () => void
  snapshot(): { applied: Index; rows: RowsSnapshot }
  /** Replaces the whole state by these rows; all watches wake. */
  restore(applied: Index, load: (put: WriteTxn) => void): void
  close(): Promise<void>
}
