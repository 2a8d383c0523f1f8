/**
 * A false world for Raft cores: virtual time, disks that lose what was not flushed, a network that loses, delays,
 * doubles and reorders. Everything follows from one seed. It performs the effects as a driver must, and hands all that
 * happens to the judges in invariants.suite.ts; it knows no rule of Raft itself.
 */
import assert from 'node:assert/strict'
import type { Random } from '../../base/random.ts'
import type { Index, ServerId } from '../../base/units.ts'
import { Invariants } from './invariants.suite.ts'
import {
  type ConfigurationCodec,
  type Entry,
  type HardState,
  NO_HARD_STATE,
  type RaftEffect,
  type RaftInput,
  type RaftReply,
  type RaftRequest,
  type RaftTiming,
  type Role,
  type Server,
  type SnapshotMeta,
} from './messages.ts'
import { makeRaft, type Raft } from './raft.ts'

export const TIMING: RaftTiming = {
  heartbeatTimeoutMs: 1000,
  electionTimeoutMs: 1000,
  leaderLeaseTimeoutMs: 500,
  commitTimeoutMs: 50,
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
export const codec: ConfigurationCodec = {
  encode: (configuration) => encoder.encode(JSON.stringify(configuration)),
  decode: (_type, data) => JSON.parse(decoder.decode(data)),
}

export const bytes = (text: string): Uint8Array => encoder.encode(text)
export const text = (data: Uint8Array): string => decoder.decode(data)

export const serverOf = (n: number, suffrage: Server['suffrage'] = 'voter'): Server => ({
  id: `s${n}`,
  address: `10.0.0.${n}:8300`,
  suffrage,
})

/** What a state machine would be, reduced to what can be compared: how far it is, and a digest of all it applied. */
export interface State {
  index: Index
  digest: number
}

export function applyTo(state: State, entry: Entry): State {
  let digest = state.digest ^ (entry.term * 31 + entry.index)
  for (const byte of entry.data) digest = Math.imul(digest ^ byte, 0x01000193)
  return { index: entry.index, digest: digest >>> 0 }
}

interface Disk {
  hardState: HardState
  entries: Entry[]
  /** Where the log ends, also when no entry is left of it. */
  lastIndex: Index
  snapshot: { meta: SnapshotMeta; state: State } | null
  /** Every write is refused. */
  full: boolean
  /** A write takes up to this long. */
  delayMs: number
}

type Persist = Extract<RaftEffect, { kind: 'persist' }>
type Send = Extract<RaftEffect, { kind: 'send' }>

export class Node {
  readonly server: Server
  readonly disk: Disk = {
    hardState: NO_HARD_STATE,
    entries: [],
    lastIndex: 0,
    snapshot: null,
    full: false,
    delayMs: 3,
  }
  /** null while it is down. */
  raft: Raft | null = null
  /** Counts the starts; what was meant for an earlier life is dropped. */
  life = 0
  role: Role = 'follower'
  state: State = { index: 0, digest: 0 }
  /** Highest index that was handed over by `commit`. */
  committed: Index = 0
  preVote = false
  /** A peer of an older make, that closes the connection on pre-votes. */
  knowsPreVote = true
  writing: Persist | null = null
  /** Something was written since the judge last looked at the disk. */
  written = false
  /** Committed, and soon applied. */
  applying: Entry[] = []
  flushing = false
  armed = Number.POSITIVE_INFINITY
  /** Requests under way: whom to answer. */
  readonly asked = new Map<number, { from: Node; fromLife: number; id: number }>()
  readonly awaited = new Set<number>()
  requests = 0

  constructor(server: Server) {
    this.server = server
  }
}

interface Event {
  at: number
  order: number
  run: () => void
}

/** A request that was neither answered nor refused counts as lost after this long. */
const REPLY_TIMEOUT_MS = 1500

export interface Network {
  loss: number
  duplicates: number
  delayMsMin: number
  delayMsMax: number
}

export class Simulation {
  readonly random: Random
  readonly nodes: Node[] = []
  readonly judge = new Invariants()
  readonly network: Network = { loss: 0, duplicates: 0, delayMsMin: 1, delayMsMax: 5 }
  /** Sees every effect, for scripts that look closer. */
  watch: (node: Node, effect: RaftEffect) => void = () => {}
  /** Pairs "from>to" that hear nothing. */
  readonly cut = new Set<string>()
  trailingLogs = 8
  now = 0
  steps = 0
  private readonly events: Event[] = []
  private orders = 0
  private tickets = 0

  constructor(random: Random, size: number) {
    this.random = random
    for (let n = 1; n <= size; n++) this.nodes.push(new Node(serverOf(n)))
  }

  node(id: ServerId): Node {
    const node = this.nodes.find((each) => each.server.id === id)
    assert(node !== undefined, `no server ${id}`)
    return node
  }

  // Time.

  after(delayMs: number, run: () => void): void {
    push(this.events, { at: this.now + delayMs, order: this.orders++, run })
  }

  /** Runs what is due in the next `ms`. */
  run(ms: number): void {
    const until = this.now + ms
    for (let next = this.events[0]; next !== undefined && next.at <= until; next = this.events[0]) {
      pop(this.events)
      this.now = next.at
      next.run()
    }
    this.now = until
  }

  /** Runs until `done`, for at most `ms`. @returns whether it came to that */
  runUntil(done: () => boolean, ms: number): boolean {
    const until = this.now + ms
    while (!done()) {
      if (this.now >= until) return false
      this.run(5)
    }
    return true
  }

  // Servers.

  start(node: Node): void {
    const { disk } = node
    node.life++
    node.state = disk.snapshot?.state ?? { index: 0, digest: 0 }
    node.committed = node.state.index
    node.role = 'follower'
    node.writing = null
    node.armed = Number.POSITIVE_INFINITY
    node.flushing = false
    node.applying = []
    node.raft = makeRaft({
      id: node.server.id,
      address: node.server.address,
      timing: TIMING,
      random: this.random,
      preVote: node.preVote,
      trailingLogs: this.trailingLogs,
      appendEntriesMax: 8,
      codec,
      saved: { hardState: disk.hardState, snapshot: disk.snapshot?.meta ?? null, entries: disk.entries.slice() },
      now: this.now,
    })
    this.judge.started(node)
    this.arm(node)
  }

  /** Power off: of the write under way nobody knows whether it reached the disk. */
  crash(node: Node): void {
    if (node.writing !== null && !node.disk.full && this.random.float() < 0.5) this.write(node, node.writing)
    node.writing = null
    node.raft = null
    node.life++
    node.role = 'follower'
    node.asked.clear()
    node.awaited.clear()
    this.judge.stopped(node)
  }

  step(node: Node, input: RaftInput): void {
    if (node.raft === null) return
    this.steps++
    node.raft.step(this.now, input)
    if (node.flushing) return
    node.flushing = true
    this.soon(node, 0, () => {
      node.flushing = false
      this.flush(node)
    })
  }

  bootstrap(servers: Server[]): void {
    for (const node of this.nodes) {
      if (!servers.some((server) => server.id === node.server.id)) continue
      this.step(node, { kind: 'bootstrap', configuration: { servers } })
    }
  }

  leader(): Node | undefined {
    let best: Node | undefined
    let bestTerm = -1
    for (const node of this.nodes) {
      if (node.raft === null || node.role !== 'leader') continue
      const { term } = node.raft.status(this.now)
      if (term > bestTerm) {
        best = node
        bestTerm = term
      }
    }
    return best
  }

  /** @returns the ticket, to be followed at the judge's; -1 when the server is down */
  ask(node: Node, input: Asked): number {
    if (node.raft === null) return -1
    const ticket = ++this.tickets
    this.judge.asked(node, ticket, input)
    this.step(node, { ...input, ticket })
    return ticket
  }

  propose(node: Node, data: string): number {
    return this.ask(node, { kind: 'propose', data: bytes(data) })
  }

  snapshot(node: Node): void {
    if (node.raft === null) return
    const { committedConfiguration, committedConfigurationIndex } = node.raft.status(this.now)
    if (committedConfigurationIndex > node.state.index || node.state.index <= (node.disk.snapshot?.meta.index ?? 0)) {
      return
    }
    const meta: SnapshotMeta = {
      index: node.state.index,
      term: this.judge.termOf(node.state.index),
      configuration: committedConfiguration,
      configurationIndex: committedConfigurationIndex,
    }
    node.disk.snapshot = { meta, state: node.state }
    this.step(node, { kind: 'snapshot-taken', meta })
  }

  // Performing effects.

  private soon(node: Node, delayMs: number, run: () => void): void {
    const { life } = node
    this.after(delayMs, () => {
      if (node.life === life) run()
    })
  }

  private flush(node: Node): void {
    for (;;) {
      const effects = node.raft?.take() ?? []
      if (effects.length === 0) break
      for (const effect of effects) {
        if (node.raft === null) return
        this.watch(node, effect)
        this.perform(node, effect)
      }
    }
    if (node.written && node.writing === null) {
      node.written = false
      this.judge.rested(node)
    }
    this.arm(node)
  }

  private arm(node: Node): void {
    const at = node.raft?.wakeAt() ?? null
    if (at === null || at >= node.armed) return
    node.armed = at
    this.soon(node, Math.max(0, at - this.now), () => {
      if (node.armed !== at) return
      node.armed = Number.POSITIVE_INFINITY
      this.step(node, { kind: 'tick' })
    })
  }

  private perform(node: Node, effect: RaftEffect): void {
    switch (effect.kind) {
      case 'persist':
        this.persist(node, effect)
        return
      case 'send':
        this.send(node, effect)
        return
      case 'answer':
        this.answer(node, effect.id, effect.body)
        return
      case 'commit':
        assert.equal(effect.entries[0]?.index, node.committed + 1, 'commits follow one another')
        node.committed = effect.entries.at(-1)!.index
        this.judge.committed(node, effect.entries)
        node.applying.push(...effect.entries)
        this.soon(node, this.random.int(3), () => this.apply(node))
        return
      case 'restore':
        this.soon(node, 5 + this.random.int(40), () => this.restore(node, effect.id, effect.meta))
        return
      case 'role':
        node.role = effect.role
        this.judge.role(node, effect.role, effect.term)
        return
      case 'accepted':
        this.judge.accepted(node, effect.ticket, effect.index, effect.term)
        return
      case 'refused':
        this.judge.refused(effect.ticket, effect.why)
        return
      case 'resolved':
        this.judge.resolved(node, effect.ticket)
        return
      case 'log':
        return
    }
  }

  private apply(node: Node): void {
    for (const entry of node.applying.splice(0)) {
      if (entry.index > node.state.index) node.state = applyTo(node.state, entry)
    }
    this.judge.applied(node)
    this.step(node, { kind: 'applied', index: node.state.index })
  }

  private persist(node: Node, effect: Persist): void {
    assert.equal(node.writing, null, 'one write at a time')
    node.writing = effect
    this.soon(node, this.random.float() * node.disk.delayMs, () => {
      node.writing = null
      if (node.disk.full) {
        this.step(node, { kind: 'persist-failed', write: effect.write, why: 'no space left on device' })
        return
      }
      this.write(node, effect)
      this.step(node, { kind: 'persisted', write: effect.write })
    })
  }

  private write(node: Node, { truncateFrom, entries, hardState, compactTo }: Persist): void {
    const { disk, server } = node
    let log = disk.entries
    if (truncateFrom !== null) {
      log = log.filter((entry) => entry.index < truncateFrom)
      disk.lastIndex = Math.min(disk.lastIndex, truncateFrom - 1)
    }
    for (const { index } of entries) assert.equal(index, ++disk.lastIndex, `${server.id} left a gap in its log`)
    log = log.concat(entries)
    if (hardState !== null) {
      assert(hardState.term >= disk.hardState.term, 'the durable term never falls')
      disk.hardState = hardState
    }
    disk.entries = compactTo === null ? log : log.filter((entry) => entry.index > compactTo)
    if (compactTo !== null) disk.lastIndex = Math.max(disk.lastIndex, compactTo)
    this.judge.wrote(entries)
    node.written = true
  }

  private restore(node: Node, id: number, meta: SnapshotMeta): void {
    const ok = !node.disk.full && this.random.float() > 0.1
    if (ok) {
      const state = this.judge.stateAt(meta.index)
      node.disk.snapshot = { meta, state }
      node.state = state
      node.committed = meta.index
    }
    this.step(node, { kind: 'restored', id, ok })
  }

  private send(node: Node, { id, peer, body }: Send): void {
    const to = this.node(peer)
    node.awaited.add(id)
    let message: RaftRequest = body
    if (body.type === 'append' && body.entries !== null) this.judge.sent(body.entries)
    if (body.type === 'install') {
      // As a driver may: the newest snapshot goes, even if the core does not know of it yet.
      const { index, term, configuration, configurationIndex } = node.disk.snapshot!.meta
      message = { ...body, lastIndex: index, lastTerm: term, configuration, configurationIndex }
    }
    if (body.type === 'pre-vote' && !to.knowsPreVote) {
      const fromLife = node.life
      this.travel(node, to, () => {
        if (to.raft === null) return
        this.travel(to, node, () => {
          if (node.life !== fromLife || !node.awaited.delete(id)) return
          this.step(node, { kind: 'lost', id, unknownType: true })
        })
      })
      this.soon(node, REPLY_TIMEOUT_MS, () => {
        if (node.awaited.delete(id)) this.step(node, { kind: 'lost', id })
      })
      return
    }
    const fromLife = node.life
    const copies = this.random.float() < this.network.duplicates ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.travel(node, to, () => {
        if (to.raft === null) return
        const request = ++to.requests
        to.asked.set(request, { from: node, fromLife, id })
        this.step(to, { kind: 'request', id: request, body: message })
      })
    }
    this.soon(node, REPLY_TIMEOUT_MS, () => {
      if (node.awaited.delete(id)) this.step(node, { kind: 'lost', id })
    })
  }

  private answer(node: Node, request: number, body: RaftReply): void {
    const asked = node.asked.get(request)
    assert(asked !== undefined, 'a request is answered once')
    node.asked.delete(request)
    const { from, fromLife, id } = asked
    this.travel(node, from, () => {
      if (from.life === fromLife && from.awaited.delete(id)) this.step(from, { kind: 'reply', id, body })
    })
  }

  private travel(from: Node, to: Node, arrive: () => void): void {
    const { loss, delayMsMin, delayMsMax } = this.network
    if (this.random.float() < loss) return
    const delayMs = delayMsMin + this.random.float() * (delayMsMax - delayMsMin)
    this.after(delayMs, () => {
      if (!this.cut.has(`${from.server.id}>${to.server.id}`)) arrive()
    })
  }
}

type Ticketed = Extract<RaftInput, { ticket: number }>
export type Asked = Ticketed extends infer Input ? (Input extends Ticketed ? Omit<Input, 'ticket'> : never) : never

// A binary heap of events, earliest first, and in the order of their making at equal times.

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
}
