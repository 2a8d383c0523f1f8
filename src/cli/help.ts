/**
 * How help looks: the list of commands, the `--help` of one, and the short list of flags that follows a wrong one. The
 * forms are Consul's, because people and scripts look at them; the sentences are the commands' own.
 * Sources of the forms: mitchellh/cli (help.go), Consul's command/flags/usage.go, Go's flag.PrintDefaults.
 */
import { flagValueName } from '../base/go-flags.ts'
import type { Command, Flag } from './command.ts'
import { HTTP_FLAG_NAMES } from './http-flags.ts'

type Synopses = Readonly<Record<string, { synopsis: string }>>

/** Widest line of an explanation, its indentation included. */
const LINE_MAX = 72

/** What `consul` alone prints. */
export function usage(table: Synopses): string {
  const top = Object.keys(table).filter((name) => !name.includes(' '))
  return `Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n${aligned(table, top, '')}\n`
}

/** What `--help` prints of a command. */
export function commandHelp(name: string, command: Command, table: Synopses): string {
  const about = command.about
    .split('\n')
    .map((line) => (line === '' ? '' : /^\s/.test(line) ? `  ${line}` : wrap(line, 2)))
    .join('\n')
  const parts = [`Usage: ${command.usage}`, about]
  const byName = [...command.flags].sort((a, b) => (a.name < b.name ? -1 : 1))
  const http = byName.filter((flag) => HTTP_FLAG_NAMES.has(flag.name) && name !== 'agent')
  const own = byName.filter((flag) => !http.includes(flag))
  if (http.length > 0) parts.push('HTTP API Options', ...http.map(explained))
  if (own.length > 0) parts.push('Command Options', ...own.map(explained))
  const prefix = `${name} `
  const below = Object.keys(table).filter((other) => other.startsWith(prefix) && !other.includes(' ', prefix.length))
  if (below.length > 0) parts.push(`Subcommands:\n${aligned(table, below, prefix)}`)
  return parts.join('\n\n')
}

/** What follows the message about a wrong flag. */
export function flagUsage(flags: readonly Flag[]): string {
  const lines = ['Usage:']
  for (const flag of [...flags].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const value = flagValueName(flag)
    const head = value === '' ? `  -${flag.name}` : `  -${flag.name} ${value}`
    const initial = flag.initial === undefined ? '' : ` (default ${flag.initial})`
    // A head of at most four characters (a boolean of one letter) shares its line.
    const gap = head.length <= 4 ? '\t' : '\n    \t'
    lines.push(`${head}${gap}${flag.help}${initial}`)
  }
  return lines.join('\n')
}

function explained(flag: Flag): string {
  const value = flagValueName(flag)
  return `  -${flag.name}${value === '' ? '' : `=<${value}>`}\n${wrap(flag.help, 5)}`
}

function aligned(table: Synopses, names: string[], prefix: string): string {
  const short = names.map((name) => name.slice(prefix.length))
  const width = Math.max(...short.map((name) => name.length))
  return short
    .sort()
    .map((name) => `    ${name.padEnd(width)}    ${table[prefix + name]!.synopsis}`)
    .join('\n')
}

function wrap(text: string, indent: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent + line.length + 1 + word.length > LINE_MAX) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.map((each) => ' '.repeat(indent) + each).join('\n')
}
