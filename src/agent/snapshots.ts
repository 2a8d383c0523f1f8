/**
 * Saving the state of a datacenter to an archive, and restoring it from one: where that is done (by the leader, unless a
 * stale one will do, or in another datacenter), and how. A save reads an immutable view of the rows, so that writes go
 * on; a restore is read, checked and stored before any of it counts. Source: agent/consul/snapshot_endpoint.go.
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import type { Authorizer } from '../core/acl/authorizer.ts'
import type { ServerInfo } from '../core/gossip/servers.ts'
import { demand } from '../core/methods/refuse.ts'
import type { Replacement } from '../core/store/rows.ts'
import type { Store } from '../core/store/store.ts'
import type { Host, ReceivedState, SnapshotDisk } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import { noArchive, type SnapshotAnswer, type SnapshotCaller } from '../model/snapshot.ts'
import { readArchive, writeArchive } from '../wire/archive.ts'
import type { ChunkAssembler, PendingChunk } from '../wire/chunking.ts'
import { encodeState, type SnapshotError, StateReader } from '../wire/snapshot.ts'
import { encodeMeta, snapshotId } from '../wire/snapshot-meta.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { KeptSnapshots } from './durable.ts'
import { makePipe, slices } from './install.ts'
import type { Replica, UserSnapshot } from './replica.ts'
import type { Router } from './router.ts'
import { askSnapshot } from './snapshot-stream.ts'

export interface SnapshotsParts {
  config: Pick<RuntimeConfig, 'datacenter'>
  host: Pick<Host, 'now' | 'date' | 'soon' | 'dial'>
  store: Store
  replica: Pick<Replica, 'role' | 'status' | 'verify' | 'barrier' | 'stateMeta' | 'restore'>
  snapshots: SnapshotDisk
  kept: KeptSnapshots
  chunks: ChunkAssembler
  router: Pick<Router, 'of' | 'failed'>
  /** What the token may do. */
  authorize(token: string): Authorizer
  /** Does again what a new leader does: the state is another one. */
  reassert(): Promise<void>
  log: Log
}

export function makeSnapshots(parts: SnapshotsParts): SnapshotCaller {
  const { config, host, store, replica, snapshots, chunks, router, log } = parts
  let restoring = false

  async function save(stale: boolean): Promise<SnapshotAnswer> {
    if (!stale) await replica.verify()
    const { leading, leader } = replica.role()
    const contact = leading ? null : replica.status().lastContact
    const meta = replica.stateMeta()
    if (meta.index === 0) throw new ConsulError('refused', 'Raft error when taking snapshot: nothing new to snapshot')
    const pending = chunks.pending()
    const { rows } = store.snapshot()
    const state = () => slices(encodeState(rows, meta.index, pending), host)
    let size = 0
    try {
      // The archive names the size before the bytes; they come out the same a second time, as the view does not change.
      for await (const chunk of state()) size += chunk.length
    } catch (error) {
      rows.release()
      throw error
    }
    const archive = releasing(writeArchive({ meta, size, state: state(), now: host.date() }), () => rows.release())
    const LastContact = contact === null ? 0 : Math.round((host.now() - contact) * NANOS_PER_MS)
    return { meta: { Index: meta.index, LastContact, KnownLeader: leader !== null }, archive }
  }

  async function restore(archive: AsyncIterable<Uint8Array>): Promise<SnapshotAnswer> {
    if (restoring) throw new ConsulError('refused', 'another snapshot is being restored')
    restoring = true
    try {
      const { index, snapshot } = await receive(archive)
      try {
        await replica.restore(index, snapshot)
      } catch (error) {
        const why = `Raft error when restoring snapshot: ${messageOf(error)}`
        throw new ConsulError(error instanceof ConsulError ? error.code : 'refused', why, { cause: error })
      }
    } finally {
      restoring = false
    }
    await replica.barrier()
    await parts.reassert()
    return { meta: { Index: 0, LastContact: 0, KnownLeader: false }, archive: noArchive() }
  }

  /** Reads an archive into rows that nobody sees yet, and onto the disk. Nothing is left of it when it will not do. */
  async function receive(archive: AsyncIterable<Uint8Array>): Promise<{ index: number; snapshot: UserSnapshot }> {
    const replacement = store.replace()
    const reader = new StateReader(replacement.txn)
    let drained = () => {}
    const pipe = makePipe(() => drained())
    const storing = snapshots.receive!(pipe.chunks).finally(() => pipe.unwanted())
    // Whoever waits for it below hears of it.
    storing.catch(() => {})
    let stored: ReceivedState
    let pending: PendingChunk[]
    let found: Awaited<ReturnType<typeof readArchive>>
    try {
      found = await readArchive(archive, (bytes) => {
        reader.push(bytes)
        if (pipe.write(bytes)) return
        return new Promise<void>((done) => {
          drained = done
        })
      })
      pending = reader.finish().pending
      pipe.end()
      stored = await storing
    } catch (error) {
      replacement.abandon()
      pipe.fail(error)
      await storing.catch(() => {})
      throw refusal(error)
    }
    return { index: found.index, snapshot: userSnapshot(parts, { replacement, pending, stored, size: found.size }) }
  }

  /** In another datacenter each of its servers is tried. */
  async function elsewhere(servers: readonly ServerInfo[], ...asked: Parameters<SnapshotCaller>) {
    const [server] = servers
    if (server === undefined) throw new ConsulError('no-path-to-datacenter')
    try {
      return await askSnapshot(host, server.address, ...asked)
    } catch (error) {
      router.failed(server)
      throw error
    }
  }

  return async (request, archive) => {
    const { Datacenter, AllowStale, Op } = request
    if (Datacenter !== config.datacenter) return elsewhere(router.of(Datacenter), request, archive)
    const { leading, leader } = replica.role()
    if (!AllowStale && !leading) {
      if (leader === null) throw new ConsulError('no-leader')
      return askSnapshot(host, leader.address, request, archive)
    }
    // Whoever reads all secrets could make himself any right: reading takes as much as writing.
    demand(parts.authorize(request.Token), 'acl', 'write', '')
    if (Op === 'save') return save(AllowStale)
    if (AllowStale) throw new ConsulError('refused', 'stale not allowed for restore')
    log.info('restoring a snapshot')
    return restore(archive)
  }
}

/** A state that was read from an archive: as rows, and as bytes on the disk. */
export interface ReadState {
  replacement: Replacement
  pending: PendingChunk[]
  stored: ReceivedState
  size: number
}

export function userSnapshot(
  { host, kept, chunks }: { host: Pick<Host, 'date'>; kept: KeptSnapshots; chunks: ChunkAssembler },
  { replacement, pending, stored, size }: ReadState,
): UserSnapshot {
  let settled = false
  return {
    keep(meta) {
      const id = snapshotId(meta, host.date())
      return stored.keep(id, encodeMeta(meta, id, size))
    },
    commit(index) {
      settled = true
      replacement.commit(index)
      chunks.restore(pending)
      kept.before = kept.newest
      kept.newest = index
    },
    async discard() {
      if (settled) return
      replacement.abandon()
      await stored.discard()
      settled = true
    },
  }
}

/** What is wrong with an archive, or with the disk that it was to be stored on, is for the asker to read. */
function refusal(error: unknown): unknown {
  if (error instanceof ConsulError) return error
  if (!(error instanceof Error)) return error
  const known = (error as SnapshotError).name === 'SnapshotError'
  const why = known ? error.message : `failed to read snapshot file: ${error.message}`
  return new ConsulError('refused', why, { cause: error })
}

async function* releasing(chunks: AsyncIterable<Uint8Array>, release: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } finally {
    release()
  }
}
