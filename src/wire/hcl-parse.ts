/**
 * HCL 1 from tokens to a tree: keys and labels, assignments and blocks, lists and literals. What values the tree stands
 * for (repeated blocks, labels) is hcl.ts's question. Errors and their places are those of hashicorp/hcl v1.0.0
 * (hcl/parser), which also lets a file end right after a `=`.
 */
import { HclError, type Position, type Token, Tokens, type TokenType } from './hcl-tokens.ts'

export interface Literal extends Position {
  kind: 'literal'
  type: TokenType
  text: string
  /** Its escapes are those of JSON. */
  json?: boolean
}

export interface Item {
  keys: Token[]
  value: Node
}

export type Node =
  | Literal
  | ({ kind: 'object'; items: Item[] } & Position)
  | ({ kind: 'list'; items: Node[] } & Position)

/** How deeply objects and lists may stand in one another: far more than any configuration, far less than the stack. */
export const HCL_DEPTH_MAX = 200

/** @throws HclError */
export function parseTree(text: string): Item[] {
  const tokens = new Tokens(text)
  let items: Item[] = []
  let failed: unknown
  try {
    items = new Parser(tokens).items(false, 0)
  } catch (error) {
    failed = error
  }
  if (tokens.fault !== undefined) throw tokens.fault
  if (failed !== undefined) throw failed
  return items
}

class Parser {
  readonly #tokens: Tokens
  #token: Token = { type: 'EOF', text: '', line: 1, column: 1 }
  #again = false

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  #scan(): Token {
    if (this.#again) this.#again = false
    else this.#token = this.#tokens.next()
    return this.#token
  }

  #unscan(): void {
    this.#again = true
  }

  /** @param inside braces, at which the list then ends */
  items(inside: boolean, depth: number): Item[] {
    const items: Item[] = []
    for (;;) {
      if (inside) {
        const { type } = this.#scan()
        this.#unscan()
        if (type === 'RBRACE') return items
      }
      const item = this.#item(depth)
      if (item === undefined) return items
      items.push(item)
      if (this.#scan().type !== 'COMMA') this.#unscan()
    }
  }

  /** @returns undefined where the text ends */
  #item(depth: number): Item | undefined {
    const keys = this.#keys()
    if (keys === undefined) return undefined
    switch (this.#token.type) {
      case 'ASSIGN': {
        const value = this.#value(depth)
        return value === undefined ? undefined : { keys, value }
      }
      case 'LBRACE':
        return { keys, value: this.#object(depth) }
      default: {
        const names = keys.map(({ text }) => text).join(' ')
        throw this.#fault(`key '${names}' expected start of object ('{') or assignment ('=')`)
      }
    }
  }

  /** Up to the token behind them, which `#token` then is. */
  #keys(): Token[] | undefined {
    const keys: Token[] = []
    for (;;) {
      const token = this.#scan()
      switch (token.type) {
        case 'EOF':
          return keys.length === 0 ? undefined : keys
        case 'ASSIGN':
          if (keys.length > 1) throw this.#fault('nested object expected: LBRACE got: ASSIGN')
          if (keys.length === 0) throw this.#fault('no object keys found!')
          return keys
        case 'LBRACE':
          if (keys.length === 0) throw this.#fault('expected: IDENT | STRING got: LBRACE')
          return keys
        case 'IDENT':
        case 'STRING':
          keys.push(token)
          break
        case 'ILLEGAL':
          throw this.#fault('illegal character')
        case 'RBRACE':
          if (keys.length > 0) return this.#unfinished(keys)
          throw this.#fault('expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE')
        default:
          throw this.#fault(`expected: IDENT | STRING | ASSIGN | LBRACE got: ${token.type}`)
      }
    }
  }

  /** Keys without a value before a closing brace: the brace must not be taken for the object's good end. */
  #unfinished(keys: Token[]): Token[] {
    this.#token = { ...this.#token, type: 'EOF' }
    return keys
  }

  #value(depth: number): Node | undefined {
    const token = this.#scan()
    switch (token.type) {
      case 'NUMBER':
      case 'FLOAT':
      case 'BOOL':
      case 'STRING':
      case 'HEREDOC':
        return literal(token)
      case 'LBRACE':
        return this.#object(depth)
      case 'LBRACK':
        return this.#list(depth)
      case 'EOF':
        return undefined
      default:
        throw this.#fault(`Unknown token: ${token.line}:${token.column} ${token.type} ${token.text}`)
    }
  }

  #object(depth: number): Node {
    const { line, column } = this.#token
    this.#refuseDepth(depth)
    let items: Item[] = []
    try {
      items = this.items(true, depth + 1)
    } catch (error) {
      // A closing brace in the wrong place ends this object, and the complaint is about what comes then.
      if (!(error instanceof HclError) || this.#token.type !== 'RBRACE') throw error
    }
    const end = this.#scan()
    if (end.type !== 'RBRACE') throw this.#fault(`object expected closing RBRACE got: ${end.type}`)
    return { kind: 'object', items, line, column }
  }

  #list(depth: number): Node {
    const { line, column } = this.#token
    this.#refuseDepth(depth)
    const items: Node[] = []
    for (let needComma = false; ; ) {
      const token = this.#scan()
      if (needComma && token.type !== 'COMMA' && token.type !== 'RBRACK') {
        throw this.#fault(`error parsing list, expected comma or list end, got: ${token.type}`)
      }
      switch (token.type) {
        case 'BOOL':
        case 'NUMBER':
        case 'FLOAT':
        case 'STRING':
        case 'HEREDOC':
          items.push(literal(token))
          needComma = true
          break
        case 'COMMA':
          needComma = false
          break
        case 'LBRACE':
          items.push(within(token, 'object', () => this.#object(depth + 1)))
          needComma = true
          break
        case 'LBRACK':
          items.push(within(token, 'list', () => this.#list(depth + 1)))
          break
        case 'RBRACK':
          return { kind: 'list', items, line, column }
        default:
          throw this.#fault(`unexpected token while parsing list: ${token.type}`)
      }
    }
  }

  #refuseDepth(depth: number): void {
    if (depth >= HCL_DEPTH_MAX) throw this.#fault(`nested more than ${HCL_DEPTH_MAX} deep`)
  }

  #fault(why: string): HclError {
    return new HclError(this.#token, why)
  }
}

function literal({ type, text, line, column }: Token): Literal {
  return { kind: 'literal', type, text, line, column }
}

function within(at: Position, what: 'object' | 'list', parse: () => Node): Node {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof HclError)) throw error
    throw new HclError(at, `error while trying to parse ${what} within list: ${error.message}`)
  }
}
