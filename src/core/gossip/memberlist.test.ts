/** Memberlist's rules one by one: what a node believes of claims, how it defends itself, probes, helps and spreads news. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { decodePacket } from '../../wire/gossip.ts'
import { gossipCodec } from '../../wire/serf.ts'
import { LAN, type MemberlistConfig, SERF } from './config.ts'
import type { Alive, NodeState, PacketMessage, PushPull } from './messages.ts'
import { type GossipAddress, OUR_VSN } from './nodes.ts'
import { makeSerf, type SerfEffect, type SerfInput } from './serf.ts'

const SELF: GossipAddress = { host: '10.0.0.1', port: 8301 }
const FAR: GossipAddress = { host: '10.9.9.9', port: 1 }
const meta = gossipCodec.encodeTags({})

/** One node, its time turned by hand, everything it says read back from bytes. */
class Node {
  now = 0
  readonly serf
  readonly told: string[] = []
  readonly warned: string[] = []
  /** Whoever is pinged answers at once. */
  answered = false

  constructor(config: Partial<MemberlistConfig> = {}) {
    this.serf = makeSerf({
      name: 'me',
      address: SELF,
      tags: {},
      memberlist: { ...LAN, ...config },
      serf: { ...SERF, resolveConflicts: false },
      codec: gossipCodec,
      random: seededRandom(7),
      now: 0,
    })
    this.effects()
  }

  effects(): SerfEffect[] {
    const all = this.serf.take()
    for (const effect of all) {
      if (effect.kind === 'member') this.told.push(`${effect.event} ${effect.member.name}`)
      if (effect.kind === 'log') this.warned.push(effect.message)
    }
    return all
  }

  step(input: SerfInput): SerfEffect[] {
    this.serf.step(this.now, input)
    return this.effects()
  }

  hear(...messages: PacketMessage[]): PacketMessage[] {
    return said(this.step({ kind: 'packet', from: FAR, messages }))
  }

  /** Ticks through the time; @returns all that was said, to whom. */
  pass(ms: number): { to: GossipAddress; message: PacketMessage }[] {
    const end = this.now + ms
    const out: { to: GossipAddress; message: PacketMessage }[] = []
    for (;;) {
      const wake = this.serf.wakeAt()
      if (wake === null || wake > end) break
      this.now = Math.max(this.now, wake)
      this.serf.step(this.now, { kind: 'tick' })
      for (const effect of this.effects()) {
        if (effect.kind !== 'send') continue
        for (const message of said([effect])) {
          out.push({ to: effect.to, message })
          if (message.type === 'ping' && this.answered)
            this.hear({ type: 'ackResp', SeqNo: message.SeqNo, Payload: null })
        }
      }
    }
    this.now = end
    return out
  }

  status(name: string): string | undefined {
    return this.serf.member(name)?.status
  }
}

function said(effects: readonly SerfEffect[]): PacketMessage[] {
  return effects.flatMap((effect) =>
    effect.kind === 'send' ? effect.parts.flatMap((part) => decodePacket(part).messages) : [],
  )
}

const alive = (Node: string, Incarnation = 1, over: Partial<Alive> = {}): Alive => ({
  type: 'alive',
  Node,
  Incarnation,
  Addr: `10.0.1.${Node.charCodeAt(0)}`,
  Port: 8301,
  Meta: meta,
  Vsn: OUR_VSN,
  ...over,
})
const suspect = (Node: string, From: string, Incarnation = 1): PacketMessage => ({
  type: 'suspect',
  Node,
  From,
  Incarnation,
})
const dead = (Node: string, From: string, Incarnation = 1): PacketMessage => ({ type: 'dead', Node, From, Incarnation })
const QUIET = { probeIntervalMs: 0, pushPullIntervalMs: 0 }

suite('claims about others', () => {
  test('life: new ones are believed, old ones not, and senseless versions never', () => {
    const node = new Node(QUIET)
    node.hear(alive('a'))
    assert.equal(node.status('a'), 'alive')
    for (const Vsn of [
      null,
      Uint8Array.of(1, 5, 2),
      Uint8Array.of(0, 5, 2, 2, 5, 4),
      Uint8Array.of(3, 2, 2, 2, 5, 4),
    ]) {
      node.hear(alive('b', 1, { Vsn }))
      assert.equal(node.status('b'), undefined)
    }
    node.hear(alive('a', 1, { Meta: gossipCodec.encodeTags({ x: '1' }) }))
    assert.deepEqual(node.serf.member('a')!.tags, {})
    node.hear(alive('a', 2, { Meta: gossipCodec.encodeTags({ x: '1' }) }))
    assert.deepEqual(node.serf.member('a')!.tags, { x: '1' })
    assert.deepEqual(node.told, ['join me', 'join a', 'update a'])
  })

  test('death: only of the known, and not of an older life; left by its own word, failed by others', () => {
    const node = new Node(QUIET)
    node.hear(dead('a', 'z'), alive('a', 3), dead('a', 'z', 2))
    assert.equal(node.status('a'), 'alive')
    node.hear(dead('a', 'z', 3))
    assert.equal(node.status('a'), 'failed')
    node.hear(alive('a', 3))
    assert.equal(node.status('a'), 'failed')
    node.hear(alive('a', 4))
    assert.equal(node.status('a'), 'alive')
    node.hear({ type: 'user', body: gossipCodec.encodeSerf({ type: 'leave', LTime: 9, Node: 'a', Prune: false }) })
    node.hear(dead('a', 'a', 4))
    assert.equal(node.status('a'), 'left')
  })

  test('suspicion runs out into death, sooner with more accusers, and life ends it', () => {
    const failedAfter = (accusers: string[]) => {
      const node = new Node({ pushPullIntervalMs: 0 })
      node.answered = true
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) node.hear(alive(name))
      for (const from of accusers) node.hear(suspect('a', from))
      for (let ms = 0; ms < 60_000; ms += 100) {
        if (node.status('a') === 'failed') return ms
        node.pass(100)
      }
      return -1
    }
    // Seven nodes: the least time is 4 s, the most six times that; two confirmations suffice.
    assert.equal(failedAfter(['b']), 24_000)
    assert.equal(failedAfter(['b', 'b', 'b']), 24_000)
    const one = failedAfter(['b', 'c'])
    assert.ok(one > 4000 && one < 24_000)
    assert.equal(failedAfter(['b', 'c', 'd']), 4000)

    const node = new Node({ pushPullIntervalMs: 0 })
    node.answered = true
    node.hear(alive('a'), suspect('a', 'b'), alive('a', 2))
    node.pass(60_000)
    assert.equal(node.status('a'), 'alive')
  })

  test('another address for a living name is a conflict; for one that left, a move; for a dead one, after a while', () => {
    const moved = { Addr: '10.7.7.7' }
    const node = new Node(QUIET)
    node.hear(alive('a'), alive('a', 9, moved))
    assert.equal(node.serf.member('a')!.addr, '10.0.1.97')
    assert.ok(node.warned.some((text) => /Name conflict for 'a'/.test(text)))
    node.hear(dead('a', 'z'))
    node.hear(alive('a', 1, moved))
    assert.equal(node.status('a'), 'failed')
    node.pass(LAN.deadNodeReclaimMs + 1)
    node.hear(alive('a', 1, moved))
    assert.equal(node.status('a'), 'alive')
    assert.equal(node.serf.member('a')!.addr, '10.7.7.7')
    node.hear(dead('a', 'a', 1), alive('a', 1, { Addr: '10.8.8.8' }))
    assert.equal(node.serf.member('a')!.addr, '10.8.8.8')
  })
})

suite('claims about oneself', () => {
  const about = (claim: PacketMessage) => {
    const node = new Node(QUIET)
    node.hear(alive('a'))
    // What it has to tell of before.
    node.pass(30_000)
    node.hear(claim)
    const answer = node.pass(1000).find(({ message }) => message.type === 'alive' && message.Node === 'me')
    return { incarnation: answer?.message.type === 'alive' ? answer.message.Incarnation : undefined, node }
  }

  test('suspected, called dead, or spoken for: a later incarnation says otherwise, and awareness grows', () => {
    for (const [claim, incarnation] of [
      [suspect('me', 'a', 1), 2],
      [suspect('me', 'a', 7), 8],
      [dead('me', 'a', 5), 6],
      [alive('me', 5, { Addr: SELF.host }), 6],
    ] as const) {
      const found = about(claim)
      assert.equal(found.incarnation, incarnation, JSON.stringify(claim))
      assert.equal(found.node.serf.healthScore(), 1)
      assert.equal(found.node.status('me'), 'alive')
    }
  })

  test('what is old or what one says oneself needs no answer', () => {
    for (const claim of [
      suspect('me', 'a', 0),
      dead('me', 'a', 0),
      alive('me', 0, { Addr: SELF.host }),
      alive('me', 1, { Addr: SELF.host }),
    ]) {
      const found = about(claim)
      assert.equal(found.incarnation, undefined, JSON.stringify(claim))
      assert.equal(found.node.serf.healthScore(), 0)
    }
  })
})

suite('probes', () => {
  const ping = (over = {}): PacketMessage => ({
    type: 'ping',
    SeqNo: 42,
    Node: 'me',
    SourceAddr: '10.0.0.9',
    SourcePort: 7,
    SourceNode: 'x',
    ...over,
  })

  test('a ping is answered to the source that it names, else to where it came from; one for another is not', () => {
    const node = new Node(QUIET)
    const to = (input: PacketMessage) =>
      node
        .step({ kind: 'packet', from: FAR, messages: [input] })
        .flatMap((effect) => (effect.kind === 'send' ? [effect.to] : []))
    assert.deepEqual(to(ping()), [{ host: '10.0.0.9', port: 7 }])
    assert.deepEqual(to(ping({ SourceAddr: '', SourcePort: 0 })), [FAR])
    assert.deepEqual(to(ping({ Node: '' })), [{ host: '10.0.0.9', port: 7 }])
    assert.deepEqual(to(ping({ Node: 'somebody' })), [])
    const [answer] = node.hear(ping())
    assert.ok(answer?.type === 'ackResp' && answer.SeqNo === 42 && answer.Payload?.[0] === 1)
  })

  test('a helper passes the ack on under the asker’s number, or says in time that it has none', () => {
    const node = new Node()
    const asked: PacketMessage = {
      ...ping(),
      type: 'indirectPing',
      Target: '10.5.5.5',
      Port: 9,
      Node: 'y',
      Nack: true,
    } as PacketMessage
    const [own] = node.hear(asked)
    assert.ok(own?.type === 'ping' && own.Node === 'y' && own.SourceNode === 'me')
    const before = node.pass(LAN.probeTimeoutMs - 1)
    assert.deepEqual(before, [])
    // Its own news rides along.
    const [nack] = node.pass(2)
    assert.deepEqual(nack, { to: { host: '10.0.0.9', port: 7 }, message: { type: 'nackResp', SeqNo: 42 } })
    // Late is better than never.
    const [relayed] = node.hear({ type: 'ackResp', SeqNo: own.type === 'ping' ? own.SeqNo : 0, Payload: null })
    assert.deepEqual(relayed, { type: 'ackResp', SeqNo: 42, Payload: null })
    assert.deepEqual(node.hear({ type: 'ackResp', SeqNo: own.type === 'ping' ? own.SeqNo : 0, Payload: null }), [])
  })

  /** The first probe of `a` by a node that also knows helpers, as it goes when nobody answers. */
  function firstProbe(helpers: number) {
    const node = new Node({ pushPullIntervalMs: 0, gossipIntervalMs: 0 })
    node.hear(alive('a'))
    for (let i = 0; i < helpers; i++) node.hear(alive(`h${i}`, 1, { Addr: `10.2.0.${i}` }))
    let ping: PacketMessage | undefined
    while (ping === undefined) {
      ping = node.pass(10).find(({ message }) => message.type === 'ping')?.message
      node.hear()
    }
    return { node, ping: ping.type === 'ping' ? ping : undefined }
  }

  test('no answer: others and a stream are tried, then suspicion; each answer in time prevents it', () => {
    for (const [name, answers, suspects] of [
      ['none', () => {}, true],
      ['a direct one', (node: Node, SeqNo: number) => node.hear({ type: 'ackResp', SeqNo, Payload: null }), false],
      [
        'a late one',
        (node: Node, SeqNo: number) => {
          node.pass(LAN.probeTimeoutMs + 100)
          node.hear({ type: 'ackResp', SeqNo, Payload: null })
        },
        false,
      ],
      [
        'one with another number',
        (node: Node, SeqNo: number) => node.hear({ type: 'ackResp', SeqNo: SeqNo + 9, Payload: null }),
        true,
      ],
    ] as const) {
      const { node, ping } = firstProbe(0)
      answers(node, ping!.SeqNo)
      node.pass(LAN.probeIntervalMs)
      assert.equal(
        node.warned.some((text) => /Suspect a has failed/.test(text)),
        suspects,
        name,
      )
    }
  })

  test('a stream that answers prevents suspicion, with a warning', () => {
    const node = new Node({ pushPullIntervalMs: 0, gossipIntervalMs: 0 })
    node.hear(alive('a'))
    let stream: Extract<SerfEffect, { kind: 'open-stream' }> | undefined
    for (let i = 0; i < 400 && stream === undefined; i++) {
      node.now += 10
      node.serf.step(node.now, { kind: 'tick' })
      stream = node.effects().find((effect) => effect.kind === 'open-stream')
    }
    assert.ok(stream?.message.type === 'ping')
    const { SeqNo } = stream.message
    node.step({ kind: 'stream-reply', id: stream.id, message: { type: 'ackResp', SeqNo, Payload: null } })
    node.pass(LAN.probeIntervalMs)
    assert.ok(node.warned.some((text) => /Was able to connect to a/.test(text)))
    assert.ok(!node.warned.some((text) => /Suspect a/.test(text)))
  })

  test('helpers are asked for a nack, and missing ones raise the awareness', () => {
    const { node, ping } = firstProbe(3)
    const probed = ping!.Node
    const asked = node.pass(LAN.probeTimeoutMs + 1).filter(({ message }) => message.type === 'indirectPing')
    assert.equal(asked.length, 3)
    for (const { message } of asked)
      assert.ok(message.type === 'indirectPing' && message.Nack && message.Node === probed)
    node.hear({ type: 'nackResp', SeqNo: ping!.SeqNo })
    node.pass(LAN.probeIntervalMs - LAN.probeTimeoutMs - 1)
    // Of three nacks one came: two are held against ourselves.
    assert.equal(node.serf.healthScore(), 2)
  })
})

suite('push/pull', () => {
  const state = (Name: string, State: number, over: Partial<NodeState> = {}): NodeState => ({
    Name,
    Addr: '10.3.3.3',
    Port: 8301,
    Meta: meta,
    Incarnation: 4,
    State,
    Vsn: OUR_VSN,
    ...over,
  })
  const offer = (nodes: NodeState[]): PushPull => ({
    type: 'pushPull',
    Join: false,
    nodes,
    userState: new Uint8Array(0),
  })
  const exchange = (node: Node, nodes: NodeState[]) =>
    node.step({ kind: 'stream-request', id: 1, from: FAR, message: offer(nodes) })

  test('the answer is our own state as it was before', () => {
    const node = new Node(QUIET)
    const answer = exchange(node, [state('a', 0)]).find((effect) => effect.kind === 'answer-stream')
    const message = answer?.kind === 'answer-stream' ? answer.message : null
    assert.ok(message?.type === 'pushPull' && !message.Join)
    assert.deepEqual(
      message.nodes.map(({ Name, State, Incarnation }) => [Name, State, Incarnation]),
      [['me', 0, 1]],
    )
  })

  test('states are believed as claims: life as life, farewell as farewell, death only as suspicion', () => {
    const node = new Node(QUIET)
    for (const name of ['a', 'b', 'c', 'd']) node.hear(alive(name, 4, { Addr: '10.3.3.3' }))
    exchange(node, [state('a', 1), state('b', 2), state('c', 3), state('e', 0), state('f', 2)])
    const seen = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => node.status(name))
    assert.deepEqual(seen, ['alive', 'alive', 'failed', 'alive', 'alive', undefined])
    node.pass(60_000)
    assert.deepEqual([node.status('a'), node.status('b')], ['failed', 'failed'])
  })

  test('versions that do not fit refuse it all', () => {
    const node = new Node(QUIET)
    exchange(node, [state('a', 0), state('b', 0, { Vsn: Uint8Array.of(3, 5, 4, 2, 5, 4) })])
    assert.equal(node.status('a'), undefined)
    assert.ok(node.warned.some((text) => /Failed push\/pull merge/.test(text)))
  })
})

suite('gossip', () => {
  test('a packet never exceeds its budget, sealed or not', () => {
    const node = new Node(QUIET)
    for (let i = 0; i < 200; i++) node.hear(alive(`node-with-a-long-name-${i}`, 1, { Addr: `10.4.0.${i}` }))
    let packets = 0
    for (let i = 0; i < 100; i++) {
      node.now += LAN.gossipIntervalMs
      node.serf.step(node.now, { kind: 'tick' })
      for (const effect of node.effects()) {
        if (effect.kind !== 'send') continue
        packets += 1
        const size = 2 + effect.parts.reduce((sum, part) => sum + part.length + 2, 0)
        assert.ok(size <= LAN.udpBytesMax)
        assert.equal(effect.crc, true)
      }
    }
    assert.ok(packets > 100)
  })

  test('the dead are told for a while, so that they may object', () => {
    const node = new Node(QUIET)
    node.hear(alive('a'), dead('a', 'z'))
    const heard = node.pass(1000).filter(({ to, message }) => to.host === '10.0.1.97' && message.type === 'dead')
    assert.ok(heard.length > 0)
    node.pass(LAN.gossipToTheDeadMs)
    node.hear(alive('b'))
    assert.ok(!node.pass(5000).some(({ to }) => to.host === '10.0.1.97'))
  })
})
