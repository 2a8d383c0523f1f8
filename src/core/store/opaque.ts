/**
 * State of kinds that we only carry: records of a real server's snapshot that have no table here yet. They are kept
 * whole, in the order in which they came, and written out again the same way.
 */
import type { OpaqueRow, ReadTxn, WriteTxn } from './rows.ts'
import { opaquePrefix } from './tables.ts'

/** @returns a function that keeps a record behind those of its type that are there already */
export function opaqueKeeper(txn: WriteTxn): (type: number, data: Uint8Array) => void {
  const next = new Map<number, number>()
  const firstFree = (type: number) => {
    let free = 0
    for (const row of opaqueRecords(txn, type)) free = row.Sequence + 1
    return free
  }
  return (type, data) => {
    const sequence = next.get(type) ?? firstFree(type)
    next.set(type, sequence + 1)
    txn.put('opaque', { Type: type, Sequence: sequence, Data: new Uint8Array(data) })
  }
}

/** The records of one type, in order of arrival. */
export function opaqueRecords(txn: ReadTxn, type: number): Iterable<OpaqueRow> {
  return txn.prefix('opaque', opaquePrefix(type))
}
