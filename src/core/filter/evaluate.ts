/**
 * From an expression and the fields of a row to a test of rows. It decides which operators a field knows, how a written
 * value becomes the field's own, and what holds for what is not there. Rules and messages are those of
 * hashicorp/go-bexpr 0.1.2 (validate.go, coerce.go, evaluate.go); `FilterError` carries them.
 */
import { quoteGo } from '../../base/go-quote.ts'
import { compileGoRegexp } from '../../base/go-regexp.ts'
import { messageOf } from '../../base/message-of.ts'
import type { Field, Fields } from './fields.ts'
import type { Expression, Match, Operator } from './parse.ts'

export class FilterError extends Error {
  override name = 'FilterError'
}

export type Test = (row: unknown) => boolean

/** @throws FilterError for selectors, operators and values that do not fit the fields */
export function compile(expression: Expression, fields: Fields): Test {
  switch (expression.kind) {
    case 'not': {
      const operand = compile(expression.operand, fields)
      return (row) => !operand(row)
    }
    case 'and': {
      const operands = expression.operands.map((operand) => compile(operand, fields))
      return (row) => operands.every((operand) => operand(row))
    }
    case 'or': {
      const operands = expression.operands.map((operand) => compile(operand, fields))
      return (row) => operands.some((operand) => operand(row))
    }
    case 'match':
      return compileMatch(expression, fields)
  }
}

function compileMatch(match: Match, fields: Fields): Test {
  const { selector, operator } = match
  const path = selected(selector, fields)
  const field = path.at(-1)!
  if (!operatorsOf(field).has(operator)) {
    throw new FilterError(`Invalid match operator ${quoteGo(operator)} for selector ${quoteGo(selector.join('.'))}`)
  }
  return reach({ kind: 'struct', fields }, selector, 0, missing(operator), leafTest(match, field))
}

/** The fields along the selector; elements of lists count for their lists. */
function selected(selector: readonly string[], fields: Fields): Field[] {
  const path: Field[] = []
  let below: Field = { kind: 'struct', fields }
  for (let i = 0; i < selector.length; i++) {
    const next = inside(below, selector[i]!)
    if (next === undefined) {
      throw new FilterError(`Selector ${quoteGo(selector.slice(0, i + 1).join('.'))} is not valid`)
    }
    path.push(next)
    below = next
  }
  return path
}

function inside(field: Field, name: string): Field | undefined {
  switch (field.kind) {
    case 'struct':
      return Object.hasOwn(field.fields, name) ? field.fields[name] : undefined
    case 'map':
      return field.of
    case 'list':
      return inside(field.of, name)
    default:
      return undefined
  }
}

const COMPARED: readonly Operator[] = ['Equal', 'Not Equal']
const CONTAINED: readonly Operator[] = ['In', 'Not In']
const EMPTINESS: readonly Operator[] = ['Is Empty', 'Is Not Empty']
const OPERATORS = {
  text: new Set<Operator>([...COMPARED, ...CONTAINED, 'Matches', 'Not Matches']),
  number: new Set(COMPARED),
  container: new Set([...CONTAINED, ...EMPTINESS]),
  structs: new Set(EMPTINESS),
  none: new Set<Operator>(),
}

function operatorsOf(field: Field): ReadonlySet<Operator> {
  switch (field.kind) {
    case 'text':
      return OPERATORS.text
    case 'int':
    case 'bool':
      return OPERATORS.number
    case 'map':
      return OPERATORS.container
    case 'list':
      return isPrimitive(field.of) ? OPERATORS.container : OPERATORS.structs
    case 'struct':
      return OPERATORS.none
  }
}

function isPrimitive({ kind }: Field): boolean {
  return kind === 'text' || kind === 'int' || kind === 'bool'
}

/** Whether the operator holds for a key that is not in its map. Patterns hold either way, in Consul too. */
function missing(operator: Operator): boolean {
  return operator !== 'Equal' && operator !== 'In' && operator !== 'Is Not Empty'
}

/** Follows the selector down; of a list, any element may do. */
function reach(field: Field, selector: readonly string[], depth: number, absent: boolean, leaf: Test): Test {
  if (depth === selector.length) return leaf
  const name = selector[depth]!
  if (field.kind === 'list') {
    const element = reach(field.of, selector, depth, absent, leaf)
    return (value) => value !== null && value !== undefined && (value as readonly unknown[]).some(element)
  }
  const below = reach(inside(field, name)!, selector, depth + 1, absent, leaf)
  const isMap = field.kind === 'map'
  return (value) => {
    if (value === null || value === undefined) return absent
    const row = value as Record<string, unknown>
    if (isMap && !Object.hasOwn(row, name)) return absent
    return below(row[name])
  }
}

function leafTest(match: Match, field: Field): Test {
  switch (match.operator) {
    case 'Equal':
      return equals(match, field)
    case 'Not Equal':
      return negated(equals(match, field))
    case 'In':
      return contains(match, field)
    case 'Not In':
      return negated(contains(match, field))
    case 'Is Empty':
      return isEmpty
    case 'Is Not Empty':
      return negated(isEmpty)
    case 'Matches':
      return matches(match)
    case 'Not Matches':
      return negated(matches(match))
  }
}

function negated(test: Test): Test {
  return (value) => !test(value)
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value as object) return false
  return true
}

function equals(match: Match, field: Field): Test {
  const wanted = coerced(match, field)
  // Numbers are exact in either form: ports and the like, not flags of keys.
  return typeof wanted === 'bigint' ? (value) => BigInt(value as number) === wanted : (value) => value === wanted
}

function contains(match: Match, field: Field): Test {
  switch (field.kind) {
    case 'map': {
      const key = match.value!
      return (value) => value !== null && value !== undefined && Object.hasOwn(value as object, key)
    }
    case 'list': {
      const test = equals(match, field.of)
      return (value) => value !== null && value !== undefined && (value as readonly unknown[]).some(test)
    }
    default: {
      const part = match.value!
      return (value) => (value as string).includes(part)
    }
  }
}

function matches({ value }: Match): Test {
  try {
    const pattern = compileGoRegexp(value!)
    return (text) => pattern.test(text as string)
  } catch (error) {
    throw new FilterError(`Failed to compile regular expression ${quoteGo(value!)}: ${messageOf(error)}`)
  }
}

/** The written value as the field's own kind. */
function coerced({ value, selector }: Match, field: Field): string | boolean | bigint {
  const raw = value!
  if (field.kind === 'text') return raw
  const [what, result] =
    field.kind === 'bool' ? (['ParseBool', parseBool(raw)] as const) : (['ParseInt', parseInt64(raw)] as const)
  if (typeof result !== 'string') return result
  throw new FilterError(
    `Failed to coerce value ${quoteGo(raw)} for selector ${quoteGo(selector.join('.'))}: strconv.${what}: parsing ${quoteGo(
      raw,
    )}: ${result}`,
  )
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

function parseBool(text: string): boolean | 'invalid syntax' {
  return TRUE.has(text) ? true : FALSE.has(text) ? false : 'invalid syntax'
}

/** Go's ParseInt with base 0: prefixes say the base, underscores may part digits. */
const INTEGER =
  /^([+-]?)(?:(0[xX](?:_?[0-9a-fA-F])+)|(0[bB](?:_?[01])+)|(?:0[oO]?((?:_?[0-7])+))|([1-9](?:_?[0-9])*|0))$/

function parseInt64(text: string): bigint | 'invalid syntax' | 'value out of range' {
  const found = INTEGER.exec(text)
  if (found === null) return 'invalid syntax'
  const [, sign, hex, binary, octal, decimal] = found
  const digits = (hex ?? binary ?? (octal === undefined ? decimal! : `0o${octal}`)).replaceAll('_', '').toLowerCase()
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits)
  return BigInt.asIntN(64, value) === value ? value : 'value out of range'
}
