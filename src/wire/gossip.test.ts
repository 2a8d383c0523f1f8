/** Gossip's bytes: captured from real agents (read, and written again to the same bytes), layer by layer, and mangled. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { PacketMessage, StreamMessage } from '../core/gossip/messages.ts'
import { decodePacket, encodeMessage, encodePacket } from './gossip.ts'
import { NONCE_BYTES, seal, unseal } from './gossip-crypto.ts'
import { encodeStream, StreamReader } from './gossip-stream.ts'
import { decodeCoordinate, decodeFilter, decodeSerf, decodeTags, encodeFilter, encodeSerf, encodeTags } from './serf.ts'
import { noVectors, says, type Vector, vectorFile, vectors } from './testdata/vectors.ts'

type Json = Record<string, unknown>

/** The vectors' own conventions for addresses, bytes, long and sparse values, into what `says` compares. */
function agrees(value: unknown, json: unknown): boolean {
  if (json !== null && typeof json === 'object' && !Array.isArray(json)) {
    const special = json as Json
    if (special.$ip !== undefined) return value === special.$ip
    if (special.$bytes !== undefined) return says([...(value as Uint8Array)], special.$bytes)
    if (special.$slots !== undefined) {
      const slots = value as unknown[]
      const known = special.$nonNil as Json
      return (
        slots.length === special.$slots &&
        slots.every((slot, i) => (slot === null ? known[i] === undefined : agrees(slot, known[i])))
      )
    }
    if (special.$len !== undefined) return (value as Uint8Array).length === special.$len
    if (special.$hex !== undefined) return says(value, json)
    const own = { ...(value as Json) }
    delete own.type
    // Left out where they are empty, by whoever built the vector by hand.
    for (const key of ['SourceAddr', 'SourceNode', 'SourcePort']) if (!(key in special) && !own[key]) delete own[key]
    const names = Object.keys(special).filter((name) => !name.startsWith('_'))
    return (
      names.length === Object.keys(own).length && names.every((name) => name in own && agrees(own[name], special[name]))
    )
  }
  return says(value, json) || (value === null && json === '')
}

function agreesWith(message: PacketMessage | StreamMessage, decoded: Json): void {
  assert.equal(message.type, decoded.ml)
  if (message.type === 'user') {
    serfAgrees(message.body, decoded.inner as Json)
    return
  }
  if (message.type === 'pushPull') {
    assert.equal(message.Join, (decoded.header as Json).Join)
    assert.ok(message.nodes.length === (decoded.header as Json).Nodes)
    message.nodes.forEach((node, i) => {
      const expected = (decoded.nodes as Json[])[i]!
      assert.ok(agrees(node, expected), JSON.stringify([node, expected]))
      assert.deepEqual({ ...decodeTags(node.Meta) }, expected._tags)
    })
    serfAgrees(message.userState, decoded.userState as Json)
    return
  }
  assert.ok(agrees(message, decoded.body), JSON.stringify([message, decoded.body]))
  if (message.type === 'alive' && decoded.tags !== undefined) assert.deepEqual(decodeTags(message.Meta), decoded.tags)
  if (message.type === 'ackResp' && decoded.ping !== undefined) {
    assert.ok(says(decodeCoordinate(message.Payload!), (decoded.ping as Json).coordinate))
  }
}

function serfAgrees(body: Uint8Array, decoded: Json): void {
  const message = decodeSerf(body)
  const rewritten = encodeSerf(message)
  // One was built by hand, its fields in another order.
  if (decoded.body === undefined || (decoded.body as Json).Name !== 'consul:event:tcpuser')
    assert.deepEqual(rewritten, body)
  assert.equal(message.type, decoded.serf)
  if (message.type === 'relay') {
    assert.deepEqual(message.DestAddr.Port, ((decoded.header as Json).DestAddr as Json).Port)
    serfAgrees(message.body, decoded.inner as Json)
    return
  }
  assert.ok(agrees(message, decoded.body), JSON.stringify([message, decoded.body]))
  if (decoded.inner !== undefined && 'Payload' in message) serfAgrees(message.Payload!, decoded.inner as Json)
}

/** The messages in a decoded packet, outer layers taken off. */
function leaves(decoded: Json): Json[] {
  if (decoded.ml === 'compound') return (decoded.parts as Json[]).flatMap(leaves)
  if (decoded.ml === 'hasCrc' || decoded.ml === 'compress') return leaves(decoded.inner as Json)
  return [decoded]
}

function packetAgrees(bytes: Uint8Array, vector: Vector): void {
  const { messages, faults } = decodePacket(bytes)
  assert.deepEqual(faults, [])
  const expected = leaves(vector.decoded as Json)
  assert.equal(messages.length, expected.length)
  messages.forEach((message, i) => {
    agreesWith(message, expected[i]!)
  })
  const layers = String(vector.layers)
  const options = { crc: layers.includes('hasCrc'), compress: layers.includes('compress') }
  // Built by hand, or by a newer Go, whose compression starts differently.
  if (!String(vector.made).includes('1.8.7') || (vector.pool === 'serf' && options.compress)) return
  assert.deepEqual(hex(encodePacket(messages.map(encodeMessage), options)), hex(bytes))
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const keyOf = (vector: Vector) => new Uint8Array(Buffer.from(String(vector.key), 'base64'))

suite('gossip packets of real agents', { skip: noVectors }, () => {
  for (const group of ['memberlist', 'serf']) {
    for (const vector of vectors(group)) {
      if (vector.transport !== 'udp' || vector.decoded === undefined) continue
      test(`${group}: ${vector.name}`, () => {
        const bytes = vectorFile(group, String(vector.file))
        if (vector.plain === undefined) {
          packetAgrees(bytes, vector)
          return
        }
        const plain = vectorFile(group, String(vector.plain))
        packetAgrees(plain, vector)
        const keyring = { keys: [new Uint8Array(16), keyOf(vector)] }
        assert.equal(decodePacket(bytes, { keyring }).messages.length, leaves(vector.decoded as Json).length)
        assert.deepEqual(hex(unseal(keyring, bytes)), hex(plain))
        const version = Number(vector.encryptionVersion)
        const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
        assert.deepEqual(hex(seal(keyOf(vector), nonce, plain, undefined, version)), hex(bytes))
      })
    }
  }
})

suite('gossip streams of real agents', { skip: noVectors }, () => {
  for (const vector of vectors('memberlist')) {
    if (vector.transport !== 'tcp') continue
    for (const side of ['client', 'server'] as const) {
      const decoded = vector[`${side}Decoded`] as Json | undefined
      if (decoded === undefined) continue
      test(`${vector.name}, ${side}`, () => {
        const bytes = vectorFile('memberlist', String(vector[side]))
        const keyring = vector.key === undefined ? undefined : { keys: [keyOf(vector)] }
        for (const size of [bytes.length, 1, 7]) {
          const reader = new StreamReader({ keyring })
          let message: StreamMessage | undefined
          for (let at = 0; at < bytes.length; at += size) {
            assert.equal(message, undefined)
            message = reader.feed(bytes.subarray(at, at + size))
          }
          const inner = decoded.ml === 'compress' ? (decoded.inner as Json) : decoded
          agreesWith(message!, inner)
          const sealWith = keyring && { key: keyring.keys[0]!, nonce: bytes.subarray(6, 6 + NONCE_BYTES) }
          if (!vector.name.includes('serf'))
            assert.deepEqual(hex(encodeStream(message!, decoded.ml === 'compress', sealWith)), hex(bytes))
        }
      })
    }
  }
})

const SAMPLES = ['udp-compound-ack-alive.bin', 'udp-crc-compress-compound.bin', 'tcp-push-pull.bin', 'udp-sealed.bin']
const sample = (name: string) => new Uint8Array(readFileSync(new URL(`testdata/gossip/${name}`, import.meta.url)))
const SAMPLE_KEY = new TextEncoder().encode('0123456789abcdef')

suite('gossip packets', () => {
  test('samples from real agents read, layer by layer', () => {
    const kinds = (name: string, keyring?: { keys: Uint8Array[] }) =>
      decodePacket(sample(name), { keyring }).messages.map(({ type }) => type)
    assert.deepEqual(kinds('udp-compound-ack-alive.bin'), ['ackResp', 'alive'])
    assert.deepEqual(kinds('udp-crc-compress-compound.bin'), ['alive', 'alive'])
    assert.deepEqual(kinds('udp-sealed.bin', { keys: [SAMPLE_KEY] }), ['alive', 'alive', 'user'])
    assert.deepEqual(kinds('udp-sealed.bin', { keys: [new Uint8Array(32)] }), [])
    const message = new StreamReader().feed(sample('tcp-push-pull.bin'))
    assert.equal(message?.type === 'pushPull' && message.nodes[0]?.Name, 's2')
  })

  const PING: PacketMessage = {
    type: 'ping',
    SeqNo: 7,
    Node: 'b',
    SourceAddr: '::1',
    SourcePort: 8301,
    SourceNode: 'a',
  }

  test('a mapped IPv4 address is the IPv4 address', () => {
    const alive: PacketMessage = {
      type: 'alive',
      Incarnation: 2 ** 32 - 1,
      Node: 'n',
      Addr: '::ffff:10.0.0.1',
      Port: 65535,
      Meta: null,
      Vsn: Uint8Array.of(1, 5, 2, 2, 5, 4),
    }
    const [read] = decodePacket(encodeMessage(alive)).messages
    assert.deepEqual(read, { ...alive, Addr: '10.0.0.1' })
  })

  test('a label is stepped over, and is part of what a sealed packet vouches for', () => {
    const label = new TextEncoder().encode('team')
    const labelled = (inner: Uint8Array) => Buffer.concat([Uint8Array.of(244, label.length), label, inner])
    assert.deepEqual(decodePacket(labelled(encodeMessage(PING))).messages, [PING])
    const nonce = new Uint8Array(NONCE_BYTES)
    const keyring = { keys: [SAMPLE_KEY] }
    const sealed = labelled(seal(SAMPLE_KEY, nonce, encodeMessage(PING), label))
    assert.deepEqual(decodePacket(sealed, { keyring }).messages, [PING])
    const bare = labelled(seal(SAMPLE_KEY, nonce, encodeMessage(PING)))
    assert.equal(decodePacket(bare, { keyring }).messages.length, 0)
  })

  test('plain packets pass only where encryption is not insisted on', () => {
    const keyring = { keys: [SAMPLE_KEY] }
    const plain = encodeMessage(PING)
    assert.deepEqual(decodePacket(plain, { keyring }).faults.length, 1)
    assert.deepEqual(decodePacket(plain, { keyring, verifyIncoming: false }).messages, [PING])
  })

  test('a wrong checksum drops the packet', () => {
    const packet = encodePacket([encodeMessage(PING)], { crc: true, compress: false })
    packet[packet.length - 1]! ^= 1
    const { messages, faults } = decodePacket(packet)
    assert.equal(messages.length, 0)
    assert.match(faults[0]!, /checksum/)
  })

  test('what is whole of a compound that is cut off is read, and what is broken in it passed over', () => {
    const parts = [encodeMessage(PING), Uint8Array.of(0, 0xc1), encodeMessage(PING), encodeMessage(PING)]
    const packet = encodePacket(parts, { crc: false, compress: false })
    const { messages, faults } = decodePacket(packet.subarray(0, -1))
    assert.deepEqual(messages, [PING, PING])
    assert.equal(faults.length, 2)
  })

  test('a packet that unpacks without end is refused', () => {
    const bomb = encodePacket([new Uint8Array(4 << 20).fill(8)], { crc: false, compress: true })
    assert.ok(bomb.length < 65_536)
    const { messages, faults } = decodePacket(bomb)
    assert.equal(messages.length, 0)
    assert.match(faults[0]!, /more than/)
    let deep = encodeMessage(PING)
    for (let i = 0; i < 8; i++) deep = encodePacket([deep, deep], { crc: false, compress: false })
    assert.equal(decodePacket(deep).messages.length, 0)
  })

  test('mangled packets never throw and never grow', () => {
    const keyring = { keys: [SAMPLE_KEY] }
    fc.assert(
      fc.property(
        fc.constantFrom(...SAMPLES),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (name, edits, cut) => {
          const bytes = sample(name)
          for (const [at, value] of edits) bytes[at % bytes.length] = value
          const packet = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
          for (const options of [{}, { keyring }, { keyring, verifyIncoming: false }]) {
            for (const message of decodePacket(packet, options).messages) {
              if (message.type === 'user') tolerate(() => decodeSerf(message.body))
              else encodeMessage(message)
            }
            tolerate(() => new StreamReader(options).feed(packet))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('random bytes as packets, streams and Serf messages are refused or read, never worse', () => {
    fc.assert(
      fc.property(fc.nat(15), fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const bytes = Uint8Array.of(type, ...body)
        decodePacket(bytes)
        tolerate(() => new StreamReader().feed(bytes))
        tolerate(() => decodeSerf(bytes))
        tolerate(() => decodeFilter(bytes))
        tolerate(() => decodeCoordinate(bytes))
        decodeTags(bytes)
      }),
      { numRuns: 2000 },
    )
  })
})

/** Runs a decoder that may refuse, in its own words only. */
function tolerate(run: () => unknown): void {
  try {
    run()
  } catch (error) {
    assert.match((error as Error).name, /^(GossipError|MsgpackError|LzwError)$/)
  }
}

suite('serf bytes', () => {
  test('tags and filters survive the wire; meta without the magic byte is a role', () => {
    const tags = { role: 'consul', dc: 'dc1', empty: '' }
    assert.deepEqual(decodeTags(encodeTags(tags)), tags)
    assert.deepEqual(decodeTags(new TextEncoder().encode('lb')), { role: 'lb' })
    for (const filter of [
      { kind: 'nodes' as const, names: ['a', 'b'] },
      { kind: 'tag' as const, tag: 'role', expr: '^con' },
    ])
      assert.deepEqual(decodeFilter(encodeFilter(filter)), filter)
    assert.equal(decodeFilter(Uint8Array.of(9, 0xc0)), undefined)
  })
})

suite('gossip streams', () => {
  const message: StreamMessage = {
    type: 'pushPull',
    Join: true,
    nodes: [],
    userState: new Uint8Array(100_000).map((_, i) => (i * i) >>> 3),
  }

  test('any cut of any form reads the same', () => {
    const keyring = { keys: [SAMPLE_KEY] }
    const sealWith = { key: SAMPLE_KEY, nonce: new Uint8Array(NONCE_BYTES) }
    for (const [bytes, options] of [
      [encodeStream(message, false), {}],
      [encodeStream(message, true), {}],
      [encodeStream(message, true, sealWith), { keyring }],
    ] as const) {
      const reader = new StreamReader(options)
      let got: StreamMessage | undefined
      for (let at = 0; at < bytes.length && got === undefined; at += 1000)
        got = reader.feed(bytes.subarray(at, at + 1000))
      assert.deepEqual(got, message)
    }
  })

  test('a stream that announces too much is refused before it is kept', () => {
    const huge = Uint8Array.of(10, 0x7f, 0xff, 0xff, 0xff)
    assert.throws(() => new StreamReader({ keyring: { keys: [SAMPLE_KEY] } }).feed(huge), /larger than limit/)
    const many = Buffer.concat([
      Buffer.from('06', 'hex'),
      Buffer.from('83a44a6f696ec2a54e6f646573ce7fffffffac557365725374617465', 'hex'),
      Buffer.from('4c656e00', 'hex'),
    ])
    assert.throws(() => new StreamReader().feed(many), /over the limit/)
    assert.throws(() => new StreamReader().feed(Uint8Array.of(99)), /invalid msgType/)
  })

  test('plain and sealed streams are refused where the other is expected', () => {
    const sealWith = { key: SAMPLE_KEY, nonce: new Uint8Array(NONCE_BYTES) }
    assert.throws(() => new StreamReader().feed(encodeStream(message, true, sealWith)), /encryption is not configured/)
    const keyring = { keys: [SAMPLE_KEY] }
    assert.throws(() => new StreamReader({ keyring }).feed(encodeStream(message, true)), /not encrypted/)
    const lax = new StreamReader({ keyring, verifyIncoming: false })
    assert.deepEqual(lax.feed(encodeStream(message, true)), message)
  })
})
