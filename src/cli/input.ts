/** What commands read besides flags: values given as text, as `@file`, or as `-` for standard input. */
import { readFileSync } from 'node:fs'
import { messageOf } from '../base/message-of.ts'
import { codeOf, wordsOfCode } from '../base/system-words.ts'
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

/** Why a file could not be read, in Go's words: `open /x: no such file or directory`. */
export function openError(error: unknown, path: string): string {
  const code = codeOf(error)
  const why = wordsOfCode(code)
  if (why === undefined) return messageOf(error)
  return `${code === 'EISDIR' ? 'read' : 'open'} ${path}: ${why}`
}
