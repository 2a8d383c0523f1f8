/**
 * The parser of JSON as Go reads it: the first value alone counts, numbers are kept as they were written, complaints are
 * in Go's words, since people search for them and tools match them. It is our own because JSON.parse cannot stop early,
 * nor be left and come back to, forgets how a number was written, and complains in other words. What becomes of the
 * values is in json-decode.ts.
 *
 * Text is read a window at a time, so that a long one can be parsed in slices, between which others have their turn: the
 * stack is the parser's own. Where a slice ends changes nothing in what comes out.
 */
import { printable, textFromBytes } from '../base/text.ts'
import { JSON_DEPTH_MAX } from './json.ts'

export class JsonError extends Error {
  override name = 'JsonError'
}

/** What is so large when taken apart that it is refused, however short it was written. */
export class JsonTooLarge extends JsonError {}

/** A number as it was written. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What the parser yields: objects are maps, so that no name is special. */
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject
export type JsonObject = Map<string, Json>

/** Bytes made text at a time; a slice of work is one of these or more. Dense text of this length takes some 3 ms. */
export const WINDOW_BYTES = 32 << 10
/** No window is shorter, so that each has one character at least. */
const CHARACTER_BYTES_MAX = 4
/**
 * What one text may come to, in values; an object counts as so many. Memory is what it bounds: 12 million are 400 MB or
 * so, and text of a few bytes a value would otherwise come to gigabytes.
 */
const WEIGHT_MAX = 12_000_000
const OBJECT_WEIGHT = 8

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const EXPONENT = /[eE]/
const HEX4 = /^[0-9a-fA-F]{4}$/
const LITERALS: Record<number, [string, boolean | null]> = {
  116: ['true', true],
  102: ['false', false],
  110: ['null', null],
}
const SHORT_ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}
/** The longest that must be seen whole: an escape. */
const ESCAPE_CHARS = 6

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
/** Instead of a character: there is none any more. */
const END = -1

/** @returns the first value in the bytes. Throws `JsonError`. */
export function parseJson(bytes: Uint8Array): Json {
  const parser = new JsonParser(bytes, bytes.length)
  parser.step(Number.POSITIVE_INFINITY)
  return parser.value
}

/** @returns the only value in the bytes, as Go's `json.Unmarshal` wants it. Throws `JsonError`. */
export function parseWholeJson(bytes: Uint8Array): Json {
  try {
    const parser = new JsonParser(bytes, bytes.length)
    parser.step(Number.POSITIVE_INFINITY)
    parser.expectEnd()
    return parser.value
  } catch (error) {
    if (error instanceof JsonError && /EOF$/.test(error.message)) throw new JsonError('unexpected end of JSON input')
    throw error
  }
}

/** What comes next, white space aside. */
type Expecting = 'value' | 'first-item' | 'first-name' | 'name' | 'colon' | 'after' | 'in-string' | 'in-name'

export class JsonParser {
  /** Once it is whole. */
  value: Json = null
  readonly #bytes: Uint8Array
  readonly #windowBytes: number
  /** Up to here they are text, or were. */
  #taken = 0
  #windows = 0
  #text = ''
  #at = 0
  #expecting: Expecting = 'value'
  #begun = false
  /** Containers that are open, each within the one before, and of objects the name under way. */
  readonly #open: (Json[] | JsonObject)[] = []
  readonly #names: string[] = []
  #name = ''
  /** Of a string that goes on beyond its window. */
  #part = ''
  #escapes = false
  #weight = 0

  constructor(bytes: Uint8Array, windowBytes = WINDOW_BYTES) {
    this.#bytes = bytes
    this.#windowBytes = Math.max(CHARACTER_BYTES_MAX, windowBytes)
  }

  /**
   * Goes on for about so many windows.
   * @returns whether the first value is whole. Throws `JsonError`.
   */
  step(windows = 1): boolean {
    const until = this.#windows + windows
    for (;;) {
      if (this.#expecting === 'in-string' || this.#expecting === 'in-name') {
        const text = this.#string(until)
        if (text === undefined) return false
        if (this.#expecting === 'in-name') {
          this.#name = text
          this.#expecting = 'colon'
        } else if (this.#give(text)) return true
        continue
      }
      let char = this.#space()
      if (Number.isNaN(char)) {
        if (this.#taken < this.#bytes.length) {
          if (this.#windows >= until) return false
          this.#refill()
          continue
        }
        char = END
      }
      switch (this.#expecting) {
        case 'first-item':
        case 'value':
          if (char === CLOSE_LIST && this.#expecting === 'first-item' ? this.#close() : this.#value(char)) return true
          break
        case 'first-name':
        case 'name':
          if (char === CLOSE_OBJECT && this.#expecting === 'first-name') {
            if (this.#close()) return true
            break
          }
          if (char !== QUOTE) throw this.#fault('looking for beginning of object key string')
          this.#beginString('in-name')
          break
        case 'colon':
          if (char !== COLON) throw this.#fault('after object key')
          this.#at += 1
          this.#expecting = 'value'
          break
        default:
          if (this.#after(char)) return true
      }
    }
  }

  /** Only white space may follow the first value. Throws `JsonError`. */
  expectEnd(): void {
    while (Number.isNaN(this.#space())) if (!this.#refill()) return
    throw this.#fault('after top-level value')
  }

  /** @returns whether that was all */
  #value(char: number): boolean {
    // Nothing but white space is the end of what there is to read, not a value cut off.
    if (char === END && !this.#begun) throw new JsonError('EOF')
    this.#begun = true
    if (this.#open.length > JSON_DEPTH_MAX) throw new JsonError('exceeded max depth')
    switch (char) {
      case OPEN_OBJECT:
        this.#weigh(OBJECT_WEIGHT)
        this.#names.push(this.#name)
        this.#open.push(new Map())
        this.#at += 1
        this.#expecting = 'first-name'
        return false
      case OPEN_LIST:
        this.#names.push(this.#name)
        this.#open.push([])
        this.#at += 1
        this.#expecting = 'first-item'
        return false
      case QUOTE:
        this.#beginString('in-string')
        return false
      case 0x74:
      case 0x66:
      case 0x6e:
        return this.#give(this.#literal(char))
      default:
        if (char !== MINUS && !(char >= 0x30 && char <= 0x39)) throw this.#fault('looking for beginning of value')
        return this.#give(this.#number())
    }
  }

  /** A value is whole. @returns whether it was the outermost */
  #give(value: Json): boolean {
    this.#weigh(1)
    this.#expecting = 'after'
    const within = this.#open.at(-1)
    if (within === undefined) {
      this.value = value
      return true
    }
    if (Array.isArray(within)) within.push(value)
    else within.set(this.#name, value)
    return false
  }

  #weigh(weight: number): void {
    this.#weight += weight
    if (this.#weight > WEIGHT_MAX) throw new JsonTooLarge('too many values')
  }

  #close(): boolean {
    this.#at += 1
    const whole = this.#open.pop()!
    this.#name = this.#names.pop()!
    return this.#give(whole)
  }

  /** Behind a value within a container. */
  #after(char: number): boolean {
    const inList = Array.isArray(this.#open.at(-1))
    if (char === (inList ? CLOSE_LIST : CLOSE_OBJECT)) return this.#close()
    if (char !== COMMA) throw this.#fault(inList ? 'after array element' : 'after object key:value pair')
    this.#at += 1
    this.#expecting = inList ? 'value' : 'name'
    return false
  }

  /** @returns the first character behind white space, NaN at the end of the window */
  #space(): number {
    const text = this.#text
    let at = this.#at
    let char = text.charCodeAt(at)
    while (char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09) char = text.charCodeAt(++at)
    this.#at = at
    return char
  }

  #beginString(where: 'in-string' | 'in-name'): void {
    this.#at += 1
    this.#part = ''
    this.#escapes = false
    this.#expecting = where
  }

  /** @returns undefined when it goes on in a window that is not this slice's to read */
  #string(until: number): string | undefined {
    for (;;) {
      const text = this.#text
      let at = this.#at
      let char = text.charCodeAt(at)
      // NaN, at the end of the window, is not above anything.
      while (char >= 0x20 && char !== QUOTE && char !== BACKSLASH) char = text.charCodeAt(++at)
      const piece = text.slice(this.#at, at)
      this.#at = at
      this.#part = this.#part === '' ? piece : this.#part + piece
      if (char === QUOTE) {
        this.#at += 1
        // Only escapes can make text of which a half is missing.
        return this.#escapes ? this.#part.toWellFormed() : this.#part
      }
      if (char === BACKSLASH) {
        this.#see(ESCAPE_CHARS)
        this.#at += 1
        this.#escapes = true
        this.#part += this.#escaped()
      } else if (Number.isNaN(char) && this.#taken < this.#bytes.length) {
        if (this.#windows >= until) return undefined
        this.#refill()
      } else throw this.#fault('in string literal')
    }
  }

  #escaped(): string {
    const char = this.#text[this.#at]
    if (char === 'u') {
      this.#at += 1
      const digits = this.#text.slice(this.#at, this.#at + 4)
      if (!HEX4.test(digits)) {
        this.#at += /^[0-9a-fA-F]*/.exec(digits)![0].length
        throw this.#fault('in \\u hexadecimal character escape')
      }
      this.#at += 4
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const short = char === undefined ? undefined : SHORT_ESCAPES[char]
    if (short === undefined) throw this.#fault('in string escape code')
    this.#at += 1
    return short
  }

  #literal(start: number): boolean | null {
    const [word, value] = LITERALS[start]!
    this.#see(word.length)
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) throw this.#fault(`in literal ${word} (expecting '${expected}')`)
      this.#at += 1
    }
    return value
  }

  #number(): JsonNumber {
    let match: string | undefined
    do {
      NUMBER.lastIndex = this.#at
      match = NUMBER.test(this.#text) ? this.#text.slice(this.#at, NUMBER.lastIndex) : undefined
      // It may go on where the window ends, by three characters that only together belong to it.
    } while (this.#at + (match?.length ?? 0) + 3 > this.#text.length && this.#refill(match?.length))
    if (match === undefined) {
      this.#at += 1
      throw this.#fault('in numeric literal')
    }
    this.#at += match.length
    const next = this.#text[this.#at]
    if (next === '.' && !match.includes('.') && !EXPONENT.test(match)) {
      this.#at += 1
      throw this.#fault('after decimal point in numeric literal')
    }
    if ((next === 'e' || next === 'E') && !EXPONENT.test(match)) {
      this.#at += /^[eE][+-]?/.exec(this.#text.slice(this.#at, this.#at + 2))![0].length
      throw this.#fault('in exponent of numeric literal')
    }
    return new JsonNumber(match)
  }

  /** Brings so many characters into the window, if there are so many. */
  #see(chars: number): void {
    while (this.#text.length - this.#at < chars && this.#refill()) {}
  }

  /**
   * Puts the next window behind what is unread of this one.
   * @param bytesMin at least so many, where there are so many
   * @returns whether there was anything
   */
  #refill(bytesMin = 0): boolean {
    const bytes = this.#bytes
    if (this.#taken >= bytes.length) return false
    const end = boundary(bytes, this.#taken, this.#taken + Math.max(bytesMin, this.#windowBytes))
    this.#text = this.#text.slice(this.#at) + printable(textFromBytes(bytes.subarray(this.#taken, end)))
    this.#at = 0
    this.#taken = end
    this.#windows += 1
    return true
  }

  #fault(where: string): JsonError {
    this.#see(1)
    const char = this.#text.codePointAt(this.#at)
    return new JsonError(char === undefined ? 'unexpected EOF' : `invalid character ${nameOf(char)} ${where}`)
  }
}

/** @returns the end, or a little before it, where no character is cut in two */
function boundary(bytes: Uint8Array, start: number, end: number): number {
  if (end >= bytes.length) return bytes.length
  for (let at = end - 1; at >= Math.max(start + 1, end - CHARACTER_BYTES_MAX + 1); at--) {
    const byte = bytes[at]!
    if (byte < 0x80) break
    if (byte < 0xc0) continue
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return at + length > end ? at : end
  }
  return end
}

/** As Go names the byte at which it stopped: of a longer character, the first one. */
function nameOf(code: number): string {
  const char = String.fromCodePoint(code)
  if (char === "'") return "'\\''"
  if (char === '"') return "'\"'"
  const letter = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }[char]
  if (letter !== undefined) return `'${letter}'`
  const high = code < 0x800 ? 0xc0 | (code >> 6) : code < 0x10000 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18)
  const byte = code < 0x80 ? code : high
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`
  return `'${String.fromCharCode(byte)}'`
}
