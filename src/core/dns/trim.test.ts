import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type Message, type Resource, TYPE } from './message.ts'
import { trimTcp, trimUdp } from './trim.ts'

/** A size that needs no codec: without compression, names as long as their text. */
function measure(message: Message): number {
  let bytes = 12
  for (const { name } of message.questions) bytes += name.length + 5
  for (const record of [...message.answers, ...message.additional]) {
    const data = record.type === 'SRV' ? 7 + record.target.length : record.type === 'AAAA' ? 16 : 4
    bytes += record.name.length + 11 + data
  }
  return bytes
}

const question = (type: number) => ({ name: 'web.service.consul.', type, class: 1 })
const addresses = (count: number): Message => ({
  id: 0,
  flags: 0,
  questions: [question(TYPE.A)],
  answers: Array.from({ length: count }, (_, i) => ({ type: 'A', name: 'web.service.consul.', ttl: 0, address: i })),
  authority: [],
  additional: [],
})

function services(count: number): Message {
  const answers: Resource[] = []
  const additional: Resource[] = []
  for (let i = 0; i < count; i++) {
    const target = `n${i}.node.dc1.consul.`
    answers.push({ type: 'SRV', name: 'web.service.consul.', ttl: 0, priority: 1, weight: 1, port: i, target })
    additional.push(
      { type: 'A', name: target, ttl: 0, address: i },
      { type: 'TXT', name: target, ttl: 0, texts: ['x'] },
    )
  }
  return { id: 0, flags: 0, questions: [question(TYPE.SRV)], answers, authority: [], additional }
}

const targets = (message: Message) => message.answers.map((answer) => (answer.type === 'SRV' ? answer.target : ''))

suite('answers that fit', () => {
  test('at 512 bytes the number is limited, by the setting and by a bound of our own', () => {
    for (const [count, limit, left] of [
      [5, 3, 3],
      [3, 3, 3],
      [20, 9, 8],
      [2, 0, 0],
    ] as const) {
      const message = addresses(count)
      assert.equal(trimUdp(message, 512, limit, true, measure), left < count)
      assert.equal(message.answers.length, left)
    }
  })

  test('above 512 bytes only the size counts', () => {
    const message = addresses(5)
    assert.equal(trimUdp(message, 513, 3, true, measure), false)
    assert.equal(message.answers.length, 5)
  })

  test('the greatest number that fits is kept, whatever the size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 80 }), fc.integer({ min: 513, max: 3000 }), (count, size) => {
        const message = addresses(count)
        const cut = trimUdp(message, size, 3, true, measure)
        assert.ok(measure(message) <= size - 7)
        assert.equal(cut, message.answers.length < count)
        if (cut) assert.ok(measure(addresses(message.answers.length + 1)) > size - 7)
      }),
    )
  })

  test('with SRV records go all additional records but the first of each target that is left', () => {
    const message = services(20)
    trimUdp(message, 1232, 3, true, measure)
    assert.ok(message.answers.length > 3 && message.answers.length < 20)
    assert.deepEqual(
      message.additional.map(({ name, type }) => `${type} ${name}`),
      targets(message).map((target) => `A ${target}`),
    )
  })

  test('additional records that are too many go before any answer does', () => {
    const message = services(20)
    const size = measure(message) - 20 * 20
    trimUdp(message, size, 3, true, measure)
    assert.equal(message.answers.length, 20)
    assert.equal(message.additional.length, 20)
  })

  test('an alias among the additional records leads to its address', () => {
    const message = services(4)
    message.additional = [
      { type: 'CNAME', name: 'N0.node.dc1.consul.', ttl: 0, target: 'b.' },
      { type: 'CNAME', name: 'b.', ttl: 0, target: 'n0.node.dc1.consul.' },
      { type: 'A', name: 'n1.node.dc1.consul.', ttl: 0, address: 1 },
    ]
    trimUdp(message, 512, 2, true, measure)
    assert.deepEqual(
      message.additional.map(({ name }) => name),
      ['N0.node.dc1.consul.', 'b.', 'n1.node.dc1.consul.'],
    )
  })

  test('one answer is sent however long it is', () => {
    const message = addresses(1)
    message.answers[0]!.name = `${'x'.repeat(600)}.`
    assert.equal(trimUdp(message, 512, 3, true, measure), false)
    assert.equal(message.answers.length, 1)
  })

  test('over TCP the number is limited, and then the size', () => {
    const many = addresses(5000)
    trimTcp(many, true, (message) => 12 + message.answers.length)
    assert.equal(many.answers.length, 4096)
    const long = services(2000)
    assert.equal(trimTcp(long, true, measure), true)
    assert.ok(long.answers.length < 1024 && measure(long) <= 65523)
    assert.equal(long.additional.length, long.answers.length)
  })

  test('a size without an end is no obstacle', () => {
    const message = services(1000)
    trimTcp(message, true, (trial) =>
      trial.answers.length > 10 ? Number.POSITIVE_INFINITY : trial.answers.length * 7000,
    )
    assert.equal(message.answers.length, 9)
  })
})
