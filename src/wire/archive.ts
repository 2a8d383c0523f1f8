/**
 * Consul's snapshot archives (protocol/fsm-and-snapshot.md section 5): gzip of a tar with meta.json, state.bin and their
 * SHA-256 sums. Written and read as streams: an archive may be far larger than memory. What is read is untrusted until
 * its end: only then are all sums checked, and the state that came with it may be used.
 */
import { Buffer } from 'node:buffer'
import { createHash, type Hash } from 'node:crypto'
import type { WallMs } from '../base/units.ts'
import type { SnapshotMeta } from '../core/raft/messages.ts'
import { gunzipChunks, gzipChunks } from './gzip.ts'
import { SnapshotError } from './snapshot.ts'
import { decodeMeta, encodeMeta, snapshotId } from './snapshot-meta.ts'
import { TAR_END, TarError, type TarPart, TarReader, tarHeader, tarPadding } from './tar.ts'

const META = 'meta.json'
const STATE = 'state.bin'
const SUMS = 'SHA256SUMS'
const MODE = 0o600
/** Meta data name each server; sums are two lines. Real ones are well under these. */
const META_BYTES_MAX = 1 << 20
const SUMS_BYTES_MAX = 64 << 10
/** A state that nobody's memory holds is refused by its header, before any of it is read. */
const STATE_BYTES_MAX = 64 * 2 ** 30

export interface ArchiveParts {
  meta: SnapshotMeta
  /** Bytes of the state, all chunks together. */
  size: number
  state: AsyncIterable<Uint8Array>
  now: WallMs
}

/** The archive's bytes, made as they are asked for. */
export function writeArchive(parts: ArchiveParts): AsyncGenerator<Uint8Array> {
  return gzipChunks(writeTar(parts))
}

async function* writeTar({ meta, size, state, now }: ArchiveParts): AsyncGenerator<Uint8Array> {
  const mtime = Math.floor(now / 1000)
  const metaBytes = encodeMeta(meta, snapshotId(meta, now), size)
  yield tarHeader({ name: META, size: metaBytes.length, mode: MODE, mtime })
  yield metaBytes
  yield tarPadding(metaBytes.length)
  yield tarHeader({ name: STATE, size, mode: MODE, mtime })
  const sum = createHash('sha256')
  let written = 0
  for await (const chunk of state) {
    sum.update(chunk)
    written += chunk.length
    yield chunk
  }
  if (written !== size) throw new SnapshotError(`the state has ${written} bytes, not the ${size} that were counted`)
  yield tarPadding(size)
  const metaSum = createHash('sha256').update(metaBytes).digest('hex')
  const sums = Buffer.from(`${metaSum}  ${META}\n${sum.digest('hex')}  ${STATE}\n`)
  yield tarHeader({ name: SUMS, size: sums.length, mode: MODE, mtime })
  yield sums
  yield tarPadding(sums.length)
  yield TAR_END
}

export type ArchiveMeta = ReturnType<typeof decodeMeta>

/**
 * Reads an archive to its end and checks its sums.
 * @param onState gets the state as it comes in, unchecked; what it throws ends the reading
 * @returns what the archive says of itself
 * @throws SnapshotError in Consul's words, or what `archive` or `onState` throw
 */
export async function readArchive(
  archive: AsyncIterable<Uint8Array>,
  onState: (bytes: Uint8Array) => void | Promise<void> = () => {},
): Promise<ArchiveMeta> {
  const contents = new Contents()
  const tar = new TarReader()
  for await (const chunk of gunzipChunks(archive, (why) => new SnapshotError(why))) {
    try {
      for (const part of tar.push(chunk)) {
        const state = contents.take(part)
        if (state === undefined) continue
        const done = onState(state)
        if (done !== undefined) await done
      }
    } catch (error) {
      throw tarError(error)
    }
  }
  try {
    tar.finish()
  } catch (error) {
    throw tarError(error)
  }
  return contents.finish()
}

function tarError(error: unknown): unknown {
  if (!(error instanceof TarError)) return error
  return new SnapshotError(`failed to read snapshot file: failed reading snapshot: ${error.message}`, { cause: error })
}

/** The three files, of which only the state may be long. */
class Contents {
  readonly #sums = new Map<string, Hash>([
    [META, createHash('sha256')],
    [STATE, createHash('sha256')],
  ])
  readonly #small = new Map<string, Uint8Array[]>()
  readonly #seen = new Set<string>()
  #current = ''
  #stateSize = 0

  /** @returns bytes of the state */
  take(part: TarPart): Uint8Array | undefined {
    if (part.kind === 'file') this.#begin(part.name, part.size)
    if (part.kind !== 'data') return undefined
    this.#sums.get(this.#current)?.update(part.bytes)
    if (this.#current === STATE) return part.bytes
    this.#small.get(this.#current)!.push(part.bytes.slice())
    return undefined
  }

  #begin(name: string, size: number): void {
    const limit = { [META]: META_BYTES_MAX, [STATE]: STATE_BYTES_MAX, [SUMS]: SUMS_BYTES_MAX }[name]
    if (limit === undefined) throw wrong(`unexpected file ${JSON.stringify(name)} in snapshot`)
    if (this.#seen.has(name)) throw wrong(`a second file ${JSON.stringify(name)} in snapshot`)
    if (size > limit) throw wrong(`${name} has ${size} bytes, and at most ${limit} are allowed`)
    this.#seen.add(name)
    this.#current = name
    this.#small.set(name, [])
    if (name === STATE) this.#stateSize = size
  }

  finish(): ArchiveMeta {
    const text = Buffer.concat(this.#small.get(SUMS) ?? []).toString()
    const confirmed = new Set<string>()
    for (const line of text.split('\n')) {
      if (line === '') continue
      const found = /^([0-9a-fA-F]{64}) {2}(\S+)$/.exec(line)
      if (found === null) throw broken('a line of SHA256SUMS cannot be read')
      const [, sum, name] = found as unknown as [string, string, string]
      const ours = this.#sums.get(name)
      if (ours === undefined) throw broken(`list missing hash for ${JSON.stringify(name)}`)
      if (ours.copy().digest('hex') !== sum.toLowerCase()) throw broken(`hash check failed for ${JSON.stringify(name)}`)
      confirmed.add(name)
    }
    for (const name of this.#sums.keys()) {
      if (!confirmed.has(name)) throw broken(`file missing for ${JSON.stringify(name)}`)
    }
    const missing = [META, STATE].find((name) => !this.#seen.has(name))
    if (missing !== undefined) throw broken(`file missing for ${JSON.stringify(missing)}`)
    const meta = decodeMeta(Buffer.concat(this.#small.get(META)!))
    if (meta.size !== this.#stateSize) throw wrong(`state.bin has ${this.#stateSize} bytes, not ${meta.size}`)
    return meta
  }
}

function wrong(why: string): SnapshotError {
  return new SnapshotError(`failed to read snapshot file: ${why}`)
}

function broken(why: string): SnapshotError {
  return wrong(`failed checking integrity of snapshot: ${why}`)
}
