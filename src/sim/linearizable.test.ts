/** The judge of histories is judged here: by small histories whose verdict is known, and by a slow and plain search. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom, shuffle } from '../base/random.ts'
import type { Action, Answer, Operation } from './history.ts'
import { checkLinearizable } from './linearizable.ts'

let clients = 0
const op = (asked: number, answered: number, action: Action, answer?: Answer): Operation => ({
  client: `c${++clients}`,
  key: 'k',
  action,
  asked,
  answered: answer === undefined ? Number.POSITIVE_INFINITY : answered,
  answer,
})
const put = (asked: number, answered: number, value: string) => op(asked, answered, { kind: 'put', value }, true)
const get = (asked: number, answered: number, value: string | null) =>
  op(asked, answered, { kind: 'get' }, { value, session: '' })
const lost = (asked: number, action: Action) => op(asked, 0, action)
const verdict = (...operations: Operation[]) => checkLinearizable(operations).kind

test('a read sees the last write that was answered before it was asked', () => {
  assert.equal(verdict(put(0, 1, 'a'), get(2, 3, 'a')), 'linearizable')
  assert.equal(verdict(put(0, 1, 'a'), put(2, 3, 'b'), get(4, 5, 'a')), 'violated')
  assert.equal(verdict(get(0, 1, null), put(2, 3, 'a'), get(4, 5, null)), 'violated')
})

test('while a write is under way both are right, but not one after the other turned round', () => {
  assert.equal(verdict(put(0, 1, 'a'), put(2, 9, 'b'), get(3, 4, 'a'), get(5, 6, 'b')), 'linearizable')
  assert.equal(verdict(put(0, 1, 'a'), put(2, 9, 'b'), get(3, 4, 'b'), get(5, 6, 'a')), 'violated')
})

test('a write without an answer may happen late, or never, but not twice', () => {
  const write = lost(0, { kind: 'put', value: 'a' })
  assert.equal(verdict(write, get(5, 6, null), get(7, 8, 'a')), 'linearizable')
  assert.equal(verdict(write, get(5, 6, null)), 'linearizable')
  assert.equal(verdict(write, get(5, 6, 'a'), put(7, 8, 'b'), get(9, 10, 'a')), 'violated')
})

test('a compare-and-set succeeds exactly where the value stands', () => {
  const cas = (asked: number, answered: number, expected: string | null, value: string, done: boolean) =>
    op(asked, answered, { kind: 'cas', expected, value }, done)
  assert.equal(verdict(cas(0, 1, null, 'a', true), cas(2, 3, 'a', 'b', true), get(4, 5, 'b')), 'linearizable')
  assert.equal(verdict(cas(0, 1, null, 'a', true), cas(2, 3, null, 'b', true)), 'violated')
  assert.equal(verdict(cas(0, 5, null, 'a', true), cas(1, 6, null, 'b', true)), 'violated')
  assert.equal(verdict(cas(0, 5, null, 'a', true), cas(1, 6, null, 'b', false)), 'linearizable')
})

test('a lock has one holder', () => {
  const lock = (asked: number, answered: number, session: string, done: boolean) =>
    op(asked, answered, { kind: 'lock', session, value: session }, done)
  assert.equal(verdict(lock(0, 5, 's', true), lock(1, 6, 't', true)), 'violated')
  const unlock = op(2, 3, { kind: 'unlock', session: 's', value: 'u' }, true)
  assert.equal(verdict(lock(0, 1, 's', true), unlock, lock(4, 6, 't', true)), 'linearizable')
})

/** A store that is right, seen by clients whose answers come late, or not at all. */
function honest(random: Random, length: number): Operation[] {
  const operations: Operation[] = []
  let value: string | null = null
  for (let n = 0; n < length; n++) {
    const moment = n * 10
    const asked = moment - random.float() * 25
    const answered = moment + random.float() * 25
    const unknown = random.float() < 0.15
    const draw = random.int(4)
    const fresh = `v${n}`
    let action: Action = { kind: 'get' }
    let answer: Answer = { value, session: '' }
    if (draw === 0) {
      action = { kind: 'put', value: fresh }
      answer = true
      value = fresh
    } else if (draw === 1) {
      const expected: string | null = random.float() < 0.7 ? value : 'other'
      action = { kind: 'cas', expected, value: fresh }
      answer = expected === value
      if (answer) value = fresh
    } else if (draw === 2 && random.float() < 0.3) {
      action = { kind: 'delete' }
      answer = true
      value = null
    }
    operations.push(unknown ? lost(asked, action) : op(asked, answered, action, answer))
  }
  return shuffle(operations, random)
}

test('what a right store answered is always found right', () => {
  const random = seededRandom(7)
  for (let n = 0; n < 200; n++) assert.equal(verdict(...honest(random, 60)), 'linearizable')
})

/** Tries all orders. */
function explains(operations: Operation[], value: string | null = null): boolean {
  if (operations.every(({ answer }) => answer === undefined)) return true
  const end = Math.min(...operations.map(({ answered }) => answered))
  return operations.some((operation) => {
    if (operation.asked > end) return false
    const { action, answer } = operation
    let next = value
    let gives: boolean | string | null = true
    if (action.kind === 'put') next = action.value
    else if (action.kind === 'delete') next = null
    else if (action.kind === 'cas') {
      gives = value === action.expected
      if (gives) next = action.value
    } else gives = value
    if (answer !== undefined && (typeof answer === 'boolean' ? answer : answer.value) !== gives) return false
    return explains(
      operations.filter((other) => other !== operation),
      next,
    )
  })
}

test('it agrees with a search of all orders, also about stores that are wrong', () => {
  const random = seededRandom(11)
  let violated = 0
  for (let n = 0; n < 3000; n++) {
    const operations = honest(random, 7)
    const spoiled = operations[random.int(operations.length)]!
    if (typeof spoiled.answer === 'boolean') spoiled.answer = !spoiled.answer || spoiled.action.kind === 'put'
    else if (spoiled.answer !== undefined) spoiled.answer = { value: `v${random.int(7)}`, session: '' }
    const expected = explains(operations)
    if (!expected) violated++
    assert.equal(verdict(...operations), expected ? 'linearizable' : 'violated')
  }
  assert(violated > 500, `only ${violated} were wrong`)
})

test('a long history with many unknown writes is decided quickly', () => {
  const random = seededRandom(3)
  const operations = honest(random, 3000)
  assert.equal(checkLinearizable(operations, 200_000).kind, 'linearizable')
})
