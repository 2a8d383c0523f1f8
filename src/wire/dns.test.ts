/** The DNS codec: what is written is read, what is broken is refused, and nothing makes it hang or throw otherwise. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Message, Resource } from '../core/dns/message.ts'
import { DnsError, decodeHeader, decodeMessage, encodeMessage, measureMessage } from './dns.ts'

const EMPTY: Message = { id: 1, flags: 0, questions: [], answers: [], authority: [], additional: [] }
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const fromHex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true })

/** Text of a name with any bytes in its labels, as a reader would give it. */
const byteText = (byte: number): string => {
  const char = String.fromCharCode(byte)
  if ('.()"; @\\'.includes(char)) return `\\${char}`
  return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, '0')}` : char
}
const label = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Array.from(bytes, byteText).join(''))
const plainLabel = fc.constantFrom('web', 'node', 'service', 'dc1', 'consul', 'a', 'W')
const name = fc
  .array(fc.oneof({ weight: 4, arbitrary: plainLabel }, label), { maxLength: 6 })
  .map((labels) => (labels.length === 0 ? '.' : `${labels.join('.')}.`))
const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 })
const head = { name, ttl: u32 }
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => String.fromCharCode(...bytes))
const resource: fc.Arbitrary<Resource> = fc.oneof(
  record({ ...head, type: fc.constant('A' as const), address: u32 }),
  record({ ...head, type: fc.constant('AAAA' as const), address: bytes16 }),
  record({ ...head, type: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const), target: name }),
  record({ ...head, type: fc.constant('SRV' as const), priority: u16, weight: u16, port: u16, target: name }),
  record({ ...head, type: fc.constant('TXT' as const), texts: fc.array(text, { minLength: 1, maxLength: 3 }) }),
  record({
    ...head,
    type: fc.constant('SOA' as const),
    nameserver: name,
    mailbox: name,
    serial: u32,
    refresh: u32,
    retry: u32,
    expire: u32,
    minimum: u32,
  }),
  record({
    ...head,
    type: fc.constant('other' as const),
    typeNumber: fc.constantFrom(15, 99, 65535),
    class: fc.constantFrom(1, 3),
    data: fc.uint8Array({ maxLength: 20 }),
  }),
)
const section = fc.array(resource, { maxLength: 6 })
const message: fc.Arbitrary<Message> = fc.record(
  {
    id: u16,
    flags: u16,
    questions: fc.array(record({ name, type: u16, class: u16 }), { maxLength: 2 }),
    answers: section,
    authority: section,
    additional: section,
    edns: record({ udpSize: u16 }),
  },
  { noNullPrototype: true, requiredKeys: ['id', 'flags', 'questions', 'answers', 'authority', 'additional'] },
)

suite('dns codec', () => {
  test('what is encoded is decoded, with and without compression, and measured right', () => {
    fc.assert(
      fc.property(message, fc.boolean(), (value, compress) => {
        const bytes = encodeMessage(value, compress)
        assert.equal(measureMessage(value, compress), bytes.length)
        assert.deepEqual(decodeMessage(bytes), value)
        assert.ok(encodeMessage(value, true).length <= encodeMessage(value, false).length)
      }),
      { numRuns: 300 },
    )
  })

  test('a message cut anywhere is refused or read as less, never more', () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytes = encodeMessage(value)
        for (let length = 0; length < bytes.length; length++) {
          try {
            const read = decodeMessage(bytes.subarray(0, length))
            assert.ok(read.questions.length <= value.questions.length)
            assert.ok(read.answers.length <= value.answers.length)
          } catch (error) {
            assert.ok(error instanceof DnsError)
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  test('random and mutated bytes end in a value or a DnsError', () => {
    const noise = fc.uint8Array({ maxLength: 80 })
    const mutated = fc
      .tuple(message, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
      .map(([value, changes]) => {
        const bytes = encodeMessage(value)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(noise, mutated), (bytes) => {
        let read: Message
        try {
          read = decodeMessage(bytes)
        } catch (error) {
          assert.ok(error instanceof DnsError)
          return
        }
        // What could be read can be written. Pointers let a small message say much: then it may be too long.
        if (measureMessage(read, true) !== Number.POSITIVE_INFINITY) encodeMessage(read)
      }),
      { numRuns: 2000 },
    )
  })

  test('names point to names: owners and targets, but the target of SRV stands in full', () => {
    const [question] = [{ name: 'web.service.consul.', type: 33, class: 1 }]
    const target = 'n1.node.dc1.consul.'
    const bytes = encodeMessage({
      ...EMPTY,
      questions: [question],
      answers: [{ type: 'SRV', name: question.name, ttl: 0, priority: 1, weight: 1, port: 80, target }],
      additional: [{ type: 'A', name: target, ttl: 0, address: 0x0a000001 }],
    })
    const expected = `0001 0000 0001 0001 0000 0001 03776562 0773657276696365 06636f6e73756c 00 0021 0001
      c00c 0021 0001 00000000 001a 0001 0001 0050 026e31 046e6f6465 03646331 06636f6e73756c 00
      c036 0001 0001 00000000 0004 0a000001`
    assert.equal(hex(bytes), expected.replace(/\s/g, ''))
  })

  test('a name is not compressed by another in a different letter case', () => {
    const question = { name: 'WEB.consul.', type: 1, class: 1 }
    const answers: Resource[] = [{ type: 'A', name: 'web.consul.', ttl: 0, address: 1 }]
    const read = decodeMessage(encodeMessage({ ...EMPTY, questions: [question], answers }))
    assert.equal(read.questions[0]?.name, 'WEB.consul.')
    assert.equal(read.answers[0]?.name, 'web.consul.')
  })

  test('names beyond the reach of a pointer are written out, and read back', () => {
    const answers: Resource[] = Array.from({ length: 900 }, (_, i) => {
      return { type: 'CNAME', name: `n${i}.consul.`, ttl: i, target: `t${i % 450}.example.` }
    })
    const value = { ...EMPTY, answers }
    const bytes = encodeMessage(value)
    assert.ok(bytes.length > 0x4000)
    assert.deepEqual(decodeMessage(bytes), value)
  })

  test('the first name may itself be beyond the reach of a pointer', () => {
    const texts = Array.from({ length: 70 }, () => 'x'.repeat(255))
    const answers: Resource[] = [{ type: 'TXT', name: '.', ttl: 0, texts }]
    for (let i = 0; i < 2; i++) answers.push({ type: 'A', name: 'late.', ttl: 0, address: i })
    const value = { ...EMPTY, answers }
    assert.deepEqual(decodeMessage(encodeMessage(value)), value)
  })

  const refused: Record<string, string> = {
    'a pointer to itself': 'c00c 0001 0001',
    'a pointer forwards': 'c010 0001 0001 00',
    'a pointer into its own labels': '0161 c00c 0001 0001',
    'two pointers to each other': '0161 c010 0162 c00c 0001 0001',
    'a label of an unknown kind': '41 0001 0001',
    'a label past the end': '0a 61 62',
    'a name without an end': '0161 0162',
    'half a pointer': '0161 c0',
    'a name of 256 bytes': `${`3f${'61'.repeat(63)}`.repeat(3)}3e${'61'.repeat(62)} 00 0001 0001`,
  }
  for (const [what, question] of Object.entries(refused)) {
    test(`refused: ${what}`, () => {
      assert.throws(() => decodeMessage(fromHex(`0001 0000 0001 0000 0000 0000 ${question}`)), DnsError)
    })
  }

  test('names and labels as long as they may be are read', () => {
    const longest = `${`3f${'61'.repeat(63)}`.repeat(3)}3d${'61'.repeat(61)} 00`
    const read = decodeMessage(fromHex(`0001 0000 0001 0000 0000 0000 ${longest} 0001 0001`))
    assert.equal(read.questions[0]?.name.length, 254)
    assert.deepEqual(decodeMessage(encodeMessage(read)), read)
  })

  test('a chain of pointers that only goes backwards is followed to its end, however long', () => {
    // Record i is named by a label and a pointer to record i-1's name, whose length passes 255 in time.
    const answers: Resource[] = []
    let owner = '.'
    for (let i = 0; i < 100; i++) {
      owner = `a${owner === '.' ? '.' : `.${owner}`}`
      answers.push({ type: 'A', name: owner, ttl: 0, address: i })
    }
    const value = { ...EMPTY, answers }
    assert.deepEqual(decodeMessage(encodeMessage(value)), value)
    assert.throws(
      () => encodeMessage({ ...EMPTY, questions: [{ name: 'a.'.repeat(128), type: 1, class: 1 }] }),
      DnsError,
    )
  })

  test('names that cannot be written are refused', () => {
    for (const bad of [
      '',
      'consul',
      'a..consul.',
      '.consul.',
      `${'l'.repeat(64)}.consul.`,
      'a.\\',
      'a\\.',
      'ü.'.repeat(86),
    ]) {
      assert.throws(() => encodeMessage({ ...EMPTY, questions: [{ name: bad, type: 1, class: 1 }] }), DnsError, bad)
    }
  })

  test('text beyond ASCII is written as UTF-8, and read as its bytes', () => {
    const read = decodeMessage(encodeMessage({ ...EMPTY, questions: [{ name: 'ü b.consul.', type: 1, class: 1 }] }))
    assert.equal(read.questions[0]?.name, '\\195\\188\\ b.consul.')
  })

  test('a text longer than a character string is split', () => {
    const long = 'x'.repeat(256)
    const answers: Resource[] = [{ type: 'TXT', name: 'a.', ttl: 0, texts: [long] }]
    const [record] = decodeMessage(encodeMessage({ ...EMPTY, answers })).answers
    assert.deepEqual(record, { type: 'TXT', name: 'a.', ttl: 0, texts: ['x'.repeat(255), 'x'] })
  })

  test('the client subnet is read, masked and written', () => {
    const opt = '00 0029 04d0 00000000 000b 0008 0007 0001 14 00 c0a8ff'
    const { edns } = decodeMessage(fromHex(`0001 0000 0000 0000 0000 0001 ${opt}`))
    assert.deepEqual(edns, {
      udpSize: 1232,
      subnet: { family: 1, sourceNetmask: 20, scopeNetmask: 0, address: Uint8Array.of(192, 168, 255, 0) },
    })
    const bytes = encodeMessage({ ...EMPTY, edns: edns! })
    assert.equal(hex(bytes.subarray(12)), '00002904d000000000000b0008000700011400c0a8f0')
  })

  test('messages over 65535 bytes are refused, and measured as endless', () => {
    const texts = Array.from({ length: 255 }, () => 'x'.repeat(255))
    const record: Resource = { type: 'TXT', name: '.', ttl: 0, texts }
    const value = { ...EMPTY, answers: [record] }
    assert.equal(encodeMessage(value).length, 12 + 1 + 10 + 255 * 256)
    const tooLong = { ...EMPTY, answers: [record, record] }
    assert.throws(() => encodeMessage(tooLong), DnsError)
    assert.equal(measureMessage(tooLong, true), Number.POSITIVE_INFINITY)
  })

  test('a broken message tells what could be read of it', () => {
    const bytes = fromHex('0007 0100 0001 0000 0000 0001 0161 00 0001 0001 00 0029 04d0')
    assert.throws(
      () => decodeMessage(bytes),
      (error) => error instanceof DnsError && error.partial?.id === 7 && error.partial.questions[0]?.name === 'a.',
    )
    assert.equal(decodeHeader(new Uint8Array(11)), undefined)
  })
})
