/**
 * The syntax of Go's regular expressions (https://pkg.go.dev/regexp/syntax, its Perl flavour) as a tree, or an error in
 * Go's words. Recursion is bounded by `DEPTH_MAX`, repetition by `REPEAT_MAX`.
 */

export type RuneTest = (rune: number) => boolean

export type Node =
  | { kind: 'empty' }
  | { kind: 'rune'; test: RuneTest }
  | { kind: 'assert'; what: 'line-start' | 'line-end' | 'text-start' | 'text-end' | 'word' | 'not-word' }
  | { kind: 'sequence'; items: Node[] }
  | { kind: 'choice'; items: Node[] }
  | { kind: 'group'; index: number; item: Node }
  | { kind: 'repeat'; item: Node; min: number; max: number; lazy: boolean }

/** The message is Go's: `error parsing regexp: missing closing ): ...` in backquotes. */
export class GoRegexpError extends Error {
  override name = 'GoRegexpError'
  constructor(what: string, where: string) {
    super(`error parsing regexp: ${what}: \`${where}\``)
  }
}

/** Go's own bounds. */
const REPEAT_MAX = 1000
const DEPTH_MAX = 1000

interface Flags {
  /** i */
  fold: boolean
  /** m */
  multiLine: boolean
  /** s */
  dotAll: boolean
  /** U */
  swapLazy: boolean
}

const FLAG_NAMES: Record<string, keyof Flags> = { i: 'fold', m: 'multiLine', s: 'dotAll', U: 'swapLazy' }

/** @throws GoRegexpError */
export function parseGoRegexp(pattern: string): { node: Node; groups: number } {
  const parser = new Parser(pattern)
  const node = parser.choice(0)
  if (!parser.ended) throw new GoRegexpError('unexpected )', pattern)
  return { node, groups: parser.groups }
}

class Parser {
  groups = 0
  readonly #pattern: string
  #at = 0
  #flags: Flags = { fold: false, multiLine: false, dotAll: false, swapLazy: false }

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  get ended(): boolean {
    return this.#at >= this.#pattern.length
  }

  choice(depth: number): Node {
    if (depth > DEPTH_MAX) throw new GoRegexpError('expression nests too deeply', this.#pattern)
    const items = [this.#sequence(depth)]
    while (this.#takes('|')) items.push(this.#sequence(depth))
    return items.length === 1 ? items[0]! : { kind: 'choice', items }
  }

  #sequence(depth: number): Node {
    const items: Node[] = []
    /** Where a repetition that directly follows another one began. */
    let repeatedFrom = -1
    while (!this.ended) {
      const start = this.#at
      const char = this.#pattern[start]!
      if (char === '|' || char === ')') break
      if (char === '*' || char === '+' || char === '?' || char === '{') {
        const count = this.#repetition()
        if (count !== undefined) {
          const lazy = this.#takes('?') !== this.#flags.swapLazy
          const text = this.#pattern.slice(start, this.#at)
          if (repeatedFrom >= 0) {
            throw new GoRegexpError('invalid nested repetition operator', this.#pattern.slice(repeatedFrom, this.#at))
          }
          const item = items.pop()
          if (item === undefined) throw new GoRegexpError('missing argument to repetition operator', text)
          const { min, max } = count
          if (
            Math.max(min, max === Number.POSITIVE_INFINITY ? 0 : max) > 1 &&
            repeats(item, REPEAT_MAX / Math.max(min, max === Number.POSITIVE_INFINITY ? 1 : max))
          )
            throw new GoRegexpError('invalid repeat count', text)
          items.push({ kind: 'repeat', item, min, max, lazy })
          repeatedFrom = start
          continue
        }
      }
      repeatedFrom = -1
      if (this.#pattern.startsWith('\\Q', start)) {
        for (const literal of this.#quoted()) items.push(literal)
        continue
      }
      const item = this.#single(depth)
      if (item !== undefined) items.push(item)
    }
    return items.length === 0 ? { kind: 'empty' } : items.length === 1 ? items[0]! : { kind: 'sequence', items }
  }

  /** What stands between `\Q` and `\E`, one by one: what repeats behind it repeats the last alone. */
  #quoted(): Node[] {
    const end = this.#pattern.indexOf('\\E', this.#at)
    const text = this.#pattern.slice(this.#at + 2, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#pattern.length : end + 2
    return Array.from(text, (each) => literal(each.codePointAt(0)!, this.#flags.fold))
  }

  /** undefined: a brace that begins no count means itself. */
  #repetition(): { min: number; max: number } | undefined {
    const char = this.#pattern[this.#at]!
    if (char !== '{') {
      this.#at += 1
      return { min: char === '+' ? 1 : 0, max: char === '?' ? 1 : Number.POSITIVE_INFINITY }
    }
    const count = /^\{(\d+)(,(\d*))?\}/.exec(this.#pattern.slice(this.#at, this.#at + 32))
    if (count === null || /^0\d/.test(count[1]!) || /^0\d/.test(count[3] ?? '')) return undefined
    const [text, low, comma, high] = count
    const min = Number(low)
    const max = comma === undefined ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high)
    if (min > REPEAT_MAX || (max !== Number.POSITIVE_INFINITY && max > REPEAT_MAX) || min > max) {
      throw new GoRegexpError('invalid repeat count', text)
    }
    this.#at += text.length
    return { min, max }
  }

  /** One thing that may be repeated; undefined for flags, which match nothing by themselves. */
  #single(depth: number): Node | undefined {
    const { fold, dotAll, multiLine } = this.#flags
    const rune = this.#rune()
    switch (rune) {
      case '(':
        return this.#group(depth)
      case '[':
        return { kind: 'rune', test: folded(this.#class(), fold) }
      case '.':
        return { kind: 'rune', test: dotAll ? () => true : (code) => code !== 0x0a }
      case '^':
        return { kind: 'assert', what: multiLine ? 'line-start' : 'text-start' }
      case '$':
        return { kind: 'assert', what: multiLine ? 'line-end' : 'text-end' }
      case '\\':
        return this.#escape(fold)
      default:
        return literal(rune.codePointAt(0)!, fold)
    }
  }

  #group(depth: number): Node | undefined {
    const open = this.#at - 1
    const outer = this.#flags
    let index = 0
    if (this.#pattern[this.#at] === '?') {
      if (this.#pattern.startsWith('?P<', this.#at)) this.#groupName(open)
      else {
        if (!this.#groupFlags(open)) return undefined
        return this.#inside(depth, outer, 0)
      }
    }
    index = ++this.groups
    return this.#inside(depth, outer, index)
  }

  #inside(depth: number, outer: Flags, index: number): Node {
    const item = this.choice(depth + 1)
    if (!this.#takes(')')) throw new GoRegexpError('missing closing )', this.#pattern)
    this.#flags = outer
    return index === 0 ? item : { kind: 'group', index, item }
  }

  #groupName(open: number): void {
    const end = this.#pattern.indexOf('>', this.#at)
    if (end < 0) throw new GoRegexpError('invalid named capture', this.#pattern.slice(open))
    const name = this.#pattern.slice(this.#at + 3, end)
    const whole = this.#pattern.slice(open, end + 1)
    if (!/^[A-Za-z0-9_]+$/.test(name)) throw new GoRegexpError('invalid named capture', whole)
    this.#at = end + 1
  }

  /** Reads `?flags:` or `?flags)`. @returns true when a group follows. The flags hold from here on. */
  #groupFlags(open: number): boolean {
    let at = this.#at + 1
    const flags = { ...this.#flags }
    let value = true
    let named = false
    for (; at < this.#pattern.length; at++) {
      const char = this.#pattern[at]!
      const flag = FLAG_NAMES[char]
      if (flag !== undefined) {
        flags[flag] = value
        named = true
      } else if (char === '-') {
        if (!value) break
        value = false
        // A minus that takes nothing away is a mistake.
        named = false
      } else if (char === ':' || char === ')') {
        if (!value && !named) break
        this.#at = at + 1
        this.#flags = flags
        return char === ':'
      } else break
    }
    if (at >= this.#pattern.length) throw new GoRegexpError('missing closing )', this.#pattern)
    throw new GoRegexpError('invalid or unsupported Perl syntax', this.#pattern.slice(open, at + 1))
  }

  #escape(fold: boolean): Node {
    const char = this.#pattern[this.#at]
    switch (char) {
      case 'A':
        this.#at += 1
        return { kind: 'assert', what: 'text-start' }
      case 'z':
        this.#at += 1
        return { kind: 'assert', what: 'text-end' }
      case 'b':
        this.#at += 1
        return { kind: 'assert', what: 'word' }
      case 'B':
        this.#at += 1
        return { kind: 'assert', what: 'not-word' }
    }
    const known = this.#perlClass() ?? this.#unicodeClass()
    if (known !== undefined) return { kind: 'rune', test: folded(known, fold) }
    return literal(this.#escapedRune(), fold)
  }

  /** `\d` and its like, behind the backslash. */
  #perlClass(): RuneTest | undefined {
    const test = PERL_CLASSES[this.#pattern[this.#at] ?? '']
    if (test !== undefined) this.#at += 1
    return test
  }

  /** `\pL`, `\p{Greek}`, `\P{^Lu}`, behind the backslash. */
  #unicodeClass(): RuneTest | undefined {
    const sign = this.#pattern[this.#at]
    if (sign !== 'p' && sign !== 'P') return undefined
    const start = this.#at - 1
    this.#at += 1
    if (this.ended) throw new GoRegexpError('invalid character class range', this.#pattern.slice(start))
    let name = this.#rune()
    if (name === '{') {
      const end = this.#pattern.indexOf('}', this.#at)
      if (end < 0) throw new GoRegexpError('invalid character class range', this.#pattern.slice(start))
      name = this.#pattern.slice(this.#at, end)
      this.#at = end + 1
    }
    const negated = name.startsWith('^')
    if (negated) name = name.slice(1)
    const test = unicodeTest(name)
    if (test === undefined) {
      throw new GoRegexpError('invalid character class range', this.#pattern.slice(start, this.#at))
    }
    return (sign === 'P') !== negated ? (rune) => !test(rune) : test
  }

  /** A single rune written as an escape, behind the backslash. */
  #escapedRune(): number {
    const start = this.#at - 1
    if (this.ended) throw new GoRegexpError('trailing backslash at end of expression', '')
    const rune = this.#rune()
    const simple = SIMPLE_ESCAPES[rune]
    if (simple !== undefined) return simple
    const code = rune.codePointAt(0)!
    if (code < 0x80 && !/[A-Za-z0-9]/.test(rune)) return code
    const rest = this.#pattern.slice(this.#at - rune.length, this.#at + 16)
    // Octal: one to three digits; a single one that is not zero would be a back reference.
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest)
    if (octal !== null) return this.#escapeOf(octal[0], Number.parseInt(octal[0], 8))
    const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/.exec(rest)
    if (hex !== null) {
      const value = Number.parseInt(hex[1] ?? hex[2]!, 16)
      if (value <= 0x10ffff) return this.#escapeOf(hex[0], value)
    }
    throw new GoRegexpError('invalid escape sequence', this.#pattern.slice(start, this.#at))
  }

  #escapeOf(text: string, value: number): number {
    this.#at += text.length - 1
    return value
  }

  /** A bracket expression, behind its bracket. */
  #class(): RuneTest {
    const open = this.#at - 1
    const negated = this.#takes('^')
    const tests: RuneTest[] = []
    for (let first = true; first || this.#pattern[this.#at] !== ']'; first = false) {
      if (this.ended) throw new GoRegexpError('missing closing ]', this.#pattern.slice(open))
      const start = this.#at
      tests.push(this.#posixClass() ?? this.#classEscape() ?? this.#range(start, open))
    }
    this.#at += 1
    const any: RuneTest = (rune) => tests.some((test) => test(rune))
    return negated ? (rune) => !any(rune) : any
  }

  #posixClass(): RuneTest | undefined {
    if (!this.#pattern.startsWith('[:', this.#at)) return undefined
    const end = this.#pattern.indexOf(':]', this.#at + 2)
    if (end < 0) return undefined
    const text = this.#pattern.slice(this.#at, end + 2)
    const negated = text[2] === '^'
    const ranges = POSIX_CLASSES[text.slice(negated ? 3 : 2, -2)]
    if (ranges === undefined) throw new GoRegexpError('invalid character class range', text)
    this.#at = end + 2
    const test = inRanges(ranges)
    return negated ? (rune) => !test(rune) : test
  }

  #classEscape(): RuneTest | undefined {
    if (this.#pattern[this.#at] !== '\\') return undefined
    this.#at += 1
    const test = this.#perlClass() ?? this.#unicodeClass()
    if (test === undefined) this.#at -= 1
    return test
  }

  #range(start: number, open: number): RuneTest {
    const low = this.#classRune(open)
    let high = low
    if (this.#pattern[this.#at] === '-' && this.#at + 1 < this.#pattern.length && this.#pattern[this.#at + 1] !== ']') {
      this.#at += 1
      high = this.#classRune(open)
      if (high < low) {
        throw new GoRegexpError('invalid character class range', this.#pattern.slice(start, this.#at))
      }
    }
    return (rune) => rune >= low && rune <= high
  }

  #classRune(open: number): number {
    if (this.ended) throw new GoRegexpError('missing closing ]', this.#pattern.slice(open))
    const rune = this.#rune()
    return rune === '\\' ? this.#escapedRune() : rune.codePointAt(0)!
  }

  #rune(): string {
    const rune = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!)
    this.#at += rune.length
    return rune
  }

  #takes(char: string): boolean {
    if (this.#pattern[this.#at] !== char) return false
    this.#at += 1
    return true
  }
}

/** True when counted repetitions inside multiply to more than `max`. */
function repeats(node: Node, max: number): boolean {
  if (max < 1) return true
  switch (node.kind) {
    case 'sequence':
    case 'choice':
      return node.items.some((item) => repeats(item, max))
    case 'group':
      return repeats(node.item, max)
    case 'repeat': {
      const count = node.max === Number.POSITIVE_INFINITY ? node.min : node.max
      return repeats(node.item, count > 1 ? max / count : max)
    }
    default:
      return false
  }
}

function literal(code: number, fold: boolean): Node {
  return { kind: 'rune', test: folded((rune) => rune === code, fold) }
}

/** A rune matches as well when another spelling of it, upper or lower, does. */
function folded(test: RuneTest, fold: boolean): RuneTest {
  if (!fold) return test
  return (rune) => {
    if (test(rune)) return true
    const char = String.fromCodePoint(rune)
    const lower = char.toLowerCase()
    const upper = char.toUpperCase()
    return [lower, upper, lower.toUpperCase(), upper.toLowerCase()].some((other) => {
      const code = other.codePointAt(0)!
      return code !== rune && other === String.fromCodePoint(code) && test(code)
    })
  }
}

function inRanges(ranges: string): RuneTest {
  return (rune) => {
    for (let i = 0; i < ranges.length; i += 2) {
      if (rune >= ranges.charCodeAt(i) && rune <= ranges.charCodeAt(i + 1)) return true
    }
    return false
  }
}

function not(test: RuneTest): RuneTest {
  return (rune) => !test(rune)
}

const DIGIT = inRanges('09')
const WORD = inRanges('09AZaz__')
const SPACE = inRanges('\t\n\f\r  ')

const PERL_CLASSES: Record<string, RuneTest> = {
  d: DIGIT,
  D: not(DIGIT),
  s: SPACE,
  S: not(SPACE),
  w: WORD,
  W: not(WORD),
}

const SIMPLE_ESCAPES: Record<string, number> = { a: 7, f: 0x0c, t: 0x09, n: 0x0a, r: 0x0d, v: 0x0b }

/** Pairs of first and last characters. */
const POSIX_CLASSES: Record<string, string> = {
  alnum: '09AZaz',
  alpha: 'AZaz',
  ascii: '\0\x7f',
  blank: '\t\t  ',
  cntrl: '\0\x1f\x7f\x7f',
  digit: '09',
  graph: '!~',
  lower: 'az',
  print: ' ~',
  punct: '!/:@[`{~',
  space: '\t\r  ',
  upper: 'AZ',
  word: '09AZaz__',
  xdigit: '09AFaf',
}

/** A general category of one or two letters, or a script, by the engine's own tables. */
function unicodeTest(name: string): RuneTest | undefined {
  if (name === 'Any') return () => true
  if (!/^[A-Za-z_]+$/.test(name)) return undefined
  // Other engines take scripts by an abbreviation of four letters; some have no longer name.
  if (name.length === 4 && !FOUR_LETTER_SCRIPTS.has(name)) return undefined
  const property = /^[A-Z][a-z]?$/.test(name) ? `General_Category=${name}` : `Script=${name}`
  try {
    const known = new RegExp(`^\\p{${property}}$`, 'u')
    return (rune) => known.test(String.fromCodePoint(rune))
  } catch {
    return undefined
  }
}

const FOUR_LETTER_SCRIPTS = new Set(['Ahom', 'Cham', 'Lisu', 'Newa', 'Thai'])
