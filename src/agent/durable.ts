/**
 * From disk to a state that stands, and back: what a server finds when it starts (newest snapshot, then the log behind
 * it), and the snapshots that it takes while it runs, so that the log stays short and the next start is quick.
 */
import type { Log } from '../base/log.ts'
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
import type { Replica } from './replica.ts'

/** Of the log since the last snapshot: past it a snapshot is due however few the entries, as they stay in memory. */
const LOG_BYTES_MAX = 64 << 20
/** How often the two bounds are held against the log; `raft_snapshot_interval` is Consul's own, longer, rhythm. */
const LOOK_MS_MAX = 5_000

export interface OpenedState {
  store: Store
  saved: Saved
  logDisk: LogDisk
  snapshots: SnapshotDisk
  /** Holds the pieces of commands that were incomplete when the snapshot was taken. */
  chunks: ChunkAssembler
}

export async function openState(config: RuntimeConfig, disk: Disk, log: Log): Promise<OpenedState> {
  const rows = config.stateEngine === 'lmdb' ? await disk.openRows?.() : memoryRows()
  if (rows === undefined) throw new ConsulError('refused', 'the LMDB state engine needs a data directory')
  const store = makeStore(rows)
  const chunks = new ChunkAssembler()
  const snapshots = await disk.openSnapshots()
  const snapshot = await restoreNewest(snapshots, store, chunks, log)
  const logDisk = await disk.openLog()
  const { hardState, entries } = logDisk.load()
  return { store, saved: { hardState, snapshot, entries }, logDisk, snapshots, chunks }
}

async function restoreNewest(
  snapshots: SnapshotDisk,
  store: Store,
  chunks: ChunkAssembler,
  log: Log,
): Promise<SnapshotMeta | null> {
  const found = await snapshots.open()
  if (found === null) return null
  const { id, size: _size, ...meta } = decodeMeta(found.meta)
  // Rows on disk may be ahead of the newest snapshot: then they stand, and only the log behind them is replayed.
  if (store.applied >= meta.index) return meta
  const replacement = store.replace()
  try {
    const { pending } = await readState(found.state, replacement.txn)
    for (const { term, data, ...note } of pending) chunks.add(term, note, data)
  } catch (error) {
    replacement.abandon()
    throw error
  }
  replacement.commit(meta.index)
  log.info('restored from snapshot', { id, index: meta.index })
  return meta
}

export interface SnapshotParts {
  config: Pick<RuntimeConfig, 'raftSnapshotInterval' | 'raftSnapshotThreshold'>
  host: Host
  store: Store
  replica: Replica
  snapshots: SnapshotDisk
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

  function due(): boolean {
    const { entries, bytes } = replica.sinceSnapshot()
    return entries >= config.raftSnapshotThreshold || bytes >= LOG_BYTES_MAX
  }

  function schedule(): void {
    if (stopped) return
    cancel = host.wake(host.now() + interval * (1 + host.random.float()), () => {
      if (!due()) return schedule()
      running = takeSnapshot(parts)
        .catch((error: unknown) => {
          log.error('failed to take snapshot', { error: error instanceof Error ? error.message : String(error) })
        })
        .then(schedule)
    })
  }

  schedule()
  return () => {
    stopped = true
    cancel()
    return running
  }
}

async function takeSnapshot({ host, store, replica, snapshots, chunks, log }: SnapshotParts): Promise<void> {
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
  replica.snapshotTaken(meta)
  log.info('snapshot complete up to', { index: meta.index, ms: Math.round(host.now() - began) })
}

/** Lets the event loop turn between two chunks, so that encoding a large state holds nobody up. */
async function* slices(chunks: Iterable<Uint8Array>, host: Host): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    yield chunk
    await new Promise<void>((done) => host.soon(done))
  }
}
