/**
 * Filters of lists, as `?filter=` and the RPC argument `Filter` name them: compiled once, kept for those who ask again
 * (a blocking query asks again at each change). The language is in parse.ts, what can be selected in fields.ts.
 */
import { ConsulError } from '../../model/errors.ts'
import { compile, FilterError, type Test } from './evaluate.ts'
import type { Fields } from './fields.ts'
import { FilterSyntaxError, parseFilter } from './parse.ts'

export {
  AGENT_SERVICE_FIELDS,
  CHECK_SERVICE_NODE_FIELDS,
  type Field,
  type Fields,
  HEALTH_CHECK_FIELDS,
  INTENTION_FIELDS,
  NODE_FIELDS,
  NODE_INFO_FIELDS,
  NODE_SERVICE_FIELDS,
  SERVICE_NODE_FIELDS,
} from './fields.ts'

/** Filters that are kept for each kind of row; longer ones are compiled anew each time. */
const KEPT_MAX = 128
const KEPT_CHARS_MAX = 4096

const kept = new WeakMap<Fields, Map<string, Test>>()

/**
 * @param expression "" filters nothing
 * @returns undefined when all rows stay
 * @throws ConsulError refused, with Consul's words
 */
export function makeFilter(expression: string | undefined, fields: Fields): ((row: unknown) => boolean) | undefined {
  if (expression === undefined || expression === '') return undefined
  let known = kept.get(fields)
  if (known === undefined) {
    known = new Map()
    kept.set(fields, known)
  }
  const test = known.get(expression) ?? compiled(expression, fields)
  known.delete(expression)
  if (expression.length > KEPT_CHARS_MAX) return test
  if (known.size >= KEPT_MAX) known.delete(known.keys().next().value!)
  known.set(expression, test)
  return test
}

const PREFIX = 'Failed to create boolean expression evaluator: '

function compiled(expression: string, fields: Fields): Test {
  try {
    return compile(parseFilter(expression), fields)
  } catch (error) {
    throw refusal(error, PREFIX)
  }
}

function refusal(error: unknown, prefix: string): unknown {
  if (!(error instanceof FilterSyntaxError) && !(error instanceof FilterError)) return error
  return new ConsulError('refused', prefix + error.message, { cause: error })
}

/**
 * The rows that a filter lets through, whose selectors are looked at only when there is a row: so Consul filters the
 * checks of its own agent (agent/agent_endpoint.go, AgentChecks).
 * @throws ConsulError refused
 */
export function filterLate<Row>(expression: string, fields: Fields, rows: readonly Row[]): readonly Row[] {
  if (expression === '') return rows
  if (rows.length > 0) {
    try {
      const test = compile(parseFilter(expression), fields)
      return rows.filter(test)
    } catch (error) {
      throw refusal(error, error instanceof FilterSyntaxError ? PREFIX : '')
    }
  }
  try {
    parseFilter(expression)
  } catch (error) {
    throw refusal(error, PREFIX)
  }
  return rows
}
