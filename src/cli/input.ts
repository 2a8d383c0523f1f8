/** What commands read besides flags: values given as text, as `@file`, or as `-` for standard input. */
import { readFileSync } from 'node:fs'
import type { Io } from './command.ts'

/** A file that a command was given cannot be read. */
export class InputError extends Error {
  override name = 'InputError'
}

/** @throws InputError */
export function readArgument(text: string, io: Io): Uint8Array<ArrayBuffer> {
  if (text === '-') return Uint8Array.from(io.stdin())
  if (!text.startsWith('@')) return new TextEncoder().encode(text)
  try {
    return Uint8Array.from(readFileSync(text.slice(1)))
  } catch (error) {
    throw new InputError(`Failed to read file: ${openError(error, text.slice(1))}`, { cause: error })
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
}

/** Why a file could not be read, in Go's words: `open /x: no such file or directory`. */
export function openError(error: unknown, path: string): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  const why = code === undefined ? undefined : REASONS[code]
  if (why === undefined) return error.message
  return `${code === 'EISDIR' ? 'read' : 'open'} ${path}: ${why}`
}
