/**
 * The counters of Consul's index table, which say when a table or a service changed last: rows like all others, written
 * by these rules whatever keeps the rows. They are read by `ReadTxn.counter`, since a read is watched by the counters that
 * it names.
 */
import type { Index } from '../../base/units.ts'
import type { WriteTxn } from './rows.ts'
import { counterKey } from './tables.ts'

export function setCounter(txn: WriteTxn, name: string, value: Index): void {
  txn.put('index', { Key: name, Value: value })
}

/** Sets the counter unless it is already as high. */
export function raiseCounter(txn: WriteTxn, name: string, value: Index): void {
  if (txn.counter(name) < value) setCounter(txn, name, value)
}

export function deleteCounter(txn: WriteTxn, name: string): void {
  txn.delete('index', counterKey(name))
}
