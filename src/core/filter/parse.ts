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
import { bytesFromText } from '../../base/text.ts'

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
  readonly #runes: string[]
  #at = 0
  /** Within a look-ahead for what must not be there. */
  #inverted = false
  #farthest = 0
  #expected = new Set<string>()
  readonly #errors = new Set<string>()
  readonly #rules: string[] = []
  /** What begins at a place, by that place. */
  readonly #groups = new Map<number, Known>()
  #depth = 0

  constructor(text: string) {
    this.#runes = Array.from(text)
    this.#look()
  }

  input(): Expression {
    const found = this.#rule('Input', () => {
      const start = this.#at
      this.#optionalSpace()
      if (this.#literal('(')) {
        this.#optionalSpace()
        const inner = this.#or()
        if (inner !== undefined) {
          this.#optionalSpace()
          if (this.#literal(')')) {
            this.#optionalSpace()
            if (this.#end()) return inner
          }
        }
      }
      this.#at = start
      this.#optionalSpace()
      const whole = this.#or()
      if (whole === undefined) return undefined
      this.#optionalSpace()
      return this.#end() ? whole : undefined
    })
    if (found === undefined && this.#errors.size === 0) {
      this.#fault(`no match found, expected: ${this.#wanted()}`, this.#farthest)
    }
    if (this.#errors.size > 0) throw new FilterSyntaxError([...this.#errors].join('\n'))
    return found!
  }

  #wanted(): string {
    const wanted = [...this.#expected].filter((want) => want !== '!.').sort((a, b) => (a < b ? -1 : 1))
    if (this.#expected.has('!.')) wanted.push('EOF')
    const last = wanted.pop() ?? ''
    return wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`
  }

  #or(): Expression | undefined {
    const start = this.#at
    if (this.#groups.has(start)) {
      const known = this.#groups.get(start)
      if (known !== undefined) this.#at = known.end
      return known?.node
    }
    const node = this.#rule('OrExpression', () => this.#chain('or', () => this.#and()))
    this.#groups.set(start, node && { node, end: this.#at })
    return node
  }

  #and(): Expression | undefined {
    return this.#rule('AndExpression', () => this.#chain('and', () => this.#not()))
  }

  #chain(kind: 'and' | 'or', operand: () => Expression | undefined): Expression | undefined {
    const first = operand()
    if (first === undefined) return undefined
    const operands = [first]
    for (;;) {
      const before = this.#at
      const next = this.#space() && this.#literal(kind) && this.#space() ? operand() : undefined
      if (next === undefined) {
        this.#at = before
        return operands.length === 1 ? first : { kind, operands }
      }
      operands.push(next)
    }
  }

  /** `not` may be a selector too: when nothing to negate follows, the last one is taken for that. */
  #not(): Expression | undefined {
    return this.#rule('NotExpression', () => {
      const starts: number[] = []
      for (;;) {
        const start = this.#at
        if (!(this.#literal('not') && this.#space())) {
          this.#at = start
          break
        }
        starts.push(start)
      }
      for (;;) {
        const node = this.#grouping()
        if (node !== undefined) return starts.length % 2 === 1 ? { kind: 'not', operand: node } : node
        const start = starts.pop()
        if (start === undefined) return undefined
        this.#at = start
      }
    })
  }

  #grouping(): Expression | undefined {
    return this.#rule('"grouping"', () => {
      const start = this.#at
      const opened = this.#open()
      if (opened !== undefined) {
        this.#optionalSpace()
        if (this.#literal(')')) return opened
      }
      this.#at = start
      const match = this.#match()
      if (match !== undefined) return match
      if (this.#open() !== undefined) {
        this.#optionalSpace()
        if (this.#not_(() => this.#literal(')'))) this.#fault('Unmatched parentheses')
      }
      this.#at = start
      return undefined
    })
  }

  #open(): Expression | undefined {
    if (!this.#literal('(')) return undefined
    if (++this.#depth > DEPTH_MAX) throw new FilterSyntaxError(`more than ${DEPTH_MAX} parentheses within each other`)
    this.#optionalSpace()
    const inner = this.#or()
    this.#depth -= 1
    return inner
  }

  #match(): Match | undefined {
    return this.#rule('"match"', () => {
      const start = this.#at
      for (const form of [this.#selectorOpValue, this.#selectorOp, this.#valueOpSelector]) {
        const found = this.#rule('"match"', () => form.call(this))
        if (found !== undefined) return found
        this.#at = start
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
    const before = this.#at
    const selector = this.#selector()
    if (selector !== undefined) return { kind: 'match', selector, operator, value }
    this.#at = before
    if (this.#not_(() => this.#selector() !== undefined)) this.#fault('Invalid selector')
    return undefined
  }

  /** The first of them that stands here. */
  #operator(forms: readonly OperatorForm[]): Operator | undefined {
    const start = this.#at
    for (const { rule, operator, words } of forms) {
      if (this.#rule(rule, () => this.#words(words))) return operator
      this.#at = start
    }
    return undefined
  }

  #words(words: readonly string[]): boolean {
    for (const word of words) {
      if (word === ' ') {
        if (!this.#space()) return false
      } else if (word === '?') this.#optionalSpace()
      else if (!this.#literal(word)) return false
    }
    return true
  }

  #selector(): string[] | undefined {
    return this.#rule('"selector"', () => {
      const first = this.#identifier()
      if (first === undefined) return undefined
      const selector = [first]
      for (let next = this.#part(); next !== undefined; next = this.#part()) selector.push(next)
      return selector
    })
  }

  #identifier(): string | undefined {
    return this.#rule('Identifier', () => {
      const start = this.#at
      if (!this.#class('[a-zA-Z]', LETTER)) return undefined
      while (this.#class('[a-zA-Z0-9_]', WORD));
      return this.#text(start)
    })
  }

  #part(): string | undefined {
    return this.#rule('SelectorOrIndex', () => {
      const start = this.#at
      if (this.#literal('.')) {
        const name = this.#identifier()
        if (name !== undefined) return name
      }
      this.#at = start
      return this.#rule('"index"', () => this.#index())
    })
  }

  #index(): string | undefined {
    const start = this.#at
    if (this.#literal('[')) {
      this.#optionalSpace()
      const key = this.#string()
      if (key !== undefined) {
        this.#optionalSpace()
        if (this.#literal(']')) return key
      }
    }
    this.#at = start
    if (this.#literal('[')) {
      this.#optionalSpace()
      if (this.#not_(() => this.#string() !== undefined)) this.#fault('Invalid index')
    }
    this.#at = start
    if (this.#literal('[')) {
      this.#optionalSpace()
      if (this.#string() !== undefined) {
        this.#optionalSpace()
        if (this.#not_(() => this.#literal(']'))) this.#fault('Unclosed index expression')
      }
    }
    this.#at = start
    return undefined
  }

  #value(): string | undefined {
    return this.#rule('"value"', () => this.#selector()?.join('.') ?? this.#number() ?? this.#string())
  }

  #number(): string | undefined {
    return this.#rule('"number"', () => {
      const start = this.#at
      this.#literal('-')
      const afterNumber = () =>
        this.#rule('AfterNumbers', () => this.#ahead(() => this.#space() || this.#end() || this.#literal(')')))
      if (this.#integerOrFloat() && this.#ahead(afterNumber)) return this.#text(start)
      this.#at = start
      this.#literal('-')
      if (this.#integerOrFloat() && this.#not_(afterNumber)) this.#fault('Invalid number literal')
      this.#at = start
      return undefined
    })
  }

  #integerOrFloat(): boolean {
    return this.#rule('IntegerOrFloat', () => {
      if (!this.#literal('0')) {
        if (!this.#class('[1-9]', /[1-9]/)) return false
        while (this.#class('[0-9]', DIGIT));
      }
      const point = this.#at
      if (this.#literal('.') && this.#class('[0-9]', DIGIT)) while (this.#class('[0-9]', DIGIT));
      else this.#at = point
      return true
    })
  }

  #string(): string | undefined {
    return this.#rule('"string"', () => {
      const start = this.#at
      for (const quote of QUOTES) {
        if (this.#opened(quote) && this.#literal(quote)) {
          const text = unquoteGo(this.#text(start))
          // A mistake in the text is told, and parsing goes on as if it were empty.
          if (text === undefined) this.#fault('invalid syntax', start)
          return text ?? ''
        }
        this.#at = start
      }
      if (QUOTES.some((quote) => this.#opened(quote)) && this.#end()) this.#fault('Unterminated string literal')
      this.#at = start
      return undefined
    })
  }

  /** A quotation mark and all that follows up to the next one. */
  #opened(quote: string): boolean {
    if (!this.#literal(quote)) return false
    const rule = quote === '`' ? 'RawStringChar' : 'DoubleStringChar'
    const inside = () => this.#not_(() => this.#literal(quote)) && this.#any()
    while (this.#rule(rule, inside));
    return true
  }

  // What the grammar is made of.

  #rule<T>(name: string, body: () => T): T {
    this.#rules.push(name)
    const result = body()
    this.#rules.pop()
    return result
  }

  #space(): boolean {
    return this.#rule('"whitespace"', () => {
      if (!this.#class('[ \\t\\r\\n]', SPACE)) return false
      while (this.#class('[ \\t\\r\\n]', SPACE));
      return true
    })
  }

  #optionalSpace(): void {
    this.#space()
  }

  #end(): boolean {
    return this.#rule('EOF', () => this.#not_(() => this.#any()))
  }

  #any(): boolean {
    const there = this.#at < this.#runes.length
    this.#note(there, this.#at, '.')
    if (there) this.#advance()
    return there
  }

  #class(name: string, chars: RegExp): boolean {
    const rune = this.#runes[this.#at]
    const matched = rune !== undefined && chars.test(rune)
    const start = this.#at
    if (matched) this.#advance()
    this.#note(matched, start, name)
    return matched
  }

  /** Nothing is consumed unless all of it is there. */
  #literal(text: string): boolean {
    const start = this.#at
    let matched = true
    for (const char of text) {
      if (this.#runes[this.#at] !== char) {
        matched = false
        break
      }
      this.#advance()
    }
    this.#note(matched, start, JSON.stringify(text))
    if (!matched) this.#at = start
    return matched
  }

  #ahead(body: () => boolean): boolean {
    const start = this.#at
    const matched = body()
    this.#at = start
    return matched
  }

  #not_(body: () => boolean): boolean {
    this.#inverted = !this.#inverted
    const matched = this.#ahead(body)
    this.#inverted = !this.#inverted
    return !matched
  }

  #advance(): void {
    this.#at += 1
    this.#look()
  }

  /** A byte that is not UTF-8 (base/text.ts) is a mistake wherever it stands. */
  #look(): void {
    const code = this.#runes[this.#at]?.charCodeAt(0)
    if (code !== undefined && code >= 0xdc80 && code <= 0xdcff && this.#runes[this.#at]!.length === 1) {
      this.#fault('invalid encoding')
    }
  }

  #text(start: number): string {
    return this.#runes.slice(start, this.#at).join('')
  }

  /** Remembers what was wanted at the farthest place. */
  #note(matched: boolean, at: number, want: string): void {
    if (matched !== this.#inverted || at < this.#farthest) return
    if (at > this.#farthest) {
      this.#farthest = at
      this.#expected.clear()
    }
    this.#expected.add(this.#inverted ? `!${want}` : want)
  }

  #fault(message: string, at = this.#at): void {
    const rule = this.#rules.at(-1)
    this.#errors.add(`${this.#place(at)}${rule === undefined ? '' : `: rule ${rule}`}: ${message}`)
  }

  /** Line, column in characters and offset in bytes. A line break belongs to the line that it begins. */
  #place(at: number): string {
    const before = this.#runes.slice(0, at)
    const upTo = at === 0 ? [] : this.#runes.slice(0, at + 1)
    const line = 1 + upTo.filter((rune) => rune === '\n').length
    const broken = upTo.lastIndexOf('\n')
    const column = broken < 0 ? at + 1 : at - broken
    return `${line}:${column} (${bytesFromText(before.join('')).length})`
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
