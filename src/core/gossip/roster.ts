/**
 * Serf's members: their state apart from memberlist's, for a member may be leaving, have left or have failed, and stays
 * known for long after. Intents (join, leave) with Lamport times settle what the latest word is, in whatever order words
 * come. Source: protocol/serf.md sections 3 and 4.
 */
import type { Instant } from '../../base/units.ts'
import type { Agenda, Plan } from './agenda.ts'
import type { SerfConfig } from './config.ts'
import type { LamportClock } from './lamport.ts'
import type { JoinIntent, LeaveIntent } from './messages.ts'
import type { Node } from './nodes.ts'

export type MemberStatus = 'alive' | 'leaving' | 'left' | 'failed'

export interface SerfMember {
  name: string
  addr: string
  port: number
  tags: Record<string, string>
  status: MemberStatus
  vsn: Uint8Array
}

interface Entry extends SerfMember {
  statusTime: number
  goneSince: Instant
  /** Left, but said to be back by a later word, though memberlist has not heard of it yet. */
  returning: boolean
}

export type MemberEventKind = 'join' | 'leave' | 'failed' | 'update' | 'reap'

export interface RosterOptions {
  self: string
  agenda: Agenda
  clock: LamportClock
  config: SerfConfig
  decodeTags(meta: Uint8Array | null): Record<string, string>
  /** This node has not begun to leave. */
  staying(): boolean
  /** Somebody says that we left: say that we did not. */
  refute(): void
  tell(kind: MemberEventKind, member: SerfMember, note: string): void
  warn(message: string): void
}

interface Intent {
  type: 'join' | 'leave'
  time: number
  at: Instant
}

/** Names that nobody has met yet, of which somebody spoke. */
const INTENTS_MAX = 16_384

export class Roster {
  readonly #options: RosterOptions
  readonly #members = new Map<string, Entry>()
  readonly #intents = new Map<string, Intent>()
  #gone = 0
  #reapPlan: Plan | undefined

  constructor(options: RosterOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#members.size
  }

  get(name: string): SerfMember | undefined {
    return this.#members.get(name)
  }

  all(): SerfMember[] {
    return [...this.#members.values()]
  }

  count(status: MemberStatus): number {
    let count = 0
    for (const member of this.#members.values()) if (member.status === status) count += 1
    return count
  }

  /** For push/pull: when each member's state was last spoken of, and who left. */
  times(): { StatusLTimes: Record<string, number>; LeftMembers: string[] } {
    const StatusLTimes: Record<string, number> = {}
    const LeftMembers: string[] = []
    for (const { name, status, statusTime, returning } of this.#members.values()) {
      StatusLTimes[name] = statusTime
      // With the time of the later word, that it left would count as later still: all who know better believed it.
      if (status === 'left' && !returning) LeftMembers.push(name)
    }
    return { StatusLTimes, LeftMembers }
  }

  nodeJoined(node: Node): void {
    const known = this.#members.get(node.name)
    const entry: Entry = {
      name: node.name,
      addr: node.address.host,
      port: node.address.port,
      tags: this.#options.decodeTags(node.meta),
      status: 'alive',
      vsn: node.vsn,
      statusTime: known?.statusTime ?? 0,
      goneSince: 0,
      returning: false,
    }
    if (known === undefined) {
      const intent = this.#intents.get(node.name)
      if (intent !== undefined) {
        entry.statusTime = intent.time
        if (intent.type === 'leave') entry.status = 'leaving'
        this.#intents.delete(node.name)
      }
    } else if (isGone(known)) this.#gone -= 1
    this.#members.set(node.name, entry)
    this.#options.tell('join', entry, '')
  }

  nodeLeft(node: Node): void {
    const entry = this.#members.get(node.name)
    if (entry === undefined) return
    const { status } = entry
    if (status !== 'leaving' && status !== 'alive') {
      this.#options.warn(`serf: Bad state when leave: ${status}`)
      return
    }
    this.#depart(entry, status === 'leaving' ? 'left' : 'failed')
    this.#options.tell(status === 'leaving' ? 'leave' : 'failed', entry, '')
  }

  nodeUpdated(node: Node): void {
    const entry = this.#members.get(node.name)
    if (entry === undefined) return
    entry.addr = node.address.host
    entry.port = node.address.port
    entry.tags = this.#options.decodeTags(node.meta)
    entry.vsn = node.vsn
    this.#options.tell('update', entry, '')
  }

  /** @returns true when it is news, to be told to others */
  joinIntent({ LTime, Node }: Pick<JoinIntent, 'LTime' | 'Node'>): boolean {
    if (!this.#options.clock.believes(LTime)) return false
    this.#options.clock.witness(LTime)
    const entry = this.#members.get(Node)
    if (entry === undefined) return this.#keepIntent(Node, 'join', LTime)
    if (LTime <= entry.statusTime) return false
    entry.statusTime = LTime
    if (entry.status === 'leaving') entry.status = 'alive'
    entry.returning = entry.status === 'left'
    return true
  }

  /** @returns true when it is news, to be told to others */
  leaveIntent({ LTime, Node, Prune }: Pick<LeaveIntent, 'LTime' | 'Node' | 'Prune'>): boolean {
    if (!this.#options.clock.believes(LTime)) return false
    this.#options.clock.witness(LTime)
    const entry = this.#members.get(Node)
    if (entry === undefined) return this.#keepIntent(Node, 'leave', LTime)
    if (Node === this.#options.self && this.#options.staying()) {
      // Of two words with one time each member believes the one that it heard first: some may believe this one.
      if (LTime >= entry.statusTime) this.#options.refute()
      return false
    }
    if (LTime <= entry.statusTime) return false
    entry.statusTime = LTime
    entry.returning = false
    switch (entry.status) {
      case 'alive':
        entry.status = 'leaving'
        break
      case 'failed':
        entry.status = 'left'
        this.#options.tell('leave', entry, ' (forced)')
        break
      case 'leaving':
      case 'left':
        break
    }
    if (Prune) this.#prune(entry)
    return true
  }

  /** One failed member at random, or undefined; how eagerly depends on how many there are. */
  pickFailed(float: number, index: (bound: number) => number): SerfMember | undefined {
    const failed = this.all().filter(({ status }) => status === 'failed')
    const up = Math.max(1, this.size - failed.length - this.count('left'))
    if (failed.length === 0 || float > failed.length / up) return undefined
    return failed[index(failed.length)]
  }

  get anyGone(): boolean {
    return this.#gone > 0
  }

  #depart(entry: Entry, status: 'left' | 'failed'): void {
    entry.status = status
    entry.goneSince = this.#options.agenda.now
    this.#gone += 1
    this.#planReap()
  }

  /** A member that is on its way out is given the time to go. */
  #prune(entry: Entry): void {
    const { agenda, config } = this.#options
    if (entry.status !== 'leaving') {
      this.#erase(entry)
      return
    }
    agenda.after(config.broadcastTimeoutMs + config.leavePropagateMs, () => {
      if (this.#members.get(entry.name) === entry) this.#erase(entry)
    })
  }

  #erase(entry: Entry): void {
    if (isGone(entry)) this.#gone -= 1
    this.#members.delete(entry.name)
    this.#options.tell('reap', entry, '')
  }

  #keepIntent(name: string, type: 'join' | 'leave', time: number): boolean {
    const known = this.#intents.get(name)
    if (known !== undefined && known.time >= time) return false
    if (known === undefined && this.#intents.size >= INTENTS_MAX) return false
    this.#intents.set(name, { type, time, at: this.#options.agenda.now })
    this.#planReap()
    return true
  }

  #planReap(): void {
    if (this.#reapPlan !== undefined) return
    const { agenda, config } = this.#options
    this.#reapPlan = agenda.after(config.reapIntervalMs, () => {
      this.#reapPlan = undefined
      this.#reap()
      if (this.#gone > 0 || this.#intents.size > 0) this.#planReap()
    })
  }

  #reap(): void {
    const { agenda, config } = this.#options
    for (const [name, { at }] of this.#intents) {
      if (agenda.now - at > config.intentTimeoutMs) this.#intents.delete(name)
    }
    for (const entry of this.#members.values()) {
      if (!isGone(entry)) continue
      const limit = entry.status === 'failed' ? config.reconnectTimeoutMs : config.tombstoneTimeoutMs
      if (agenda.now - entry.goneSince > limit) this.#erase(entry)
    }
  }
}

function isGone({ status }: SerfMember): boolean {
  return status === 'left' || status === 'failed'
}
