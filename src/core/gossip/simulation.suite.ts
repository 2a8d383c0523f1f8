/**
 * Many pools of Serf on one virtual clock and one virtual network that loses, delays, parts and pauses. Messages travel as
 * objects; bytes are made only where sizes count. Deterministic: all chance comes from one seed.
 */
import { Deadlines } from '../../base/deadlines.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { decodePacket } from '../../wire/gossip.ts'
import { gossipCodec } from '../../wire/serf.ts'
import { LAN, type MemberlistConfig, SERF, type SerfConfig } from './config.ts'
import type { NodeState, StreamMessage } from './messages.ts'
import { type GossipAddress, OUR_VSN, sameBytes } from './nodes.ts'
import { type Clocks, GossipKeyring, makeSerf, type Serf, type SerfEffect, type SerfInput } from './serf.ts'

export interface SimMember {
  readonly name: string
  readonly address: GossipAddress
  serf: Serf
  /** What it told its owner, in order: `join b`, `failed c`. */
  readonly events: { at: number; text: string }[]
  readonly effects: SerfEffect[]
  readonly log: string[]
  /** What it seals with, and opens with; without keys all is plain. */
  keyring: GossipKeyring
  up: boolean
  /** Nothing reaches it or leaves it, and its clock stands, until then. */
  pausedUntil: number
  /** Its clock runs on, but what it says and what is said to it waits until then. */
  blockedUntil: number
  /** Links are open within a group. */
  group: number
}

export interface SimOptions {
  seed: number
  /** Of packets. */
  loss?: number
  latencyMs?: readonly [min: number, max: number]
  memberlist?: Partial<MemberlistConfig>
  serf?: Partial<SerfConfig>
  /** Streams work although packets are lost, as TCP does. */
  streams?: boolean
  /** Everybody's at first, the primary one in front. */
  keys?: readonly Uint8Array[]
}

type Action = () => void

export class Simulation {
  now = 0
  readonly random: Random
  readonly members = new Map<string, SimMember>()
  loss: number
  packets = 0
  readonly #options: SimOptions
  /** Shared by all members, so that it can be changed while they run. */
  readonly #config: MemberlistConfig
  readonly #byAddress = new Map<string, SimMember>()
  readonly #actions = new Deadlines<Action>()
  readonly #wakes = new Deadlines<SimMember>()
  readonly #inbound = new Map<SimMember, Map<number, (message: unknown) => void>>()
  #nextStream = 1
  #nextTicket = 1

  constructor(options: SimOptions) {
    this.#options = options
    this.loss = options.loss ?? 0
    this.random = seededRandom(options.seed)
    this.#config = { ...LAN, ...options.memberlist }
  }

  add(name: string, tags: Record<string, string> = {}): SimMember {
    const index = this.members.size
    const address = { host: `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`, port: 8301 }
    const keyring = new GossipKeyring(this.#options.keys ?? [])
    const member: SimMember = {
      name,
      address,
      keyring,
      serf: this.#make(name, address, tags, keyring),
      events: [],
      effects: [],
      log: [],
      up: true,
      pausedUntil: 0,
      blockedUntil: 0,
      group: 0,
    }
    this.members.set(name, member)
    this.#byAddress.set(keyOf(address), member)
    this.#inbound.set(member, new Map())
    this.#settle(member)
    return member
  }

  /** Anew, under its old name and address. @param clocks what it remembers */
  restart(member: SimMember, clocks?: Clocks): void {
    member.serf = this.#make(member.name, member.address, {}, member.keyring, clocks)
    member.up = true
    this.#settle(member)
  }

  #make(
    name: string,
    address: GossipAddress,
    tags: Record<string, string>,
    keyring: GossipKeyring,
    clocks?: Clocks,
  ): Serf {
    return makeSerf({
      name,
      address,
      tags,
      memberlist: this.#config,
      serf: { ...SERF, ...this.#options.serf },
      codec: gossipCodec,
      random: this.random,
      now: this.now,
      keyring,
      clocks,
    })
  }

  get(name: string): SimMember {
    return this.members.get(name)!
  }

  tell(member: SimMember, input: SerfInput): void {
    member.serf.step(this.now, input)
    this.#settle(member)
  }

  /**
   * Lets all members know each other at once, as if they had met long ago: pools of a thousand would take minutes of our
   * time to meet. What that would have them tell each other is swallowed.
   */
  acquaint(): void {
    const { retransmitMult, udpBytesMax } = this.#config
    const { loss } = this
    Object.assign(this.#config, { retransmitMult: 0, udpBytesMax: 1 << 24 })
    this.loss = 1
    const nodes: NodeState[] = [...this.members.values()].map(({ name, address }) => ({
      Name: name,
      Addr: address.host,
      Port: address.port,
      Meta: gossipCodec.encodeTags({}),
      Incarnation: 1,
      State: 0,
      Vsn: OUR_VSN,
    }))
    const message: StreamMessage = { type: 'pushPull', Join: false, nodes, userState: new Uint8Array(0) }
    for (const member of this.members.values()) {
      this.tell(member, { kind: 'stream-request', id: 0, from: member.address, message })
    }
    this.run(2 * this.#config.gossipIntervalMs)
    Object.assign(this.#config, { retransmitMult, udpBytesMax })
    this.loss = loss
    this.run(5000)
    for (const { events } of this.members.values()) events.length = 0
  }

  ticket(): number {
    return this.#nextTicket++
  }

  join(member: SimMember, to: SimMember): void {
    this.tell(member, { kind: 'join', ticket: this.ticket(), addresses: [to.address], ignoreOldEvents: true })
  }

  kill(member: SimMember): void {
    member.up = false
    this.#wakes.delete(member)
  }

  pause(member: SimMember, ms: number): void {
    member.pausedUntil = this.now + ms
    this.#act(ms, () => this.#tick(member))
  }

  /** As in Lifeguard's paper: a process whose timers run while its messages are stuck. */
  block(member: SimMember, ms: number): void {
    member.blockedUntil = this.now + ms
  }

  /** @returns when `until` came true, or -1 after `ms` */
  run(ms: number, until: () => boolean = () => false, checkEveryMs = 50): number {
    const end = this.now + ms
    let nextCheck = this.now
    for (;;) {
      if (this.now >= nextCheck) {
        if (until()) return this.now
        nextCheck = this.now + checkEveryMs
      }
      const action = this.#actions.next() ?? Number.POSITIVE_INFINITY
      const wake = this.#wakes.next() ?? Number.POSITIVE_INFINITY
      const next = Math.min(action, wake)
      if (next > end) {
        this.now = end
        return until() ? end : -1
      }
      this.now = Math.max(this.now, next)
      if (action <= wake) this.#actions.takeDue(this.now)?.()
      else {
        const member = this.#wakes.takeDue(this.now)
        if (member !== undefined) this.#tick(member)
      }
    }
  }

  #tick(member: SimMember): void {
    if (!member.up || this.now < member.pausedUntil) return
    member.serf.step(this.now, { kind: 'tick' })
    this.#settle(member)
  }

  #settle(member: SimMember): void {
    for (const effect of member.serf.take()) this.#perform(member, effect)
    const wake = member.serf.wakeAt()
    if (wake === null) this.#wakes.delete(member)
    else this.#wakes.set(member, Math.max(wake, this.now))
  }

  #perform(member: SimMember, effect: SerfEffect): void {
    switch (effect.kind) {
      case 'send':
        this.packets += 1
        if (this.random.float() < this.loss) return
        this.#unblocked(member, () => this.#deliver(member, effect.to, effect.parts))
        return
      case 'open-stream':
        this.#unblocked(member, () => this.#stream(member, effect))
        return
      case 'answer-stream': {
        const answer = this.#inbound.get(member)!.get(effect.id)
        this.#inbound.get(member)!.delete(effect.id)
        answer?.(effect.message)
        return
      }
      case 'member':
        member.events.push({ at: this.now, text: `${effect.event} ${effect.member.name}` })
        return
      case 'log':
        if (effect.part === 'serf') member.log.push(effect.message)
        return
      default:
        member.effects.push(effect)
    }
  }

  #deliver(from: SimMember, to: GossipAddress, parts: Uint8Array[]): void {
    const key = from.keyring.keys[0]
    this.#act(this.#latency(), () => {
      const target = this.#byAddress.get(keyOf(to))
      if (target === undefined || !this.#reaches(from, target) || !opens(target, key)) return
      const input: SerfInput = {
        kind: 'packet',
        from: from.address,
        messages: parts.flatMap((part) => decodePacket(part).messages),
      }
      // A process that stands still finds its packets when it goes on.
      const heldUntil = Math.max(target.pausedUntil, target.blockedUntil)
      if (this.now < heldUntil) this.#act(heldUntil - this.now, () => this.#receive(target, input))
      else this.#receive(target, input)
    })
  }

  #receive(target: SimMember, input: SerfInput): void {
    if (target.up) this.tell(target, input)
  }

  #stream(from: SimMember, effect: Extract<SerfEffect, { kind: 'open-stream' }>): void {
    const { id, to, message, timeoutMs } = effect
    const target = this.#byAddress.get(keyOf(to))
    const sender = from.serf
    const key = from.keyring.keys[0]
    const fail = (error: string) => {
      if (from.up && from.serf === sender) this.tell(from, { kind: 'stream-failed', id, error })
    }
    if (this.#options.streams === false || target === undefined || !this.#reaches(from, target)) {
      this.#act(Math.min(timeoutMs, this.#latency() * 2), () => fail('dial tcp: i/o timeout'))
      return
    }
    this.#act(this.#latency() * 2, () => {
      const start = () => {
        if (!target.up) {
          fail('connection refused')
          return
        }
        if (!opens(target, key)) {
          fail('No installed keys could decrypt the message')
          return
        }
        const streamId = this.#nextStream++
        this.#inbound.get(target)!.set(streamId, (answer) => {
          this.#act(this.#latency(), () => {
            if (!from.up || from.serf !== sender) return
            if (answer === null) fail('EOF')
            else if (!opens(from, target.keyring.keys[0])) fail('No installed keys could decrypt the message')
            else this.tell(from, { kind: 'stream-reply', id, message: answer as typeof message })
          })
        })
        this.tell(target, { kind: 'stream-request', id: streamId, from: from.address, message })
      }
      const heldUntil = Math.max(target.pausedUntil, target.blockedUntil)
      if (this.now < heldUntil) this.#act(heldUntil - this.now, start)
      else start()
    })
  }

  #reaches(a: SimMember, b: SimMember): boolean {
    return a.up && b.up && a.group === b.group
  }

  #unblocked(member: SimMember, run: Action): void {
    if (this.now < member.blockedUntil) this.#act(member.blockedUntil - this.now, run)
    else run()
  }

  #latency(): number {
    const [min, max] = this.#options.latencyMs ?? [0.2, 2]
    return min + this.random.float() * (max - min)
  }

  #act(ms: number, run: Action): void {
    // Each needs a key of its own.
    this.#actions.set(() => run(), this.now + ms)
  }
}

/** @param key that the sender has sealed with; undefined: it has none */
function opens({ keyring: { keys } }: SimMember, key: Uint8Array | undefined): boolean {
  if (key === undefined) return keys.length === 0
  return keys.some((own) => sameBytes(own, key))
}

function keyOf({ host, port }: GossipAddress): string {
  return `${host}:${port}`
}

/** How `member` sees the others: names by status. */
export function view(member: SimMember): Record<string, string[]> {
  const out: Record<string, string[]> = {}
  for (const { name, status } of member.serf.members()) {
    out[status] ??= []
    out[status].push(name)
  }
  for (const names of Object.values(out)) names.sort()
  return out
}
