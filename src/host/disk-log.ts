/**
 * The Raft log on LMDB. A write is durable when its promise resolves: it is part of a transaction whose pages were
 * flushed before the page that makes them count (LMDB's order, with lmdb-js's overlapping sync off). Writes handed in
 * while a transaction is under way go together into the next one, so many writers share one flush.
 *
 * The record under key 0 says which entries are the log, beside the vote. A transaction changes it together with the
 * entries, so cutting a long tail or a long head off costs one small record; the entries that no longer count are
 * deleted afterwards, in slices. The log knows nothing of Raft's rules except that indexes have no gaps.
 */

import { statfs } from 'node:fs/promises'
import { constants } from 'node:os'
import type { RootDatabase } from 'lmdb'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { type Entry, NO_HARD_STATE } from '../core/raft/messages.ts'
import {
  CorruptEntry,
  decodeEntry,
  decodeLogState,
  encodeEntry,
  encodeLogState,
  type LogState,
} from '../wire/raft-log.ts'
import { DiskError, diskError } from './disk-error.ts'
import { corruptLog, markBegun, prepareLogFile } from './disk-log-file.ts'
import type { LogDisk } from './host.ts'

/** Below every entry's key: were it above, LMDB would split pages in halves instead of filling them. */
const STATE_KEY = 0
/** Entries that no longer count, deleted in one transaction: about a millisecond of work on the main thread. */
const DELETE_SLICE = 1024
/** Bytes after which a transaction takes no further write, so that the first writers do not wait for the last. */
const GROUP_BYTES_MAX = 4 << 20
/** A disk with less room than this counts as full when a write fails: LMDB only says that it could not write. */
const FULL_BYTES = 1 << 20

type Change = Parameters<LogDisk['write']>[0]

interface Pending {
  change: Change
  resolve(): void
  reject(error: DiskError): void
}

/** A run of keys, both ends included. */
interface Range {
  from: number
  to: number
}

/** What is on the disk: the log's record, and what it leaves to be deleted. */
interface Stored extends LogState {
  garbage: Range[]
}

/** The next transaction as it grows, change by change. */
interface Draft {
  /** As the disk will be. */
  after: Stored
  /** By index, so that only the last content of an entry is written. */
  puts: Map<number, Uint8Array>
  /** Slice of old garbage that goes away with it. */
  deletes: Range | undefined
}

/** @param path the database file; its folder exists. LMDB keeps a lock file beside it. */
export async function openLogDisk(path: string, log: Log): Promise<LogDisk> {
  await prepareLogFile(path)
  const database = await openDatabase(path)
  let stored: Stored
  try {
    stored = readState(database, path)
    await markBegun(path)
  } catch (error) {
    await database.close()
    throw openError(path, error)
  }

  const queue: Pending[] = []
  let committing = false
  let closed = false
  let idle: () => void = () => {}

  async function commitQueued(): Promise<void> {
    committing = true
    // All writes of this turn come before the first transaction.
    await undefined
    while (queue.length > 0 || (stored.garbage.length > 0 && !closed)) {
      const draft = draftOver(stored)
      const group = takeGroup(draft)
      if (group.length === 0 && draft.deletes === undefined) continue
      try {
        await commit(draft)
        stored = draft.after
        for (const pending of group) pending.resolve()
      } catch (error) {
        const refused = await refusal(path, error)
        // Whatever was handed in meanwhile builds on what was refused.
        for (const pending of [...group, ...queue.splice(0)]) pending.reject(refused)
        // Deleting can wait until something is written again.
        if (group.length === 0) break
      }
    }
    committing = false
    idle()
  }

  function takeGroup(draft: Draft): Pending[] {
    let bytes = 0
    let count = 0
    for (const { change } of queue) {
      const problem = addChange(draft, change)
      if (problem !== undefined) {
        const refused = new DiskError('out-of-order', `raft log "${path}": ${problem}`)
        for (const late of queue.splice(count)) late.reject(refused)
        break
      }
      count += 1
      for (const entry of change.entries) bytes += entry.data.length
      if (bytes > GROUP_BYTES_MAX) break
    }
    return queue.splice(0, count)
  }

  async function commit({ after, puts, deletes }: Draft): Promise<void> {
    const state = encodeLogState(after)
    await database.batch(() => {
      if (deletes !== undefined) for (let key = deletes.from; key <= deletes.to; key++) database.remove(key)
      for (const [index, bytes] of puts) database.put(index, bytes)
      database.put(STATE_KEY, state)
    })
  }

  return {
    load(from = 1) {
      try {
        const { hardState, first, last } = stored
        return { hardState, entries: readEntries(database, Math.max(first, from), last, path), last }
      } catch (error) {
        throw openError(path, error)
      }
    },

    write(change) {
      if (closed) return Promise.reject(new DiskError('closed', `raft log "${path}" is closed`))
      return new Promise<void>((resolve, reject) => {
        queue.push({ change, resolve, reject })
        if (!committing) void commitQueued()
      })
    },

    async close() {
      if (closed) return
      closed = true
      if (committing) await new Promise<void>((resolve) => (idle = resolve))
      await database.close()
      log.trace('closed the raft log', { path })
    },
  }
}

async function openDatabase(path: string): Promise<RootDatabase<Uint8Array, number>> {
  const { open } = await import('lmdb')
  try {
    return open({
      path,
      noSubdir: true,
      encoding: 'binary',
      compression: false,
      cache: false,
      // A write's promise then resolves after the flush, not before it.
      overlappingSync: false,
      // Transactions are put together here, in `commitQueued`.
      eventTurnBatching: false,
      maxDbs: 1,
    })
  } catch (error) {
    throw openError(path, error)
  }
}

function draftOver(before: Stored): Draft {
  const deletes = firstSlice(before.garbage)
  const garbage = deletes === undefined ? before.garbage : without(before.garbage, deletes)
  return { after: { ...before, garbage }, puts: new Map(), deletes }
}

/** @returns why the change cannot be made, and then nothing is changed */
function addChange(
  { after, puts }: Draft,
  { truncateFrom, entries, hardState, compactTo }: Change,
): string | undefined {
  const end = truncateFrom === null ? after.last : Math.min(after.last, truncateFrom - 1)
  const problem = gap(entries, end, end < after.first)
  if (problem !== undefined) return problem

  if (end < after.last) drop({ from: end + 1, to: after.last })
  after.last = end
  const [firstEntry] = entries
  if (firstEntry !== undefined) {
    if (after.last < after.first) after.first = firstEntry.index
    after.last = firstEntry.index + entries.length - 1
    after.garbage = without(after.garbage, { from: firstEntry.index, to: after.last })
    for (const entry of entries) puts.set(entry.index, encodeEntry(entry))
  }
  if (hardState !== null) after.hardState = hardState
  if (compactTo !== null && compactTo >= after.first) {
    drop({ from: after.first, to: Math.min(compactTo, after.last) })
    after.first = compactTo + 1
    after.last = Math.max(after.last, compactTo)
  }
  return undefined

  function drop(range: Range): void {
    if (range.from <= range.to) after.garbage = [...after.garbage, range]
    for (const index of puts.keys()) if (index >= range.from && index <= range.to) puts.delete(index)
  }
}

/** Why entries do not follow a log that ends at `end`. An empty log may begin anywhere behind its end. */
function gap(entries: Entry[], end: number, empty: boolean): string | undefined {
  const [first] = entries
  if (first === undefined) return undefined
  if (first.index !== end + 1 && !(empty && first.index > end))
    return `entry ${first.index} does not follow ${end}, the last that was written`
  const odd = entries.find((entry, i) => entry.index !== first.index + i)
  return odd && `entry ${odd.index} stands out of order`
}

function firstSlice(garbage: Range[]): Range | undefined {
  const range = garbage[0]
  return range && { from: range.from, to: Math.min(range.to, range.from + DELETE_SLICE - 1) }
}

function without(ranges: Range[], cut: Range): Range[] {
  return ranges
    .flatMap(({ from, to }) => [
      { from, to: Math.min(to, cut.from - 1) },
      { from: Math.max(from, cut.to + 1), to },
    ])
    .filter(({ from, to }) => from <= to)
}

function readState(database: RootDatabase<Uint8Array, number>, path: string): Stored {
  const bytes = database.get(STATE_KEY)
  if (bytes === undefined) {
    for (const key of database.getKeys({ limit: 1 })) throw corruptLog(path, `it has entry ${key}, but not the vote`)
    return { hardState: NO_HARD_STATE, first: 1, last: 0, garbage: [] }
  }
  const state = decodeOrRefuse(path, 'the record of the vote', () => decodeLogState(bytes))
  const [lowest] = database.getKeys({ start: STATE_KEY + 1, limit: 1 })
  const [highest] = database.getKeys({ reverse: true, limit: 1 })
  const garbage: Range[] = []
  if (lowest !== undefined && lowest < state.first) garbage.push({ from: lowest, to: state.first - 1 })
  if (highest !== undefined && highest > state.last) garbage.push({ from: state.last + 1, to: highest })
  return { ...state, garbage }
}

function readEntries(database: RootDatabase<Uint8Array, number>, first: number, last: number, path: string): Entry[] {
  const entries: Entry[] = []
  for (const { key, value } of database.getRange({ start: first, end: last + 1 })) {
    const expected = first + entries.length
    if (key !== expected) throw corruptLog(path, `entry ${expected} is missing`)
    entries.push(readEntry(path, key, value))
  }
  if (first + entries.length <= last) throw corruptLog(path, `entry ${first + entries.length} is missing`)
  return entries
}

function readEntry(path: string, index: number, bytes: Uint8Array): Entry {
  return decodeOrRefuse(path, `entry ${index}`, () => decodeEntry(index, bytes))
}

function decodeOrRefuse<T>(path: string, what: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof CorruptEntry)) throw error
    throw corruptLog(path, `${what} is corrupt: ${error.message}`, error)
  }
}

function openError(path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const message = messageOf(error)
  if (/MDB_(INVALID|CORRUPTED|VERSION_MISMATCH|PAGE_NOTFOUND)/.test(message)) return corruptLog(path, message, error)
  return diskError(`raft log "${path}"`, error)
}

/** lmdb-js hands its reason out by a promise of its own, and says "input/output error" for a full disk. */
async function refusal(path: string, error: unknown): Promise<DiskError> {
  const reason: unknown = await Promise.resolve((error as { commitError?: Promise<never> }).commitError).then(
    () => error,
    (why: unknown) => why,
  )
  const room = await statfs(path).catch(() => undefined)
  const full = room !== undefined && room.bavail * room.bsize < FULL_BYTES
  if (full || (reason as { code?: unknown }).code === constants.errno.ENOSPC)
    return new DiskError('full', `raft log "${path}": no space left on the disk`, { cause: reason })
  return diskError(`raft log "${path}"`, reason)
}
