/**
 * Memberlist: who is in the pool. Decides what a node believes of the others (alive, suspect, dead, left, by
 * incarnations), defends itself against wrong claims, and spreads news by gossip and by push/pull. How nodes are probed
 * is probe.ts's. It knows no socket and no clock; Serf, above it, gives what rides along and hears what changes.
 *
 * Source: SWIM (Das, Gupta, Motivala 2002), Lifeguard (2018), protocol/memberlist.md sections 7, 8 and 10.
 */
import type { Random } from '../../base/random.ts'
import type { Agenda, Plan } from './agenda.ts'
import { Awareness } from './awareness.ts'
import { Broadcasts, retransmitLimit } from './broadcasts.ts'
import type { MemberlistConfig } from './config.ts'
import type { LogEffect, TransportEffect } from './effects.ts'
import type {
  Alive,
  Dead,
  GossipCodec,
  NodeState,
  PacketMessage,
  PushPull,
  StreamMessage,
  Suspect,
} from './messages.ts'
import { NODE_ALIVE, NODE_LEFT } from './messages.ts'
import {
  type GossipAddress,
  LIVENESS,
  type Node,
  Nodes,
  OUR_VSN,
  protocolMax,
  sameAddress,
  sameBytes,
  wireState,
} from './nodes.ts'
import { Prober } from './probe.ts'
import { Suspicion, suspicionMinMs } from './suspicion.ts'

/** What a message costs in a compound packet beyond its own bytes. */
const COMPOUND_COST = 2
const COMPOUND_HEADER = 2
const USER_TYPE = 8
/** Nodes that left stay known for so long, lest an old claim of life bring them back. */
const LEFT_MS = 24 * 3_600_000
/** Above so many nodes push/pull slows down with the logarithm of their number. */
const PUSH_PULL_SCALE_FROM = 32

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
}

type StreamDone = (reply: StreamMessage | null, error: string) => void

export class Memberlist {
  readonly options: MemberlistOptions
  readonly agenda: Agenda
  readonly nodes: Nodes
  readonly awareness: Awareness
  readonly #out: TransportEffect[]
  readonly #delegate: Delegate
  readonly #queue: Broadcasts
  readonly #prober: Prober
  readonly #streams = new Map<number, StreamDone>()
  #nextStream = 1
  #incarnation = 0
  #leaving = false
  #gossipPlan: Plan | undefined
  #periodic = false
  readonly #gossipPhase: number

  constructor(options: MemberlistOptions, agenda: Agenda, delegate: Delegate, out: TransportEffect[]) {
    this.options = options
    this.agenda = agenda
    this.#delegate = delegate
    this.#out = out
    this.nodes = new Nodes(options.random)
    this.awareness = new Awareness(options.config.awarenessMax)
    this.#queue = new Broadcasts(() => retransmitLimit(options.config.retransmitMult, this.nodes.size))
    this.#prober = new Prober(this, delegate)
    this.#gossipPhase = agenda.now + options.random.float() * options.config.gossipIntervalMs
  }

  /** Makes this node a member of its own pool. */
  start(): void {
    this.#incarnation += 1
    this.#alive(this.#self(this.#incarnation), true)
  }

  get hasOthers(): boolean {
    return this.nodes.all().some((node) => node.name !== this.options.name && isUp(node))
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
          this.#alive(message, false)
          break
        case 'suspect':
          this.#suspect(message)
          break
        case 'dead':
          this.#dead(message)
          break
        case 'user':
          this.#delegate.user(message.body, from)
          break
      }
    }
  }

  /** Tells everybody that this node's tags have changed. */
  update(): void {
    this.#incarnation += 1
    this.#alive(this.#self(this.#incarnation), true)
  }

  /** Says farewell. @param done once it was told often enough, or at once when nobody is there to hear it */
  leave(done: () => void): void {
    this.#leaving = true
    const self = this.nodes.get(this.options.name)
    if (self === undefined || self.state === 'left' || !this.hasOthers) {
      if (self !== undefined) this.#bury(self, { Incarnation: self.incarnation, From: self.name }, () => {})
      done()
      return
    }
    this.#bury(self, { Incarnation: self.incarnation, From: self.name }, done)
  }

  /** @param done how many states were learned, or why none was */
  join(to: GossipAddress, done: (error: string) => void): void {
    this.#pushPull(to, true, done)
  }

  answer(id: number, from: GossipAddress, message: StreamMessage): void {
    const say = (answer: StreamMessage | null) => this.#out.push({ kind: 'answer-stream', id, message: answer })
    switch (message.type) {
      case 'pushPull': {
        say(this.#localState(message.Join))
        const error = this.#merge(message)
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
    this.#suspect({ type: 'suspect', Incarnation: node.incarnation, Node: node.name, From: this.options.name })
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

  #broadcast(message: Alive | Suspect | Dead, done?: () => void): void {
    this.#queue.queue({ subject: message.Node, bytes: this.options.codec.encode(message), done })
    this.stirGossip()
  }

  // ---- push/pull

  /** Probing and push/pull begin when there is somebody to speak with. */
  #startPeriodic(): void {
    if (this.#periodic) return
    this.#periodic = true
    this.#prober.start()
    this.#planPushPull(this.options.random.float() * this.options.config.pushPullIntervalMs)
  }

  #planPushPull(firstMs?: number): void {
    const { pushPullIntervalMs } = this.options.config
    if (pushPullIntervalMs <= 0) return
    const nodes = this.nodes.size
    const scale = nodes <= PUSH_PULL_SCALE_FROM ? 1 : Math.ceil(Math.log2(nodes) - Math.log2(PUSH_PULL_SCALE_FROM)) + 1
    this.agenda.after(firstMs ?? pushPullIntervalMs * scale, () => {
      const [node] = this.nodes.pick(1, ({ name, state }) => name !== this.options.name && state === 'alive')
      if (node !== undefined && !this.#leaving) {
        this.#pushPull(node.address, false, (error) => {
          if (error !== '') this.log('error', `memberlist: Push/Pull with ${node.name} failed`, { error })
        })
      }
      this.#planPushPull()
    })
  }

  #pushPull(to: GossipAddress, join: boolean, done: (error: string) => void): void {
    this.openStream(to, this.#localState(join), this.options.config.tcpTimeoutMs, (reply, error) => {
      if (reply === null) done(error)
      else if (reply.type === 'err') done(`remote error: ${reply.Error}`)
      else if (reply.type !== 'pushPull') done(`received invalid message: ${reply.type}`)
      else done(this.#merge({ ...reply, Join: join }))
    })
  }

  #localState(join: boolean): PushPull {
    const nodes = this.nodes.all().map(wireState)
    return { type: 'pushPull', Join: join, nodes, userState: this.#delegate.localState(join) }
  }

  /** @returns why nothing was merged, or "" */
  #merge(remote: PushPull): string {
    const misfit = this.#versionMisfit(remote.nodes)
    if (misfit !== '') return misfit
    if (remote.Join) {
      const refusal = this.#delegate.refusal(remote.nodes)
      if (refusal !== undefined) return refusal
    }
    for (const node of remote.nodes) {
      const { Name: Node, Incarnation } = node
      if (node.State === NODE_ALIVE) this.#alive({ type: 'alive', ...node, Node }, false)
      else if (node.State === NODE_LEFT) this.#dead({ type: 'dead', Incarnation, Node, From: Node })
      // Another's word that somebody is dead only makes us suspect it: it may still speak up.
      else this.#suspect({ type: 'suspect', Incarnation, Node, From: this.options.name })
    }
    if (remote.userState.length > 0) this.#delegate.mergeState(remote.userState, remote.Join)
    return ''
  }

  #versionMisfit(remote: readonly NodeState[]): string {
    const all = [
      ...remote
        .filter(({ State }) => State === NODE_ALIVE)
        .map(({ Name, Vsn }) => ({ name: Name, vsn: Vsn ?? OUR_VSN })),
      ...this.nodes.all().filter(({ state }) => state === 'alive'),
    ]
    let [pmin, pmax, dmin, dmax] = [0, 255, 0, 255]
    for (const { vsn } of all) {
      pmin = Math.max(pmin, vsn[0] ?? 0)
      pmax = Math.min(pmax, vsn[1] ?? 255)
      dmin = Math.max(dmin, vsn[3] ?? 0)
      dmax = Math.min(dmax, vsn[4] ?? 255)
    }
    for (const { name, vsn } of all) {
      const [p, d] = [vsn[2] ?? 0, vsn[5] ?? 0]
      if (p < pmin || p > pmax) return `Node '${name}' protocol version (${p}) is incompatible: [${pmin}, ${pmax}]`
      if (d < dmin || d > dmax)
        return `Node '${name}' delegate protocol version (${d}) is incompatible: [${dmin}, ${dmax}]`
    }
    return ''
  }

  // ---- what is believed

  #self(incarnation: number): Alive {
    const { name, address } = this.options
    return {
      type: 'alive',
      Incarnation: incarnation,
      Node: name,
      Addr: address.host,
      Port: address.port,
      Meta: this.#delegate.meta(),
      Vsn: OUR_VSN,
    }
  }

  /** @param own our own word about ourselves */
  #alive(claim: Alive, own: boolean): void {
    const { options, agenda } = this
    const isSelf = claim.Node === options.name
    if (this.#leaving && isSelf) return
    const vsn = claim.Vsn
    if (vsn === null || vsn.length < 6 || vsn[0] === 0 || vsn[1] === 0 || vsn[0]! > vsn[1]!) return
    if (claim.Node === '' || claim.Addr === '') return
    if (!own) {
      const refusal = this.#delegate.refusal([{ ...claim, Name: claim.Node, State: NODE_ALIVE }])
      if (refusal !== undefined) {
        this.log('warn', `memberlist: ignoring alive message for '${claim.Node}': ${refusal}`)
        return
      }
    }
    const address = { host: claim.Addr, port: claim.Port }
    let node = this.nodes.get(claim.Node)
    let moves = false
    if (node === undefined) {
      node = {
        name: claim.Node,
        address,
        meta: claim.Meta,
        vsn,
        incarnation: 0,
        state: 'dead',
        since: agenda.now,
        suspicion: undefined,
      }
      this.nodes.add(node)
    } else if (!sameAddress(node.address, address)) {
      const reclaimMs = options.config.deadNodeReclaimMs
      const reclaimed = node.state === 'dead' && reclaimMs > 0 && agenda.now - node.since > reclaimMs
      if (isSelf || !(node.state === 'left' || reclaimed)) {
        this.log(
          'error',
          `memberlist: Conflicting address for ${node.name}. Mine: ${textOf(node.address)} Theirs: ${textOf(address)} Old state: ${LIVENESS.indexOf(node.state)}`,
        )
        this.#delegate.conflict(node, address)
        return
      }
      moves = true
      this.log(
        'info',
        `memberlist: Updating address for left or failed node ${node.name} from ${textOf(node.address)} to ${textOf(address)}`,
      )
    }
    if (!isSelf && !moves && claim.Incarnation <= node.incarnation) return
    if (isSelf && claim.Incarnation < node.incarnation) return
    this.#acquit(node)
    const before = { state: node.state, meta: node.meta }
    if (isSelf && !own) {
      if (claim.Incarnation === node.incarnation && sameBytes(claim.Meta, node.meta) && sameBytes(vsn, node.vsn)) return
      this.#refute(node, claim.Incarnation)
      this.log('warn', `memberlist: Refuting an alive message for '${node.name}' (${textOf(address)})`)
      return
    }
    node.incarnation = claim.Incarnation
    node.meta = claim.Meta
    node.vsn = vsn
    node.address = address
    if (node.state !== 'alive') {
      node.state = 'alive'
      node.since = agenda.now
    }
    this.#broadcast(claim)
    if (!isSelf) this.#startPeriodic()
    if (before.state === 'dead' || before.state === 'left') this.#delegate.joined(node)
    else if (!sameBytes(before.meta, node.meta)) this.#delegate.updated(node)
  }

  #suspect(claim: Suspect): void {
    const node = this.nodes.get(claim.Node)
    if (node === undefined || claim.Incarnation < node.incarnation) return
    if (node.suspicion !== undefined) {
      if (node.suspicion.timer.confirm(claim.From)) {
        this.#broadcast(claim)
        this.#planVerdict(node, node.suspicion.timer)
      }
      return
    }
    if (node.state !== 'alive') return
    if (node.name === this.options.name) {
      this.#refute(node, claim.Incarnation)
      this.log('warn', `memberlist: Refuting a suspect message (from: ${claim.From})`)
      return
    }
    this.#broadcast(claim)
    node.incarnation = claim.Incarnation
    node.state = 'suspect'
    node.since = this.agenda.now
    const { config } = this.options
    const size = this.nodes.size
    const wanted = config.suspicionMult - 2
    // With so few nodes the confirmations could never come.
    const expected = size - 2 < wanted ? 0 : wanted
    const minMs = suspicionMinMs(config.suspicionMult, size, config.probeIntervalMs)
    const maxMs = minMs * config.suspicionMaxTimeoutMult
    this.#planVerdict(node, new Suspicion(this.agenda.now, claim.From, expected, minMs, maxMs))
  }

  #planVerdict(node: Node, timer: Suspicion): void {
    this.agenda.cancel(node.suspicion?.plan)
    const plan = this.agenda.after(Math.max(0, timer.end - this.agenda.now), () => {
      node.suspicion = undefined
      if (node.state !== 'suspect') return
      this.log('info', `memberlist: Marking ${node.name} as failed, suspect timeout reached`)
      this.#dead({ type: 'dead', Incarnation: node.incarnation, Node: node.name, From: this.options.name })
    })
    node.suspicion = { timer, plan }
  }

  #acquit(node: Node): void {
    this.agenda.cancel(node.suspicion?.plan)
    node.suspicion = undefined
  }

  #dead(claim: Dead): void {
    const node = this.nodes.get(claim.Node)
    if (node === undefined || claim.Incarnation < node.incarnation) return
    this.#acquit(node)
    if (node.state === 'dead' || node.state === 'left') return
    if (node.name === this.options.name && !this.#leaving) {
      this.#refute(node, claim.Incarnation)
      this.log('warn', `memberlist: Refuting a dead message (from: ${claim.From})`)
      return
    }
    this.#bury(node, claim)
  }

  #bury(node: Node, claim: { Incarnation: number; From: string }, told?: () => void): void {
    const { Incarnation, From } = claim
    this.#broadcast({ type: 'dead', Incarnation, Node: node.name, From }, told)
    node.incarnation = Incarnation
    node.state = From === node.name ? 'left' : 'dead'
    node.since = this.agenda.now
    this.#delegate.left(node)
  }

  /** Somebody is wrong about us: say so with a later incarnation, and take it as a sign of our own slowness. */
  #refute(self: Node, accused: number): void {
    this.#incarnation = Math.max(this.#incarnation, accused) + 1
    self.incarnation = this.#incarnation
    this.awareness.add(1)
    this.#broadcast({ ...this.#self(this.#incarnation), Meta: self.meta })
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

function textOf({ host, port }: GossipAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
