/**
 * What a command of the command line is: how it is used, which flags it has, what it does. The types and the few helpers
 * that every command needs, and nothing that takes time to load: help and the HTTP client are loaded when asked for.
 */
import type { FlagSpec, ParsedFlags } from '../base/go-flags.ts'

/** What a command may touch of the process it runs in. */
export interface Io {
  /** Writes the text, and a newline. */
  out(line: string): void
  /** Writes the bytes as they are. */
  outBytes(bytes: Uint8Array): void
  err(line: string): void
  /** All of standard input. */
  stdin(): Uint8Array
  env: Readonly<Record<string, string | undefined>>
}

/** A flag, with what its help says of the default: as Go prints it, text in quotes. None when the default is empty. */
export interface Flag extends FlagSpec {
  readonly initial?: string
}

export interface Command {
  /** The line after `Usage: `. */
  usage: string
  /** What it does, for `--help`: paragraphs of prose, each a line, an empty line between. Indented lines stay as they are. */
  about: string
  flags: readonly Flag[]
  /**
   * @param argv what follows the command's name
   * @param help prints this command's `--help` on standard error, and is the exit code for that
   * @returns the exit code
   */
  run(io: Io, argv: string[], help: () => Promise<number>): Promise<number>
}

/**
 * A command whose flags are read before it runs. Flags that cannot be read end it with Go's words and exit code 1.
 * Declare the flags `as const`, and the values are typed by them.
 */
export function command<const Flags extends readonly Flag[]>(spec: {
  usage: string
  about: string
  flags: Flags
  /** What Consul says before the error once more, after the list of flags. */
  unparsed?: string
  run(io: Io, flags: ParsedFlags<Flags>['values'], args: string[]): Promise<number>
}): Command {
  return {
    usage: spec.usage,
    about: spec.about,
    flags: spec.flags,
    async run(io, argv) {
      const { parseGoFlags } = await import('../base/go-flags.ts')
      const parsed = parseGoFlags(spec.flags, argv)
      if (parsed.help || parsed.errors.length > 0) {
        const { flagUsage } = await import('./help.ts')
        for (const error of parsed.errors) io.err(error)
        io.err(flagUsage(spec.flags))
        if (spec.unparsed !== undefined) for (const error of parsed.errors) io.err(`${spec.unparsed}: ${error}`)
        return 1
      }
      return spec.run(io, parsed.values, parsed.rest)
    },
  }
}

/** A command that only holds others: it prints its help, on standard error, and fails. */
export function group(usage: string, about: string): Command {
  return { usage, about, flags: [], run: (_io, _argv, help) => help() }
}

/** A command of Consul's that a later version brings: its help is there, and running it says so. */
export function notBuilt(usage: string, about: string, flags: readonly Flag[]): Command {
  // The name is what the usage line says before its first option or argument.
  const name = /^consul((?: [a-z][a-z-]*)+)/.exec(usage)?.[1] ?? ''
  return {
    usage,
    about,
    flags,
    async run(io) {
      io.err(`"consul${name}" is not available in this version of Proconsul.`)
      return 1
    },
  }
}
