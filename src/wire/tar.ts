/**
 * Just enough of tar for Consul's snapshot archives: plain files behind POSIX ustar headers (IEEE 1003.1, pax). Headers
 * are made here, and archives read, pushed in chunks of any size; nothing is gathered but a header. Links, folders and
 * extended headers are refused: nothing that comes from an archive ever names a place on our disk.
 */
import { Buffer } from 'node:buffer'

const BLOCK = 512
/** Two blocks of zeros, and nothing after them: Consul refuses archives that are filled up further. */
export const TAR_END = new Uint8Array(2 * BLOCK)
const ZEROS = new Uint8Array(BLOCK)

/** Places in a header: offset and length. */
const NAME = [0, 100] as const
const MODE = [100, 8] as const
const UID = [108, 8] as const
const GID = [116, 8] as const
const SIZE = [124, 12] as const
const MTIME = [136, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE_AT = 156
const MAGIC_AT = 257
const PREFIX = [345, 155] as const

/** Eleven octal digits. */
const SIZE_MAX = 8 ** 11 - 1

export class TarError extends Error {
  override name = 'TarError'
}

export interface TarFile {
  /** At most 100 ASCII characters. */
  name: string
  size: number
  mode: number
  /** Seconds since 1970. */
  mtime: number
}

/** @returns the file's header: its content follows, and then `tarPadding` */
export function tarHeader({ name, size, mode, mtime }: TarFile): Uint8Array {
  if (size > SIZE_MAX) throw new TarError(`${name}: ${size} bytes are too many for a tar header`)
  const out = Buffer.alloc(BLOCK)
  out.write(name, NAME[0], NAME[1], 'latin1')
  octal(out, MODE, mode)
  octal(out, UID, 0)
  octal(out, GID, 0)
  octal(out, SIZE, size)
  octal(out, MTIME, mtime)
  out[TYPE_AT] = 0x30
  out.write('ustar\x0000', MAGIC_AT, 'latin1')
  const sum = checksum(out).toString(8).padStart(6, '0')
  out.write(`${sum}\0 `, CHECKSUM[0], 'latin1')
  return out
}

/** What fills up the last block of a file. */
export function tarPadding(size: number): Uint8Array {
  return ZEROS.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK)
}

export type TarPart =
  | { kind: 'file'; name: string; size: number }
  | { kind: 'data'; bytes: Uint8Array }
  | { kind: 'end' }

export class TarReader {
  #header = Buffer.alloc(BLOCK)
  #held = 0
  /** Bytes of the current file, and of its padding, still to come. */
  #left = 0
  #padding = 0
  #zeroBlocks = 0

  /** The input is over. @throws TarError when the archive is not */
  finish(): void {
    if (this.#zeroBlocks < 2) throw new TarError('unexpected EOF')
  }

  /** @throws TarError, after which nothing more can be read */
  *push(chunk: Uint8Array): Generator<TarPart> {
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const bytes = chunk.subarray(at, at + this.#left)
        this.#left -= bytes.length
        at += bytes.length
        yield { kind: 'data', bytes }
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at)
        this.#padding -= skipped
        at += skipped
      } else if (this.#zeroBlocks === 2) {
        throw new TarError('unread uncompressed bytes remain')
      } else {
        const part = chunk.subarray(at, at + BLOCK - this.#held)
        this.#header.set(part, this.#held)
        this.#held += part.length
        at += part.length
        if (this.#held < BLOCK) return
        this.#held = 0
        const file = this.#begin()
        if (file !== undefined) yield file
      }
    }
  }

  #begin(): TarPart | undefined {
    const header = this.#header
    if (header.equals(ZEROS)) {
      this.#zeroBlocks += 1
      return this.#zeroBlocks === 2 ? { kind: 'end' } : undefined
    }
    if (this.#zeroBlocks > 0 || numberAt(header, CHECKSUM) !== checksum(header)) throw invalid()
    const size = numberAt(header, SIZE)
    if (size === undefined) throw invalid()
    const prefix = textAt(header, PREFIX)
    const name = prefix === '' ? textAt(header, NAME) : `${prefix}/${textAt(header, NAME)}`
    const type = header[TYPE_AT]!
    if (type !== 0x30 && type !== 0) throw new TarError(`${JSON.stringify(name)} is no plain file`)
    this.#left = size
    this.#padding = tarPadding(size).length
    return { kind: 'file', name, size }
  }
}

function invalid(): TarError {
  return new TarError('archive/tar: invalid tar header')
}

function octal(out: Buffer, [at, length]: readonly [number, number], value: number): void {
  out.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
}

/** Octal text, as every writer of such small files puts numbers; undefined for anything else. */
function numberAt(header: Buffer, place: readonly [number, number]): number | undefined {
  const text = textAt(header, place).trim()
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined
}

function textAt(header: Buffer, [at, length]: readonly [number, number]): string {
  const field = header.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end < 0 ? length : end)
}

/** The sum of all bytes, with spaces in the checksum's own place. */
function checksum(header: Buffer): number {
  let sum = 0
  for (let i = 0; i < BLOCK; i++) sum += i >= CHECKSUM[0] && i < CHECKSUM[0] + CHECKSUM[1] ? 0x20 : header[i]!
  return sum
}
