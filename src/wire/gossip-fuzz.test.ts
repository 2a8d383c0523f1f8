/**
 * Gossip's bytes from people who mean ill or mean nothing: random and mutated packets and streams, sealed or not. Nothing
 * throws but what is meant to, what comes out is bounded, and a pool that hears it all stays as it is.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import type { PacketMessage, StreamMessage } from '../core/gossip/messages.ts'
import { decodePacket, encodeMessage, encodePacket } from './gossip.ts'
import { seal } from './gossip-crypto.ts'
import { encodeStream, StreamReader } from './gossip-stream.ts'
import { GossipError } from './gossip-structs.ts'
import { LzwError } from './lzw.ts'
import { MsgpackError } from './msgpack.ts'

const SEED = Number(process.env.FUZZ_SEED ?? 1)
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 4000)
const KEY = new Uint8Array(16).fill(3)
const OPTIONS = [{}, { keyring: { keys: [KEY] } }, { keyring: { keys: [KEY] }, verifyIncoming: false }]

const VSN = Uint8Array.of(1, 5, 2, 2, 5, 4)
const bytes = (text: string) => new TextEncoder().encode(text)
const ALIVE = { Incarnation: 3, Node: 'node', Addr: '10.0.0.1', Port: 8301, Meta: bytes('meta'), Vsn: VSN }

const MESSAGES: PacketMessage[] = [
  { type: 'ping', SeqNo: 7, Node: 'node', SourceAddr: '10.0.0.1', SourcePort: 8301, SourceNode: 'other' },
  {
    type: 'indirectPing',
    SeqNo: 7,
    Target: '10.0.0.1',
    Port: 8301,
    Node: 'node',
    Nack: true,
    SourceAddr: '::1',
    SourcePort: 1,
    SourceNode: 'x',
  },
  { type: 'ackResp', SeqNo: 1, Payload: bytes('payload') },
  { type: 'nackResp', SeqNo: 2 ** 32 - 1 },
  { type: 'suspect', Incarnation: 1, Node: 'node', From: 'other' },
  { type: 'dead', Incarnation: 1, Node: 'node', From: 'node' },
  { type: 'alive', ...ALIVE },
  { type: 'user', body: bytes('\u0003 user event') },
]

const STREAMS: StreamMessage[] = [
  {
    type: 'pushPull',
    Join: true,
    nodes: [{ ...ALIVE, Name: 'node', State: 0 }],
    userState: bytes('state'),
  },
  { type: 'err', Error: 'what' },
  { type: 'user', body: bytes('user') },
  { type: 'ackResp', SeqNo: 1, Payload: null },
]

const random = seededRandom(SEED)

function randomBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.int(256))
}

/** Bits turned, bytes put in, taken out and repeated, the end cut off. */
function mutate(original: Uint8Array): Uint8Array {
  let out = Array.from(original)
  for (let changes = 1 + random.int(4); changes > 0; changes--) {
    const at = random.int(out.length + 1)
    switch (random.int(6)) {
      case 0:
        if (at < out.length) out[at] = out[at]! ^ (1 << random.int(8))
        break
      case 1:
        if (at < out.length) out[at] = random.int(256)
        break
      case 2:
        out.splice(at, random.int(8))
        break
      case 3:
        out.splice(at, 0, ...randomBytes(random.int(8)))
        break
      case 4:
        out = out.slice(0, at)
        break
      default:
        out.splice(at, 0, ...out.slice(random.int(at + 1), at))
    }
  }
  return Uint8Array.from(out)
}

function anyPacket(): Uint8Array {
  const parts = Array.from({ length: 1 + random.int(6) }, () => encodeMessage(MESSAGES[random.int(MESSAGES.length)]!))
  return encodePacket(parts, { crc: random.int(2) === 0, compress: random.int(2) === 0 })
}

suite('bytes from strangers', () => {
  test(`packets: never a throw, and nothing without bound (seed ${SEED})`, () => {
    let understood = 0
    let faults = 0
    for (let round = 0; round < ROUNDS; round++) {
      const options = OPTIONS[random.int(OPTIONS.length)]!
      const plain = anyPacket()
      const sealed = options.keyring !== undefined && random.int(2) === 0
      // Sealed after it was broken, it is opened and read; broken after it was sealed, it is not opened.
      let packet = random.int(8) === 0 ? randomBytes(random.int(1500)) : mutate(plain)
      if (sealed) packet = seal(KEY, randomBytes(12), packet)
      if (sealed && random.int(2) === 0) packet = mutate(packet)
      const { messages, faults: said } = decodePacket(packet, options)
      understood += messages.length
      faults += said.length
      assert.ok(messages.length <= 65_536 && said.length <= 65_536)
      // What was understood can be said again.
      for (const message of messages) encodeMessage(message)
    }
    assert.ok(understood > ROUNDS / 20, `${understood} messages understood`)
    assert.ok(faults > ROUNDS / 10, `${faults} faults`)
  })

  test('packets: what says that it is large costs no more than it is', () => {
    // Compression bombs within compression bombs, and compounds of compounds.
    let bomb: Uint8Array = new Uint8Array(200_000)
    for (let depth = 0; depth < 6; depth++) bomb = encodePacket([bomb], { crc: false, compress: true })
    assert.deepEqual(decodePacket(bomb).messages, [])
    let nested = encodeMessage(MESSAGES[3]!)
    for (let depth = 0; depth < 8; depth++) nested = encodePacket([nested, nested], { crc: false, compress: false })
    const { messages, faults } = decodePacket(nested)
    assert.equal(messages.length, 0)
    assert.ok(faults.length > 0)
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 300; i++) decodePacket(bomb)
    assert.ok(process.memoryUsage().heapUsed - before < 100e6)
  })

  test(`streams: a clear error or a message, whatever the chunks (seed ${SEED})`, () => {
    let understood = 0
    let refused = 0
    for (let round = 0; round < ROUNDS; round++) {
      const options = OPTIONS[random.int(OPTIONS.length)]!
      const sealWith =
        options.keyring !== undefined && random.int(2) === 0 ? { key: KEY, nonce: randomBytes(12) } : undefined
      const good = encodeStream(STREAMS[random.int(STREAMS.length)]!, random.int(2) === 0, sealWith)
      const stream = random.int(8) === 0 ? randomBytes(random.int(300)) : mutate(good)
      const reader = new StreamReader(options)
      try {
        for (let at = 0; at < stream.length; ) {
          const end = Math.min(stream.length, at + 1 + random.int(200))
          if (reader.feed(stream.slice(at, end)) !== undefined) {
            understood += 1
            break
          }
          at = end
        }
      } catch (error) {
        const known = error instanceof GossipError || error instanceof MsgpackError || error instanceof LzwError
        assert.ok(known, String(error instanceof Error ? error.stack : error))
        refused += 1
      }
    }
    assert.ok(understood > ROUNDS / 50, `${understood} understood`)
    assert.ok(refused > ROUNDS / 5, `${refused} refused`)
  })
})
