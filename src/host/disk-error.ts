/** What a data directory or a disk refuses, told apart for callers and said in words for the operator. */
import { messageOf } from '../base/message-of.ts'

export type DiskFault =
  /** Another process, or another agent in this one, holds the directory. */
  | 'in-use'
  /** The path is not a directory. */
  | 'not-a-directory'
  /** This user may not read or write it. */
  | 'permission'
  /** The directory belongs to another program, or to a later Proconsul. */
  | 'foreign'
  /** What is stored is not what was written. */
  | 'corrupt'
  | 'full'
  /** Anything else that the operating system refuses. */
  | 'io'
  /** A log write that does not follow what is on disk, because a write before it failed. */
  | 'out-of-order'
  | 'closed'

export class DiskError extends Error {
  override name = 'DiskError'
  readonly fault: DiskFault
  constructor(fault: DiskFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

const FAULTS: Record<string, [DiskFault, string]> = {
  EACCES: ['permission', 'permission denied'],
  EPERM: ['permission', 'permission denied'],
  EROFS: ['permission', 'the file system is read-only'],
  ENOTDIR: ['not-a-directory', 'it, or a folder on the way to it, is a file'],
  EEXIST: ['not-a-directory', 'it is a file'],
  ENOSPC: ['full', 'no space left on the disk'],
  EDQUOT: ['full', 'the disk quota is used up'],
}

/** @param what names the file or directory, as a sentence's beginning */
export function diskError(what: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const code = (error as { code?: unknown } | null)?.code
  const [fault, why] = (typeof code === 'string' ? FAULTS[code] : undefined) ?? ['io', messageOf(error)]
  return new DiskError(fault, `${what}: ${why}`, { cause: error })
}

export function hasCode(error: unknown, code: string): boolean {
  return (error as { code?: unknown } | null)?.code === code
}
