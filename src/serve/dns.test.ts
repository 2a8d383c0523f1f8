/** The door itself: what the header decides, failures inside, recursors, and any bytes at all. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { FLAG, type Message, RCODE, rcodeOf, TYPE } from '../core/dns/message.ts'
import { DEFAULT_ZONE } from '../core/dns/resolve.ts'
import { ConsulError } from '../model/errors.ts'
import { decodeMessage, encodeMessage } from '../wire/dns.ts'
import { type DnsOptions, type DnsReply, makeDns, WAITING_MAX } from './dns.ts'
import { fakeBackend, fakeCatalog } from './dns-catalog.testing.ts'
import { readCatalog, readQuestions } from './dns-questions.testing.ts'

const CATALOG = fakeCatalog([
  { Node: 'n1', Address: '10.0.0.1', Service: { Service: 'web', Port: 80 } },
  { Node: 'n2', Address: '10.0.0.2', Service: { Service: 'named', Address: 'db.example.com' } },
  { Node: 'l'.repeat(64), Address: '10.0.0.3', Service: { Service: 'unwritable', Port: 80 } },
])

function question(name: string, type: number = TYPE.A, more: Partial<Message> = {}): Uint8Array {
  const questions = [{ name, type, class: 1 }]
  return encodeMessage({
    id: 7,
    flags: FLAG.recursionDesired,
    questions,
    answers: [],
    authority: [],
    additional: [],
    ...more,
  })
}

function atOnce(reply: DnsReply): Message {
  assert.ok(reply instanceof Uint8Array, 'answered at once')
  return decodeMessage(reply)
}

async function inTime(reply: DnsReply): Promise<Message> {
  const bytes = await reply
  assert.ok(bytes !== undefined)
  return decodeMessage(bytes)
}

const options = (more: Partial<DnsOptions> = {}): DnsOptions => ({ zone: DEFAULT_ZONE, ...more })

suite('the dns door', () => {
  test('with replies at hand it answers at once, else in time, the same', async () => {
    const here = fakeBackend(CATALOG, 'peek')
    const there = fakeBackend(CATALOG, 'call')
    const bytes = question('web.service.consul.', TYPE.SRV)
    const reply = atOnce(makeDns(here, options()).udp(bytes))
    assert.deepEqual(reply.answers, [
      {
        type: 'SRV',
        name: 'web.service.consul.',
        ttl: 0,
        priority: 1,
        weight: 1,
        port: 80,
        target: 'n1.node.dc1.consul.',
      },
    ])
    const pending = makeDns(there, options()).udp(bytes)
    assert.ok(pending instanceof Promise)
    assert.deepEqual(await inTime(pending), reply)
    assert.deepEqual([here.asked, there.asked], [['Health.ServiceNodes'], ['Health.ServiceNodes']])
  })

  test('operating failures, defects and unwritable answers are SERVFAIL', async () => {
    for (const style of ['peek', 'call'] as const) {
      for (const error of [new ConsulError('no-leader'), new TypeError('a defect')]) {
        const backend = fakeBackend(CATALOG, style)
        const failing = () => {
          throw error
        }
        backend.peek = style === 'peek' ? failing : () => undefined
        backend.call = async () => failing()
        const reply = await inTime(makeDns(backend, options()).udp(question('web.service.consul.')))
        assert.equal(rcodeOf(reply.flags), RCODE.serverFailure)
        assert.equal(reply.id, 7)
        assert.equal(reply.questions[0]?.name, 'web.service.consul.')
      }
    }
    const edns = { udpSize: 4096 }
    const unwritable = question('unwritable.service.consul.', TYPE.SRV, { edns })
    const reply = atOnce(makeDns(fakeBackend(CATALOG), options()).tcp(unwritable))
    assert.equal(rcodeOf(reply.flags), RCODE.serverFailure)
    assert.deepEqual(reply.edns, edns)
  })

  test('of questions that wait there is a bound, and those beyond it are SERVFAIL at once', async () => {
    const backend = fakeBackend(CATALOG, 'call')
    const { call } = backend
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    backend.call = async (method, args) => {
      await released
      return call(method, args)
    }
    const dns = makeDns(backend, options())
    const bytes = question('web.service.consul.')
    const waiting = Array.from({ length: WAITING_MAX }, () => dns.udp(bytes))
    assert.equal(rcodeOf(atOnce(dns.udp(bytes)).flags), RCODE.serverFailure)
    release()
    for (const reply of await Promise.all(waiting.map(inTime))) assert.equal(reply.answers.length, 1)
    assert.equal((await inTime(dns.udp(bytes))).answers.length, 1)
  })

  test('the serial number is the time in seconds', () => {
    const [soa] = atOnce(makeDns(fakeBackend(CATALOG), options()).udp(question('consul.', TYPE.SOA))).answers
    assert.ok(soa?.type === 'SOA' && soa.serial === 1_600_000_000)
  })

  test('what is outside goes to the recursors as it came, and their answer comes back as it is', async () => {
    const forwarded: [Uint8Array, string][] = []
    const forward = async (bytes: Uint8Array, network: string) => {
      forwarded.push([bytes, network])
      return Uint8Array.of(1, 2, 3)
    }
    const zone = { ...DEFAULT_ZONE, hasRecursors: true }
    const dns = makeDns(fakeBackend(CATALOG), { zone, forward })
    const bytes = question('example.com.')
    assert.deepEqual(await dns.udp(bytes), Uint8Array.of(1, 2, 3))
    assert.deepEqual(await dns.tcp(question('9.9.9.9.in-addr.arpa.', TYPE.PTR)), Uint8Array.of(1, 2, 3))
    assert.deepEqual(forwarded[0], [bytes, 'udp'])
    assert.equal(forwarded[1]?.[1], 'tcp')
    atOnce(dns.udp(question('nope.node.consul.')))
    assert.equal(forwarded.length, 2)
  })

  test('when no recursor answers, the answer is SERVFAIL', async () => {
    const zone = { ...DEFAULT_ZONE, hasRecursors: true }
    const silent = async () => undefined
    const broken = async () => {
      throw new Error('unreachable')
    }
    for (const forward of [undefined, silent, broken]) {
      const reply = await inTime(makeDns(fakeBackend(CATALOG), { zone, forward }).udp(question('example.com.')))
      assert.equal(rcodeOf(reply.flags), RCODE.serverFailure)
      assert.ok((reply.flags & FLAG.recursionAvailable) !== 0)
      const named = await inTime(
        makeDns(fakeBackend(CATALOG), { zone, forward }).udp(question('named.service.consul.')),
      )
      assert.deepEqual(
        named.answers.map(({ type }) => type),
        ['CNAME'],
      )
    }
  })

  test('an alias that leads outside is completed by a recursor', async () => {
    const forward = async (bytes: Uint8Array) => {
      const asked = decodeMessage(bytes)
      assert.deepEqual(asked.questions, [{ name: 'db.example.com.', type: TYPE.A, class: 1 }])
      const answers = [{ type: 'A' as const, name: 'db.example.com.', ttl: 60, address: 5 }]
      return encodeMessage({ ...asked, flags: asked.flags | FLAG.response, answers })
    }
    const zone = { ...DEFAULT_ZONE, hasRecursors: true }
    const reply = await inTime(makeDns(fakeBackend(CATALOG), { zone, forward }).udp(question('named.service.consul.')))
    assert.deepEqual(reply.answers, [
      { type: 'CNAME', name: 'named.service.consul.', ttl: 0, target: 'db.example.com.' },
      { type: 'A', name: 'db.example.com.', ttl: 0, address: 5 },
    ])
  })

  test('any bytes are answered by a message that can be read, or not at all', async () => {
    const catalog = fakeCatalog(readCatalog())
    const doors = [makeDns(fakeBackend(catalog), options()), makeDns(fakeBackend(catalog, 'call'), options())]
    const questions = readQuestions()
    const mutated = fc
      .tuple(fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
      .map(([which, changes, cut]) => {
        const bytes = questions[which % questions.length]!.bytes.slice()
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte
        return cut % 4 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes
      })
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated), fc.boolean(), async (bytes, tcp) => {
        for (const dns of doors) {
          const reply = await (tcp ? dns.tcp(bytes) : dns.udp(bytes))
          if (reply === undefined) continue
          const read = decodeMessage(reply)
          assert.equal(read.id, (bytes[0]! << 8) | bytes[1]!)
          assert.ok((read.flags & FLAG.response) !== 0)
        }
      }),
      { numRuns: 1500 },
    )
  })

  test('an answer to us is not answered, so two doors never talk to each other', () => {
    const dns = makeDns(fakeBackend(CATALOG), options())
    const reply = dns.udp(question('web.service.consul.'))
    assert.ok(reply instanceof Uint8Array)
    assert.equal(dns.udp(reply), undefined)
  })
})
