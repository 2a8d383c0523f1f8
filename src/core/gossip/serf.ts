/**
 * The face of gossip: one pool of Serf over memberlist, as a core. Decides who is a member and in what state, hands on
 * user events and queries once each, keeps the network coordinate, and says what to send. It owns no socket, timer or
 * clock; agent/gossip.ts drives it, simulations play its network. Source: protocol/serf.md.
 */
import type { Core, Tick } from '../../base/core.ts'
import type { Level } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Instant } from '../../base/units.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import { Agenda, type Plan } from './agenda.ts'
import { Broadcasts, retransmitLimit } from './broadcasts.ts'
import type { MemberlistConfig, SerfConfig } from './config.ts'
import { CoordinateClient } from './coordinate.ts'
import type { TransportEffect } from './effects.ts'
import { EventRing } from './events.ts'
import type { GossipKeyring } from './keyring.ts'
import { LamportClock } from './lamport.ts'
import { type Delegate, Memberlist } from './memberlist.ts'
import type { GossipCodec, NodeState, PacketMessage, Query, SerfMessage, StreamMessage } from './messages.ts'
import { NODE_LEFT } from './messages.ts'
import type { GossipAddress, Node } from './nodes.ts'
import { CONFLICT_QUERY, Queries, type QueryParams } from './queries.ts'
import { type MemberEventKind, Roster, type SerfMember } from './roster.ts'

export { GossipKeyring } from './keyring.ts'
export type { GossipAddress } from './nodes.ts'
export type { MemberStatus, SerfMember } from './roster.ts'

/** A member that wants in, as its claim describes it. */
export interface Candidate {
  name: string
  addr: string
  port: number
  tags: Record<string, string>
  left: boolean
}

export interface SerfOptions {
  name: string
  /** As others reach it. */
  address: GossipAddress
  tags: Record<string, string>
  memberlist: MemberlistConfig
  serf: SerfConfig
  codec: GossipCodec
  random: Random
  now: Instant
  /** Why these may not be in this pool; undefined when they may. */
  refusal?(candidates: readonly Candidate[]): string | undefined
  /** Encryption's keys; also what key queries work on. */
  keyring?: GossipKeyring
  /** Bytes that encryption adds to each packet. */
  sealBytes?(): number
}

export type SerfInput =
  | { kind: 'packet'; from: GossipAddress; messages: readonly PacketMessage[] }
  /** A peer opened a stream and said this; `answer-stream` follows before anything else is done. */
  | { kind: 'stream-request'; id: number; from: GossipAddress; message: StreamMessage }
  | { kind: 'stream-reply'; id: number; message: StreamMessage }
  | { kind: 'stream-failed'; id: number; error: string }
  /** All of the addresses are tried. */
  | { kind: 'join'; ticket: number; addresses: readonly GossipAddress[]; ignoreOldEvents: boolean }
  | { kind: 'leave'; ticket: number }
  | { kind: 'force-leave'; ticket: number; name: string; prune: boolean }
  | { kind: 'user-event'; ticket: number; name: string; payload: Uint8Array | null; coalesce: boolean }
  | ({ kind: 'query'; ticket: number } & QueryParams)
  | { kind: 'respond'; query: Query; payload: Uint8Array }
  | { kind: 'set-tags'; ticket: number; tags: Record<string, string> }

export type SerfEffect =
  | TransportEffect
  | { kind: 'member'; event: MemberEventKind; member: SerfMember }
  | { kind: 'user-event'; name: string; payload: Uint8Array | null; time: number }
  | { kind: 'query'; query: Query }
  | { kind: 'query-ack'; ticket: number; from: string }
  | { kind: 'query-response'; ticket: number; from: string; payload: Uint8Array | null }
  /** What was asked by ticket is over. `joined`: addresses that answered. */
  | { kind: 'done'; ticket: number; joined: number }
  | { kind: 'refused'; ticket: number; message: string }
  | { kind: 'keys-changed' }
  /** Another node holds our name, and the others say it is its. */
  | { kind: 'give-way' }

export interface Serf extends Core<SerfInput, SerfEffect> {
  members(): SerfMember[]
  member(name: string): SerfMember | undefined
  /** Where this node stands. */
  coordinate(): Coordinate
  /** Where another node said it stands, when it last answered. */
  coordinateOf(name: string): Coordinate | undefined
  stats(): Record<string, string>
  /** 0: at its best; see awareness.ts. */
  healthScore(): number
}

type State = 'alive' | 'leaving' | 'left'

/** Longest meta that memberlist carries. */
const META_BYTES_MAX = 512
const HARD_EVENT_BYTES_MAX = 9 * 1024

export function makeSerf(options: SerfOptions): Serf {
  return new Pool(options)
}

class Pool implements Serf, Delegate {
  readonly #options: SerfOptions
  readonly #out: SerfEffect[] = []
  readonly #agenda: Agenda
  readonly #clock = new LamportClock()
  readonly #events: EventRing
  readonly #list: Memberlist
  readonly #roster: Roster
  readonly #queries: Queries
  readonly #intentQueue: Broadcasts
  readonly #queryQueue: Broadcasts
  readonly #eventQueue: Broadcasts
  readonly #place: CoordinateClient
  readonly #places = new Map<string, Coordinate>()
  #ackPayload: Uint8Array | undefined
  #state: State = 'alive'
  #tags: Record<string, string>
  #ignoreOldEvents = 0
  #reconnectPlan: Plan | undefined
  #resolving = false

  constructor(options: SerfOptions) {
    this.#options = options
    this.#tags = options.tags
    const { codec, random, serf } = options
    this.#agenda = new Agenda(options.now)
    this.#events = new EventRing(serf.eventRing)
    this.#place = new CoordinateClient(random)
    this.#clock.increment()
    this.#list = new Memberlist(
      {
        name: options.name,
        address: options.address,
        config: options.memberlist,
        codec,
        random,
        sealBytes: options.sealBytes ?? (() => 0),
      },
      this.#agenda,
      this,
      this.#out as TransportEffect[],
    )
    this.#roster = new Roster({
      self: options.name,
      agenda: this.#agenda,
      clock: this.#clock,
      config: serf,
      decodeTags: (meta) => codec.decodeTags(meta),
      staying: () => this.#state === 'alive',
      refute: () => this.#broadcastJoin(),
      tell: (kind, member, note) => this.#tell(kind, member, note),
      warn: (message) => this.#log('warn', message),
    })
    this.#queries = new Queries({
      list: this.#list,
      roster: this.#roster,
      agenda: this.#agenda,
      codec,
      random,
      config: serf,
      keyring: options.keyring,
      tags: () => this.#tags,
      broadcast: (bytes) => this.#queue(this.#queryQueue, bytes),
      asked: (query) => this.#out.push({ kind: 'query', query }),
      keysChanged: () => this.#out.push({ kind: 'keys-changed' }),
      warn: (message) => this.#log('warn', message),
    })
    const limit = () => retransmitLimit(options.memberlist.retransmitMult, this.#list.nodes.size)
    this.#intentQueue = new Broadcasts(limit)
    this.#queryQueue = new Broadcasts(limit)
    this.#eventQueue = new Broadcasts(limit)
    this.#list.start()
  }

  step(now: Instant, input: SerfInput | Tick): void {
    this.#agenda.now = now
    switch (input.kind) {
      case 'tick':
        // Only here: after a pause the answers that wait in the socket shall be heard before anybody is blamed.
        this.#agenda.run(now)
        return
      case 'packet':
        this.#list.receive(input.messages, input.from)
        return
      case 'stream-request':
        this.#list.answer(input.id, input.from, input.message)
        return
      case 'stream-reply':
        this.#list.reply(input.id, input.message, '')
        return
      case 'stream-failed':
        this.#list.reply(input.id, null, input.error)
        return
      case 'join':
        this.#join(input.ticket, input.addresses, input.ignoreOldEvents)
        return
      case 'leave':
        this.#leave(input.ticket)
        return
      case 'force-leave':
        this.#forceLeave(input.ticket, input.name, input.prune)
        return
      case 'user-event':
        this.#fire(input)
        return
      case 'query':
        this.#ask(input.ticket, input)
        return
      case 'respond':
        this.#queries.respond(input.query, input.payload)
        return
      case 'set-tags':
        this.#setTags(input.ticket, input.tags)
        return
    }
  }

  take(): SerfEffect[] {
    return this.#out.splice(0)
  }

  wakeAt(): Instant | null {
    return this.#agenda.next()
  }

  members(): SerfMember[] {
    return this.#roster.all()
  }

  member(name: string): SerfMember | undefined {
    return this.#roster.get(name)
  }

  coordinate(): Coordinate {
    return this.#place.coordinate
  }

  coordinateOf(name: string): Coordinate | undefined {
    return this.#places.get(name)
  }

  healthScore(): number {
    return this.#list.awareness.score
  }

  stats(): Record<string, string> {
    return {
      coordinate_resets: String(this.#place.resets),
      encrypted: String((this.#options.keyring?.keys.length ?? 0) > 0),
      event_queue: String(this.#eventQueue.size),
      event_time: String(this.#events.clock.time),
      failed: String(this.#roster.count('failed')),
      health_score: String(this.healthScore()),
      intent_queue: String(this.#intentQueue.size),
      left: String(this.#roster.count('left')),
      member_time: String(this.#clock.time),
      members: String(this.#roster.size),
      query_queue: String(this.#queryQueue.size),
      query_time: String(this.#queries.ring.clock.time),
    }
  }

  // ---- what the owner asks

  #join(ticket: number, addresses: readonly GossipAddress[], ignoreOldEvents: boolean): void {
    if (this.#state !== 'alive') {
      this.#out.push({ kind: 'refused', ticket, message: "Serf can't Join after Leave or Shutdown" })
      return
    }
    let waiting = addresses.length
    let joined = 0
    const errors: string[] = []
    if (ignoreOldEvents) this.#ignoreOldEvents += 1
    const finish = () => {
      if (ignoreOldEvents) this.#ignoreOldEvents -= 1
      if (joined > 0) this.#broadcastJoin()
      if (joined > 0 || errors.length === 0) this.#out.push({ kind: 'done', ticket, joined })
      else this.#out.push({ kind: 'refused', ticket, message: manyErrors(errors) })
    }
    if (waiting === 0) finish()
    for (const to of addresses) {
      this.#list.join(to, (error) => {
        if (error === '') joined += 1
        else {
          this.#log('debug', `memberlist: Failed to join ${to.host}: ${error}`)
          errors.push(`Failed to join ${to.host}: ${error}`)
        }
        waiting -= 1
        if (waiting === 0) finish()
      })
    }
  }

  #leave(ticket: number): void {
    const done = () => this.#out.push({ kind: 'done', ticket, joined: 0 })
    if (this.#state !== 'alive') {
      done()
      return
    }
    this.#state = 'leaving'
    const hadOthers = this.#list.hasOthers
    const finish = () => {
      this.#state = 'left'
      done()
    }
    const LTime = this.#clock.time
    this.#clock.increment()
    const intent = { type: 'leave', LTime, Node: this.#options.name, Prune: false } as const
    this.#roster.leaveIntent(intent)
    const { broadcastTimeoutMs, leavePropagateMs } = this.#options.serf
    const farewell = () =>
      this.#list.leave(
        this.#once(broadcastTimeoutMs, 'timeout waiting for leave broadcast', () => {
          if (hadOthers) this.#agenda.after(leavePropagateMs, finish)
          else finish()
        }),
      )
    if (!hadOthers) farewell()
    else {
      const told = this.#once(broadcastTimeoutMs, 'timeout while waiting for graceful leave', farewell)
      this.#queue(this.#intentQueue, this.#options.codec.encodeSerf(intent), told)
    }
  }

  #forceLeave(ticket: number, name: string, prune: boolean): void {
    const LTime = this.#clock.time
    this.#clock.increment()
    const intent = { type: 'leave', LTime, Node: name, Prune: prune } as const
    this.#roster.leaveIntent(intent)
    const done = () => this.#out.push({ kind: 'done', ticket, joined: 0 })
    if (!this.#list.hasOthers) {
      done()
      return
    }
    const told = this.#once(this.#options.serf.broadcastTimeoutMs, 'timed out broadcasting node removal', done)
    this.#queue(this.#intentQueue, this.#options.codec.encodeSerf(intent), told)
  }

  /** Runs when called or when the time is up, whichever comes first. */
  #once(ms: number, late: string, run: () => void): () => void {
    let over = false
    const finish = () => {
      if (over) return
      over = true
      this.#agenda.cancel(plan)
      run()
    }
    const plan = this.#agenda.after(ms, () => {
      this.#log('warn', `serf: ${late}`)
      finish()
    })
    return finish
  }

  #fire(input: Extract<SerfInput, { kind: 'user-event' }>): void {
    const { ticket, name, payload, coalesce } = input
    const { userEventBytesMax } = this.#options.serf
    const refuse = (message: string) => this.#out.push({ kind: 'refused', ticket, message })
    const size = new TextEncoder().encode(name).length + (payload?.length ?? 0)
    if (size > userEventBytesMax) {
      refuse(`user event exceeds configured limit of ${userEventBytesMax} bytes before encoding`)
      return
    }
    const LTime = this.#events.clock.time
    const message = { type: 'userEvent', LTime, Name: name, Payload: payload, CC: coalesce } as const
    const bytes = this.#options.codec.encodeSerf(message)
    if (bytes.length > Math.min(userEventBytesMax, HARD_EVENT_BYTES_MAX)) {
      refuse(`user event exceeds configured limit of ${userEventBytesMax} bytes after encoding`)
      return
    }
    this.#events.clock.increment()
    this.#handleEvent(message)
    this.#queue(this.#eventQueue, bytes)
    this.#out.push({ kind: 'done', ticket, joined: 0 })
  }

  #ask(ticket: number, params: QueryParams): void {
    const error = this.#queries.ask(params, {
      ack: (from) => this.#out.push({ kind: 'query-ack', ticket, from }),
      response: (from, payload) => this.#out.push({ kind: 'query-response', ticket, from, payload }),
      done: () => this.#out.push({ kind: 'done', ticket, joined: 0 }),
    })
    if (error !== '') this.#out.push({ kind: 'refused', ticket, message: error })
  }

  #setTags(ticket: number, tags: Record<string, string>): void {
    const size = this.#options.codec.encodeTags(tags).length
    if (size > META_BYTES_MAX) {
      const message = `Encoded length of tags exceeds limit of ${META_BYTES_MAX} bytes`
      this.#out.push({ kind: 'refused', ticket, message })
      return
    }
    this.#tags = tags
    this.#list.update()
    this.#out.push({ kind: 'done', ticket, joined: 0 })
  }

  // ---- memberlist's delegate

  meta(): Uint8Array {
    return this.#options.codec.encodeTags(this.#tags)
  }

  user(body: Uint8Array, from: GossipAddress): void {
    let message: SerfMessage
    try {
      message = this.#options.codec.decodeSerf(body)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#log('error', `serf: Error decoding message: ${why}`, { from: `${from.host}:${from.port}` })
      return
    }
    switch (message.type) {
      case 'leave':
        if (this.#roster.leaveIntent(message)) this.#queue(this.#intentQueue, body)
        return
      case 'join':
        if (this.#roster.joinIntent(message)) this.#queue(this.#intentQueue, body)
        return
      case 'userEvent':
        if (this.#handleEvent(message)) this.#queue(this.#eventQueue, body)
        return
      case 'query':
        if (this.#queries.receive(message)) this.#queue(this.#queryQueue, body)
        return
      case 'queryResponse':
        this.#queries.responded(message)
        return
      case 'relay': {
        const { IP: host, Port: port } = message.DestAddr
        // Only answers are passed on: this node is nobody's open relay.
        if (host !== '' && port > 0 && port < 65_536 && this.#isAnswer(message.body)) {
          this.#list.sendUser({ host, port }, message.body)
        }
        return
      }
      case 'pushPull':
      case 'conflictResponse':
      case 'keyRequest':
      case 'keyResponse':
        this.#log('warn', `serf: Received message of unexpected type: ${message.type}`)
        return
    }
  }

  broadcasts(cost: number, room: number): Uint8Array[] {
    const out: Uint8Array[] = []
    for (const queue of [this.#intentQueue, this.#queryQueue, this.#eventQueue]) {
      for (const bytes of queue.take(cost, room)) {
        out.push(bytes)
        room -= bytes.length + cost
      }
    }
    return out
  }

  localState(_join: boolean): Uint8Array {
    return this.#options.codec.encodeSerf({
      type: 'pushPull',
      LTime: this.#clock.time,
      ...this.#roster.times(),
      EventLTime: this.#events.clock.time,
      Events: [...this.#events.slots()],
      QueryLTime: this.#queries.ring.clock.time,
    })
  }

  mergeState(state: Uint8Array, join: boolean): void {
    let remote: SerfMessage
    try {
      remote = this.#options.codec.decodeSerf(state)
    } catch (error) {
      this.#log('error', `serf: Failed to decode push/pull state: ${error instanceof Error ? error.message : error}`)
      return
    }
    if (remote.type !== 'pushPull') {
      this.#log('error', `serf: Remote state has bad type prefix: ${remote.type}`)
      return
    }
    if (remote.LTime > 0) this.#clock.witness(remote.LTime - 1)
    if (remote.EventLTime > 0) this.#events.clock.witness(remote.EventLTime - 1)
    if (remote.QueryLTime > 0) this.#queries.ring.clock.witness(remote.QueryLTime - 1)
    const left = new Set(remote.LeftMembers)
    for (const Node of left) {
      this.#roster.leaveIntent({ LTime: (remote.StatusLTimes[Node] ?? 0) + 1, Node, Prune: false })
    }
    for (const [Node, LTime] of Object.entries(remote.StatusLTimes)) {
      if (!left.has(Node)) this.#roster.joinIntent({ LTime, Node })
    }
    if (join && this.#ignoreOldEvents > 0) this.#events.ignoreBefore(remote.EventLTime)
    for (const slot of remote.Events) {
      for (const { Name, Payload } of slot?.Events ?? []) this.#handleEvent({ LTime: slot!.LTime, Name, Payload })
    }
  }

  joined(node: Node): void {
    this.#roster.nodeJoined(node)
  }

  left(node: Node): void {
    this.#roster.nodeLeft(node)
    this.#planReconnect()
  }

  updated(node: Node): void {
    this.#roster.nodeUpdated(node)
  }

  conflict(known: Node, other: GossipAddress): void {
    const { name, serf } = this.#options
    if (known.name !== name) {
      const { host, port } = known.address
      this.#log(
        'warn',
        `serf: Name conflict for '${known.name}' both ${host}:${port} and ${other.host}:${other.port} are claiming`,
      )
      return
    }
    const resolution = `(Resolution enabled: ${serf.resolveConflicts})`
    this.#log(
      'error',
      `serf: Node name conflicts with another node at ${other.host}:${other.port}. Names must be unique! ${resolution}`,
    )
    if (serf.resolveConflicts) this.#resolveConflict()
  }

  ackPayload(): Uint8Array {
    this.#ackPayload ??= this.#options.codec.encodeCoordinate(this.#place.coordinate)
    return this.#ackPayload
  }

  acked(node: Node, rttMs: number, payload: Uint8Array | null): void {
    if (payload === null || payload.length === 0) return
    let other: Coordinate | undefined
    try {
      other = this.#options.codec.decodeCoordinate(payload)
    } catch (error) {
      this.#log(
        'error',
        `serf: Failed to decode coordinate from ping: ${error instanceof Error ? error.message : error}`,
      )
      return
    }
    if (other === undefined) return
    const refused = this.#place.update(node.name, other, rttMs / 1000)
    if (refused !== undefined) {
      this.#log('trace', `serf: Rejected coordinate from ${node.name}: ${refused}`)
      return
    }
    this.#ackPayload = undefined
    this.#places.set(node.name, other)
  }

  refusal(nodes: readonly NodeState[]): string | undefined {
    const { refusal, codec } = this.#options
    if (refusal === undefined) return undefined
    return refusal(
      nodes.map(({ Name, Addr, Port, Meta, State }) => ({
        name: Name,
        addr: Addr,
        port: Port,
        tags: codec.decodeTags(Meta),
        left: State === NODE_LEFT,
      })),
    )
  }

  // ---- within

  #isAnswer(body: Uint8Array): boolean {
    try {
      return this.#options.codec.decodeSerf(body).type === 'queryResponse'
    } catch {
      return false
    }
  }

  #handleEvent(event: { LTime: number; Name: string; Payload: Uint8Array | null }): boolean {
    if (!this.#events.accept(event)) return false
    this.#out.push({ kind: 'user-event', name: event.Name, payload: event.Payload, time: event.LTime })
    return true
  }

  #broadcastJoin(): void {
    const intent = { type: 'join', LTime: this.#clock.time, Node: this.#options.name } as const
    this.#roster.joinIntent(intent)
    this.#queue(this.#intentQueue, this.#options.codec.encodeSerf(intent))
  }

  #queue(queue: Broadcasts, bytes: Uint8Array, done?: () => void): void {
    queue.queue({ subject: '', bytes, done })
    queue.prune(Math.max(this.#options.serf.queueMin, 2 * this.#roster.size))
    this.#list.stirGossip()
  }

  /** While somebody is missing, now and then one of them is looked for. */
  #planReconnect(): void {
    if (this.#reconnectPlan !== undefined || !this.#roster.anyGone) return
    const { random, serf } = this.#options
    this.#reconnectPlan = this.#agenda.after(serf.reconnectIntervalMs, () => {
      this.#reconnectPlan = undefined
      const member = this.#roster.pickFailed(random.float(), (bound) => random.int(bound))
      if (member !== undefined && this.#state === 'alive') {
        this.#log('info', `serf: attempting reconnect to ${member.name} ${member.addr}:${member.port}`)
        this.#list.join({ host: member.addr, port: member.port }, () => {})
      }
      this.#planReconnect()
    })
  }

  #resolveConflict(): void {
    if (this.#resolving) return
    this.#resolving = true
    const { name, address, codec } = this.#options
    let responses = 0
    let ours = 0
    const error = this.#queries.ask(
      { name: CONFLICT_QUERY, payload: new TextEncoder().encode(name) },
      {
        ack: () => {},
        response: (_from, payload) => {
          try {
            const member = codec.decodeSerf(payload ?? new Uint8Array(0))
            if (member.type !== 'conflictResponse') return
            responses += 1
            if (member.Addr === address.host && member.Port === address.port) ours += 1
          } catch {
            this.#log('error', 'serf: Failed to decode conflict query response')
          }
        },
        done: () => {
          this.#resolving = false
          const votes = `[${ours} / ${responses}]`
          if (ours >= Math.floor(responses / 2) + 1) {
            this.#log('info', `serf: majority in name conflict resolution ${votes}`)
            return
          }
          this.#log('warn', `serf: minority in name conflict resolution, quitting ${votes}`)
          this.#out.push({ kind: 'give-way' })
        },
      },
    )
    if (error !== '') this.#resolving = false
  }

  #tell(event: MemberEventKind, member: SerfMember, note: string): void {
    const words = {
      join: `EventMemberJoin: ${member.name} ${member.addr}`,
      leave: `EventMemberLeave${note}: ${member.name} ${member.addr}`,
      failed: `EventMemberFailed: ${member.name} ${member.addr}`,
      update: `EventMemberUpdate: ${member.name}`,
      reap: `EventMemberReap: ${member.name}`,
    }
    this.#log('info', `serf: ${words[event]}`)
    if (event === 'reap') {
      this.#places.delete(member.name)
      this.#place.forget(member.name)
    }
    this.#out.push({ kind: 'member', event, member: { ...member } })
  }

  #log(level: Level, message: string, fields: Record<string, string> = {}): void {
    this.#out.push({ kind: 'log', part: 'serf', level, message, fields })
  }
}

function manyErrors(errors: readonly string[]): string {
  const lines = errors.map((error) => `\t* ${error}`).join('\n')
  return `${errors.length} error${errors.length === 1 ? '' : 's'} occurred:\n${lines}\n\n`
}
