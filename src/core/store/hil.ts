/**
 * The interpolation language of templates, `${…}` inside text: names, one function, numbers, quoted text with
 * interpolations of its own, and arithmetic without precedence among its operators. Its quirks are those of the parser
 * that Consul 1.8 has (hashicorp/hil of July 2016): whether a template is valid decides what every server of a cluster
 * stores, so all must judge alike.
 */

/** A value is text, a whole number, or a float. */
type Value = { type: 'text'; text: string } | { type: 'int'; number: number } | { type: 'float'; number: number }

export type Expression =
  | { kind: 'value'; value: Value }
  /** Its parts one after the other, as text. */
  | { kind: 'output'; parts: Expression[] }
  | { kind: 'name'; name: string; at: string }
  | { kind: 'call'; name: string; args: Expression[]; at: string }
  | { kind: 'index'; target: Expression; at: string }
  | { kind: 'arithmetic'; operator: string; left: Expression; right: Expression; at: string }

export interface Scope {
  names: Record<string, string>
  /** The one function, `match(i)`. */
  match(index: number): string
}

export class HilError extends Error {
  override name = 'HilError'
}

/** Deeper nesting is no one's template; our recursion is bounded by it. */
const DEPTH_MAX = 500

/** @throws HilError when the text is no template */
export function parseHil(text: string): Expression {
  return new Parser(text).top()
}

/** @throws HilError */
export function evaluateHil(expression: Expression, scope: Scope): string {
  return asText(evaluate(expression, scope))
}

const SYNTAX = 'parse error: syntax error'
const LETTER = /^[\p{L}\p{N}_.*-]$/u
const SPACE = /^\s$/

class Parser {
  readonly #chars: string[]
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#chars = [...text]
  }

  top(): Expression {
    const parts: Expression[] = []
    while (this.#at < this.#chars.length) {
      if (this.#opens()) parts.push(this.#interpolation())
      else parts.push({ kind: 'value', value: { type: 'text', text: this.#literal() } })
    }
    return joined(parts)
  }

  #opens(): boolean {
    return this.#chars[this.#at] === '$' && this.#chars[this.#at + 1] === '{'
  }

  /** Text up to an interpolation or the end. `$$` is a dollar sign; a lone one that is all there is says nothing. */
  #literal(): string {
    if (this.#at === this.#chars.length - 1 && this.#chars[this.#at] === '$') {
      this.#at += 1
      return ''
    }
    let text = ''
    while (this.#at < this.#chars.length && !this.#opens()) {
      const char = this.#chars[this.#at++]!
      if (char === '$' && this.#chars[this.#at] === '$') this.#at += 1
      text += char
    }
    return text
  }

  #interpolation(): Expression {
    this.#deeper()
    this.#at += 2
    const expression = this.#expression()
    this.#require('}')
    this.#depth -= 1
    return expression
  }

  #deeper(): void {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) throw new HilError('parse error: nested too deeply')
  }

  /** Operators bind alike, from left to right. */
  #expression(): Expression {
    this.#deeper()
    const at = this.#place()
    let left = this.#operand()
    for (;;) {
      const operator = this.#peek()
      if (operator === '[') {
        left = this.#index(left, at)
        continue
      }
      if (operator === undefined || !'+-*/%'.includes(operator)) break
      this.#at += 1
      left = { kind: 'arithmetic', operator, left, right: this.#operand(), at }
    }
    this.#depth -= 1
    return left
  }

  #index(target: Expression, at: string): Expression {
    this.#at += 1
    this.#expression()
    this.#require(']')
    return { kind: 'index', target, at }
  }

  #operand(): Expression {
    const at = this.#place()
    const char = this.#peek()
    if (char === undefined) throw new HilError(SYNTAX)
    if (char === '(') {
      this.#at += 1
      const inner = this.#expression()
      this.#require(')')
      return inner
    }
    if (char === '"') return this.#quoted()
    if (char >= '0' && char <= '9') return this.#number()
    if (char === '-') {
      this.#deeper()
      this.#at += 1
      const right = this.#operand()
      this.#depth -= 1
      const left: Expression = { kind: 'value', value: { type: 'int', number: 0 } }
      return { kind: 'arithmetic', operator: '-', left, right, at }
    }
    if (!LETTER.test(char) || char === '*') throw new HilError(SYNTAX)
    return this.#named(at)
  }

  #named(at: string): Expression {
    let name = ''
    for (let char = this.#chars[this.#at]; char !== undefined && LETTER.test(char); char = this.#chars[this.#at]) {
      // A star is part of a name behind a dot only.
      if (char === '*' && !name.endsWith('.')) break
      name += char
      this.#at += 1
    }
    if (this.#peek() !== '(') return { kind: 'name', name, at }
    this.#at += 1
    const args: Expression[] = []
    while (this.#peek() !== ')') {
      // The first argument may be left out: `f(, 1)` has one.
      if (this.#peek() === ',') this.#at += 1
      else if (args.length > 0) throw new HilError(SYNTAX)
      args.push(this.#expression())
    }
    this.#at += 1
    return { kind: 'call', name, args, at }
  }

  #number(): Expression {
    const match = /^\d+(\.\d*)?/.exec(this.#chars.slice(this.#at, this.#at + 64).join(''))!
    this.#at += match[0].length
    if (match[1] !== undefined) return { kind: 'value', value: { type: 'float', number: Number(match[0]) } }
    // Go's base by prefix: a leading zero means octal.
    const isOctal = match[0].length > 1 && match[0].startsWith('0')
    if (isOctal && /[89]/.test(match[0])) throw new HilError(SYNTAX)
    const whole = isOctal ? Number.parseInt(match[0], 8) : Number(match[0])
    if (whole >= 2 ** 63) throw new HilError(SYNTAX)
    return { kind: 'value', value: { type: 'int', number: whole } }
  }

  #quoted(): Expression {
    this.#deeper()
    this.#at += 1
    const parts: Expression[] = []
    let text = ''
    const flush = () => {
      if (text !== '') parts.push({ kind: 'value', value: { type: 'text', text } })
      text = ''
    }
    for (;;) {
      const char = this.#chars[this.#at]
      if (char === undefined) throw new HilError(SYNTAX)
      if (this.#opens()) {
        flush()
        parts.push(this.#interpolation())
        continue
      }
      this.#at += 1
      if (char === '"') break
      if (char === '\\') text += this.#escaped()
      else {
        if (char === '$' && this.#chars[this.#at] === '$') this.#at += 1
        text += char
      }
    }
    flush()
    this.#depth -= 1
    return joined(parts)
  }

  #escaped(): string {
    const next = this.#chars[this.#at]
    if (next !== '\\' && next !== '"' && next !== 'n') return '\\'
    this.#at += 1
    return next === 'n' ? '\n' : next
  }

  /** The next character that is no space. */
  #peek(): string | undefined {
    while (this.#at < this.#chars.length && SPACE.test(this.#chars[this.#at]!)) this.#at += 1
    return this.#chars[this.#at]
  }

  #require(char: string): void {
    if (this.#peek() !== char) throw new HilError(SYNTAX)
    this.#at += 1
  }

  /** `line:column`, both from 1. */
  #place(): string {
    this.#peek()
    const before = this.#chars.slice(0, this.#at)
    const line = before.filter((char) => char === '\n').length + 1
    return `${line}:${before.length - before.lastIndexOf('\n')}`
  }
}

function joined(parts: Expression[]): Expression {
  if (parts.length === 0) return { kind: 'value', value: { type: 'text', text: '' } }
  return parts.length === 1 ? parts[0]! : { kind: 'output', parts }
}

function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'value':
      return expression.value
    case 'output':
      return { type: 'text', text: expression.parts.map((part) => asText(evaluate(part, scope))).join('') }
    case 'name': {
      const { name, at } = expression
      if (!Object.hasOwn(scope.names, name)) throw new HilError(`${at}: unknown variable accessed: ${name}`)
      return { type: 'text', text: scope.names[name]! }
    }
    case 'call':
      return call(expression, scope)
    case 'index': {
      evaluate(expression.target, scope)
      const [line, column] = expression.at.split(':')
      throw new HilError(
        `At column ${column}, line ${line}: invalid index operation into non-indexable type: TypeString`,
      )
    }
    case 'arithmetic':
      return compute(expression, scope)
  }
}

function call({ name, args, at }: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
  const values = args.map((arg) => evaluate(arg, scope))
  if (name !== 'match') throw new HilError(`${at}: unknown function called: ${name}`)
  if (values.length !== 1) throw new HilError(`${at}: match: expected 1 arguments, got ${values.length}`)
  return { type: 'text', text: scope.match(asInt(values[0]!)) }
}

/** In the kind of number that stands first; text becomes one. */
function compute(expression: Extract<Expression, { kind: 'arithmetic' }>, scope: Scope): Value {
  const { operator, at } = expression
  const left = evaluate(expression.left, scope)
  const right = evaluate(expression.right, scope)
  const type = left.type !== 'text' ? left.type : right.type !== 'text' ? right.type : 'int'
  const [line, column] = at.split(':')
  if (type === 'float') {
    if (operator === '%') throw new HilError(`At column ${column}, line ${line}: modulo cannot be used with floats`)
    return { type, number: apply(operator, asFloat(left), asFloat(right)) }
  }
  const divisor = asInt(right)
  // The real parser's process ends here; no cluster holds such a template.
  if ((operator === '/' || operator === '%') && divisor === 0) throw new HilError(`${at}: division by zero`)
  return { type, number: Math.trunc(apply(operator, asInt(left), divisor)) }
}

function apply(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
    default:
      return left % right
  }
}

function asInt(value: Value): number {
  if (value.type !== 'text') return Math.trunc(value.number)
  if (!/^[+-]?\d+$/.test(value.text)) {
    throw new HilError(`__builtin_StringToInt: strconv.ParseInt: parsing ${JSON.stringify(value.text)}: invalid syntax`)
  }
  return Number(value.text)
}

function asFloat(value: Value): number {
  if (value.type !== 'text') return value.number
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.text)) {
    throw new HilError(
      `__builtin_StringToFloat: strconv.ParseFloat: parsing ${JSON.stringify(value.text)}: invalid syntax`,
    )
  }
  return Number(value.text)
}

/** Floats in Go's shortest form: an exponent of two digits from 1e+21 on. */
function asText(value: Value): string {
  if (value.type === 'text') return value.text
  const text = String(value.number === 0 ? 0 : value.number)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}
