/**
 * Regular expressions as Go's package regexp has them (RE2's syntax, https://pkg.go.dev/regexp/syntax), for patterns that
 * users send: filters, tags of events, templates of prepared queries. Matching follows all alternatives at once (Thompson,
 * Pike), so its time grows with pattern times text and never worse; an engine that backtracks could be held for hours by
 * one hostile request. What the syntax means is in go-regexp-parse.ts; here it is compiled and run.
 */
import { GoRegexpError, type Node, parseGoRegexp, type RuneTest } from './go-regexp-parse.ts'

export { GoRegexpError }

type Assertion = 'line-start' | 'line-end' | 'text-start' | 'text-end' | 'word' | 'not-word'

type Inst =
  | { op: 'rune'; test: RuneTest; next: number }
  /** `first` is preferred. */
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; next: number }
  | { op: 'assert'; what: Assertion; next: number }
  | { op: 'save'; slot: number; next: number }
  | { op: 'match' }

/** Repetitions are unrolled: past so many instructions the pattern is refused, as Go refuses large repetitions. */
const INSTRUCTIONS_MAX = 50_000
const END = -1
const REPLACEMENT = 0xfffd

export interface GoRegexp {
  /** True when the pattern matches anywhere in the text. */
  test(text: string): boolean
  /**
   * The leftmost match, preferring what stands first in the pattern: its text and that of each group; a group that took
   * no part reads "". undefined without a match.
   */
  groups(text: string): string[] | undefined
}

/** @throws GoRegexpError with Go's words */
export function compileGoRegexp(pattern: string): GoRegexp {
  const { node, groups } = parseGoRegexp(pattern)
  const program = compile(node, pattern)
  return {
    test: (text) => run(program, runesOf(text), 0) !== undefined,
    groups(text) {
      const runes = runesOf(text)
      const slots = run(program, runes, (groups + 1) * 2)
      if (slots === undefined) return undefined
      const offsets = [0]
      const chars = Array.from(text)
      for (const char of chars) offsets.push(offsets[offsets.length - 1]! + char.length)
      return Array.from({ length: groups + 1 }, (_, i) => {
        const from = slots[i * 2] ?? END
        const to = slots[i * 2 + 1] ?? END
        return from < 0 || to < 0 ? '' : text.slice(offsets[from]!, offsets[to]!)
      })
    },
  }
}

/** Code points; bytes that are not UTF-8 (base/text.ts) count as U+FFFD, as Go reads them. */
function runesOf(text: string): number[] {
  const runes: number[] = []
  for (const char of text) {
    const code = char.codePointAt(0)!
    runes.push(code >= 0xd800 && code <= 0xdfff ? REPLACEMENT : code)
  }
  return runes
}

function compile(root: Node, pattern: string): Inst[] {
  const program: Inst[] = []

  function emit(inst: Inst): number {
    if (program.length >= INSTRUCTIONS_MAX) throw new GoRegexpError('expression too large', pattern)
    return program.push(inst) - 1
  }

  /** Instructions that match `node` and go on at the place behind them, which is the next to be emitted. */
  function add(node: Node): void {
    switch (node.kind) {
      case 'empty':
        return
      case 'rune':
        emit({ op: 'rune', test: node.test, next: program.length + 1 })
        return
      case 'assert':
        emit({ op: 'assert', what: node.what, next: program.length + 1 })
        return
      case 'sequence':
        for (const item of node.items) add(item)
        return
      case 'choice':
        choice(node.items, 0)
        return
      case 'group':
        emit({ op: 'save', slot: node.index * 2, next: program.length + 1 })
        add(node.item)
        emit({ op: 'save', slot: node.index * 2 + 1, next: program.length + 1 })
        return
      case 'repeat':
        repeat(node)
        return
    }
  }

  function choice(items: readonly Node[], at: number): void {
    if (at === items.length - 1) return add(items[at]!)
    const split = emit({ op: 'split', first: program.length + 1, second: END })
    add(items[at]!)
    const jump = emit({ op: 'jump', next: END })
    program[split] = { op: 'split', first: split + 1, second: program.length }
    choice(items, at + 1)
    program[jump] = { op: 'jump', next: program.length }
  }

  function repeat({ item, min, max, lazy }: Extract<Node, { kind: 'repeat' }>): void {
    const split = (at: number, out: number) => {
      program[at] = lazy ? { op: 'split', first: out, second: at + 1 } : { op: 'split', first: at + 1, second: out }
    }
    for (let i = 0; i < min; i++) add(item)
    if (max === Number.POSITIVE_INFINITY) {
      const loop = emit({ op: 'split', first: END, second: END })
      add(item)
      emit({ op: 'jump', next: loop })
      split(loop, program.length)
      return
    }
    const splits: number[] = []
    for (let i = min; i < max; i++) {
      splits.push(emit({ op: 'split', first: END, second: END }))
      add(item)
    }
    for (const at of splits) split(at, program.length)
  }

  emit({ op: 'save', slot: 0, next: 1 })
  add(root)
  emit({ op: 'save', slot: 1, next: program.length + 1 })
  emit({ op: 'match' })
  return program
}

interface Threads {
  /** Places of the program in order of preference, each once. */
  places: number[]
  slots: (readonly number[])[]
  seen: Uint32Array
  generation: number
}

/** @param slotCount 0: only whether it matches is asked */
function run(program: readonly Inst[], runes: readonly number[], slotCount: number): readonly number[] | undefined {
  const make = (): Threads => ({ places: [], slots: [], seen: new Uint32Array(program.length), generation: 0 })
  let now = make()
  let then = make()
  const none: readonly number[] = slotCount === 0 ? [] : new Array<number>(slotCount).fill(END)
  let found: readonly number[] | undefined
  begin(now)
  for (let at = 0; ; at++) {
    if (found === undefined) follow(program, now, 0, none, runes, at)
    if (now.places.length === 0 && found !== undefined) return found
    begin(then)
    for (let i = 0; i < now.places.length; i++) {
      const inst = program[now.places[i]!]!
      if (inst.op === 'match') {
        found = now.slots[i]!
        if (slotCount === 0) return found
        // Those behind it are less preferred.
        break
      }
      if (inst.op === 'rune' && at < runes.length && inst.test(runes[at]!)) {
        follow(program, then, inst.next, now.slots[i]!, runes, at + 1)
      }
    }
    if (at >= runes.length) return found
    ;[now, then] = [then, now]
  }
}

function begin(threads: Threads): void {
  threads.places.length = 0
  threads.slots.length = 0
  threads.generation += 1
}

/** Adds a place and all that can be reached from it without reading, the preferred first. */
function follow(
  program: readonly Inst[],
  threads: Threads,
  start: number,
  startSlots: readonly number[],
  runes: readonly number[],
  at: number,
): void {
  const open: { place: number; slots: readonly number[] }[] = [{ place: start, slots: startSlots }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { place, slots } = next
    if (threads.seen[place] === threads.generation) continue
    threads.seen[place] = threads.generation
    const inst = program[place]!
    switch (inst.op) {
      case 'jump':
        open.push({ place: inst.next, slots })
        break
      case 'split':
        open.push({ place: inst.second, slots }, { place: inst.first, slots })
        break
      case 'save':
        open.push({ place: inst.next, slots: inst.slot < slots.length ? slots.with(inst.slot, at) : slots })
        break
      case 'assert':
        if (holds(inst.what, runes, at)) open.push({ place: inst.next, slots })
        break
      default:
        threads.places.push(place)
        threads.slots.push(slots)
    }
  }
}

function holds(what: Assertion, runes: readonly number[], at: number): boolean {
  switch (what) {
    case 'text-start':
      return at === 0
    case 'text-end':
      return at === runes.length
    case 'line-start':
      return at === 0 || runes[at - 1] === 0x0a
    case 'line-end':
      return at === runes.length || runes[at] === 0x0a
    case 'word':
      return isWord(runes[at - 1]) !== isWord(runes[at])
    case 'not-word':
      return isWord(runes[at - 1]) === isWord(runes[at])
  }
}

/** ASCII letters, digits and the underscore. */
function isWord(rune: number | undefined): boolean {
  if (rune === undefined) return false
  return (
    (rune >= 0x30 && rune <= 0x39) || (rune >= 0x41 && rune <= 0x5a) || rune === 0x5f || (rune >= 0x61 && rune <= 0x7a)
  )
}
