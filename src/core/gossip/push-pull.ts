/**
 * Push/pull: now and then, and to join, two nodes tell each other all they know over a stream. Decides with whom and how
 * often, and what of another's state is merged. What a merged state changes is claims.ts's affair.
 * Source: protocol/memberlist.md section 7.
 */
import type { Delegate, Memberlist } from './memberlist.ts'
import { NODE_ALIVE, NODE_LEFT, type NodeState, type PushPull } from './messages.ts'
import { type GossipAddress, OUR_VSN, wireState } from './nodes.ts'

/** Above so many nodes push/pull slows down with the logarithm of their number. */
const SCALE_FROM = 32

export class Exchanges {
  readonly #list: Memberlist
  readonly #delegate: Delegate

  constructor(list: Memberlist, delegate: Delegate) {
    this.#list = list
    this.#delegate = delegate
  }

  start(): void {
    const { random, config } = this.#list.options
    this.#plan(random.float() * config.pushPullIntervalMs)
  }

  /** @param done told why nothing was merged, or "" */
  exchange(to: GossipAddress, join: boolean, done: (error: string) => void): void {
    const { incarnation } = this.#list.claims
    this.#list.openStream(to, this.localState(join), this.#list.options.config.tcpTimeoutMs, (reply, error) => {
      if (reply === null) done(error)
      else if (reply.type === 'err') done(`remote error: ${reply.Error}`)
      else if (reply.type !== 'pushPull') done(`received invalid message: ${reply.type}`)
      else {
        const refused = this.merge({ ...reply, Join: join })
        // Whoever held us for gone did not believe what it was told just now. That we have refuted it since is gossip,
        // which it may miss: so it is told once more, as memberlist tells the next one of those that it joins.
        if (join && refused === '' && this.#list.claims.incarnation > incarnation && !this.#list.leaving) {
          this.exchange(to, false, () => {})
        }
        done(refused)
      }
    })
  }

  localState(join: boolean): PushPull {
    const nodes = this.#list.nodes.all().map(wireState)
    return { type: 'pushPull', Join: join, nodes, userState: this.#delegate.localState(join) }
  }

  /** @returns why nothing was merged, or "" */
  merge(remote: PushPull): string {
    const misfit = this.#versionMisfit(remote.nodes)
    if (misfit !== '') return misfit
    if (remote.Join) {
      const refusal = this.#delegate.refusal(remote.nodes)
      if (refusal !== undefined) return refusal
    }
    for (const node of remote.nodes) {
      const { Name: Node, Incarnation } = node
      if (node.State === NODE_ALIVE) this.#list.claims.alive({ type: 'alive', ...node, Node }, false)
      else if (node.State === NODE_LEFT) this.#list.claims.dead({ type: 'dead', Incarnation, Node, From: Node })
      // Another's word that somebody is dead only makes us suspect it: it may still speak up.
      else this.#list.claims.suspect({ type: 'suspect', Incarnation, Node, From: this.#list.options.name })
    }
    if (remote.userState.length > 0) this.#delegate.mergeState(remote.userState, remote.Join)
    return ''
  }

  #plan(firstMs?: number): void {
    const { pushPullIntervalMs } = this.#list.options.config
    if (pushPullIntervalMs <= 0) return
    const nodes = this.#list.nodes.size
    const scale = nodes <= SCALE_FROM ? 1 : Math.ceil(Math.log2(nodes) - Math.log2(SCALE_FROM)) + 1
    this.#list.agenda.after(firstMs ?? pushPullIntervalMs * scale, () => {
      const [node] = this.#list.nodes.pick(
        1,
        ({ name, state }) => name !== this.#list.options.name && state === 'alive',
      )
      if (node !== undefined && !this.#list.leaving) {
        this.exchange(node.address, false, (error) => {
          if (error !== '') this.#list.log('error', `memberlist: Push/Pull with ${node.name} failed`, { error })
        })
      }
      this.#plan()
    })
  }

  #versionMisfit(remote: readonly NodeState[]): string {
    const all = [
      ...remote
        .filter(({ State }) => State === NODE_ALIVE)
        .map(({ Name, Vsn }) => ({ name: Name, vsn: Vsn ?? OUR_VSN })),
      ...this.#list.nodes.all().filter(({ state }) => state === 'alive'),
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
}
