/**
 * HCL 1 from text to tokens: where each begins, what it is, and its text as written. Faults of single tokens are noted
 * and scanning goes on, since the newest fault is the one that is told (as hashicorp/hcl v1.0.0 does, hcl/scanner).
 * What order tokens may stand in is hcl-parse.ts's question, and what a token's text means hcl-literals.ts's.
 */

export type TokenType =
  | 'ILLEGAL'
  | 'EOF'
  | 'IDENT'
  | 'NUMBER'
  | 'FLOAT'
  | 'BOOL'
  | 'STRING'
  | 'HEREDOC'
  | 'LBRACK'
  | 'LBRACE'
  | 'COMMA'
  | 'PERIOD'
  | 'RBRACK'
  | 'RBRACE'
  | 'ASSIGN'
  | 'ADD'
  | 'SUB'

export interface Position {
  /** From 1. */
  line: number
  /** From 1, in characters. */
  column: number
}

export interface Token extends Position {
  type: TokenType
  text: string
}

export class HclError extends Error {
  override name = 'HclError'
  readonly line: number
  readonly column: number
  constructor(at: Position, why: string) {
    super(`At ${at.line}:${at.column}: ${why}`)
    this.line = at.line
    this.column = at.column
  }
}

const BLANK = /(?:[ \t\n\r]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const NAME = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy
const NUMBER = /-?(?:0[xX][0-9a-fA-F]*|\d+(?:\.\d*)?(?:[eE][+-]?\d*)?)/y
const FRACTION = /\.\d+/y
const HEREDOC = /<<-?[\p{L}\p{Nd}_]*/uy
const ESCAPE = /\\(?:[abfnrtv\\"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/y
/** A lone surrogate is a byte that is not UTF-8; the others are not allowed either. */
const UNFIT = /[\0\uE123]|\p{Surrogate}/u
const MARKS: Record<string, TokenType> = {
  '[': 'LBRACK',
  ']': 'RBRACK',
  '{': 'LBRACE',
  '}': 'RBRACE',
  ',': 'COMMA',
  '=': 'ASSIGN',
  '+': 'ADD',
  '-': 'SUB',
  '.': 'PERIOD',
}

export class Tokens {
  readonly #text: string
  #at = 0
  /** How far lines and columns have been counted, and where the line that is reached there ends; -1 with the text. */
  #counted = 0
  #line = 1
  #column = 1
  #lineEnd = 0
  #fault: HclError | undefined

  constructor(text: string) {
    this.#text = text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text
    this.#lineEnd = this.#text.indexOf('\n')
    const unfit = UNFIT.exec(this.#text)
    if (unfit === null) return
    const at = this.#placeOf(unfit.index + unfit[0].length - 1)
    if (unfit[0] === '\0') throw new HclError(at, 'unexpected null character (0x00)')
    if (unfit[0] === '\uE123') throw new HclError(at, 'unicode code point U+E123 reserved for internal use')
    throw new HclError(at, 'illegal UTF-8 encoding')
  }

  /** What was wrong with a token so far, the newest first told. */
  get fault(): HclError | undefined {
    return this.#fault
  }

  next(): Token {
    this.#skipBlank()
    const start = this.#at
    const { line, column } = this.#placeOf(start)
    const type = this.#scan(start)
    return { type, text: this.#text.slice(start, this.#at), line, column }
  }

  #skipBlank(): void {
    this.#match(BLANK)
    const text = this.#text
    if (text[this.#at] !== '/') return
    if (text[this.#at + 1] === '*') {
      this.#at = text.length
      this.#complain(text.length, 'comment not terminated')
      return
    }
    this.#complain(this.#at, "expected '/' for comment")
    this.#at += 1
    this.#skipBlank()
  }

  #scan(start: number): TokenType {
    const text = this.#text
    const char = text[start]
    if (char === undefined) return 'EOF'
    if (this.#match(NAME)) {
      const word = text.slice(start, this.#at)
      return word === 'true' || word === 'false' ? 'BOOL' : 'IDENT'
    }
    if (this.#match(NUMBER)) return this.#number(text.slice(start, this.#at))
    if (char === '"') return this.#string()
    if (char === '<') return this.#heredoc()
    if (this.#match(FRACTION)) return 'FLOAT'
    this.#at += text.codePointAt(start)! > 0xffff ? 2 : 1
    const mark = MARKS[char]
    if (mark !== undefined) return mark
    this.#complain(start, 'illegal char')
    return 'ILLEGAL'
  }

  #number(written: string): TokenType {
    if (/^-?0[xX]/.test(written)) {
      if (/[xX]$/.test(written)) this.#complain(this.#at, 'illegal hexadecimal number')
      return 'NUMBER'
    }
    if (/[.eE]/.test(written)) return 'FLOAT'
    if (/^-?0\d.*[89]/.test(written)) this.#complain(this.#at, 'illegal octal number')
    return 'NUMBER'
  }

  /** Ends at the quote that is not inside `${...}`; there, lines may end too. */
  #string(): TokenType {
    const text = this.#text
    let braces = 0
    this.#at += 1
    for (;;) {
      const char = text[this.#at]
      if (char === undefined || (char === '\n' && braces === 0)) {
        this.#complain(this.#at, 'literal not terminated')
        if (char !== undefined) this.#at += 1
        return 'STRING'
      }
      if (char === '\\') {
        if (this.#match(ESCAPE)) continue
        this.#complain(this.#at + 1, 'illegal char escape')
      }
      this.#at += 1
      if (char === '"' && braces === 0) return 'STRING'
      if (char === '$' && braces === 0 && text[this.#at] === '{') {
        braces = 1
        this.#at += 1
      } else if (char === '{' && braces > 0) braces += 1
      else if (char === '}' && braces > 0) braces -= 1
    }
  }

  /**
   * From `<<NAME` or `<<-NAME` to the line that holds the name alone. The real scanner wants that line to be as long as
   * what stood behind `<<`, so that with `<<-` an unindented name does not end it: files that it reads, we read, no more.
   */
  #heredoc(): TokenType {
    const text = this.#text
    const start = this.#at
    if (!this.#match(HEREDOC)) {
      this.#at += 1
      this.#complain(this.#at, "heredoc expected second '<', didn't see it")
      return 'HEREDOC'
    }
    const anchor = text.slice(start + 2, this.#at)
    const name = anchor.replace(/^-/, '')
    const refuse = (why: string) => {
      this.#complain(this.#at, why)
      return 'HEREDOC' as const
    }
    if (this.#at >= text.length) return refuse('heredoc not terminated')
    if (text[this.#at] !== '\n') return refuse('invalid characters in heredoc anchor')
    if (name === '') return refuse('zero-length heredoc anchor')
    for (let lineStart = this.#at + 1; ; ) {
      const end = text.indexOf('\n', lineStart)
      if (end === -1) {
        this.#at = text.length
        return refuse('heredoc not terminated')
      }
      const line = text.slice(lineStart, end)
      lineStart = end + 1
      if (line.length < anchor.length || line.replace(/\r+$/, '').replace(/^[ \t\v\f\r]*/, '') !== name) continue
      this.#at = lineStart
      return 'HEREDOC'
    }
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }

  #complain(at: number, why: string): void {
    this.#fault = new HclError(this.#placeOf(at), why)
  }

  /** Asked for in rising order, but for a few steps back within a token: each character is counted once. */
  #placeOf(at: number): Position {
    if (at < this.#counted) {
      const before = this.#text.slice(0, at)
      return { line: before.split('\n').length, column: charsIn(before.slice(before.lastIndexOf('\n') + 1)) + 1 }
    }
    for (let end = this.#lineEnd; end !== -1 && end < at; end = this.#lineEnd) {
      this.#counted = end + 1
      this.#line += 1
      this.#column = 1
      this.#lineEnd = this.#text.indexOf('\n', end + 1)
    }
    this.#column += charsIn(this.#text.slice(this.#counted, at))
    this.#counted = at
    return { line: this.#line, column: this.#column }
  }
}

function charsIn(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
