/**
 * Snapshots between servers: where the bytes come from that a leader sends to a follower far behind, and what becomes of
 * them there. On the way in they are stored and read at the same time; the state takes their place only when all of them
 * are good and durable.
 */
import type { Index } from '../base/units.ts'
import type { RaftEffect, SnapshotMeta } from '../core/raft/messages.ts'
import type { Store } from '../core/store/store.ts'
import type { Cancel, Host, SnapshotDisk } from '../host/host.ts'
import type { ChunkAssembler } from '../wire/chunking.ts'
import { encodeState, StateReader } from '../wire/snapshot.ts'
import { decodeMeta, encodeMeta, snapshotId } from '../wire/snapshot-meta.ts'
import type { KeptSnapshots } from './durable.ts'

/** Bytes received and not yet on disk; past this the sender is held back. */
const WAITING_BYTES_MAX = 4 << 20
/** A view of the state that was made to be sent is kept this long for the attempt that sends it. */
const VIEW_MS = 30_000

export interface OutgoingSnapshot {
  /** Of all chunks together. */
  size: number
  chunks(): AsyncIterable<Uint8Array>
  release(): void
}

export interface SnapshotSource {
  /** The snapshot whose last entry is `lastIndex`; null when it cannot be had now: a later attempt may ask for another. */
  open(lastIndex: Index): Promise<OutgoingSnapshot | null>
  stop(): void
}

export interface InstallParts {
  host: Pick<Host, 'now' | 'date' | 'wake' | 'soon'>
  store: Store
  snapshots: SnapshotDisk
  kept: KeptSnapshots
  chunks: ChunkAssembler
  /** Of the replica, which is made after this. */
  replica(): { snapshotMeta(): SnapshotMeta; snapshotTaken(meta: SnapshotMeta): void }
}

export function makeSource(parts: InstallParts): SnapshotSource {
  const { host, store, snapshots, chunks, replica } = parts
  let view: { index: Index; snapshot: OutgoingSnapshot; cancel: Cancel } | undefined
  let taking: Promise<void> | undefined
  let stopped = false

  function drop(): void {
    view?.cancel()
    view?.snapshot.release()
    view = undefined
  }

  async function stored(index: Index): Promise<OutgoingSnapshot | null> {
    const found = await snapshots.open()
    if (found === null || decodeMeta(found.meta).index !== index) return null
    return { size: found.size, chunks: () => found.state, release: () => {} }
  }

  /** Of the state as it stands, where none on disk can be used. */
  async function taken(): Promise<void> {
    const meta = replica().snapshotMeta()
    const pending = chunks.pending()
    const { rows } = store.snapshot()
    const encoded = () => slices(encodeState(rows, meta.index, pending), host)
    let size = 0
    for await (const chunk of encoded()) size += chunk.length
    if (stopped) {
      rows.release()
      return
    }
    const cancel = host.wake(host.now() + VIEW_MS, drop)
    view = { index: meta.index, cancel, snapshot: { size, chunks: encoded, release: () => rows.release() } }
    replica().snapshotTaken(meta)
  }

  async function open(lastIndex: Index): Promise<OutgoingSnapshot | null> {
    // A snapshot from beyond it came from elsewhere: nobody will ask for this one any more.
    if (view !== undefined && view.index < lastIndex) drop()
    if (view !== undefined) {
      if (view.index !== lastIndex) return null
      const { snapshot, cancel } = view
      cancel()
      view = undefined
      return snapshot
    }
    const found = await stored(lastIndex)
    if (found !== null) return found
    const newest = await snapshots.open()
    // One that is newer the core will hear of. An older one means that the one it knows has decayed.
    if (newest === null || decodeMeta(newest.meta).index < lastIndex) {
      taking ??= taken().finally(() => {
        taking = undefined
      })
      await taking
    }
    return null
  }

  return {
    open,
    stop() {
      stopped = true
      drop()
    },
  }
}

export type Restore = Extract<RaftEffect, { kind: 'restore' }>

export interface SnapshotSink {
  /** @returns false when the sender should wait for `drained`. @throws when these cannot be the bytes of a state */
  write(bytes: Uint8Array): boolean
  /** Resolves once all is stored, with what puts the state in place. */
  finish(): Promise<() => void>
  abort(error: unknown): void
}

export function makeSink(
  { host, store, snapshots, kept, chunks }: InstallParts,
  { meta, alone }: Pick<Restore, 'meta' | 'alone'>,
  size: number,
  drained: () => void,
): SnapshotSink {
  const id = snapshotId(meta, host.date())
  const replacement = store.replace()
  const reader = new StateReader(replacement.txn)
  const pipe = makePipe(drained)
  const saving = snapshots.save(id, encodeMeta(meta, id, size), pipe.chunks, alone).finally(() => pipe.unwanted())
  // Whoever finishes or aborts hears of it.
  saving.catch(() => {})
  let abandoned = false

  return {
    write(bytes) {
      reader.push(bytes)
      return pipe.write(bytes)
    },
    async finish() {
      const { pending } = reader.finish()
      pipe.end()
      await saving
      if (abandoned) throw new Error('given up meanwhile')
      return () => {
        replacement.commit(meta.index)
        chunks.restore(pending)
        kept.before = alone ? 0 : kept.newest
        kept.newest = meta.index
      }
    },
    abort(error) {
      if (abandoned) return
      abandoned = true
      pipe.fail(error)
      replacement.abandon()
    },
  }
}

/** Chunks from one who pushes to one who pulls. */
export function makePipe(drained: () => void) {
  const queue: Uint8Array[] = []
  let bytes = 0
  let full = false
  let ended = false
  let wanted = true
  let failure: { error: unknown } | undefined
  let wake = () => {}

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (failure !== undefined) throw failure.error
      const next = queue.shift()
      if (next !== undefined) {
        bytes -= next.length
        if (full && bytes < WAITING_BYTES_MAX / 2) {
          full = false
          drained()
        }
        yield next
      } else if (ended) return
      else {
        await new Promise<void>((done) => {
          wake = done
        })
      }
    }
  }

  return {
    chunks: chunks(),
    /** @returns false when too much waits */
    write(chunk: Uint8Array): boolean {
      if (!wanted) return true
      queue.push(chunk)
      bytes += chunk.length
      wake()
      full = bytes > WAITING_BYTES_MAX
      return !full
    },
    end(): void {
      ended = true
      wake()
    },
    fail(error: unknown): void {
      failure = { error }
      wake()
    },
    /** Nobody will pull any more: what is pushed is forgotten. */
    unwanted(): void {
      wanted = false
      queue.length = 0
      bytes = 0
      if (full) {
        full = false
        drained()
      }
    },
  }
}

/** Lets the event loop turn between two chunks, so that encoding a large state holds nobody up. */
export async function* slices(chunks: Iterable<Uint8Array>, host: Pick<Host, 'soon'>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    yield chunk
    await new Promise<void>((done) => host.soon(done))
  }
}
