/**
 * Snapshots of the state on disk: a folder each, with `meta`, `state.bin`, and their SHA-256 sums in the form that
 * `sha256sum -c` reads. A folder gets its name when all of it is durable, so what has a name is whole, unless the disk
 * decayed since: the sums are checked before a snapshot is used.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { DiskError, diskError, hasCode } from './disk-error.ts'
import { syncFolder, UNFINISHED, withFile } from './disk-files.ts'
import type { ReceivedState, SnapshotDisk } from './host.ts'

const META = 'meta'
const STATE = 'state.bin'
const SUMS = 'SHA256SUMS'
/** The newest, and one to fall back to when it turns out broken. */
const KEPT = 2
const READ_BYTES = 1024 * 1024
const FOLDER_MODE = 0o755

interface Received extends ReceivedState {
  /** As `keep`, and all others are gone when it resolves. */
  keepAlone(name: string, meta: Uint8Array): Promise<void>
}

/** @param folder exists, and holds nothing but snapshots */
export async function openSnapshotDisk(folder: string, log: Log): Promise<SnapshotDisk> {
  await removeUnfinished(folder)
  let receptions = 0
  /** How often one snapshot was kept alone. */
  let swept = 0
  /** The last of those that get their names, one after the other. */
  let naming: Promise<unknown> = Promise.resolve()

  return {
    async open() {
      for (const name of await snapshotNames(folder)) {
        const path = join(folder, name)
        try {
          const size = await verify(path)
          const meta = new Uint8Array(await readFile(join(path, META)))
          return { meta, state: readChunks(join(path, STATE)), size }
        } catch (error) {
          log.warn('skipping a snapshot that cannot be used', { path, error: messageOf(error) })
        }
      }
      return null
    },

    async save(name, meta, state, alone = false) {
      const began = swept
      const received = await receive(name, state)
      await inTurn(async () => {
        if (began !== swept) {
          await received.discard()
          throw new DiskError('closed', `snapshot "${join(folder, name)}": another state took the place of this one`)
        }
        if (alone) await received.keepAlone(name, meta)
        else await received.keep(name, meta)
      })
    },

    receive: (state) => receive(`received-${++receptions}`, state),
  }

  function inTurn(run: () => Promise<void>): Promise<void> {
    const turn = naming.then(run)
    naming = turn.catch(() => {})
    return turn
  }

  async function receive(as: string, state: AsyncIterable<Uint8Array>): Promise<Received> {
    const unfinished = join(folder, as) + UNFINISHED
    const discard = () => rm(unfinished, { recursive: true, force: true }).catch(() => {})
    /** Whatever fails, nothing is left lying about. */
    const guarded = async <T>(path: string, run: () => Promise<T>): Promise<T> => {
      try {
        return await run()
      } catch (error) {
        await discard()
        throw diskError(`snapshot "${path}"`, error)
      }
    }
    const stateSum = await guarded(join(folder, as), async () => {
      await rm(unfinished, { recursive: true, force: true })
      await mkdir(unfinished, { mode: FOLDER_MODE })
      return writeSummed(join(unfinished, STATE), state)
    })
    let kept: string | undefined
    async function give(name: string, meta: Uint8Array): Promise<void> {
      const path = join(folder, name)
      kept = path
      await guarded(path, async () => {
        const metaSum = await writeSummed(join(unfinished, META), [meta])
        const sums = `${metaSum}  ${META}\n${stateSum}  ${STATE}\n`
        await writeSummed(join(unfinished, SUMS), [Buffer.from(sums)])
        await syncFolder(unfinished)
        await replace(unfinished, path)
        await syncFolder(folder)
      })
    }
    return {
      async keep(name, meta) {
        await give(name, meta)
        await removeOld(folder, log)
      },
      async keepAlone(name, meta) {
        await give(name, meta)
        await guarded(join(folder, name), () => removeOthers(folder, name))
        swept++
      },
      async discard() {
        await discard()
        if (kept === undefined) return
        await rm(kept, { recursive: true, force: true })
        await syncFolder(folder)
      },
    }
  }
}

/** Newest first. Names are numbers joined by dashes, term and index foremost, as Consul's are. */
async function snapshotNames(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true })
  return found
    .filter((entry) => entry.isDirectory() && !entry.name.endsWith(UNFINISHED))
    .map((entry) => entry.name)
    .sort((a, b) => -compareNames(a, b))
}

/** The index of the last entry, if the name is like Consul's. */
function indexOf(name: string): number {
  return Number(name.split('-')[1] ?? 0)
}

function compareNames(a: string, b: string): number {
  const left = a.split('-')
  const right = b.split('-')
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number(left[i] ?? -1) - Number(right[i] ?? -1)
    if (difference !== 0 && !Number.isNaN(difference)) return difference
  }
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * @returns the length of the state
 * @throws when a file is missing or is not what was written
 */
async function verify(path: string): Promise<number> {
  const lines = (await readFile(join(path, SUMS), 'utf8')).split('\n')
  await measure(META)
  return measure(STATE)

  async function measure(name: string): Promise<number> {
    const sum = createHash('sha256')
    let size = 0
    for await (const chunk of readChunks(join(path, name))) {
      sum.update(chunk)
      size += chunk.length
    }
    if (!lines.includes(`${sum.digest('hex')}  ${name}`))
      throw new DiskError('corrupt', `the checksum of ${name} does not match`)
    return size
  }
}

/** Opens the file when it is first asked for a chunk: whoever asks for none leaves nothing open. */
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: READ_BYTES })
}

/** @returns the SHA-256 of what was written, in hex, once it is durable */
async function writeSummed(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const sum = createHash('sha256')
  await withFile(path, async (file) => {
    for await (const chunk of chunks) {
      sum.update(chunk)
      await file.writeFile(chunk)
    }
    await file.sync()
  })
  return sum.digest('hex')
}

/** Gives the finished folder its name. One of that name is moved aside first, and so survives a crash as unfinished. */
async function replace(finished: string, path: string): Promise<void> {
  const aside = `${path}.old${UNFINISHED}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
  await rename(finished, path)
  await syncFolder(dirname(path))
  await rm(aside, { recursive: true, force: true })
}

/** One from beyond the newest is of a history that lost, and must not stand in for it when it breaks. */
async function removeOld(folder: string, log: Log): Promise<void> {
  const [newest, ...others] = await snapshotNames(folder)
  for (const [at, name] of others.entries()) {
    if (at < KEPT - 1 && !(indexOf(name) > indexOf(newest!))) continue
    try {
      await rm(join(folder, name), { recursive: true, force: true })
    } catch (error) {
      log.warn('failed to remove an old snapshot', { path: join(folder, name), error: messageOf(error) })
    }
  }
}

/** The newest last: until it is gone a restart finds it, as before. @throws when one of them stays */
async function removeOthers(folder: string, name: string): Promise<void> {
  for (const other of (await snapshotNames(folder)).reverse())
    if (other !== name) await rm(join(folder, other), { recursive: true, force: true })
  await syncFolder(folder)
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.endsWith(UNFINISHED)) await rm(join(folder, name), { recursive: true, force: true })
}
