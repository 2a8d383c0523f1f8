/**
 * Reads a text rule by rule, as a parser of a parsing expression grammar does, and remembers what would have been accepted
 * at the farthest place that was reached: of a text that fits no rule, that is what its writer is told. Knows no grammar.
 * Source: the parsers that mna/pigeon generates, whose messages these are.
 */
import { bytesFromText } from '../../base/text.ts'

export class Reader {
  /** In characters. A rule that failed puts it back to where it began. */
  at = 0
  readonly #runes: string[]
  /** Within a look-ahead for what must not be there. */
  #inverted = false
  #farthest = 0
  #expected = new Set<string>()
  readonly #errors = new Set<string>()
  readonly #rules: string[] = []

  constructor(text: string) {
    this.#runes = Array.from(text)
    this.#look()
  }

  /** What is wrong with the text, a line for each mistake. @param found that the whole of it fits the grammar */
  mistakes(found: boolean): string[] {
    if (!found && this.#errors.size === 0) {
      this.fault(`no match found, expected: ${this.#wanted()}`, this.#farthest)
    }
    return [...this.#errors]
  }

  /** Mistakes that are found within carry the name of the rule. */
  rule<T>(name: string, body: () => T): T {
    this.#rules.push(name)
    const result = body()
    this.#rules.pop()
    return result
  }

  end(): boolean {
    return this.rule('EOF', () => this.notAhead(() => this.any()))
  }

  any(): boolean {
    const there = this.at < this.#runes.length
    this.#note(there, this.at, '.')
    if (there) this.#advance()
    return there
  }

  /** @param chars of one character */
  oneOf(name: string, chars: RegExp): boolean {
    const rune = this.#runes[this.at]
    const matched = rune !== undefined && chars.test(rune)
    const start = this.at
    if (matched) this.#advance()
    this.#note(matched, start, name)
    return matched
  }

  /** Nothing is consumed unless all of it is there. */
  literal(text: string): boolean {
    const start = this.at
    let matched = true
    for (const char of text) {
      if (this.#runes[this.at] !== char) {
        matched = false
        break
      }
      this.#advance()
    }
    this.#note(matched, start, JSON.stringify(text))
    if (!matched) this.at = start
    return matched
  }

  ahead(body: () => boolean): boolean {
    const start = this.at
    const matched = body()
    this.at = start
    return matched
  }

  notAhead(body: () => boolean): boolean {
    this.#inverted = !this.#inverted
    const matched = this.ahead(body)
    this.#inverted = !this.#inverted
    return !matched
  }

  text(start: number): string {
    return this.#runes.slice(start, this.at).join('')
  }

  fault(message: string, at = this.at): void {
    const rule = this.#rules.at(-1)
    this.#errors.add(`${this.#place(at)}${rule === undefined ? '' : `: rule ${rule}`}: ${message}`)
  }

  #advance(): void {
    this.at += 1
    this.#look()
  }

  /** A byte that is not UTF-8 (base/text.ts) is a mistake wherever it stands. */
  #look(): void {
    const code = this.#runes[this.at]?.charCodeAt(0)
    if (code !== undefined && code >= 0xdc80 && code <= 0xdcff && this.#runes[this.at]!.length === 1) {
      this.fault('invalid encoding')
    }
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

  #wanted(): string {
    const wanted = [...this.#expected].filter((want) => want !== '!.').sort((a, b) => (a < b ? -1 : 1))
    if (this.#expected.has('!.')) wanted.push('EOF')
    const last = wanted.pop() ?? ''
    return wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`
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
