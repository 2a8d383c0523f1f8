/** What the cases of every engine behind the port `Rows` share. */
import type { DirEntry } from '../../model/kv.ts'
import type { Rows } from './rows.ts'
import { sampleEntry } from './samples.ts'

/** Declares a test over an engine that is empty and of its own. */
export type WithRows = (title: string, run: (rows: Rows) => void | Promise<void>) => void

export const SESSION = '11111111-2222-3333-4444-555555555555'

export const keysOf = (rows: Iterable<DirEntry>) => [...rows].map((row) => row.Key)

export function putEntries(rows: Rows, ...keys: string[]): void {
  rows.write((txn) => {
    for (const key of keys) txn.put('kvs', sampleEntry(key))
  })
}
