/**
 * The language of `?filter=` as a tree: `==`, `!=`, `in`, `contains`, `matches`, `is empty` and their negations over
 * selectors, joined by `and`, `or`, `not` and parentheses. What fields there are is not known here (fields.ts).
 *
 * The grammar is that of hashicorp/go-bexpr 0.1.2, whose parser is generated from a parsing expression grammar (Ford,
 * "Parsing Expression Grammars", 2004): alternatives are tried in order, and when all fail, the message names what would
 * have been accepted at the farthest place that was reached. Clients see these messages, so the rules below keep the
 * grammar's order and its names. Unlike the generated parser, this one parses no group twice: there, the time doubles
 * with every parenthesis.
 */
import { unquoteGo } from '../../base/go-quote.ts'
import { Reader } from './reader.ts'

export type Operator = 'Equal' | 'Not Equal' | 'In' | 'Not In' | 'Is Empty' | 'Is Not Empty' | 'Matches' | 'Not Matches'

export interface Match {
  kind: 'match'
  selector: string[]
  operator: Operator
  /** As written, unquoted; absent for the operators about emptiness. */
  value?: string
}

export type Expression =
  | Match
  | { kind: 'not'; operand: Expression }
  /** At least two, evaluated in order, no further than needed. */
  | { kind: 'and' | 'or'; operands: Expression[] }

export class FilterSyntaxError extends Error {
  override name = 'FilterSyntaxError'
}

/** Parsing is linear, and this much is read in some milliseconds. Real filters are a hundredth of it. */
const FILTER_CHARS_MAX = 64 << 10
/** Nested parentheses. */
const DEPTH_MAX = 200

/** @throws FilterSyntaxError */
export function parseFilter(text: string): Expression {
  if (text.length > FILTER_CHARS_MAX) {
    throw new FilterSyntaxError(`the expression is longer than ${FILTER_CHARS_MAX} characters`)
  }
  return new Parser(text).input()
}

type Known = { node: Expression; end: number } | undefined

class Parser {
  readonly #read: Reader
  /** What begins at a place, by that place. */
  readonly #groups = new Map<number, Known>()
  #depth = 0

  constructor(text: string) {
    this.#read = new Reader(text)
  }

  input(): Expression {
    const found = this.#read.rule('Input', () => {
      const start = this.#read.at
      this.#optionalSpace()
      if (this.#read.literal('(')) {
        this.#optionalSpace()
        const inner = this.#or()
        if (inner !== undefined) {
          this.#optionalSpace()
          if (this.#read.literal(')')) {
            this.#optionalSpace()
            if (this.#read.end()) return inner
          }
        }
      }
      this.#read.at = start
      this.#optionalSpace()
      const whole = this.#or()
      if (whole === undefined) return undefined
      this.#optionalSpace()
      return this.#read.end() ? whole : undefined
    })
    const mistakes = this.#read.mistakes(found !== undefined)
    if (mistakes.length > 0) throw new FilterSyntaxError(mistakes.join('\n'))
    return found!
  }

  #or(): Expression | undefined {
    const start = this.#read.at
    if (this.#groups.has(start)) {
      const known = this.#groups.get(start)
      if (known !== undefined) this.#read.at = known.end
      return known?.node
    }
    const node = this.#read.rule('OrExpression', () => this.#chain('or', () => this.#and()))
    this.#groups.set(start, node && { node, end: this.#read.at })
    return node
  }

  #and(): Expression | undefined {
    return this.#read.rule('AndExpression', () => this.#chain('and', () => this.#not()))
  }

  #chain(kind: 'and' | 'or', operand: () => Expression | undefined): Expression | undefined {
    const first = operand()
    if (first === undefined) return undefined
    const operands = [first]
    for (;;) {
      const before = this.#read.at
      const next = this.#space() && this.#read.literal(kind) && this.#space() ? operand() : undefined
      if (next === undefined) {
        this.#read.at = before
        return operands.length === 1 ? first : { kind, operands }
      }
      operands.push(next)
    }
  }

  /** `not` may be a selector too: when nothing to negate follows, the last one is taken for that. */
  #not(): Expression | undefined {
    return this.#read.rule('NotExpression', () => {
      const starts: number[] = []
      for (;;) {
        const start = this.#read.at
        if (!(this.#read.literal('not') && this.#space())) {
          this.#read.at = start
          break
        }
        starts.push(start)
      }
      for (;;) {
        const node = this.#grouping()
        if (node !== undefined) return starts.length % 2 === 1 ? { kind: 'not', operand: node } : node
        const start = starts.pop()
        if (start === undefined) return undefined
        this.#read.at = start
      }
    })
  }

  #grouping(): Expression | undefined {
    return this.#read.rule('"grouping"', () => {
      const start = this.#read.at
      const opened = this.#open()
      if (opened !== undefined) {
        this.#optionalSpace()
        if (this.#read.literal(')')) return opened
      }
      this.#read.at = start
      const match = this.#match()
      if (match !== undefined) return match
      if (this.#open() !== undefined) {
        this.#optionalSpace()
        if (this.#read.notAhead(() => this.#read.literal(')'))) this.#read.fault('Unmatched parentheses')
      }
      this.#read.at = start
      return undefined
    })
  }

  #open(): Expression | undefined {
    if (!this.#read.literal('(')) return undefined
    if (++this.#depth > DEPTH_MAX) throw new FilterSyntaxError(`more than ${DEPTH_MAX} parentheses within each other`)
    this.#optionalSpace()
    const inner = this.#or()
    this.#depth -= 1
    return inner
  }

  #match(): Match | undefined {
    return this.#read.rule('"match"', () => {
      const start = this.#read.at
      for (const form of [this.#selectorOpValue, this.#selectorOp, this.#valueOpSelector]) {
        const found = this.#read.rule('"match"', () => form.call(this))
        if (found !== undefined) return found
        this.#read.at = start
      }
      return undefined
    })
  }

  #selectorOpValue(): Match | undefined {
    const selector = this.#selector()
    const operator = selector && this.#operator(WITH_VALUE)
    const value = operator && this.#value()
    return selector && operator && value !== undefined ? { kind: 'match', selector, operator, value } : undefined
  }

  #selectorOp(): Match | undefined {
    const selector = this.#selector()
    const operator = selector && this.#operator(WITHOUT_VALUE)
    return selector && operator ? { kind: 'match', selector, operator } : undefined
  }

  #valueOpSelector(): Match | undefined {
    const value = this.#value()
    const operator = value === undefined ? undefined : this.#operator(AFTER_VALUE)
    if (value === undefined || operator === undefined) return undefined
    const before = this.#read.at
    const selector = this.#selector()
    if (selector !== undefined) return { kind: 'match', selector, operator, value }
    this.#read.at = before
    if (this.#read.notAhead(() => this.#selector() !== undefined)) this.#read.fault('Invalid selector')
    return undefined
  }

  /** The first of them that stands here. */
  #operator(forms: readonly OperatorForm[]): Operator | undefined {
    const start = this.#read.at
    for (const { rule, operator, words } of forms) {
      if (this.#read.rule(rule, () => this.#words(words))) return operator
      this.#read.at = start
    }
    return undefined
  }

  #words(words: readonly string[]): boolean {
    for (const word of words) {
      if (word === ' ') {
        if (!this.#space()) return false
      } else if (word === '?') this.#optionalSpace()
      else if (!this.#read.literal(word)) return false
    }
    return true
  }

  #selector(): string[] | undefined {
    return this.#read.rule('"selector"', () => {
      const first = this.#identifier()
      if (first === undefined) return undefined
      const selector = [first]
      for (let next = this.#part(); next !== undefined; next = this.#part()) selector.push(next)
      return selector
    })
  }

  #identifier(): string | undefined {
    return this.#read.rule('Identifier', () => {
      const start = this.#read.at
      if (!this.#read.oneOf('[a-zA-Z]', LETTER)) return undefined
      while (this.#read.oneOf('[a-zA-Z0-9_]', WORD));
      return this.#read.text(start)
    })
  }

  #part(): string | undefined {
    return this.#read.rule('SelectorOrIndex', () => {
      const start = this.#read.at
      if (this.#read.literal('.')) {
        const name = this.#identifier()
        if (name !== undefined) return name
      }
      this.#read.at = start
      return this.#read.rule('"index"', () => this.#index())
    })
  }

  #index(): string | undefined {
    const start = this.#read.at
    if (this.#read.literal('[')) {
      this.#optionalSpace()
      const key = this.#string()
      if (key !== undefined) {
        this.#optionalSpace()
        if (this.#read.literal(']')) return key
      }
    }
    this.#read.at = start
    if (this.#read.literal('[')) {
      this.#optionalSpace()
      if (this.#read.notAhead(() => this.#string() !== undefined)) this.#read.fault('Invalid index')
    }
    this.#read.at = start
    if (this.#read.literal('[')) {
      this.#optionalSpace()
      if (this.#string() !== undefined) {
        this.#optionalSpace()
        if (this.#read.notAhead(() => this.#read.literal(']'))) this.#read.fault('Unclosed index expression')
      }
    }
    this.#read.at = start
    return undefined
  }

  #value(): string | undefined {
    return this.#read.rule('"value"', () => this.#selector()?.join('.') ?? this.#number() ?? this.#string())
  }

  #number(): string | undefined {
    return this.#read.rule('"number"', () => {
      const start = this.#read.at
      this.#read.literal('-')
      const afterNumber = () =>
        this.#read.rule('AfterNumbers', () =>
          this.#read.ahead(() => this.#space() || this.#read.end() || this.#read.literal(')')),
        )
      if (this.#integerOrFloat() && this.#read.ahead(afterNumber)) return this.#read.text(start)
      this.#read.at = start
      this.#read.literal('-')
      if (this.#integerOrFloat() && this.#read.notAhead(afterNumber)) this.#read.fault('Invalid number literal')
      this.#read.at = start
      return undefined
    })
  }

  #integerOrFloat(): boolean {
    return this.#read.rule('IntegerOrFloat', () => {
      if (!this.#read.literal('0')) {
        if (!this.#read.oneOf('[1-9]', /[1-9]/)) return false
        while (this.#read.oneOf('[0-9]', DIGIT));
      }
      const point = this.#read.at
      if (this.#read.literal('.') && this.#read.oneOf('[0-9]', DIGIT)) while (this.#read.oneOf('[0-9]', DIGIT));
      else this.#read.at = point
      return true
    })
  }

  #string(): string | undefined {
    return this.#read.rule('"string"', () => {
      const start = this.#read.at
      for (const quote of QUOTES) {
        if (this.#opened(quote) && this.#read.literal(quote)) {
          const text = unquoteGo(this.#read.text(start))
          // A mistake in the text is told, and parsing goes on as if it were empty.
          if (text === undefined) this.#read.fault('invalid syntax', start)
          return text ?? ''
        }
        this.#read.at = start
      }
      if (QUOTES.some((quote) => this.#opened(quote)) && this.#read.end())
        this.#read.fault('Unterminated string literal')
      this.#read.at = start
      return undefined
    })
  }

  /** A quotation mark and all that follows up to the next one. */
  #opened(quote: string): boolean {
    if (!this.#read.literal(quote)) return false
    const rule = quote === '`' ? 'RawStringChar' : 'DoubleStringChar'
    const inside = () => this.#read.notAhead(() => this.#read.literal(quote)) && this.#read.any()
    while (this.#read.rule(rule, inside));
    return true
  }

  // What the grammar is made of.

  #space(): boolean {
    return this.#read.rule('"whitespace"', () => {
      if (!this.#read.oneOf('[ \\t\\r\\n]', SPACE)) return false
      while (this.#read.oneOf('[ \\t\\r\\n]', SPACE));
      return true
    })
  }

  #optionalSpace(): void {
    this.#space()
  }
}

const LETTER = /^[a-zA-Z]$/
const WORD = /^[a-zA-Z0-9_]$/
const DIGIT = /^[0-9]$/
const SPACE = /^[ \t\r\n]$/
const QUOTES = ['`', '"']

interface OperatorForm {
  rule: string
  operator: Operator
  /** A blank is white space that must be there, a question mark such that may. */
  words: readonly string[]
}

const WITH_VALUE: readonly OperatorForm[] = [
  { rule: 'MatchEqual', operator: 'Equal', words: ['?', '==', '?'] },
  { rule: 'MatchNotEqual', operator: 'Not Equal', words: ['?', '!=', '?'] },
  { rule: 'MatchContains', operator: 'In', words: [' ', 'contains', ' '] },
  { rule: 'MatchNotContains', operator: 'Not In', words: [' ', 'not', ' ', 'contains', ' '] },
  { rule: 'MatchMatches', operator: 'Matches', words: [' ', 'matches', ' '] },
  { rule: 'MatchNotMatches', operator: 'Not Matches', words: [' ', 'not', ' ', 'matches', ' '] },
]
const WITHOUT_VALUE: readonly OperatorForm[] = [
  { rule: 'MatchIsEmpty', operator: 'Is Empty', words: [' ', 'is', ' ', 'empty'] },
  { rule: 'MatchIsNotEmpty', operator: 'Is Not Empty', words: [' ', 'is', ' ', 'not', ' ', 'empty'] },
]
const AFTER_VALUE: readonly OperatorForm[] = [
  { rule: 'MatchIn', operator: 'In', words: [' ', 'in', ' '] },
  { rule: 'MatchNotIn', operator: 'Not In', words: [' ', 'not', ' ', 'in', ' '] },
]
