/**
 * One Raft core on a string: scripts tell it things by hand, look at each effect, and decide when its writes are
 * durable. For retelling single rules; whole histories are played in simulation.suite.ts.
 */
import assert from 'node:assert/strict'
import { seededRandom } from '../../base/random.ts'
import type { Index, Term } from '../../base/units.ts'
import type {
  AppendRequest,
  Configuration,
  Entry,
  HardState,
  RaftEffect,
  RaftInput,
  RaftReply,
  RaftRequest,
  Server,
  SnapshotMeta,
  VoteRequest,
} from './messages.ts'
import { makeRaft, type Raft, type RaftOptions, type RaftStatus } from './raft.ts'
import { bytes, codec, serverOf, TIMING, text } from './simulation.suite.ts'

type Kind = RaftEffect['kind']
type Effect<K extends Kind> = Extract<RaftEffect, { kind: K }>

export interface Setting {
  /** The voters; the script plays the first. Default: three. */
  voters?: number
  /** Who plays, if it is not a voter. */
  self?: Server
  configuration?: Configuration
  hardState?: HardState
  snapshot?: SnapshotMeta
  /** Entries after the configuration at index 1, or after the snapshot. */
  entries?: Entry[]
  options?: Partial<RaftOptions>
}

export const command = (index: Index, term: Term, data = `${term}:${index}`): Entry => ({
  index,
  term,
  type: 'command',
  data: bytes(data),
  extensions: null,
})

export const configurationEntry = (index: Index, term: Term, configuration: Configuration): Entry => ({
  index,
  term,
  type: 'configuration',
  data: codec.encode(configuration),
  extensions: null,
})

export const votersOf = (count: number): Configuration => ({
  servers: Array.from({ length: count }, (_, n) => serverOf(n + 1)),
})

export class Script {
  readonly raft: Raft
  readonly self: Server
  now = 1000
  /** All effects that nobody has looked at yet. */
  effects: RaftEffect[] = []
  /** Writes are durable as soon as they are asked for. */
  durable = true
  private requests = 0

  constructor(setting: Setting = {}) {
    const configuration = setting.configuration ?? votersOf(setting.voters ?? 3)
    this.self = setting.self ?? configuration.servers[0]!
    const entries = setting.entries ?? []
    this.raft = makeRaft({
      id: this.self.id,
      address: this.self.address,
      timing: TIMING,
      random: seededRandom(1),
      preVote: false,
      trailingLogs: 2,
      appendEntriesMax: 64,
      codec,
      saved: {
        hardState: setting.hardState ?? { term: entries.at(-1)?.term ?? 1, votedTerm: 0, votedFor: '', floor: null },
        snapshot: setting.snapshot ?? null,
        entries: setting.snapshot === undefined ? [configurationEntry(1, 1, configuration), ...entries] : entries,
      },
      now: this.now,
      ...setting.options,
    })
  }

  get status(): RaftStatus {
    return this.raft.status(this.now)
  }

  /** All that is told at once belongs to one turn. */
  tell(...inputs: RaftInput[]): this {
    for (const input of inputs) this.raft.step(this.now, input)
    this.flush()
    return this
  }

  /** Time passes; the core is woken whenever it asks for it. */
  wait(ms: number): this {
    const until = this.now + ms
    let ticks = 0
    for (let at = this.raft.wakeAt(); at !== null && at <= until; at = this.raft.wakeAt()) {
      assert(++ticks < 10_000, 'it wants to be woken again and again')
      this.now = Math.max(this.now, at)
      this.tell({ kind: 'tick' })
    }
    this.now = until
    return this
  }

  /** Takes the effects of one kind out of those that were not looked at. */
  seen<K extends Kind>(kind: K): Effect<K>[] {
    const found: Effect<K>[] = []
    const rest: RaftEffect[] = []
    for (const effect of this.effects) {
      if (isKind(effect, kind)) found.push(effect)
      else rest.push(effect)
    }
    this.effects = rest
    return found
  }

  /** Everything so far is old news. */
  forget(): this {
    this.effects = []
    return this
  }

  // Shorthands for what peers say, and for what is said to them.

  /** A request of a peer, and the answer to it, if there is one at once. */
  asked(body: RaftRequest): RaftReply | undefined {
    const id = ++this.requests
    this.tell({ kind: 'request', id, body })
    return this.answerTo(id)
  }

  get lastRequest(): number {
    return this.requests
  }

  answerTo(id: number): RaftReply | undefined {
    const found = this.effects.find((effect) => effect.kind === 'answer' && effect.id === id)
    return found?.kind === 'answer' ? found.body : undefined
  }

  /** The requests to a peer that it has not been asked about yet, heartbeats aside. */
  sentTo(peer: string): Effect<'send'>[] {
    const mine = this.effects.filter((effect) => effect.kind === 'send' && effect.peer === peer && !effect.heartbeat)
    this.effects = this.effects.filter((effect) => !mine.includes(effect))
    return mine.filter((effect) => effect.kind === 'send')
  }

  heartbeatsTo(peer: string): Effect<'send'>[] {
    return this.seen('send').filter((effect) => effect.heartbeat && effect.peer === peer)
  }

  /** A follower takes an append as it is. */
  accept({ id, body }: Effect<'send'>): this {
    assert(body.type === 'append')
    return this.tell({
      kind: 'reply',
      id,
      body: { type: 'append', term: body.term, lastIndex: body.prevIndex, success: true, noRetryBackoff: false },
    })
  }

  /** Becomes the leader of the next term, with the votes of `from`; the first entry is not yet replicated. */
  lead(...from: string[]): this {
    for (let tries = 0; this.status.role !== 'candidate' && tries < 3; tries++) this.wait(2000)
    const { term } = this.status
    for (const peer of from.length === 0 ? ['s2'] : from) {
      const ballot = this.sentTo(peer).find(({ body }) => body.type === 'vote')
      assert(ballot !== undefined, `it did not ask ${peer} for a vote`)
      this.tell({ kind: 'reply', id: ballot.id, body: { type: 'vote', term, granted: true } })
    }
    assert.equal(this.status.role, 'leader')
    return this
  }

  /** Leads, and everyone has its first entry. */
  leadAll(...from: string[]): this {
    this.lead(...from)
    for (const { id } of this.status.configuration.servers) {
      for (const sent of this.sentTo(id)) if (sent.body.type === 'append') this.accept(sent)
    }
    return this.forget()
  }

  /** What was committed, as text. */
  committed(): string[] {
    return this.seen('commit').flatMap(({ entries }) =>
      entries.map((entry) => (entry.type === 'command' ? text(entry.data) : entry.type)),
    )
  }

  /** The log, as Consul prints it. */
  lines(): string[] {
    return this.seen('log').map(({ level, message, fields }) => {
      const words = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`)
      return `[${level.toUpperCase()}] ${message}${words.length > 0 ? ':' : ''}${words.join('')}`
    })
  }

  private flush(): void {
    for (;;) {
      const effects = this.raft.take()
      if (effects.length === 0) return
      this.effects.push(...effects)
      if (!this.durable) continue
      for (const effect of effects) {
        if (effect.kind === 'persist') this.raft.step(this.now, { kind: 'persisted', write: effect.write })
      }
    }
  }
}

function isKind<K extends Kind>(effect: RaftEffect, kind: K): effect is Effect<K> {
  return effect.kind === kind
}

/** An append from server 2, the leader of `term`. */
export function appendOf(term: Term, prev: [Index, Term], entries: Entry[], commit: Index = 0): AppendRequest {
  return { type: 'append', term, leader: serverOf(2).address, prevIndex: prev[0], prevTerm: prev[1], entries, commit }
}

export function heartbeatOf(term: Term): AppendRequest {
  return { ...appendOf(term, [0, 0], []), entries: null }
}

export function voteFor(n: number, term: Term, last: [Index, Term], leadershipTransfer = false): VoteRequest {
  const [lastIndex, lastTerm] = last
  return { type: 'vote', term, candidate: serverOf(n).address, lastIndex, lastTerm, leadershipTransfer }
}
