/**
 * One agent to a data directory. The lock is the kernel's, so that it goes with its process however that ends, also
 * across containers that share a volume but not their process numbers. Node has no call for file locks, but its SQLite
 * takes exactly such a lock when an exclusive transaction begins: we begin one on an empty file and write nothing.
 * Nobody else may open that file in this process: closing it again would end the lock (fcntl(2), POSIX).
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiskError, diskError } from './disk-error.ts'
import { UNFINISHED } from './disk-files.ts'

const LOCK_FILE = 'proconsul.lock'
/** Who holds the lock, for people; it decides nothing. */
const HOLDER_FILE = 'proconsul.pid'
const SQLITE_BUSY = 5

export interface DirectoryLock {
  release(): void
}

/** @throws DiskError `in-use` when another agent holds the directory */
export async function lockDirectory(folder: string): Promise<DirectoryLock> {
  const what = `data directory "${folder}"`
  const { DatabaseSync } = await sqlite(what)
  const holder = join(folder, HOLDER_FILE)
  let lock: InstanceType<typeof DatabaseSync> | undefined
  try {
    lock = new DatabaseSync(join(folder, LOCK_FILE))
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    lock?.close()
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw diskError(what, await reason(folder, error))
    const pid = await readFile(holder, 'utf8').catch(() => '')
    const who = /^\d+$/.test(pid.trim()) ? ` by process ${pid.trim()}` : ''
    throw new DiskError('in-use', `${what} is in use${who}`, { cause: error })
  }
  const held = lock
  await writeFile(holder, `${process.pid}\n`, { mode: 0o644 }).catch(() => {})
  return { release: () => held.close() }
}

/** Programs that embed an agent bring their own Node.js, and older ones have no SQLite. */
async function sqlite(what: string): Promise<typeof import('node:sqlite')> {
  try {
    return await import('node:sqlite')
  } catch (error) {
    const message = `${what}: state on disk needs Node.js 22.13 or newer, and this is ${process.version}`
    throw new DiskError('io', message, { cause: error })
  }
}

/** SQLite only says that it could not open its file; making another tells why. */
async function reason(folder: string, error: unknown): Promise<unknown> {
  const probe = join(folder, `proconsul.probe${UNFINISHED}`)
  try {
    await writeFile(probe, '')
    await rm(probe, { force: true })
    return error
  } catch (why) {
    return why
  }
}
