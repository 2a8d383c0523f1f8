/**
 * Gossip on virtual time, larger and longer than tests can be; the tables of docs/gossip.md come from here.
 *
 *     node bench/gossip-simulated.ts large [10000]   a newcomer, a death, loss and slow members in a pool of that size
 *     node bench/gossip-simulated.ts lifeguard       wrong verdicts with and without Lifeguard, as in its paper
 *
 * The large pool runs memberlist alone, without Serf and without push/pull, over one table of nodes that all members
 * share: what each of them knows otherwise than the others is kept for it alone.
 */
import { Deadlines } from '../src/base/deadlines.ts'
import { type Random, seededRandom } from '../src/base/random.ts'
import { Agenda } from '../src/core/gossip/agenda.ts'
import { LAN } from '../src/core/gossip/config.ts'
import type { TransportEffect } from '../src/core/gossip/effects.ts'
import { type Delegate, Memberlist } from '../src/core/gossip/memberlist.ts'
import type { PacketMessage } from '../src/core/gossip/messages.ts'
import { type Node, type NodeTable, OUR_VSN } from '../src/core/gossip/nodes.ts'
import { type SimMember, Simulation } from '../src/core/gossip/simulation.suite.ts'
import { suspicionMinMs } from '../src/core/gossip/suspicion.ts'
import { decodePacket } from '../src/wire/gossip.ts'
import { gossipCodec } from '../src/wire/serf.ts'

const SEED = Number(process.env.GOSSIP_SEED ?? 1)

/** Of a large pool: each suspicion of one of them travels to all. */
const SLOW = 12

function say(what: string, figure: string): void {
  console.log(`${what.padEnd(76)} ${figure}`)
}

function template(index: number): Node {
  return {
    name: `n${index}`,
    address: { host: `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`, port: 8301 },
    meta: new Uint8Array(0),
    vsn: OUR_VSN,
    incarnation: 1,
    state: 'alive',
    since: 0,
    suspicion: undefined,
  }
}

/** A table that holds only what differs from what everybody knows. */
class SharedNodes implements NodeTable {
  readonly #base: readonly Node[]
  readonly #byName: ReadonlyMap<string, Node>
  readonly #own = new Map<string, Node>()
  readonly #added: Node[] = []
  readonly #random: Random
  #at: number
  readonly #stride: number

  constructor(base: readonly Node[], byName: ReadonlyMap<string, Node>, random: Random) {
    this.#base = base
    this.#byName = byName
    this.#random = random
    this.#at = random.int(base.length)
    // Visits all in an order of its own: a step that has no divisor in common with their number.
    let stride = 1 + random.int(base.length - 1)
    while (gcd(stride, base.length) !== 1) stride += 1
    this.#stride = stride
  }

  get size(): number {
    return this.#base.length + this.#added.length
  }

  get(name: string): Node | undefined {
    const own = this.#own.get(name)
    if (own !== undefined) return own
    const shared = this.#byName.get(name)
    if (shared === undefined) return undefined
    const copy = { ...shared }
    this.#own.set(name, copy)
    return copy
  }

  all(): readonly Node[] {
    return [...this.#base.map((node) => this.#seen(node)), ...this.#added]
  }

  add(node: Node): void {
    this.#own.set(node.name, node)
    this.#added.push(node)
  }

  nextProbe(may: (node: Node) => boolean): Node | undefined {
    for (let tries = 0; tries < this.#base.length; tries++) {
      this.#at = (this.#at + this.#stride) % this.#base.length
      const node = this.#seen(this.#base[this.#at]!)
      if (may(node)) return node
    }
    return undefined
  }

  forget(): void {}

  pick(count: number, fits: (node: Node) => boolean): Node[] {
    const out: Node[] = []
    for (let tries = 0; tries < 50 && out.length < count; tries++) {
      const place = this.#random.int(this.size)
      const node = place < this.#base.length ? this.#seen(this.#base[place]!) : this.#added[place - this.#base.length]!
      if (fits(node) && !out.includes(node)) out.push(node)
    }
    return out
  }

  #seen(node: Node): Node {
    return this.#own.get(node.name) ?? node
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

interface Large {
  name: string
  list: Memberlist
  agenda: Agenda
  out: TransportEffect[]
  up: boolean
  pausedUntil: number
  waiting: (() => void)[]
}

class LargePool {
  now = 0
  loss = 0
  readonly random = seededRandom(SEED)
  readonly members: Large[] = []
  readonly verdicts: { at: number; by: string; about: string }[] = []
  packets = 0
  readonly #byHost = new Map<string, Large>()
  readonly #wakes = new Deadlines<Large>()
  readonly #actions = new Deadlines<() => void>()
  readonly #base: Node[]
  readonly #byName: Map<string, Node>

  constructor(size: number) {
    this.#base = Array.from({ length: size }, (_, index) => template(index))
    this.#byName = new Map(this.#base.map((node) => [node.name, node]))
    for (const node of this.#base) this.#make(node)
    // Probing begins when somebody is met: everybody hears once more of a neighbour.
    for (const member of this.members) member.list.meetOthers()
    for (const member of this.members) this.#settle(member)
  }

  /** One that nobody knows yet; it knows all. */
  add(): Large {
    const member = this.#make(template(this.members.length))
    member.list.start()
    member.list.meetOthers()
    this.#settle(member)
    return member
  }

  /** The member as that one sees it. */
  sees(member: Large, name: string): string | undefined {
    return member.list.nodes.get(name)?.state
  }

  /** @returns when `until` came true, or -1 after `ms` */
  run(ms: number, until: () => boolean = () => false): number {
    const end = this.now + ms
    let nextCheck = this.now
    for (;;) {
      if (this.now >= nextCheck) {
        if (until()) return this.now
        nextCheck = this.now + 100
      }
      const action = this.#actions.next() ?? Number.POSITIVE_INFINITY
      const wake = this.#wakes.next() ?? Number.POSITIVE_INFINITY
      if (Math.min(action, wake) > end) {
        this.now = end
        return until() ? end : -1
      }
      this.now = Math.max(this.now, Math.min(action, wake))
      if (action <= wake) this.#actions.takeDue(this.now)?.()
      else {
        const member = this.#wakes.takeDue(this.now)
        if (member !== undefined) this.#tick(member)
      }
    }
  }

  pause(member: Large, ms: number): void {
    member.pausedUntil = this.now + ms
    this.#act(ms, () => {
      for (const run of member.waiting.splice(0)) run()
      this.#tick(member)
    })
  }

  #make(node: Node): Large {
    const agenda = new Agenda(this.now)
    const out: TransportEffect[] = []
    const member: Large = { name: node.name, agenda, out, up: true, pausedUntil: 0, waiting: [], list: null as never }
    const delegate: Delegate = {
      meta: () => new Uint8Array(0),
      user: () => {},
      broadcasts: () => [],
      localState: () => new Uint8Array(0),
      mergeState: () => {},
      joined: () => {},
      left: (about) => this.verdicts.push({ at: this.now, by: node.name, about: about.name }),
      updated: () => {},
      conflict: () => {},
      ackPayload: () => null,
      acked: () => {},
      refusal: () => undefined,
    }
    member.list = new Memberlist(
      {
        name: node.name,
        address: node.address,
        config: { ...LAN, pushPullIntervalMs: 0 },
        codec: gossipCodec,
        random: this.random,
        sealBytes: () => 0,
        nodes: new SharedNodes(this.#base, this.#byName, this.random),
      },
      agenda,
      delegate,
      out,
    )
    this.members.push(member)
    this.#byHost.set(node.address.host, member)
    return member
  }

  #tick(member: Large): void {
    if (!member.up || this.now < member.pausedUntil) return
    member.agenda.run(this.now)
    this.#settle(member)
  }

  #settle(member: Large): void {
    for (const effect of member.out.splice(0)) {
      if (effect.kind === 'send') this.#send(member, effect.to.host, effect.parts)
      else if (effect.kind === 'open-stream') this.#stream(member, effect)
    }
    const wake = member.agenda.next()
    if (wake === null) this.#wakes.delete(member)
    else this.#wakes.set(member, Math.max(wake, this.now))
  }

  #send(from: Large, host: string, parts: Uint8Array[]): void {
    this.packets += 1
    if (this.random.float() < this.loss) return
    this.#act(this.#latency(), () => {
      const target = this.#byHost.get(host)
      if (target === undefined || !from.up) return
      const messages: PacketMessage[] = []
      for (const part of parts) messages.push(...decodePacket(part).messages)
      const receive = () => {
        if (!target.up) return
        target.agenda.now = this.now
        target.list.receive(messages, { host: '', port: 8301 })
        this.#settle(target)
      }
      if (this.now < target.pausedUntil) target.waiting.push(receive)
      else receive()
    })
  }

  /** Of streams only the fallback ping is there: it comes through wherever both are up. */
  #stream(from: Large, { id, to, message }: Extract<TransportEffect, { kind: 'open-stream' }>): void {
    if (message.type !== 'ping') return
    this.#act(4 * this.#latency(), () => {
      const target = this.#byHost.get(to.host)
      const answer = () => {
        if (!from.up || this.now < from.pausedUntil) return
        from.agenda.now = this.now
        const up = target?.up === true
        from.list.reply(id, up ? { type: 'ackResp', SeqNo: message.SeqNo, Payload: null } : null, up ? '' : 'refused')
        this.#settle(from)
      }
      if (target !== undefined && this.now < target.pausedUntil) target.waiting.push(answer)
      else answer()
    })
  }

  #latency(): number {
    return 0.2 + this.random.float() * 4.8
  }

  #act(ms: number, run: () => void): void {
    this.#actions.set(() => run(), this.now + ms)
  }
}

function large(size: number): void {
  const began = performance.now()
  const pool = new LargePool(size)
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`
  pool.run(5000)

  const newcomer = pool.add()
  const joined = pool.now
  const old = pool.members.slice(0, size)
  const known = pool.run(60_000, () => old.every((member) => pool.sees(member, newcomer.name) === 'alive'))
  const rounds = (LAN.gossipIntervalMs * Math.log(size)) / Math.log(1 + LAN.gossipNodes)
  say(
    `${size} members: a newcomer is known to all after`,
    `${seconds(known - joined)} (rounds of gossip: ${seconds(rounds)})`,
  )

  const dead = old[7]!
  dead.up = false
  const killed = pool.now
  pool.verdicts.length = 0
  const living = old.filter((member) => member !== dead)
  pool.run(120_000, () => pool.verdicts.length > 0)
  const first = pool.verdicts[0]?.at ?? Number.NaN
  const last = pool.run(60_000, () => living.every((member) => pool.sees(member, dead.name) === 'dead'))
  const least = suspicionMinMs(LAN.suspicionMult, size, LAN.probeIntervalMs)
  say('a death: first verdict after', `${seconds(first - killed)} (suspicion alone: ${seconds(least)})`)
  say('then known to all after another', seconds(last - first))
  say('wrong verdicts so far', String(pool.verdicts.filter(({ about }) => about !== dead.name).length))

  pool.verdicts.length = 0
  pool.loss = 0.2
  pool.run(15_000)
  say('a fifth of all packets lost, 15 s: wrong verdicts', String(pool.verdicts.length))

  pool.verdicts.length = 0
  pool.loss = 0.05
  const slow = new Set(Array.from({ length: SLOW }, (_, i) => old[100 + i * 3]!))
  for (let round = 0; round < 3; round++) {
    for (const member of slow) pool.pause(member, 2000 + pool.random.float() * 4000)
    pool.run(10_000)
  }
  const names = new Set([...slow].map(({ name }) => name))
  const aboutHealthy = pool.verdicts.filter(({ about }) => !names.has(about)).length
  say(
    `${SLOW} members stand still 2 to 6 s in every 10 s, 5% loss, 30 s: wrong verdicts`,
    `${aboutHealthy} about healthy members, ${pool.verdicts.length - aboutHealthy} about slow ones`,
  )
  say(
    'packets',
    `${(pool.packets / 1e6).toFixed(1)} million in ${seconds(pool.now)} of the pool, ${seconds(performance.now() - began)} of ours`,
  )
}

/** Swim as it was before: no doubts about oneself, suspicions of one length, which nobody's word shortens. */
const SWIM = { awarenessMax: 1, suspicionMaxTimeoutMult: 1 }
/** The paper's pool; how many are cut off at once, their timers running on, and for how long, with so much time to breathe in between. */
const PAPER_SIZE = 128
const CASES = [
  { slow: 4, pauseMs: 16_384 },
  { slow: 16, pauseMs: 2048 },
  { slow: 16, pauseMs: 16_384 },
  { slow: 32, pauseMs: 16_384 },
]
const BREATH_MS = 256
const TRIAL_MS = 120_000

function lifeguard(): void {
  const totals = { swim: [0, 0], lifeguard: [0, 0] }
  for (const { slow, pauseMs } of CASES) {
    const counts = (['swim', 'lifeguard'] as const).map((mode) => {
      const sim = new Simulation({
        seed: SEED,
        latencyMs: [0.2, 2],
        memberlist: { ...(mode === 'swim' ? { ...SWIM, suspicionMult: 5 } : { suspicionMult: 5 }) },
      })
      const all = Array.from({ length: PAPER_SIZE }, (_, i) => sim.add(`n${i}`))
      sim.acquaint()
      const ill = all.slice(0, slow)
      for (const end = sim.now + TRIAL_MS; sim.now < end; ) {
        for (const member of ill) sim.block(member, pauseMs)
        sim.run(pauseMs + BREATH_MS)
      }
      const names = new Set(ill.map(({ name }) => name))
      const wrong = all.flatMap((member: SimMember) =>
        member.events
          .filter(({ text }) => text.startsWith('failed ') && !names.has(text.slice('failed '.length)))
          .map(() => (names.has(member.name) ? 'at ill' : 'at healthy')),
      )
      const atHealthy = wrong.filter((where) => where === 'at healthy').length
      totals[mode][0]! += wrong.length
      totals[mode][1]! += atHealthy
      return `${wrong.length} (${atHealthy} at healthy ones)`
    })
    say(
      `${slow} of ${PAPER_SIZE} hear and say nothing for ${pauseMs / 1000} s, again and again: SWIM | Lifeguard`,
      counts.join(' | '),
    )
  }
  const share = (i: 0 | 1) => `${((100 * totals.lifeguard[i]!) / Math.max(1, totals.swim[i]!)).toFixed(1)} %`
  say('Lifeguard leaves, of all wrong verdicts and of those at healthy members', `${share(0)}, ${share(1)}`)
}

const [mode, size] = process.argv.slice(2)
if (mode === 'large') large(Number(size ?? 10_000))
else if (mode === 'lifeguard') lifeguard()
else {
  console.error('large or lifeguard?')
  process.exitCode = 1
}
