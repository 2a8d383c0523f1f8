/**
 * A server's disk, with what a power cut does to it. The log is as host/disk-log.ts keeps it: entries as bytes under
 * checksums, and one record that says which of them count, changed together in a transaction. Of a transaction that was
 * under way when the power went, all is there, or nothing, or some entries (whole or torn) without the record.
 * Snapshots get their name when all of them is durable. The disk outlives the server; what a server holds of it is one
 * mount, which is dead after a crash.
 */
import type { Random } from '../base/random.ts'
import type { Index } from '../base/units.ts'
import { type Entry, type HardState, NO_HARD_STATE } from '../core/raft/messages.ts'
import { memoryDisk } from '../host/disk-memory.ts'
import type { Disk, LogDisk, ReceivedState, SnapshotDisk } from '../host/host.ts'
import { decodeEntry, encodeEntry } from '../wire/raft-log.ts'
import { decodeMeta } from '../wire/snapshot-meta.ts'
import type { World } from './world.ts'

type Change = Parameters<LogDisk['write']>[0]

interface Snapshot {
  meta: Uint8Array
  state: Uint8Array[]
}

/** What a power cut finds half done: it may be done, or not at all. */
interface UnderWay {
  finish(): void
}

/** As the real one: the newest, and one to fall back to. */
const SNAPSHOTS_KEPT = 2

export class SimDisk {
  /** Every write is refused. */
  full = false
  /** A write takes up to this long. */
  delayMs = 3
  hardState: HardState = NO_HARD_STATE
  first: Index = 1
  last: Index = 0
  /** Snapshots, newest first. */
  snapshots: Snapshot[] = []
  /** The newest snapshot cannot be read: the one before it must do. */
  rotten = false
  /** How often one snapshot was to be the only one. */
  private swept = 0
  private readonly bytes = new Map<Index, Uint8Array>()
  /** The terms of what is in `bytes`, for the judges. */
  private readonly terms = new Map<Index, number>()
  private readonly world: World
  private readonly random: Random
  private mounts = 0
  private writing: Change | undefined
  private readonly renaming = new Set<UnderWay>()

  constructor(world: World, random: Random) {
    this.world = world
    this.random = random
  }

  /** The term of the durable entry there; undefined when the log has none. */
  termAt(index: Index): number | undefined {
    return index < this.first || index > this.last ? undefined : this.terms.get(index)
  }

  /** The power goes. */
  crash(): void {
    this.mounts++
    for (const { finish } of this.renaming) if (this.random.float() < 0.5) finish()
    this.renaming.clear()
    const { writing } = this
    this.writing = undefined
    if (writing === undefined || this.full) return
    const draw = this.random.float()
    if (draw < 0.4) this.commit(writing)
    else if (draw < 0.7) this.tear(writing)
  }

  /** The newest snapshot decays. */
  rot(): void {
    this.rotten = this.snapshots.length > 1
  }

  mount(): Disk {
    const mount = ++this.mounts
    const live = () => mount === this.mounts
    return {
      ...memoryDisk(),
      openLog: async () => this.log(live),
      openSnapshots: async () => this.snapshotDisk(live),
    }
  }

  private log(live: () => boolean): LogDisk {
    return {
      load: (from = 1) => {
        const entries: Entry[] = []
        for (let index = Math.max(from, this.first); index <= this.last; index++) {
          entries.push(decodeEntry(index, this.bytes.get(index)!))
        }
        return { hardState: this.hardState, entries, last: this.last }
      },
      write: (change) =>
        new Promise<void>((resolve, reject) => {
          if (!live()) return
          this.writing = change
          this.world.after(this.random.float() * this.delayMs, () => {
            if (!live()) return
            this.writing = undefined
            if (this.full) {
              reject(new Error('no space left on device'))
              return
            }
            this.commit(change)
            resolve()
          })
        }),
      close: async () => {},
    }
  }

  private commit({ truncateFrom, entries, hardState, compactTo }: Change): void {
    if (truncateFrom !== null) this.last = Math.min(this.last, truncateFrom - 1)
    const [first] = entries
    if (first !== undefined && this.last < this.first) this.first = first.index
    for (const entry of entries) {
      if (entry.index !== this.last + 1 && entry !== first) throw new Error(`a gap in the log before ${entry.index}`)
      this.put(entry, encodeEntry(entry))
      this.last = entry.index
    }
    if (hardState !== null) this.hardState = hardState
    if (compactTo !== null && compactTo >= this.first) {
      this.first = compactTo + 1
      this.last = Math.max(this.last, compactTo)
    }
  }

  /** Some of the entries reached the disk, the last of them perhaps not whole; the record that counts them did not. */
  private tear({ entries }: Change): void {
    const arrived = this.random.int(entries.length + 1)
    for (let n = 0; n < arrived; n++) {
      const entry = entries[n]!
      // What the record counts is never written over in place.
      if (entry.index >= this.first && entry.index <= this.last) continue
      const bytes = encodeEntry(entry)
      this.put(entry, n === arrived - 1 ? bytes.subarray(0, this.random.int(bytes.length)) : bytes)
    }
  }

  private put(entry: Entry, bytes: Uint8Array): void {
    this.bytes.set(entry.index, bytes)
    this.terms.set(entry.index, entry.term)
  }

  private snapshotDisk(live: () => boolean): SnapshotDisk {
    return {
      open: async () => {
        const found = this.snapshots[this.rotten ? 1 : 0]
        return found === undefined
          ? null
          : {
              meta: found.meta,
              state: each(found.state),
              size: found.state.reduce((sum, { length }) => sum + length, 0),
            }
      },
      save: async (_name, meta, state, alone = false) => {
        const began = this.swept
        const chunks = await copied(state)
        const snapshot = { meta, state: chunks }
        await this.rename(live, 4, () => {
          if (began === this.swept) this.keep(snapshot, alone ? Number.POSITIVE_INFINITY : SNAPSHOTS_KEPT)
        })
        if (began !== this.swept) throw new Error('another state took the place of this one')
        if (alone) await this.rename(live, 1, () => this.sweep(snapshot), false)
      },
      receive: async (state): Promise<ReceivedState> => {
        const chunks = await copied(state)
        let kept: Snapshot | undefined
        return {
          keep: (_name, meta) => {
            const snapshot = { meta, state: chunks }
            kept = snapshot
            return this.rename(live, 4, () => this.keep(snapshot))
          },
          discard: () => this.rename(live, 1, () => this.forget(kept), false),
        }
      },
    }
  }

  /** What counts at once or not at all, after a while; a crash comes before or after it. */
  private async rename(live: () => boolean, slowness: number, finish: () => void, needsRoom = true): Promise<void> {
    const underWay = { finish }
    if (!this.full || !needsRoom) this.renaming.add(underWay)
    await new Promise<void>((done) => this.world.after(this.random.float() * slowness * this.delayMs, done))
    if (!live()) return new Promise<void>(() => {})
    if (!this.renaming.delete(underWay) || (this.full && needsRoom)) throw new Error('no space left on device')
    finish()
  }

  /** The newest is the one of the highest term and index, whenever it was taken. */
  private keep(snapshot: Snapshot, max = SNAPSHOTS_KEPT): void {
    if (this.rotten) this.snapshots.shift()
    this.rotten = false
    this.snapshots.push(snapshot)
    const place = new Map(this.snapshots.map((each) => [each, decodeMeta(each.meta)]))
    this.snapshots.sort((a, b) => {
      const [left, right] = [place.get(a)!, place.get(b)!]
      return right.term - left.term || right.index - left.index
    })
    const newest = place.get(this.snapshots[0]!)!
    this.snapshots = this.snapshots.filter((each) => place.get(each)!.index <= newest.index).slice(0, max)
  }

  private sweep(snapshot: Snapshot): void {
    this.swept++
    this.snapshots = [snapshot]
    this.rotten = false
  }

  private forget(snapshot: Snapshot | undefined): void {
    this.snapshots = this.snapshots.filter((each) => each !== snapshot)
    this.rotten &&= this.snapshots.length > 1
  }
}

async function copied(state: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of state) chunks.push(chunk.slice())
  return chunks
}

export async function* each(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
