/**
 * Memberlist: who is in the pool. Holds its parts together (claims.ts: what is believed; probe.ts: who is pinged;
 * push-pull.ts: what is told over streams), hands them what comes in, and spreads news by gossip. It knows no socket and
 * no clock; Serf, above it, gives what rides along and hears what changes.
 *
 * Source: SWIM (Das, Gupta, Motivala 2002), Lifeguard (2018), protocol/memberlist.md sections 7 and 10.
 */
import type { Random } from '../../base/random.ts'
import type { Agenda, Plan } from './agenda.ts'
import { Awareness } from './awareness.ts'
import { Broadcasts, retransmitLimit } from './broadcasts.ts'
import { Claims } from './claims.ts'
import type { MemberlistConfig } from './config.ts'
import type { LogEffect, TransportEffect } from './effects.ts'
import type { Alive, Dead, GossipCodec, NodeState, PacketMessage, StreamMessage, Suspect } from './messages.ts'
import { type GossipAddress, type Node, Nodes, type NodeTable, protocolMax } from './nodes.ts'
import { Prober } from './probe.ts'
import { Exchanges } from './push-pull.ts'

/** What a message costs in a compound packet beyond its own bytes. */
const COMPOUND_COST = 2
const COMPOUND_HEADER = 2
const USER_TYPE = 8
/** Nodes that left stay known for so long, lest an old claim of life bring them back. */
const LEFT_MS = 24 * 3_600_000

/** Memberlist's owner: Serf. */
export interface Delegate {
  /** This node's tags. */
  meta(): Uint8Array
  user(body: Uint8Array, from: GossipAddress): void
  /** Messages to ride along, without their user type byte. */
  broadcasts(cost: number, room: number): Uint8Array[]
  localState(join: boolean): Uint8Array
  mergeState(state: Uint8Array, join: boolean): void
  joined(node: Node): void
  left(node: Node): void
  updated(node: Node): void
  conflict(known: Node, other: GossipAddress): void
  ackPayload(): Uint8Array | null
  /** An ack that came straight back. */
  acked(node: Node, rttMs: number, payload: Uint8Array | null): void
  /** Why this claim of life, or this join, is not to be believed. */
  refusal(nodes: readonly NodeState[]): string | undefined
}

export interface MemberlistOptions {
  name: string
  address: GossipAddress
  config: MemberlistConfig
  codec: GossipCodec
  random: Random
  /** Bytes that encryption adds to each packet; asked at each, as keys come and go. */
  sealBytes: () => number
  /** Whether a member may have this address; all may without it. */
  allowed?: ((address: string) => boolean) | undefined
  /** Whom this node knows; it begins with nobody unless told otherwise. */
  nodes?: NodeTable
}

type StreamDone = (reply: StreamMessage | null, error: string) => void

export class Memberlist {
  readonly options: MemberlistOptions
  readonly agenda: Agenda
  readonly nodes: NodeTable
  readonly awareness: Awareness
  readonly claims: Claims
  readonly #out: TransportEffect[]
  readonly #delegate: Delegate
  readonly #queue: Broadcasts
  readonly #prober: Prober
  readonly #exchanges: Exchanges
  readonly #streams = new Map<number, StreamDone>()
  #nextStream = 1
  #leaving = false
  #gossipPlan: Plan | undefined
  #periodic = false
  readonly #gossipPhase: number

  constructor(options: MemberlistOptions, agenda: Agenda, delegate: Delegate, out: TransportEffect[]) {
    this.options = options
    this.agenda = agenda
    this.#delegate = delegate
    this.#out = out
    this.nodes = options.nodes ?? new Nodes(options.random)
    this.awareness = new Awareness(options.config.awarenessMax)
    this.#queue = new Broadcasts(() => retransmitLimit(options.config.retransmitMult, this.nodes.size))
    this.#prober = new Prober(this, delegate)
    this.#exchanges = new Exchanges(this, delegate)
    this.claims = new Claims(this, delegate)
    this.#gossipPhase = agenda.now + options.random.float() * options.config.gossipIntervalMs
  }

  /** Makes this node a member of its own pool. */
  start(): void {
    this.claims.assert()
  }

  get hasOthers(): boolean {
    return this.nodes.all().some((node) => node.name !== this.options.name && isUp(node))
  }

  /** Nodes that are not known to be gone, this one among them. */
  get aliveCount(): number {
    let count = 0
    for (const node of this.nodes.all()) if (isUp(node)) count += 1
    return count
  }

  get queued(): number {
    return this.#queue.size
  }

  get leaving(): boolean {
    return this.#leaving
  }

  receive(messages: readonly PacketMessage[], from: GossipAddress): void {
    for (const message of messages) {
      switch (message.type) {
        case 'ping':
        case 'indirectPing':
        case 'ackResp':
        case 'nackResp':
          this.#prober.receive(message, from)
          break
        case 'alive':
          if (this.options.allowed?.(from.host) === false) {
            this.log(
              'debug',
              `memberlist: Blocked alive message: ${from.host} is not allowed from=${from.host}:${from.port}`,
            )
            break
          }
          this.claims.alive(message, false)
          break
        case 'suspect':
          this.claims.suspect(message)
          break
        case 'dead':
          this.claims.dead(message)
          break
        case 'user':
          this.#delegate.user(message.body, from)
          break
      }
    }
  }

  /** Tells everybody that this node's tags have changed. */
  update(): void {
    this.claims.assert()
  }

  /** Says farewell. @param done once it was told often enough, or at once when nobody is there to hear it */
  leave(done: () => void): void {
    this.#leaving = true
    const self = this.nodes.get(this.options.name)
    if (self === undefined || self.state === 'left' || !this.hasOthers) {
      if (self !== undefined) this.claims.bury(self, { Incarnation: self.incarnation, From: self.name }, () => {})
      done()
      return
    }
    this.claims.bury(self, { Incarnation: self.incarnation, From: self.name }, done)
  }

  /** @param done how many states were learned, or why none was */
  join(to: GossipAddress, done: (error: string) => void): void {
    this.#exchanges.exchange(to, true, done)
  }

  answer(id: number, from: GossipAddress, message: StreamMessage): void {
    const say = (answer: StreamMessage | null) => this.#out.push({ kind: 'answer-stream', id, message: answer })
    switch (message.type) {
      case 'pushPull': {
        say(this.#exchanges.localState(message.Join))
        const error = this.#exchanges.merge(message)
        if (error !== '') {
          this.log('error', 'memberlist: Failed push/pull merge', { error, from: `${from.host}:${from.port}` })
        }
        return
      }
      case 'ping':
        if (message.Node !== '' && message.Node !== this.options.name) {
          this.log('warn', `memberlist: Got ping for unexpected node ${message.Node}`)
          say(null)
          return
        }
        say({ type: 'ackResp', SeqNo: message.SeqNo, Payload: null })
        return
      case 'user':
        say(null)
        this.#delegate.user(message.body, from)
        return
      case 'ackResp':
      case 'err':
        say(null)
        return
    }
  }

  reply(id: number, message: StreamMessage | null, error: string): void {
    const done = this.#streams.get(id)
    this.#streams.delete(id)
    done?.(message, error)
  }

  openStream(to: GossipAddress, message: StreamMessage, timeoutMs: number, done: StreamDone): void {
    const id = this.#nextStream++
    this.#streams.set(id, done)
    this.#out.push({ kind: 'open-stream', id, to, message, oneWay: false, timeoutMs })
  }

  /** One message with whatever news fits beside it. */
  send(to: GossipAddress, message: PacketMessage): void {
    const first = this.options.codec.encode(message)
    const room = this.options.config.udpBytesMax - first.length - COMPOUND_HEADER - this.options.sealBytes()
    this.#out.push({ kind: 'send', to, parts: [first, ...this.#news(room)], crc: false })
  }

  /** Exactly these messages, to a node that is known. */
  sendTo(node: Node, messages: readonly PacketMessage[]): void {
    const parts = messages.map((message) => this.options.codec.encode(message))
    this.#out.push({ kind: 'send', to: node.address, parts, crc: protocolMax(node) >= 5 })
  }

  /** A user message, straight to an address. */
  sendUser(to: GossipAddress, body: Uint8Array): void {
    this.#out.push({ kind: 'send', to, parts: [userMessage(body)], crc: false })
  }

  /** There is news to be told: at the next beat. */
  stirGossip(): void {
    if (this.#gossipPlan !== undefined || this.nodes.size < 2) return
    const { gossipIntervalMs } = this.options.config
    if (gossipIntervalMs <= 0) return
    // A beat that is due by less than the numbers can tell is over.
    const beats = Math.floor((this.agenda.now - this.#gossipPhase) / gossipIntervalMs + 1e-6) + 1
    const wait = this.#gossipPhase + beats * gossipIntervalMs - this.agenda.now
    this.#gossipPlan = this.agenda.after(wait, () => {
      this.#gossipPlan = undefined
      if (this.#gossip()) this.stirGossip()
    })
  }

  suspectNode(node: Node): void {
    this.claims.suspect({ type: 'suspect', Incarnation: node.incarnation, Node: node.name, From: this.options.name })
  }

  /** Forgets nodes that died long ago. */
  forgetOld(): void {
    const { now } = this.agenda
    this.nodes.forget(
      (node) =>
        (node.state === 'dead' && now - node.since > this.options.config.gossipToTheDeadMs) ||
        (node.state === 'left' && node.name !== this.options.name && now - node.since > LEFT_MS),
    )
  }

  log(level: LogEffect['level'], message: string, fields: LogEffect['fields'] = {}): void {
    this.#out.push({ kind: 'log', part: 'memberlist', level, message, fields })
  }

  // ---- dissemination

  /** @returns whether there may be more to tell at the next beat */
  #gossip(): boolean {
    const { config } = this.options
    const { now } = this.agenda
    const targets = this.nodes.pick(
      config.gossipNodes,
      (node) =>
        node.name !== this.options.name &&
        (isUp(node) || (node.state === 'dead' && now - node.since <= config.gossipToTheDeadMs)),
    )
    const room = config.udpBytesMax - COMPOUND_HEADER - this.options.sealBytes()
    for (const node of targets) {
      const parts = this.#news(room)
      if (parts.length === 0) return false
      this.#out.push({ kind: 'send', to: node.address, parts, crc: protocolMax(node) >= 5 })
    }
    return true
  }

  #news(room: number): Uint8Array[] {
    const parts = this.#queue.take(COMPOUND_COST, room)
    for (const part of parts) room -= part.length + COMPOUND_COST
    if (room > COMPOUND_COST + 1) {
      for (const body of this.#delegate.broadcasts(COMPOUND_COST + 1, room)) parts.push(userMessage(body))
    }
    return parts
  }

  /** Told to all by and by. @param done once it was told often enough, or replaced */
  broadcast(message: Alive | Suspect | Dead, done?: () => void): void {
    this.#queue.queue({ subject: message.Node, bytes: this.options.codec.encode(message), done })
    this.stirGossip()
  }

  /** Probing and push/pull begin when there is somebody to speak with. */
  meetOthers(): void {
    if (this.#periodic) return
    this.#periodic = true
    this.#prober.start()
    this.#exchanges.start()
  }
}

export function isUp(node: Node): boolean {
  return node.state === 'alive' || node.state === 'suspect'
}

function userMessage(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + body.length)
  out[0] = USER_TYPE
  out.set(body, 1)
  return out
}
