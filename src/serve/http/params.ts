/**
 * The request line: path and query as Go's net/url reads them, without losing a byte. Keys of the key/value store are
 * any bytes; those that are not UTF-8 survive as base/text.ts says. Query parameters keep their order and repetitions.
 */
import { bytesFromText, textFromBytes } from '../../base/text.ts'

/** Printable ASCII without the percent sign: such a path means itself. */
const NOT_PLAIN = /[^!-$&-~]/
/** Go's unicode.IsPrint, and the stand-ins of bytes that are not UTF-8. */
const NOT_PRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} \p{Cs}]/u
const PERCENT = 0x25
const PLUS = 0x2b

export class Params {
  readonly #names: string[]
  readonly #values: string[]

  constructor(names: string[], values: string[]) {
    this.#names = names
    this.#values = values
  }

  has(name: string): boolean {
    return this.#names.includes(name)
  }

  /** The first value, or "". */
  get(name: string): string {
    const at = this.#names.indexOf(name)
    return at < 0 ? '' : this.#values[at]!
  }

  all(name: string): string[] {
    return this.#values.filter((_, i) => this.#names[i] === name)
  }

  /** The same with one value of that name, or with none. */
  with(name: string, value: string): Params {
    const names = this.#names.filter((each) => each !== name)
    const values = this.#values.filter((_, i) => this.#names[i] !== name)
    return value === '' ? new Params(names, values) : new Params([...names, name], [...values, value])
  }

  /** Back to a query string: sorted by name, escaped. */
  encode(): string {
    const names = [...new Set(this.#names)].sort()
    return names
      .flatMap((name) => this.all(name).map((value) => `${escapeQuery(name)}=${escapeQuery(value)}`))
      .join('&')
  }
}

export const NO_PARAMS = new Params([], [])

/**
 * @param query what follows the question mark; both `&` and `;` separate, as in the Go of Consul 1.8
 * @returns undefined when an escape is broken
 */
export function parseQuery(query: string): Params | undefined {
  const names: string[] = []
  const values: string[] = []
  for (const pair of query.split(/[&;]/)) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = unescapePercent(equals < 0 ? pair : pair.slice(0, equals), true)
    const value = equals < 0 ? '' : unescapePercent(pair.slice(equals + 1), true)
    if (name === undefined || value === undefined) return undefined
    names.push(name)
    values.push(value)
  }
  return names.length === 0 ? NO_PARAMS : new Params(names, values)
}

export type PathFault = 'malformed' | 'unprintable'

/** The path as it is meant, or what is wrong with it. */
export function decodePath(raw: string, printableOnly = true): { path: string } | { fault: PathFault } {
  if (!NOT_PLAIN.test(raw)) return { path: raw }
  const path = unescapePercent(raw, false)
  if (path === undefined) return { fault: 'malformed' }
  return printableOnly && NOT_PRINTABLE.test(path) ? { fault: 'unprintable' } : { path }
}

/** Percent escapes to bytes to text. Raw bytes above ASCII arrive as one character each (Latin-1). */
function unescapePercent(text: string, plusIsSpace: boolean): string | undefined {
  if (!NOT_PLAIN.test(text) && !(plusIsSpace && text.includes('+'))) return text
  const bytes = new Uint8Array(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === PERCENT) {
      const high = hexDigit(text.charCodeAt(i + 1))
      const low = hexDigit(text.charCodeAt(i + 2))
      if (high < 0 || low < 0) return undefined
      bytes[length++] = high * 16 + low
      i += 2
    } else bytes[length++] = plusIsSpace && code === PLUS ? 0x20 : code
  }
  return textFromBytes(bytes.subarray(0, length))
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}

const QUERY_SAFE = /^[A-Za-z0-9\-_.~]$/
const PATH_SAFE = /^[A-Za-z0-9\-_.~$&+,/:;=@]$/

function escapeQuery(text: string): string {
  return escapeBytes(text, QUERY_SAFE).replaceAll('%20', '+')
}

export function escapePath(path: string): string {
  return escapeBytes(path, PATH_SAFE)
}

function escapeBytes(text: string, safe: RegExp): string {
  let out = ''
  for (const byte of bytesFromText(text)) {
    const char = String.fromCharCode(byte)
    out += byte < 0x80 && safe.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

/** Without empty, `.` and `..` segments; a final slash stays (Go's mux: such paths are answered with a redirect). */
export function cleanPath(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') kept.pop()
    else kept.push(segment)
  }
  const clean = `/${kept.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}
