/**
 * The log's file before LMDB maps it. LMDB trusts its file: one that was cut short, emptied or is not LMDB's at all
 * would take the whole process down, or pass for a new log. Here such files are found out, or padded so that LMDB can
 * tell. What the pages say is not checked here: entries carry checksums (wire/raft-log.ts).
 */
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DiskError, diskError } from './disk-error.ts'
import { syncFolder, writeFileDurably } from './disk-files.ts'

/** Beside the log, from before its first write on: a log that is gone is then no new one. */
const BEGUN = '.begun'

/** The layout of LMDB's two leading pages, as lmdb-js 3 writes them on 64-bit machines: little-endian. */
const META_BYTES = 160
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de
const PAGE_SIZE_AT = 48
const LAST_PAGE_AT = 144
/** No log grows so long; a number beyond it is damage. */
const FILE_BYTES_MAX = 2 ** 40
const PAGE_SIZES = new Set([4096, 8192, 16384, 32768, 65536])

/**
 * Makes the file if this is a new log, else sees to it that LMDB can be let at it.
 * @throws DiskError
 */
export async function prepareLogFile(path: string): Promise<void> {
  try {
    // For the owner alone: entries hold tokens. LMDB would leave that to the umask.
    const file = await open(path, 'a+', 0o600)
    try {
      const { size } = await file.stat()
      if (size === 0 && (await begun(path))) throw corruptLog(path, 'it is gone or empty')
      if (size > 0) await checkPages(file, size, path)
    } finally {
      await file.close()
    }
    await syncFolder(dirname(path))
  } catch (error) {
    throw diskError(`raft log "${path}"`, error)
  }
}

/** To be called before anything is written to a log. */
export async function markBegun(path: string): Promise<void> {
  if (!(await begun(path))) await writeFileDurably(path + BEGUN, new Uint8Array())
}

export function corruptLog(path: string, what: string, cause?: unknown): DiskError {
  const advice = 'start over on an empty data directory: the other servers, or a saved snapshot, hold the state'
  return new DiskError('corrupt', `raft log "${path}": ${what}; ${advice}`, { cause })
}

async function checkPages(file: FileHandle, size: number, path: string): Promise<void> {
  const first = await readMeta(file, 0)
  const pageSize = first?.pageSize ?? 0
  const second = first === undefined ? undefined : await readMeta(file, pageSize)
  if (first === undefined || second === undefined) throw corruptLog(path, 'its first pages are not those of a log')
  // Pages that were allocated and given up at once are never written, so a file may rightly be a little short.
  const needed = (Math.max(first.lastPage, second.lastPage) + 1) * pageSize
  if (needed > FILE_BYTES_MAX) throw corruptLog(path, 'its first pages are not those of a log')
  if (size < needed) await file.truncate(needed)
}

async function readMeta(file: FileHandle, at: number): Promise<{ pageSize: number; lastPage: number } | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(META_BYTES), 0, META_BYTES, at)
  if (bytesRead < META_BYTES || buffer.readUInt32LE(MAGIC_AT) !== MAGIC) return undefined
  const pageSize = buffer.readUInt32LE(PAGE_SIZE_AT)
  const lastPage = Number(buffer.readBigUInt64LE(LAST_PAGE_AT))
  return PAGE_SIZES.has(pageSize) && Number.isSafeInteger(lastPage * pageSize) ? { pageSize, lastPage } : undefined
}

async function begun(path: string): Promise<boolean> {
  try {
    await (await open(path + BEGUN, 'r')).close()
    return true
  } catch {
    return false
  }
}
