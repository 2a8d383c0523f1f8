/**
 * One server's share of the replicated state: its Raft core, its durable log, its store, and those who wait for their
 * proposals. It performs the core's effects and applies what is committed; it judges nothing.
 */

import { unreachable } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Index, Term } from '../base/units.ts'
import type {
  Configuration,
  Entry,
  RaftEffect,
  RaftInput,
  RefusedWhy,
  Server,
  ServerChange,
  SnapshotMeta,
} from '../core/raft/messages.ts'
import type { Raft, RaftStatus } from '../core/raft/raft.ts'
import type { Store } from '../core/store/store.ts'
import type { Host, LogDisk } from '../host/host.ts'
import type { Command, Result } from '../model/command.ts'
import { ConsulError, ERRORS } from '../model/errors.ts'
import { CHUNK_BYTES, type ChunkAssembler, splitCommand } from '../wire/chunking.ts'
import { encodeCommand } from '../wire/command.ts'
import { applyEntry } from './apply.ts'
import { drive } from './drive.ts'
import { replicaMeters } from './meters.ts'
import { tooLarge } from './too-large.ts'
import type { Transport } from './transport.ts'

/** Applying never holds the event loop longer than this before others get their turn. */
const APPLY_SLICE_MS = 4
/** Entries between two looks at the clock while applying. */
const APPLY_STRIDE = 32

export interface RoleChange {
  leading: boolean
  term: Term
  leader: Server | null
}

export interface Replica {
  /** Resolves once the command is durable on a quorum and applied here. Rejects with a `ConsulError`. */
  propose(command: Command): Promise<{ index: Index; result: Result }>
  /** Resolves once everything committed before it is applied here. */
  barrier(): Promise<void>
  /** Resolves once a quorum has confirmed that this server leads. */
  verify(): Promise<void>
  /** This server leads, and a quorum confirmed it so lately that nobody else can. */
  leaseHolds(): boolean
  /** Adds, promotes, demotes or removes a server; resolves once that is committed. */
  change(change: ServerChange): Promise<void>
  /** Hands leadership over, to whoever is most caught up. */
  transfer(): Promise<void>
  status(): RaftStatus
  role(): RoleChange
  /**
   * Sets out with what is on disk. At the first start of a cluster there is nothing, and `first` becomes the first entry
   * of the log.
   */
  begin(first: Configuration | null): void
  /** The listener is told the role of this moment at once, and then each change. */
  onRole(listener: (change: RoleChange) => void): void
  /** How much of the log the newest snapshot does not cover. */
  sinceSnapshot(): { entries: number; bytes: number }
  /** What a snapshot of the state as it stands now must say of itself. */
  snapshotMeta(): SnapshotMeta
  /** The same, for those who only send it elsewhere. */
  stateMeta(): SnapshotMeta
  /**
   * Puts a user's snapshot in place of the state, on all servers. Resolves once a quorum has it. Whatever comes of it, the
   * snapshot is no longer the caller's.
   * @param index of its last entry, where it was taken
   */
  restore(index: Index, snapshot: UserSnapshot): Promise<void>
  /** Called whenever another state took the place of this one: a leader's snapshot, or a user's. */
  onReplaced(listener: () => void): void
  /** After a snapshot was stored: lets the core shorten the log. */
  snapshotTaken(meta: SnapshotMeta): void
  stop(): Promise<void>
}

/** A state that came from outside, read and checked. */
export interface UserSnapshot {
  /** Stores it durably as a snapshot of that place in the log. */
  keep(meta: SnapshotMeta): Promise<void>
  /** Puts it in place of the state, at once. */
  commit(index: Index): void
  /** It is not wanted after all: resolves when nothing can bring it back. May be asked again when it was rejected. */
  discard(): Promise<void>
}

/** A user's snapshot on its way into the state. */
interface Restore {
  snapshot: UserSnapshot
  /** It is being made durable: whoever does that also throws it away. */
  storing: boolean
  /** The core has not given it up. */
  wanted: boolean
}

/** Between two attempts to throw away what must not be found again. */
const DISCARD_RETRY_MS = 1000

interface Waiter {
  resolve(outcome: { index: Index; result: Result }): void
  reject(error: Error): void
}

/** @param trouble what the disk said last */
const REFUSALS: Record<RefusedWhy, (trouble: string) => ConsulError> = {
  'not-leader': () => new ConsulError('no-leader'),
  'lost-leadership': () => new ConsulError('leadership-lost'),
  'transfer-in-progress': () => new ConsulError('no-leader'),
  'restore-in-progress': () => new ConsulError('no-leader'),
  restored: () => new ConsulError('refused', 'snapshot restored while committing log'),
  shutdown: () => new ConsulError('shutting-down'),
  disk: (trouble) => new ConsulError('disk-full', `${ERRORS['disk-full'].text}: ${trouble}`),
  invalid: () => new ConsulError('refused', 'the change of servers is not possible now'),
}

export interface ReplicaParts {
  host: Host
  raft: Raft
  disk: LogDisk
  store: Store
  chunks: ChunkAssembler
  /** Carries what the core and its peers say to one another. */
  transport: Transport
  /** Of the snapshot that the state was restored from. */
  restored: SnapshotMeta | null
  log: Log
}

export function makeReplica(parts: ReplicaParts): Replica {
  const { host, raft, disk, store, chunks, transport, log } = parts
  const waitingTickets = new Map<number, Waiter>()
  const waitingIndexes = new Map<Index, { term: Term; waiter: Waiter }>()
  const listeners: ((change: RoleChange) => void)[] = []
  const replacedListeners: (() => void)[] = []
  /** Those that the core has not decided on yet, or that are being stored, by ticket. */
  const restores = new Map<number, Restore>()
  let current: RoleChange = { leading: false, term: 0, leader: null }
  let nextTicket = 1
  let trouble = ''
  let stopped = false

  let applied = { index: parts.restored?.index ?? 0, term: parts.restored?.term ?? 0 }
  let snapshotIndex = applied.index
  let bytesApplied = 0
  let bytesAtSnapshot = 0

  const meters = replicaMeters(host.metrics, () => raft.status(host.now()), host.now)
  const applyMeter = { now: host.now, applied: meters.applied }
  const queue: Entry[][] = []
  let applying = false
  const driven = drive<RaftInput, RaftEffect>(raft, host, perform)
  transport.start({ tell: driven.tell, tellNow: driven.tellNow, installed })

  function perform(effect: RaftEffect): void {
    switch (effect.kind) {
      case 'persist': {
        const began = host.now()
        disk.write(effect).then(
          () => {
            meters.stored(current.leading, host.now() - began, effect.entries.length)
            driven.tellNow({ kind: 'persisted', write: effect.write })
          },
          (error: unknown) => {
            const why = messageOf(error)
            trouble = why
            log.error('failed to write the raft log', { error: why })
            driven.tell({ kind: 'persist-failed', write: effect.write, why })
          },
        )
        return
      }
      case 'commit':
        queue.push(effect.entries)
        if (!applying) applySlice()
        return
      case 'accepted':
        accepted(effect.ticket, effect.index, effect.term)
        return
      case 'refused':
        take(effect.ticket)?.reject(
          effect.message === undefined ? REFUSALS[effect.why](trouble) : new ConsulError('refused', effect.message),
        )
        return
      case 'resolved':
        take(effect.ticket)?.resolve({ index: 0, result: { kind: 'done' } })
        return
      case 'role':
        meters.role(effect.role)
        current = { leading: effect.role === 'leader', term: effect.term, leader: effect.leader }
        for (const listener of listeners) listener(current)
        return
      case 'log':
        log[effect.level](effect.message, effect.fields)
        return
      case 'send':
        transport.send(effect)
        return
      case 'answer':
        transport.answer(effect.id, effect.body)
        return
      case 'restore':
        transport.restore(effect)
        return
      case 'replace':
        void replaceState(effect.ticket, effect.meta)
        return
      default:
        unreachable(effect)
    }
  }

  /** A snapshot of a leader's takes the place of the state, and of all that was still to be applied to it. */
  function installed(id: number, meta: SnapshotMeta, commit: () => void): void {
    if (stopped) return
    replaceAll(meta, commit)
    driven.tellNow({ kind: 'restored', id, ok: true })
  }

  /** A user's snapshot does the same, once it is durable, if this server still leads then. */
  async function replaceState(ticket: number, meta: SnapshotMeta): Promise<void> {
    const restore = restores.get(ticket)!
    const { snapshot } = restore
    restore.storing = true
    let ok = true
    try {
      await snapshot.keep(meta)
    } catch (error) {
      trouble = messageOf(error)
      log.error('failed to store a snapshot to restore', { error: trouble })
      ok = false
    }
    driven.flush()
    if (stopped || !restore.wanted) ok = false
    if (ok) replaceAll(meta, () => snapshot.commit(meta.index))
    else await discard(snapshot)
    restores.delete(ticket)
    if (!stopped) driven.tellNow({ kind: 'replaced', ticket, ok })
  }

  /** The core takes nothing from a leader before this is done: a restart would find the snapshot in place of it. */
  async function discard(snapshot: UserSnapshot): Promise<void> {
    for (;;) {
      try {
        return await snapshot.discard()
      } catch (error) {
        log.error('failed to remove a snapshot that was not restored', { error: messageOf(error) })
        if (stopped) return
      }
      await new Promise<void>((done) => void host.wake(host.now() + DISCARD_RETRY_MS, done))
    }
  }

  function replaceAll(meta: SnapshotMeta, commit: () => void): void {
    commit()
    // Whatever comes after it is committed anew.
    queue.length = 0
    applied = { index: meta.index, term: meta.term }
    snapshotIndex = meta.index
    bytesAtSnapshot = bytesApplied
    for (const [index, { waiter }] of waitingIndexes) {
      if (index > meta.index) continue
      waitingIndexes.delete(index)
      waiter.reject(new ConsulError('leadership-lost'))
    }
    for (const listener of replacedListeners) listener()
  }

  function stateMeta(): SnapshotMeta {
    const { committedConfiguration, committedConfigurationIndex } = raft.status(host.now())
    return { ...applied, configuration: committedConfiguration, configurationIndex: committedConfigurationIndex }
  }

  function take(ticket: number): Waiter | undefined {
    const waiter = waitingTickets.get(ticket)
    waitingTickets.delete(ticket)
    return waiter
  }

  /** The proposal has its place in the log; it stays refusable by its ticket until it is applied. */
  function accepted(ticket: number, index: Index, term: Term): void {
    const waiter = waitingTickets.get(ticket)
    if (waiter === undefined) return
    waitingIndexes.set(index, {
      term,
      waiter: {
        resolve: (outcome) => {
          waitingTickets.delete(ticket)
          waiter.resolve(outcome)
        },
        reject: (error) => {
          waitingTickets.delete(ticket)
          waiter.reject(error)
        },
      },
    })
  }

  function applySlice(): void {
    applying = true
    // One batch for all that is at hand: rows on disk then share a transaction, and readers are woken once.
    applying = store.batch(applyUntilLate)
    if (applying) host.soon(applySlice)
  }

  /** @returns true when the time was up before the queue was empty */
  function applyUntilLate(): boolean {
    const until = host.now() + APPLY_SLICE_MS
    let sinceLook = 0
    for (let batch = queue[0]; batch !== undefined; batch = queue[0]) {
      let at = 0
      for (; at < batch.length; at++) {
        if (++sinceLook > APPLY_STRIDE) {
          if (host.now() > until) break
          sinceLook = 0
        }
        apply(batch[at]!)
      }
      const last = batch[at - 1]
      if (last !== undefined) {
        applied = { index: last.index, term: last.term }
        driven.tell({ kind: 'applied', index: last.index })
      }
      if (at < batch.length) {
        queue[0] = batch.slice(at)
        return true
      }
      queue.shift()
    }
    return false
  }

  function apply(entry: Entry): void {
    bytesApplied += entry.data.length
    const result = applyEntry(store, chunks, entry, applyMeter)
    if (waitingIndexes.size === 0) return
    const waiting = waitingIndexes.get(entry.index)
    if (waiting === undefined) return
    waitingIndexes.delete(entry.index)
    if (waiting.term !== entry.term) waiting.waiter.reject(new ConsulError('leadership-lost'))
    else waiting.waiter.resolve({ index: entry.index, result: result ?? { kind: 'done' } })
  }

  function submit<T>(
    make: (ticket: number) => RaftInput,
    done: (outcome: { index: Index; result: Result }) => T,
  ): Promise<T> {
    if (stopped) return Promise.reject(new ConsulError('shutting-down'))
    return new Promise<T>((resolve, reject) => {
      const ticket = nextTicket++
      waitingTickets.set(ticket, { resolve: (outcome) => resolve(done(outcome)), reject })
      driven.tell(make(ticket))
    })
  }

  return {
    propose(command) {
      let data: Uint8Array
      try {
        data = encodeCommand(command)
      } catch (error) {
        return Promise.reject(tooLarge(error))
      }
      const began = host.now()
      meters.proposed.add(1)
      if (command.type !== 'KVS' || data.length <= CHUNK_BYTES) {
        return submit(
          (ticket) => ({ kind: 'propose', ticket, data }),
          (outcome) => {
            meters.committed.add(host.now() - began)
            return outcome
          },
        )
      }
      const operation = new DataView(host.random.bytes(8).slice().buffer).getBigUint64(0)
      const pieces = splitCommand(data, operation).map((chunk) =>
        submit(
          (ticket) => ({ kind: 'propose', ticket, data: chunk.data, extensions: chunk.extensions }),
          (outcome) => outcome,
        ),
      )
      return Promise.all(pieces).then((outcomes) => outcomes.at(-1)!)
    },
    barrier: () =>
      submit(
        (ticket) => ({ kind: 'barrier', ticket }),
        () => undefined,
      ),
    verify: () =>
      submit(
        (ticket) => ({ kind: 'verify', ticket }),
        () => undefined,
      ),
    change: (change) =>
      submit(
        (ticket) => ({ kind: 'change-servers', ticket, change }),
        () => undefined,
      ),
    transfer: () =>
      submit(
        (ticket) => ({ kind: 'transfer-leadership', ticket, to: null }),
        () => undefined,
      ),
    leaseHolds: () => raft.leaseHolds(host.now()),
    status: () => raft.status(host.now()),
    role: () => current,
    begin(first) {
      if (first === null) driven.flush()
      else driven.tellNow({ kind: 'bootstrap', configuration: first })
    },
    onRole(listener) {
      listeners.push(listener)
      listener(current)
    },
    sinceSnapshot: () => ({ entries: applied.index - snapshotIndex, bytes: bytesApplied - bytesAtSnapshot }),
    snapshotMeta() {
      bytesAtSnapshot = bytesApplied
      return stateMeta()
    },
    stateMeta,
    restore(index, snapshot) {
      if (stopped) return discard(snapshot).then(() => Promise.reject(new ConsulError('shutting-down')))
      return new Promise((resolve, reject) => {
        const ticket = nextTicket++
        const restore = { snapshot, storing: false, wanted: true }
        restores.set(ticket, restore)
        waitingTickets.set(ticket, {
          resolve: () => resolve(),
          reject(error) {
            restore.wanted = false
            if (!restore.storing) {
              restores.delete(ticket)
              void discard(snapshot)
            }
            reject(error)
          },
        })
        driven.tell({ kind: 'restore-snapshot', ticket, index })
      })
    },
    onReplaced: (listener) => void replacedListeners.push(listener),
    snapshotTaken(meta) {
      snapshotIndex = meta.index
      driven.tell({ kind: 'snapshot-taken', meta })
    },
    async stop() {
      stopped = true
      driven.tellNow({ kind: 'shutdown' })
      driven.stop()
      transport.stop()
      for (const waiter of waitingTickets.values()) waiter.reject(new ConsulError('shutting-down'))
      waitingTickets.clear()
      waitingIndexes.clear()
      await disk.close()
    },
  }
}
