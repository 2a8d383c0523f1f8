/**
 * The agent's log in files of its own: a new one at each start, after so many bytes, and after so long, each named after
 * the moment it was begun; old ones go. A file that cannot be written never ends the agent.
 * Source: Consul's logging/logfile.go.
 */
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { openError } from './input.ts'

export interface LogFileOptions {
  /** With a final slash, a folder. */
  path: string
  /** 0: whatever the size. */
  rotateBytes: number
  /** 0: a day. */
  rotateMs: number
  /** Old files that are kept: 0 for all, below 0 for none. */
  maxFiles: number
  /** Wall time in milliseconds, with fractions. */
  clock(): number
}

export interface LogFile {
  write(line: string): void
  close(): void
}

const DAY_MS = 86_400_000
const DEFAULT_NAME = 'consul.log'
const MODE = 0o640

/** @throws Error when the first file cannot be opened */
export function openLogFile(options: LogFileOptions): LogFile {
  const { path, rotateBytes, maxFiles, clock } = options
  const folder = path.endsWith('/') ? path : dirname(path)
  const name = path.endsWith('/') ? DEFAULT_NAME : basename(path)
  const ending = extname(name) || '.log'
  const stem = name.endsWith(ending) ? name.slice(0, -ending.length) : name
  const rotateMs = options.rotateMs || DAY_MS
  let file = begin()

  function begin(): { fd: number; since: number; bytes: number } {
    const since = clock()
    const nanos = BigInt(Math.round(since * 1000)) * 1000n
    const full = join(folder, `${stem}-${nanos}${ending}`)
    try {
      return { fd: openSync(full, 'w', MODE), since, bytes: 0 }
    } catch (error) {
      throw new Error(`Failed to setup logging: ${openError(error, full)}`, { cause: error })
    }
  }

  /** The names are as long as one another, so their order is that of their times. */
  function prune(): void {
    if (maxFiles === 0) return
    const old = readdirSync(folder)
      .filter((one) => one.startsWith(`${stem}-`) && one.endsWith(ending))
      .sort()
    const stale = maxFiles < 0 ? old.length : old.length - maxFiles
    for (const one of old.slice(0, Math.max(0, stale))) rmSync(join(folder, one), { force: true })
  }

  return {
    write(line) {
      const bytes = Buffer.from(`${line}\n`)
      const full = rotateBytes > 0 && file.bytes >= rotateBytes
      try {
        if (full || clock() - file.since >= rotateMs) {
          prune()
          const { fd } = file
          file = begin()
          closeSync(fd)
        }
        writeSync(file.fd, bytes)
        file.bytes += bytes.length
      } catch {
        // The disk may be full, or the folder gone: the log on standard output goes on.
      }
    },
    close() {
      closeSync(file.fd)
    },
  }
}
