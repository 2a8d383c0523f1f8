/**
 * What an HCL literal's text stands for: escapes of strings (nothing is unescaped inside `${...}`), the indentation of
 * heredocs, numbers in Go's notations. Source: hashicorp/hcl v1.0.0 (hcl/strconv, hcl/token), Go's strconv.
 */
import { quoteGo } from '../base/go-flags.ts'
import { bytesFromText, textFromBytes } from '../base/text.ts'
import type { Literal } from './hcl-parse.ts'
import { HclError } from './hcl-tokens.ts'

/** @returns a bigint for what was written without a point or exponent. Throws HclError. */
export function literalValue(literal: Literal): string | number | bigint | boolean {
  switch (literal.type) {
    case 'BOOL':
      return literal.text === 'true'
    case 'FLOAT':
      return readFloat(literal)
    case 'NUMBER':
      return readInteger(literal, literal.text)
    default:
      return literalText(literal)
  }
}

export function literalText(literal: Literal): string {
  if (literal.type === 'NUMBER') return literal.text
  if (literal.type === 'HEREDOC') return readHeredoc(literal.text)
  return literal.json ? literal.text : unquote(literal)
}

export function readInteger(literal: Literal, text: string): bigint {
  const fail = (why: string) => {
    throw new HclError(literal, `strconv.ParseInt: parsing ${quoteGo(text)}: ${why}`)
  }
  const sign = text.startsWith('-') ? -1n : 1n
  const digits = text.replace(/^[-+]/, '').toLowerCase()
  const form = /^(?:0x[0-9a-f]+|0o?[0-7]+|0b[01]+|0|[1-9]\d*)$/.test(digits)
  if (!form) return fail('invalid syntax')
  const value = sign * BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits)
  return BigInt.asIntN(64, value) === value ? value : fail('value out of range')
}

export function readFloat(literal: Literal): number {
  const value = Number(/\d/.test(literal.text) && !/[eE][-+]?$/.test(literal.text) ? literal.text : 'none')
  if (Number.isFinite(value)) return value
  const why = Number.isNaN(value) ? 'invalid syntax' : 'value out of range'
  throw new HclError(literal, `strconv.ParseFloat: parsing ${quoteGo(literal.text)}: ${why}`)
}

const PART = /\\(?:([abfnrtv\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|\$\{|[^\\$]+|\$/y
const SHORT: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}
const BYTE_BASE = 0xdc00

function unquote(literal: Literal): string {
  const inner = literal.text.slice(1, -1)
  if (!/[\\$]/.test(inner)) return inner
  const fail = () => new HclError(literal, `string ${literal.text} cannot be unquoted: invalid syntax`)
  let out = ''
  let bytes = false
  for (let at = 0; at < inner.length; ) {
    PART.lastIndex = at
    const part = PART.exec(inner)
    if (part === null) throw fail()
    at = PART.lastIndex
    const [whole, short, octal, hex, four, eight] = part
    if (whole === '${') {
      const end = closingBrace(inner, at)
      if (end === -1) throw fail()
      out += inner.slice(at - 2, end)
      at = end
    } else if (short !== undefined) out += SHORT[short]
    else if (octal !== undefined || hex !== undefined) {
      const byte = octal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(octal, 8)
      if (byte > 0xff) throw fail()
      bytes ||= byte >= 0x80
      out += String.fromCharCode(byte < 0x80 ? byte : BYTE_BASE + byte)
    } else if (four !== undefined || eight !== undefined) {
      const point = Number.parseInt(four ?? eight ?? '', 16)
      if (point > 0x10ffff) throw fail()
      out += point >= 0xd800 && point <= 0xdfff ? '\ufffd' : String.fromCodePoint(point)
    } else out += whole
  }
  // Bytes written one by one may make a character together.
  return bytes ? textFromBytes(bytesFromText(out)) : out
}

/** @returns the place behind the brace that closes what was opened before `from`; -1 when there is none */
function closingBrace(text: string, from: number): number {
  let braces = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') braces += 1
    else if (text[at] === '}') braces -= 1
    if (braces === 0) return at + 1
  }
  return -1
}

/** `<<NAME` keeps the text as it is; `<<-NAME` takes away what the last line is indented by, if all lines are. */
function readHeredoc(text: string): string {
  const first = text.indexOf('\n')
  const marker = first - 1
  if (text[2] !== '-') return text.slice(first + 1, text.length - marker)
  const body = text.slice(first + 1, text.length - marker + 1)
  const lines = body.split('\n')
  const indent = lines.at(-1) ?? ''
  if (!lines.every((line) => line.startsWith(indent))) return body.slice(0, -1).replace(/[ \t]+$/, '')
  return lines.map((line, i) => (i === lines.length - 1 ? '' : line.slice(indent.length))).join('\n')
}
