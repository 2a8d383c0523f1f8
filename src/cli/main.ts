/**
 * The command `consul`: finds the command that the arguments name, shows help and version, runs the command, and gives its
 * exit code to the process. It knows no command itself (table.ts), and loads only the one it runs, for the sake of
 * starting fast.
 *
 * How arguments are taken apart, and what goes to which stream with which exit code, is as in Consul (its main.go over
 * mitchellh/cli): the longest known name wins, a help flag anywhere before `--` asks for help, 127 for an unknown command.
 */
import type { Command, Io } from './command.ts'
import { TABLE } from './table.ts'

// An `import` of a builtin module makes all that it exports; of node:fs that is a tenth of what `consul version` takes.
const { readFileSync, realpathSync, writeSync } = process.getBuiltinModule('node:fs')

const HELP = new Set(['-h', '-help', '--help'])
const VERSION = new Set(['-v', '-version', '--version'])
const NOT_FOUND = 127

export interface Invocation {
  /** Full name of the command, or "" when none was named. It may be unknown. */
  name: string
  argv: string[]
  help: boolean
  version: boolean
  /** A flag stood before the command. */
  flagsFirst: boolean
}

/** @param argv without the program's own name */
export function takeApart(argv: readonly string[]): Invocation {
  const found: Invocation = { name: '', argv: [], help: false, version: false, flagsFirst: false }
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    if (word === '--') break
    if (HELP.has(word)) found.help = true
    else if (found.name !== '' || word === '') continue
    else if (VERSION.has(word)) found.version = true
    else if (word.startsWith('-')) found.flagsFirst = true
    else if (word.includes(' ')) break
    else {
      found.name = longestName(argv.slice(at))
      at += found.name.split(' ').length - 1
      found.argv = argv.slice(at + 1)
    }
  }
  return found
}

/** The longest command that the first words name; when they name none, the first word. */
function longestName(words: string[]): string {
  const end = words.findIndex((word) => word.startsWith('-') || word.includes(' ') || word === '')
  const names = end < 0 ? words : words.slice(0, end)
  for (let count = names.length; count > 0; count--) {
    const name = names.slice(0, count).join(' ')
    if (TABLE[name] !== undefined) return name
  }
  return words[0]!
}

/** @returns the exit code */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const asked = takeApart(argv)
  if (asked.version) return (await load('version')).run(io, [], async () => 1)
  const entry = Object.hasOwn(TABLE, asked.name)
  if (!entry) {
    const { usage } = await import('./help.ts')
    const known = asked.help && asked.name === ''
    const print = known ? io.out : io.err
    print(usage(TABLE))
    return known ? 0 : NOT_FOUND
  }
  const command = await load(asked.name)
  const help = async () => (await import('./help.ts')).commandHelp(asked.name, command, TABLE)
  if (asked.help) {
    io.out(await help())
    return 0
  }
  if (asked.flagsFirst) {
    io.err(
      'Invalid flags before the subcommand. If these flags are for\nthe subcommand, please put them after the subcommand.\n',
    )
    io.err(await help())
    return 1
  }
  return command.run(io, asked.argv, async () => {
    io.err(await help())
    return 1
  })
}

async function load(name: string): Promise<Command> {
  return (await TABLE[name]!.module()).commands[name]!
}

/** Standard output and error, written at once and in order: neither is a stream that would have to be awaited. */
function processIo(): Io {
  return {
    out: (line) => writeAll(1, Buffer.from(`${line}\n`)),
    outBytes: (bytes) => writeAll(1, bytes),
    err: (line) => writeAll(2, Buffer.from(`${line}\n`)),
    stdin: () => readFileSync(0),
    env: process.env,
  }
}

/** How long to pause when a reader does not keep up and its pipe does not block. */
const FULL_PIPE_PAUSE_MS = 1

/** When the reader has gone (or there never was one), nobody is left to tell: what it did not want is dropped. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'EPIPE' || code === 'EBADF') return
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS)
    }
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  // bin/consul turns the cache of compiled code on for this process; it is not meant for processes that this one starts.
  if (process.env.PROCONSUL_COMPILE_CACHE !== undefined) {
    delete process.env.PROCONSUL_COMPILE_CACHE
    delete process.env.NODE_COMPILE_CACHE
  }
  // All output is written by now. What a command left open (a connection, a reader of standard input) must not keep the
  // process alive.
  void main(process.argv.slice(2), processIo()).then((code) => process.exit(code))
}
