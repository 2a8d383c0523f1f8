/**
 * Command-line flags as Go's package `flag` reads them, for the agent and for every command: `-x`, `--x`, `-x=v`, `-x v`,
 * booleans only with `=`, `--` ends the flags, and so does the first argument that is none. What a table of flags means,
 * and how help looks, is not decided here. Sources: Go's flag/flag.go, Consul's command/flags and agent/config/flagset.go.
 */
import { quoteGo } from './go-quote.ts'

export { quoteGo }

import { goDurationFault, parseGoDuration } from './go-duration.ts'
import type { Nanos } from './units.ts'

/** What each kind holds once parsed. `strings` and `pairs` gather over repetitions, the others keep the last. */
export interface FlagKinds {
  bool: boolean
  /** Whole, within 2^53; hexadecimal, octal and binary only with `numbers: 'go'`. */
  int: number
  uint64: bigint
  float: number
  duration: Nanos
  string: string
  strings: string[]
  pairs: Record<string, string>
}
export type FlagKind = keyof FlagKinds
export type FlagValue = FlagKinds[FlagKind]

export interface FlagSpec {
  readonly name: string
  readonly kind: FlagKind
  readonly help: string
  /** What help shows after `-name=`, when it is not what Go derives from the kind. */
  readonly valueName?: string
  /**
   * Whose rules numbers and booleans follow: `go` (the default) is Go's own flag types ("parse error"; 0x1f is read),
   * `strconv` is Consul's own flag types (decimal only, and the error that strconv gives).
   */
  readonly numbers?: 'go' | 'strconv'
  /** Of `pairs`: `=` (the default) is required; without `:` the value is empty. */
  readonly separator?: '=' | ':'
  /** Another flag's name: both gather into that one's value, in the order given. */
  readonly as?: string
}

/** Name to value, of the flags that were given. */
export type FlagValues<Table extends readonly FlagSpec[]> = {
  [Spec in Table[number] as Spec extends { as: infer Other extends string }
    ? Other
    : Spec['name']]?: FlagKinds[Spec['kind']]
}

export interface ParsedFlags<Table extends readonly FlagSpec[]> {
  values: FlagValues<Table>
  /** The arguments after the flags. */
  rest: string[]
  /** At most one: parsing stops there, as Go's does. In Go's words, without a final newline. */
  errors: string[]
  /** -h or -help was given and the table has no such flag; parsing stopped there. */
  help: boolean
}

/**
 * Declare the table `as const satisfies readonly FlagSpec[]` and the values are typed by it.
 * @param argv without the command's own name
 */
export function parseGoFlags<const Table extends readonly FlagSpec[]>(
  table: Table,
  argv: readonly string[],
): ParsedFlags<Table> {
  const specs = new Map<string, FlagSpec>(table.map((spec) => [spec.name, spec]))
  const values = new Map<string, FlagValue>()
  const done = (at: number, error?: string, help = false): ParsedFlags<Table> => ({
    values: Object.fromEntries(values) as FlagValues<Table>,
    rest: argv.slice(at),
    errors: error === undefined ? [] : [error],
    help,
  })
  let at = 0
  while (at < argv.length) {
    const word = argv[at]!
    if (word.length < 2 || word[0] !== '-') break
    if (word === '--') return done(at + 1)
    const body = word.slice(word[1] === '-' ? 2 : 1)
    if (body[0] === '-' || body[0] === '=') return done(at, `bad flag syntax: ${word}`)
    at += 1
    const equals = body.indexOf('=')
    const name = equals < 0 ? body : body.slice(0, equals)
    let text = equals < 0 ? undefined : body.slice(equals + 1)
    const spec = specs.get(name)
    if (spec === undefined) {
      if (name === 'help' || name === 'h') return done(at, undefined, true)
      return done(at, `flag provided but not defined: -${name}`)
    }
    if (spec.kind === 'bool') text ??= 'true'
    else if (text === undefined && at < argv.length) text = argv[at++]
    if (text === undefined) return done(at, `flag needs an argument: -${name}`)
    const problem = set(values, spec, text)
    if (problem === undefined) continue
    const what = spec.kind === 'bool' ? `boolean value ${quoteGo(text)} for` : `value ${quoteGo(text)} for flag`
    return done(at, `invalid ${what} -${name}: ${problem}`)
  }
  return done(at)
}

/** The name that help shows for a flag's value, "" for none. Source: UnquoteUsage in Go's flag/flag.go. */
export function flagValueName(spec: FlagSpec): string {
  if (spec.valueName !== undefined) return spec.valueName
  if (spec.kind === 'bool') return ''
  if (spec.numbers === 'strconv') return 'value'
  return {
    int: 'int',
    uint64: 'uint',
    float: 'float',
    duration: 'duration',
    string: 'string',
    strings: 'value',
    pairs: 'value',
  }[spec.kind]
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/** Go's strconv.ParseBool. */
export function parseGoBool(text: string): boolean | undefined {
  return TRUE.has(text) ? true : FALSE.has(text) ? false : undefined
}

/** @returns what is wrong with the text, or undefined when it was taken */
function set(values: Map<string, FlagValue>, spec: FlagSpec, text: string): string | undefined {
  const name = spec.as ?? spec.name
  const old = values.get(name)
  switch (spec.kind) {
    case 'string':
      values.set(name, text)
      return undefined
    case 'strings':
      values.set(name, [...(Array.isArray(old) ? old : []), text])
      return undefined
    case 'pairs': {
      const separator = spec.separator ?? '='
      const split = text.indexOf(separator)
      if (split < 0 && separator === '=') return `Missing "=" value in argument: ${text}`
      const [key, value] = split < 0 ? [text, ''] : [text.slice(0, split), text.slice(split + 1)]
      values.set(name, { ...(typeof old === 'object' && !Array.isArray(old) ? old : {}), [key]: value })
      return undefined
    }
    case 'bool':
      return keep(values, spec, parseGoBool(text), text)
    case 'duration':
      if (spec.numbers === 'strconv' && parseGoDuration(text) === undefined) return goDurationFault(text)
      return keep(values, spec, parseGoDuration(text), text)
    case 'float':
      return keep(values, spec, parseFloatText(text), text)
    case 'int':
    case 'uint64':
      return keepWhole(values, spec, text)
  }
}

function keep(
  values: Map<string, FlagValue>,
  spec: FlagSpec,
  value: FlagValue | undefined,
  text: string,
): string | undefined {
  if (value === undefined) return numberProblem(spec, text, 'parse error')
  values.set(spec.name, value)
  return undefined
}

function keepWhole(values: Map<string, FlagValue>, spec: FlagSpec, text: string): string | undefined {
  const value = parseWhole(text, spec.numbers !== 'strconv')
  if (value === undefined || (spec.kind === 'uint64' && /^[+-]/.test(text))) {
    return numberProblem(spec, text, 'parse error')
  }
  const max = spec.kind === 'int' ? BigInt(Number.MAX_SAFE_INTEGER) : 2n ** 64n - 1n
  if (value > max || value < -max) return numberProblem(spec, text, 'value out of range')
  values.set(spec.name, spec.kind === 'int' ? Number(value) : value)
  return undefined
}

function numberProblem(spec: FlagSpec, text: string, problem: 'parse error' | 'value out of range'): string {
  if (spec.numbers !== 'strconv') return problem
  const reader = { bool: 'ParseBool', int: 'Atoi', uint64: 'ParseUint', float: 'ParseFloat' }[
    spec.kind as 'bool' | 'int' | 'uint64' | 'float'
  ]
  return `strconv.${reader}: parsing ${quoteGo(text)}: ${problem === 'parse error' ? 'invalid syntax' : problem}`
}

const DECIMAL = /^[+-]?\d+$/
/** Go's base 0: a prefix chooses the base, a leading 0 is octal, underscores may stand between digits. */
const ANY_BASE = /^[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?\d)*)$/

function parseWhole(text: string, anyBase: boolean): bigint | undefined {
  if (!(anyBase ? ANY_BASE : DECIMAL).test(text)) return undefined
  const negative = text.startsWith('-')
  let digits = text.replace(/^[+-]/, '')
  if (anyBase) digits = digits.replaceAll('_', '').replace(/^0(?=\d)/, '0o')
  const value = BigInt(digits)
  return negative ? -value : value
}

function parseFloatText(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined
  return Number(text)
}
