/** Memberlist's table of nodes: whom this node knows, in what state, and how to pick some at random. No rules of change. */
import type { Random } from '../../base/random.ts'
import type { Instant } from '../../base/units.ts'
import type { Plan } from './agenda.ts'
import type { NodeState, Vsn } from './messages.ts'
import type { Suspicion } from './suspicion.ts'

export type Liveness = 'alive' | 'suspect' | 'dead' | 'left'
export const LIVENESS: readonly Liveness[] = ['alive', 'suspect', 'dead', 'left']

export interface GossipAddress {
  host: string
  port: number
}

export interface Node {
  readonly name: string
  address: GossipAddress
  meta: Uint8Array | null
  vsn: Vsn
  incarnation: number
  state: Liveness
  since: Instant
  suspicion: { timer: Suspicion; plan: Plan } | undefined
}

/** What this implementation speaks: memberlist 2 (1..5 understood), Serf 4 (2..5 understood). */
export const OUR_VSN: Vsn = Uint8Array.of(1, 5, 2, 2, 5, 4)

export function protocolMax(node: Node): number {
  return node.vsn[1] ?? 0
}

/** What is asked of such a table; large simulations bring one that shares what all members know alike. */
export type NodeTable = Pick<Nodes, 'get' | 'size' | 'all' | 'add' | 'nextProbe' | 'forget' | 'pick'>

export class Nodes {
  readonly #byName = new Map<string, Node>()
  readonly #list: Node[] = []
  readonly #random: Random
  #probeAt = 0

  constructor(random: Random) {
    this.#random = random
  }

  get(name: string): Node | undefined {
    return this.#byName.get(name)
  }

  get size(): number {
    return this.#list.length
  }

  all(): readonly Node[] {
    return this.#list
  }

  /** At a random place, so that nobody can tell when a newcomer is probed. */
  add(node: Node): void {
    this.#byName.set(node.name, node)
    const place = this.#random.int(this.#list.length + 1)
    this.#list.push(node)
    this.#list[this.#list.length - 1] = this.#list[place]!
    this.#list[place] = node
  }

  /** The next to be probed, in rounds over a shuffled list; undefined when none of them may be. */
  nextProbe(may: (node: Node) => boolean, newRound: () => void): Node | undefined {
    for (let seen = 0; seen <= this.#list.length; seen++) {
      if (this.#probeAt >= this.#list.length) {
        newRound()
        this.#shuffle()
        this.#probeAt = 0
        if (this.#list.length === 0) return undefined
      }
      const node = this.#list[this.#probeAt++]!
      if (may(node)) return node
    }
    return undefined
  }

  forget(isForgotten: (node: Node) => boolean): void {
    let kept = 0
    for (const node of this.#list) {
      if (isForgotten(node)) this.#byName.delete(node.name)
      else this.#list[kept++] = node
    }
    this.#list.length = kept
  }

  /** Up to `count` different nodes; with many that do not fit, perhaps fewer than there are. */
  pick(count: number, fits: (node: Node) => boolean): Node[] {
    const out: Node[] = []
    const size = this.#list.length
    for (let tries = 0; tries < 3 * size && out.length < count; tries++) {
      const node = this.#list[this.#random.int(size)]!
      if (fits(node) && !out.includes(node)) out.push(node)
    }
    return out
  }

  #shuffle(): void {
    const list = this.#list
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.#random.int(i + 1)
      const held = list[i]!
      list[i] = list[j]!
      list[j] = held
    }
  }
}

export function sameAddress(a: GossipAddress, b: GossipAddress): boolean {
  return a.port === b.port && a.host === b.host
}

export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === b) return true
  const left = a?.length ?? 0
  if (left !== (b?.length ?? 0)) return false
  for (let i = 0; i < left; i++) if (a![i] !== b![i]) return false
  return true
}

export function wireState(node: Node): NodeState {
  return {
    Name: node.name,
    Addr: node.address.host,
    Port: node.address.port,
    Meta: node.meta,
    Incarnation: node.incarnation,
    State: LIVENESS.indexOf(node.state),
    Vsn: node.vsn,
  }
}
