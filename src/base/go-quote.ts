/** Text in quotes as Go's `%q` and strconv.Quote write it; and back, as strconv.Unquote reads Go's string literals. */
import { bytesFromText, textFromBytes } from './text.ts'

const ESCAPES: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}
/** Printable ASCII without quotes and backslashes: most text, as it is. */
const PLAIN = /^[ !#-[\]-~]*$/
/** Go's strconv.IsPrint, nearly: letters, marks, numbers, punctuation, symbols, and of spaces the ASCII one alone. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

export function quoteGo(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  let out = ''
  for (const char of text) out += ESCAPES[char] ?? (PRINTABLE.test(char) ? char : escaped(char.codePointAt(0)!))
  return `"${out}"`
}

function escaped(code: number): string {
  // A byte that is not UTF-8 (base/text.ts).
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}

const ESCAPED = /^\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/
const NAMED: Record<string, string> = Object.fromEntries(
  Object.entries(ESCAPES).map(([char, name]) => [name[1]!, char]),
)

/**
 * The text that a literal of Go's in double or back quotes means.
 * @returns undefined when it is none
 */
export function unquoteGo(literal: string): string | undefined {
  if (literal.length < 2) return undefined
  const quote = literal[0]
  if (literal.at(-1) !== quote) return undefined
  const inner = literal.slice(1, -1)
  if (quote === '`') return inner.includes('`') ? undefined : inner.replaceAll('\r', '')
  if (quote !== '"' || /["\n]/.test(inner.replace(/\\./gs, ''))) return undefined
  if (!inner.includes('\\')) return inner
  const bytes: number[] = []
  const add = (text: string) => {
    for (const byte of bytesFromText(text)) bytes.push(byte)
  }
  for (let at = 0; at < inner.length; ) {
    if (inner[at] !== '\\') {
      const next = inner.indexOf('\\', at)
      const end = next < 0 ? inner.length : next
      add(inner.slice(at, end))
      at = end
      continue
    }
    const found = ESCAPED.exec(inner.slice(at, at + 10))
    if (found === null) return undefined
    const [whole, name, hex, octal, short, long] = found
    at += whole.length
    if (name !== undefined) add(NAMED[name]!)
    else if (hex !== undefined || octal !== undefined) {
      const byte = hex === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(hex, 16)
      if (byte > 0xff) return undefined
      bytes.push(byte)
    } else {
      const code = Number.parseInt(short ?? long!, 16)
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined
      add(String.fromCodePoint(code))
    }
  }
  return textFromBytes(Uint8Array.from(bytes))
}
