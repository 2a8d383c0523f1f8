/**
 * Serf's machine, behind serf.ts: takes what comes in apart, asks the parts that decide, and puts what they say in order.
 * Source: protocol/serf.md.
 */
import type { Tick } from '../../base/core.ts'
import type { Level } from '../../base/log.ts'
import { messageOf } from '../../base/message-of.ts'
import type { Instant } from '../../base/units.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import { Agenda } from './agenda.ts'
import { retransmitLimit } from './broadcasts.ts'
import { Conflicts } from './conflict.ts'
import { Departures } from './departure.ts'
import type { TransportEffect } from './effects.ts'
import { EventRing } from './events.ts'
import { KeyManager } from './key-manager.ts'
import { LamportClock } from './lamport.ts'
import { Meetings } from './meetings.ts'
import { type Delegate, Memberlist } from './memberlist.ts'
import { NODE_LEFT, type NodeState, type SerfMessage } from './messages.ts'
import type { GossipAddress, Node } from './nodes.ts'
import { Places } from './places.ts'
import { Queries, type QueryParams } from './queries.ts'
import { type MemberEventKind, Roster, type SerfMember } from './roster.ts'
import { Rumours } from './rumours.ts'
import type { Serf, SerfEffect, SerfInput, SerfOptions } from './serf.ts'
import type { Clocks } from './snapshot.ts'

/** Longest meta that memberlist carries. */
const META_BYTES_MAX = 512
const HARD_EVENT_BYTES_MAX = 9 * 1024

export class Pool implements Serf, Delegate {
  readonly #options: SerfOptions
  readonly #out: SerfEffect[] = []
  readonly #agenda: Agenda
  readonly #clock = new LamportClock()
  readonly #events: EventRing
  readonly #list: Memberlist
  readonly #roster: Roster
  readonly #queries: Queries
  readonly #keys: KeyManager
  readonly #conflicts: Conflicts
  readonly #departures: Departures
  readonly #meetings: Meetings
  readonly #rumours: Rumours
  readonly #places: Places
  #tags: Record<string, string>

  constructor(options: SerfOptions) {
    this.#options = options
    this.#tags = options.tags
    const { codec, random, serf } = options
    this.#agenda = new Agenda(options.now)
    const { clocks = { member: 0, event: 0, query: 0 } } = options
    this.#events = new EventRing(serf.eventRing, clocks.event)
    this.#places = new Places(codec, random, (level, message) => this.#log(level, message))
    this.#clock.increment()
    this.#clock.witness(clocks.member)
    this.#list = new Memberlist(
      {
        name: options.name,
        address: options.address,
        config: options.memberlist,
        codec,
        random,
        sealBytes: options.sealBytes ?? (() => 0),
        allowed: options.allowed,
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
      staying: () => this.#departures.staying,
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
      latest: clocks.query,
      tags: () => this.#tags,
      broadcast: (bytes) => this.#rumours.tell('query', bytes),
      asked: (query) => this.#out.push({ kind: 'query', query }),
      keysChanged: () => this.#out.push({ kind: 'keys-changed' }),
      log: (level, message) => this.#log(level, message),
    })
    this.#rumours = new Rumours({
      transmits: () => retransmitLimit(options.memberlist.retransmitMult, this.#list.nodes.size),
      sizeMax: () => Math.max(serf.queueMin, 2 * this.#roster.size),
      stir: () => this.#list.stirGossip(),
    })
    this.#keys = new KeyManager({
      queries: this.#queries,
      codec,
      nodes: () => this.#list.aliveCount,
      warn: (message) => this.#log('warn', message),
    })
    this.#conflicts = new Conflicts({
      name: options.name,
      address: options.address,
      codec,
      queries: this.#queries,
      resolve: serf.resolveConflicts,
      log: (level, message) => this.#log(level, message),
      giveWay: () => this.#out.push({ kind: 'give-way' }),
    })
    this.#departures = new Departures({
      name: options.name,
      agenda: this.#agenda,
      clock: this.#clock,
      config: serf,
      list: this.#list,
      roster: this.#roster,
      tell: (intent, told) => this.#rumours.tell('intent', codec.encodeSerf(intent), told),
      warn: (message) => this.#log('warn', message),
    })
    this.#meetings = new Meetings({
      name: options.name,
      agenda: this.#agenda,
      random,
      config: serf,
      list: this.#list,
      roster: this.#roster,
      staying: () => this.#departures.staying,
      announce: () => this.#broadcastJoin(),
      log: (level, message) => this.#log(level, message),
    })
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
        this.#join(input)
        return
      case 'rejoin':
        this.#meetings.rejoin(input.previous)
        return
      case 'leave':
        this.#departures.leave(() => this.#done(input.ticket))
        return
      case 'force-leave':
        this.#departures.force(input.name, input.prune, () => this.#done(input.ticket))
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
      case 'keys':
        this.#keys.ask(input, (outcome) => this.#out.push({ kind: 'keys', ticket: input.ticket, outcome }))
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
    return this.#places.own
  }

  coordinateOf(name: string): Coordinate | undefined {
    return this.#places.of(name)
  }

  clocks(): Clocks {
    return { member: this.#clock.time - 1, event: this.#events.latest, query: this.#queries.latest }
  }

  healthScore(): number {
    return this.#list.awareness.score
  }

  stats(): Record<string, string> {
    return {
      coordinate_resets: String(this.#places.resets),
      encrypted: String((this.#options.keyring?.keys.length ?? 0) > 0),
      event_queue: String(this.#rumours.size('event')),
      event_time: String(this.#events.clock.time),
      failed: String(this.#roster.count('failed')),
      health_score: String(this.healthScore()),
      intent_queue: String(this.#rumours.size('intent')),
      left: String(this.#roster.count('left')),
      member_time: String(this.#clock.time),
      members: String(this.#roster.size),
      query_queue: String(this.#rumours.size('query')),
      query_time: String(this.#queries.ring.clock.time),
    }
  }

  // ---- what the owner asks

  #join({ ticket, ...wish }: Extract<SerfInput, { kind: 'join' }>): void {
    this.#meetings.join(wish, (joined, message) => {
      if (message === '') this.#out.push({ kind: 'done', ticket, joined })
      else this.#out.push({ kind: 'refused', ticket, message })
    })
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
    this.#rumours.tell('event', bytes)
    this.#done(ticket)
  }

  #ask(ticket: number, params: QueryParams): void {
    const error = this.#queries.ask(params, {
      ack: (from) => this.#out.push({ kind: 'query-ack', ticket, from }),
      response: (from, payload) => this.#out.push({ kind: 'query-response', ticket, from, payload }),
      done: () => this.#done(ticket),
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
    this.#done(ticket)
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
      const why = messageOf(error)
      this.#log('error', `serf: Error decoding message: ${why}`, { from: `${from.host}:${from.port}` })
      return
    }
    switch (message.type) {
      case 'leave':
        if (this.#roster.leaveIntent(message)) this.#rumours.tell('intent', body)
        return
      case 'join':
        if (this.#roster.joinIntent(message)) this.#rumours.tell('intent', body)
        return
      case 'userEvent':
        if (this.#handleEvent(message)) this.#rumours.tell('event', body)
        return
      case 'query':
        if (this.#queries.receive(message)) this.#rumours.tell('query', body)
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
    return this.#rumours.take(cost, room)
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
      if (left.has(Node) || !this.#roster.joinIntent({ LTime, Node })) continue
      // Something later was said of us than we have said: perhaps that we leave, which nobody would ever take back.
      if (Node === this.#options.name && this.#departures.staying) this.#broadcastJoin()
    }
    if (join && this.#meetings.ignoresOldEvents) this.#events.ignoreBefore(remote.EventLTime)
    for (const slot of remote.Events) {
      for (const { Name, Payload } of slot?.Events ?? []) this.#handleEvent({ LTime: slot!.LTime, Name, Payload })
    }
  }

  joined(node: Node): void {
    this.#roster.nodeJoined(node)
  }

  left(node: Node): void {
    this.#roster.nodeLeft(node)
    this.#meetings.seekFailed()
  }

  updated(node: Node): void {
    this.#roster.nodeUpdated(node)
  }

  conflict(known: Node, other: GossipAddress): void {
    this.#conflicts.seen(known, other)
  }

  ackPayload(): Uint8Array {
    return this.#places.payload()
  }

  acked(node: Node, rttMs: number, payload: Uint8Array | null): void {
    this.#places.answered(node.name, rttMs, payload)
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
    this.#rumours.tell('intent', this.#options.codec.encodeSerf(intent))
  }

  #done(ticket: number): void {
    this.#out.push({ kind: 'done', ticket, joined: 0 })
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
      this.#places.forget(member.name)
    }
    this.#out.push({ kind: 'member', event, member: { ...member } })
  }

  #log(level: Level, message: string, fields: Record<string, string> = {}): void {
    this.#out.push({ kind: 'log', part: 'serf', level, message, fields })
  }
}
