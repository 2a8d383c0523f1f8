/**
 * From disk to a state that stands, and back: what a server finds when it starts (newest snapshot, then the log behind
 * it), and the snapshots that it takes while it runs, so that the log stays short and the next start is quick.
 */

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Index } from '../base/units.ts'
import type { SnapshotMeta } from '../core/raft/messages.ts'
import type { Saved } from '../core/raft/raft.ts'
import { memoryRows } from '../core/store/memory.ts'
import { makeStore, type Store } from '../core/store/store.ts'
import type { Cancel, Disk, Host, LogDisk, SnapshotDisk } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import { ChunkAssembler } from '../wire/chunking.ts'
import { encodeState, readState } from '../wire/snapshot.ts'
import { decodeMeta, encodeMeta, snapshotId } from '../wire/snapshot-meta.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { slices } from './install.ts'
import type { Replica } from './replica.ts'

/** Of the log since the last snapshot: past it a snapshot is due however few the entries, as they stay in memory. */
const LOG_BYTES_MAX = 64 << 20
/** How often the two bounds are held against the log; `raft_snapshot_interval` is Consul's own, longer, rhythm. */
const LOOK_MS_MAX = 5_000
/** After a snapshot comes a rest of so many times its length, so that a large state under writes is not always at it. */
const REST_FACTOR = 2

export interface OpenedState {
  store: Store
  saved: Saved
  logDisk: LogDisk
  snapshots: SnapshotDisk
  kept: KeptSnapshots
  /** Holds the pieces of commands that were incomplete when the snapshot was taken. */
  chunks: ChunkAssembler
}

/** The last indexes of the newest snapshot and of the one before it; 0 for none. */
export interface KeptSnapshots {
  newest: Index
  before: Index
}

export async function openState(
  config: Pick<RuntimeConfig, 'stateEngine'>,
  disk: Disk,
  log: Log,
): Promise<OpenedState> {
  const rows = config.stateEngine === 'lmdb' ? await disk.openRows?.() : memoryRows()
  if (rows === undefined) throw new ConsulError('refused', 'the LMDB state engine needs a data directory')
  const store = makeStore(rows)
  const chunks = new ChunkAssembler()
  const snapshots = await disk.openSnapshots()
  const found = await snapshots.open()
  const snapshot = found && metaOf(found)
  const kept = { newest: snapshot?.index ?? 0, before: 0 }
  const openedLog = await disk.openLog()
  // With the entry that the snapshot ends with, if it is still there: its term tells whether the log goes with the snapshot.
  const { hardState, entries, last } = openedLog.load(Math.max(1, kept.newest))
  const saved = { hardState, snapshot, entries }
  const logDisk = reachingBack(openedLog, last, kept)
  if (isGap(saved, last)) {
    if (!isGivenUp(saved, last)) throw new ConsulError('refused', gapText(saved))
    saved.entries = []
    await logDisk.write({ truncateFrom: kept.newest + 1, entries: [], hardState: null, compactTo: null })
  }
  // Rows on disk may be ahead of the newest snapshot: then they stand, and only the log behind them is replayed. Unless
  // they may be of the state that was given up.
  const standing = hardState.floor === null && store.applied >= kept.newest
  if (found !== null && !standing) await restoreState(found, store, chunks, log)
  return { store, saved, logDisk, snapshots, kept, chunks }
}

/**
 * What was acknowledged lies in the gap: a server that went on without it would serve a past that never was.
 * @param last where the log ended, also when no entry is left of it
 */
function isGap({ snapshot, entries }: Saved, last: Index): boolean {
  const next = (snapshot?.index ?? 0) + 1
  const first = entries[0]?.index
  return first === undefined ? last >= next : first > next
}

/** A crash came after a leader's snapshot had taken the place of ours, and before the log had followed. */
function isGivenUp({ hardState: { floor }, snapshot, entries }: Saved, last: Index): boolean {
  if (floor === null || snapshot === null) return false
  return last <= floor.index && (entries.at(-1)?.term ?? 0) <= floor.term
}

function gapText({ snapshot, entries }: Saved): string {
  const first = entries[0]?.index
  const state =
    snapshot === null ? 'no snapshot can be used' : `the newest usable snapshot ends with entry ${snapshot.index}`
  const log = first === undefined ? 'the raft log is empty' : `the raft log begins with entry ${first}`
  return `the data directory is incomplete: ${state}, and ${log}. Restore it from a backup`
}

/** The log, kept back to the snapshot before the newest: should the newest turn out broken, nothing is missing. */
function reachingBack(disk: LogDisk, last: Index, kept: KeptSnapshots): LogDisk {
  return {
    ...disk,
    write(change) {
      const { truncateFrom, entries, compactTo } = change
      if (truncateFrom !== null) last = Math.min(last, truncateFrom - 1)
      last = entries.at(-1)?.index ?? last
      // A snapshot from beyond the log's end replaces all of it.
      if (compactTo === null || compactTo > last) return disk.write(change)
      return disk.write({ ...change, compactTo: Math.min(compactTo, kept.before) })
    },
  }
}

function metaOf(found: { meta: Uint8Array }): SnapshotMeta {
  const { id: _id, size: _size, ...meta } = decodeMeta(found.meta)
  return meta
}

async function restoreState(
  found: { meta: Uint8Array; state: AsyncIterable<Uint8Array> },
  store: Store,
  chunks: ChunkAssembler,
  log: Log,
): Promise<void> {
  const { id, index } = decodeMeta(found.meta)
  const replacement = store.replace()
  try {
    const { pending } = await readState(found.state, replacement.txn)
    for (const { term, data, ...note } of pending) chunks.add(term, note, data)
  } catch (error) {
    replacement.abandon()
    throw error
  }
  replacement.commit(index)
  log.info('restored from snapshot', { id, index })
}

export interface SnapshotParts {
  config: Pick<RuntimeConfig, 'raftSnapshotInterval' | 'raftSnapshotThreshold'>
  host: Host
  store: Store
  replica: Replica
  snapshots: SnapshotDisk
  kept: KeptSnapshots
  chunks: ChunkAssembler
  log: Log
}

/** @returns what ends it; resolves when a snapshot that was under way is done */
export function keepSnapshots(parts: SnapshotParts): () => Promise<void> {
  const { config, host, replica, log } = parts
  const interval = Math.min(config.raftSnapshotInterval, LOOK_MS_MAX)
  let running: Promise<void> = Promise.resolve()
  let cancel: Cancel = () => {}
  let stopped = false
  let restMs = 0

  function due(): boolean {
    const { entries, bytes } = replica.sinceSnapshot()
    return entries >= config.raftSnapshotThreshold || bytes >= LOG_BYTES_MAX
  }

  function schedule(): void {
    if (stopped) return
    const wait = Math.max(interval * (1 + host.random.float()), restMs)
    cancel = host.wake(host.now() + wait, () => {
      restMs = 0
      if (!due()) return schedule()
      const began = host.now()
      running = takeSnapshot(parts)
        .catch((error: unknown) => {
          log.error('failed to take snapshot', { error: messageOf(error) })
        })
        .then(() => {
          restMs = (host.now() - began) * REST_FACTOR
          schedule()
        })
    })
  }

  schedule()
  return () => {
    stopped = true
    cancel()
    return running
  }
}

async function takeSnapshot({ host, store, replica, snapshots, kept, chunks, log }: SnapshotParts): Promise<void> {
  const began = host.now()
  const meta = replica.snapshotMeta()
  const id = snapshotId(meta, host.date())
  const pending = chunks.pending()
  const { rows } = store.snapshot()
  log.info('starting snapshot up to', { index: meta.index })
  try {
    await snapshots.save(id, encodeMeta(meta, id), slices(encodeState(rows, meta.index, pending), host))
  } finally {
    rows.release()
  }
  // Meanwhile one from beyond it may have come from elsewhere.
  if (meta.index > kept.newest) {
    kept.before = kept.newest
    kept.newest = meta.index
  }
  replica.snapshotTaken(meta)
  log.info('snapshot complete up to', { index: meta.index, ms: Math.round(host.now() - began) })
}
