/**
 * Is there an order of the operations, each at some moment between its asking and its answer, in which a single key of
 * the store would have given these answers? The search is Wing and Gong's, with Lowe's memory of configurations that
 * were already tried; each key is judged alone, since linearizability is local (Herlihy and Wing 1990).
 * Read: Lowe, "Testing for linearizability" (2017); Horn and Kroening, "Faster linearizability checking via
 * P-compositionality" (2015).
 */
import { describe, type Operation, type Value } from './history.ts'

/** What one key holds. */
interface State {
  value: Value
  session: string
}

const ABSENT: Readonly<State> = { value: null, session: '' }
/** Stands for every value that nobody saw or expected. */
const UNSEEN = '?'

export type Verdict =
  | { kind: 'linearizable' }
  /** The longest part that can be explained, and what could not follow it. */
  | { kind: 'violated'; key: string; operations: Operation[]; stuck: string[] }
  /** The search was given up. */
  | { kind: 'undecided'; key: string }

/** Steps of one search. Real histories take a few for each operation; only a hopeless one comes near. */
const STEPS_MAX = 3_000_000

export function checkLinearizable(operations: readonly Operation[], stepsMax = STEPS_MAX): Verdict {
  const byKey = new Map<string, Operation[]>()
  for (const operation of operations) {
    const known = byKey.get(operation.key)
    if (known === undefined) byKey.set(operation.key, [operation])
    else known.push(operation)
  }
  for (const [key, ofKey] of byKey) {
    const verdict = checkKey(key, ofKey, stepsMax)
    if (verdict.kind !== 'linearizable') return verdict
  }
  return { kind: 'linearizable' }
}

/** @returns the state after it, or undefined when it could not have given that answer */
function apply(state: Readonly<State>, { action, answer }: Operation): State | undefined {
  switch (action.kind) {
    case 'put':
      return answer === false ? undefined : { value: action.value, session: state.session }
    case 'delete':
      return answer === false ? undefined : { ...ABSENT }
    case 'cas': {
      const done = state.value === action.expected
      if (answer !== undefined && answer !== done) return undefined
      return done ? { value: action.value, session: state.session } : { ...state }
    }
    case 'delete-cas': {
      const done = state.value === null || state.value === action.expected
      if (answer !== undefined && answer !== done) return undefined
      return done ? { ...ABSENT } : { ...state }
    }
    case 'lock': {
      const done = state.session === '' || state.session === action.session
      if (answer !== undefined && answer !== done) return undefined
      return done ? { value: action.value, session: action.session } : { ...state }
    }
    case 'unlock': {
      const done = state.value !== null && state.session === action.session
      if (answer !== undefined && answer !== done) return undefined
      return done ? { value: action.value, session: '' } : { ...state }
    }
    case 'reset':
      return { value: action.value, session: action.session }
    case 'get':
      if (answer === undefined) return { ...state }
      if (typeof answer === 'boolean') return undefined
      return answer.value === state.value && answer.session === state.session ? { ...state } : undefined
  }
}

/** A call or a return, in a doubly linked list in order of time. */
interface Mark {
  /** Number of the operation. */
  of: number
  isCall: boolean
  before: Mark | undefined
  after: Mark | undefined
}

/** One step of the order: what was there before, and who else could have come next. */
interface Step {
  state: State
  candidates: number[]
  next: number
}

function checkKey(key: string, all: Operation[], stepsMax: number): Verdict {
  const seen = seenValues(all)
  const operations = all.filter(telling(all, seen))
  const { head, calls, returns } = marks(operations)
  const done = new Uint16Array((operations.length >> 4) + 1)
  const tried = new Set<string>()
  const order: number[] = []
  let bestOrder: number[] = []
  let answeredLeft = operations.filter(({ answer }) => answer !== undefined).length
  const path: Step[] = [{ state: ABSENT, candidates: candidates(), next: 0 }]
  for (let steps = 0; answeredLeft > 0; steps++) {
    if (steps > stepsMax) return { kind: 'undecided', key }
    const step = path[path.length - 1]!
    const of = step.candidates[step.next++]
    if (of === undefined) {
      // Nobody can come next: take the last step back.
      path.pop()
      const last = order.pop()
      if (last === undefined) return violated(key, operations, bestOrder)
      put(last)
      continue
    }
    const operation = operations[of]!
    const state = apply(step.state, operation)
    if (state === undefined) continue
    // Values that nobody saw are as good as one another.
    if (!seen.has(state.value)) state.value = UNSEEN
    // What may not have happened need not happen where it changes nothing.
    const idle = state.value === step.state.value && state.session === step.state.session
    if ((operation.answer === undefined && idle) || !isNew(of, state)) continue
    take(of)
    order.push(of)
    if (order.length > bestOrder.length) bestOrder = order.slice()
    path.push({ state, candidates: candidates(), next: 0 })
  }
  return { kind: 'linearizable' }

  /** Who was asked before the next answer: those with an answer first, since they must come and the others may. */
  function candidates(): number[] {
    const answered: number[] = []
    const open: number[] = []
    let unseenPut = false
    for (let at = head.after; at?.isCall === true; at = at.after) {
      const { action, answer } = operations[at.of]!
      if (answer !== undefined) answered.push(at.of)
      else if (action.kind !== 'put' || seen.has(action.value)) open.push(at.of)
      else if (!unseenPut) {
        // One of these stands for all: what could happen now can happen later too.
        unseenPut = true
        open.push(at.of)
      }
    }
    return answered.concat(open)
  }

  function take(of: number): void {
    if (operations[of]!.answer !== undefined) answeredLeft--
    flip(of)
    lift(calls[of]!)
    lift(returns[of]!)
  }

  function put(of: number): void {
    if (operations[of]!.answer !== undefined) answeredLeft++
    flip(of)
    unlift(returns[of]!)
    unlift(calls[of]!)
  }

  function flip(of: number): void {
    done[of >> 4]! ^= 1 << (of & 15)
  }

  function isNew(of: number, next: State): boolean {
    flip(of)
    const configuration = `${String.fromCharCode(...done)}${next.value}/${next.session}`
    flip(of)
    if (tried.has(configuration)) return false
    tried.add(configuration)
    return true
  }
}

/**
 * Leaves out what says nothing: reads without an answer, and writes without one whose value nobody ever saw, unless
 * somebody found a value other than the one expected: that may have been theirs.
 */
function telling(all: readonly Operation[], seen: ReadonlySet<Value>): (operation: Operation) => boolean {
  const mismatch = all.some(
    ({ action, answer }) => (action.kind === 'cas' || action.kind === 'delete-cas') && answer === false,
  )
  return ({ action, answer }) => {
    if (answer !== undefined) return true
    if (action.kind === 'get') return false
    return (action.kind !== 'put' && action.kind !== 'cas') || mismatch || seen.has(action.value)
  }
}

/** Absence, and what some answer showed or somebody expected. */
function seenValues(all: readonly Operation[]): Set<Value> {
  const seen = new Set<Value>([null])
  for (const { action, answer } of all) {
    if (typeof answer === 'object') seen.add(answer.value)
    if (action.kind === 'cas' || action.kind === 'delete-cas') seen.add(action.expected)
    if (action.kind === 'reset') seen.add(action.value)
  }
  return seen
}

function marks(operations: Operation[]): { head: Mark; calls: Mark[]; returns: Mark[] } {
  const mark = (of: number, isCall: boolean): Mark => ({ of, isCall, before: undefined, after: undefined })
  const calls = operations.map((_, of) => mark(of, true))
  const returns = operations.map((_, of) => mark(of, false))
  const at = ({ of, isCall }: Mark): number => {
    const { asked, answered, answer } = operations[of]!
    // What may still happen is answered after everything else.
    return isCall ? asked : answer === undefined ? Number.POSITIVE_INFINITY : answered
  }
  const events = [...calls, ...returns].map((each) => ({ at: at(each), each }))
  // At one moment, asking comes before answering: the kinder reading.
  events.sort((a, b) => (a.at === b.at ? Number(b.each.isCall) - Number(a.each.isCall) : a.at - b.at))
  const head = mark(-1, true)
  let last = head
  for (const { each } of events) {
    last.after = each
    each.before = last
    last = each
  }
  return { head, calls, returns }
}

function lift(mark: Mark): void {
  mark.before!.after = mark.after
  if (mark.after !== undefined) mark.after.before = mark.before
}

function unlift(mark: Mark): void {
  mark.before!.after = mark
  if (mark.after !== undefined) mark.after.before = mark
}

function violated(key: string, operations: Operation[], order: number[]): Verdict {
  const explained = order.map((of) => operations[of]!)
  const left = operations.filter((operation) => !explained.includes(operation) && operation.answer !== undefined)
  left.sort((a, b) => a.answered - b.answered)
  return { kind: 'violated', key, operations, stuck: [...explained.slice(-6), ...left.slice(0, 4)].map(describe) }
}
