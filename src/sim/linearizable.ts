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

const ABSENT: State = { value: null, session: '' }

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
function apply(state: State, { action, answer }: Operation): State | undefined {
  switch (action.kind) {
    case 'put':
      return answer === false ? undefined : { value: action.value, session: state.session }
    case 'delete':
      return answer === false ? undefined : ABSENT
    case 'cas': {
      const done = state.value === action.expected
      if (answer !== undefined && answer !== done) return undefined
      return done ? { value: action.value, session: state.session } : state
    }
    case 'delete-cas': {
      const done = state.value === null || state.value === action.expected
      if (answer !== undefined && answer !== done) return undefined
      return done ? ABSENT : state
    }
    case 'lock': {
      const done = state.session === '' || state.session === action.session
      if (answer !== undefined && answer !== done) return undefined
      return done ? { value: action.value, session: action.session } : state
    }
    case 'unlock': {
      const done = state.value !== null && state.session === action.session
      if (answer !== undefined && answer !== done) return undefined
      return done ? { value: action.value, session: '' } : state
    }
    case 'get':
      if (answer === undefined) return state
      if (typeof answer === 'boolean') return undefined
      return answer.value === state.value && answer.session === state.session ? state : undefined
  }
}

/** A call or a return, in a doubly linked list in order of time. */
interface Mark {
  /** Number of the operation. */
  of: number
  /** On a call: its return. */
  end: Mark | undefined
  before: Mark | undefined
  after: Mark | undefined
}

function checkKey(key: string, all: Operation[], stepsMax: number): Verdict {
  // A read that nobody answered says nothing.
  const operations = all.filter(({ action, answer }) => action.kind !== 'get' || answer !== undefined)
  const head = marks(operations)
  const done = new Uint16Array((operations.length >> 4) + 1)
  const tried = new Set<string>()
  const taken: { call: Mark; state: State }[] = []
  let state = ABSENT
  let answeredLeft = operations.filter(({ answer }) => answer !== undefined).length
  let best = 0
  let bestOrder: number[] = []
  let at = head.after
  for (let steps = 0; ; steps++) {
    if (answeredLeft === 0) return { kind: 'linearizable' }
    if (steps > stepsMax) return { kind: 'undecided', key }
    if (at?.end !== undefined) {
      const operation = operations[at.of]!
      const next = apply(state, operation)
      if (next !== undefined && isNew(at.of, next)) {
        taken.push({ call: at, state })
        state = next
        if (operation.answer !== undefined) answeredLeft--
        flip(at.of)
        lift(at)
        if (taken.length > best) {
          best = taken.length
          bestOrder = taken.map(({ call }) => call.of)
        }
        at = head.after
      } else {
        at = at.after
      }
      continue
    }
    // Somebody was answered before anything else could come: take the last step back.
    const last = taken.pop()
    if (last === undefined) return violated(key, operations, bestOrder)
    if (operations[last.call.of]!.answer !== undefined) answeredLeft++
    flip(last.call.of)
    unlift(last.call)
    state = last.state
    at = last.call.after
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

function marks(operations: Operation[]): Mark {
  const events = operations.flatMap(({ asked, answered, answer }, of) => {
    // What may still happen is answered after everything else.
    const end: Mark = { of, end: undefined, before: undefined, after: undefined }
    const call: Mark = { of, end, before: undefined, after: undefined }
    return [
      { at: asked, isEnd: 0, mark: call },
      { at: answer === undefined ? Number.POSITIVE_INFINITY : answered, isEnd: 1, mark: end },
    ]
  })
  // At one moment, asking comes before answering: the kinder reading.
  events.sort((a, b) => (a.at === b.at ? a.isEnd - b.isEnd : a.at - b.at))
  const head: Mark = { of: -1, end: undefined, before: undefined, after: undefined }
  let last = head
  for (const { mark } of events) {
    last.after = mark
    mark.before = last
    last = mark
  }
  return head
}

function lift(call: Mark): void {
  for (const mark of [call, call.end!]) {
    mark.before!.after = mark.after
    if (mark.after !== undefined) mark.after.before = mark.before
  }
}

function unlift(call: Mark): void {
  for (const mark of [call.end!, call]) {
    mark.before!.after = mark
    if (mark.after !== undefined) mark.after.before = mark
  }
}

function violated(key: string, operations: Operation[], order: number[]): Verdict {
  const explained = order.map((of) => operations[of]!)
  const left = operations.filter((operation) => !explained.includes(operation) && operation.answer !== undefined)
  left.sort((a, b) => a.answered - b.answered)
  return { kind: 'violated', key, operations, stuck: [...explained.slice(-6), ...left.slice(0, 4)].map(describe) }
}
