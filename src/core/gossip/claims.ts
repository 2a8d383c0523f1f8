/**
 * What a node believes of the others, and what changes it: claims that somebody is alive, suspect or dead, weighed by
 * incarnations; suspicions that run out; and the defence against wrong claims about itself.
 *
 * Source: SWIM (Das, Gupta, Motivala 2002), Lifeguard (2018), protocol/memberlist.md section 8.
 */
import { joinHostPort } from '../../base/host-port.ts'
import type { Delegate, Memberlist } from './memberlist.ts'
import type { Alive, Dead, Suspect } from './messages.ts'
import { NODE_ALIVE } from './messages.ts'
import { type GossipAddress, LIVENESS, type Node, OUR_VSN, sameAddress, sameBytes } from './nodes.ts'
import { Suspicion, suspicionMinMs } from './suspicion.ts'

export class Claims {
  readonly #list: Memberlist
  readonly #delegate: Delegate
  #incarnation = 0

  constructor(list: Memberlist, delegate: Delegate) {
    this.#list = list
    this.#delegate = delegate
  }

  /** Of the newest that this node has said of itself. */
  get incarnation(): number {
    return this.#incarnation
  }

  /** Tells everybody what this node is now: at first, and when its tags change. */
  assert(): void {
    this.#incarnation += 1
    this.alive(this.#own(this.#incarnation), true)
  }

  /** @param own our own word about ourselves */
  alive(claim: Alive, own: boolean): void {
    const { options, agenda } = this.#list
    const isSelf = claim.Node === options.name
    if (this.#list.leaving && isSelf) return
    let node = this.#list.nodes.get(claim.Node)
    // Each claim comes a dozen times or more: what is known already is not looked at any closer.
    if (
      node !== undefined &&
      !isSelf &&
      claim.Incarnation <= node.incarnation &&
      node.address.port === claim.Port &&
      node.address.host === claim.Addr
    ) {
      return
    }
    const vsn = claim.Vsn
    if (vsn === null || vsn.length < 6 || vsn[0] === 0 || vsn[1] === 0 || vsn[0]! > vsn[1]!) return
    if (claim.Node === '' || claim.Addr === '') return
    if (!own) {
      const refusal = this.#delegate.refusal([{ ...claim, Name: claim.Node, State: NODE_ALIVE }])
      if (refusal !== undefined) {
        this.#list.log('warn', `memberlist: ignoring alive message for '${claim.Node}': ${refusal}`)
        return
      }
    }
    const address = { host: claim.Addr, port: claim.Port }
    let moves = false
    if (options.allowed !== undefined && !own && (node === undefined || !sameAddress(node.address, address))) {
      if (!options.allowed(address.host)) {
        this.#list.log(
          'warn',
          `memberlist: Rejected node ${claim.Node} (${address.host}): ${address.host} is not allowed`,
        )
        return
      }
    }
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
      this.#list.nodes.add(node)
    } else if (!sameAddress(node.address, address)) {
      const reclaimMs = options.config.deadNodeReclaimMs
      const reclaimed = node.state === 'dead' && reclaimMs > 0 && agenda.now - node.since > reclaimMs
      if (isSelf || !(node.state === 'left' || reclaimed)) {
        this.#list.log(
          'error',
          `memberlist: Conflicting address for ${node.name}. Mine: ${textOf(node.address)} Theirs: ${textOf(address)} Old state: ${LIVENESS.indexOf(node.state)}`,
        )
        this.#delegate.conflict(node, address)
        return
      }
      moves = true
      this.#list.log(
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
      this.#list.log('warn', `memberlist: Refuting an alive message for '${node.name}' (${textOf(address)})`)
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
    this.#list.broadcast(claim)
    if (!isSelf) this.#list.meetOthers()
    if (before.state === 'dead' || before.state === 'left') this.#delegate.joined(node)
    else if (!sameBytes(before.meta, node.meta)) this.#delegate.updated(node)
  }

  suspect(claim: Suspect): void {
    const node = this.#list.nodes.get(claim.Node)
    if (node === undefined || claim.Incarnation < node.incarnation) return
    if (node.suspicion !== undefined) {
      if (node.suspicion.timer.confirm(claim.From)) {
        this.#list.broadcast(claim)
        this.#planVerdict(node, node.suspicion.timer)
      }
      return
    }
    if (node.state !== 'alive') return
    if (node.name === this.#list.options.name) {
      this.#refute(node, claim.Incarnation)
      this.#list.log('warn', `memberlist: Refuting a suspect message (from: ${claim.From})`)
      return
    }
    this.#list.broadcast(claim)
    node.incarnation = claim.Incarnation
    node.state = 'suspect'
    node.since = this.#list.agenda.now
    const { config } = this.#list.options
    const size = this.#list.nodes.size
    const wanted = config.suspicionMult - 2
    // With so few nodes the confirmations could never come.
    const expected = size - 2 < wanted ? 0 : wanted
    const minMs = suspicionMinMs(config.suspicionMult, size, config.probeIntervalMs)
    const maxMs = minMs * config.suspicionMaxTimeoutMult
    this.#planVerdict(node, new Suspicion(this.#list.agenda.now, claim.From, expected, minMs, maxMs))
  }

  #planVerdict(node: Node, timer: Suspicion): void {
    this.#list.agenda.cancel(node.suspicion?.plan)
    const plan = this.#list.agenda.after(Math.max(0, timer.end - this.#list.agenda.now), () => {
      node.suspicion = undefined
      if (node.state !== 'suspect') return
      this.#list.log('info', `memberlist: Marking ${node.name} as failed, suspect timeout reached`)
      this.dead({ type: 'dead', Incarnation: node.incarnation, Node: node.name, From: this.#list.options.name })
    })
    node.suspicion = { timer, plan }
  }

  #acquit(node: Node): void {
    this.#list.agenda.cancel(node.suspicion?.plan)
    node.suspicion = undefined
  }

  dead(claim: Dead): void {
    const node = this.#list.nodes.get(claim.Node)
    if (node === undefined || claim.Incarnation < node.incarnation) return
    this.#acquit(node)
    if (node.state === 'dead' || node.state === 'left') return
    if (node.name === this.#list.options.name && !this.#list.leaving) {
      this.#refute(node, claim.Incarnation)
      this.#list.log('warn', `memberlist: Refuting a dead message (from: ${claim.From})`)
      return
    }
    this.bury(node, claim)
  }

  bury(node: Node, claim: { Incarnation: number; From: string }, told?: () => void): void {
    const { Incarnation, From } = claim
    this.#list.broadcast({ type: 'dead', Incarnation, Node: node.name, From }, told)
    node.incarnation = Incarnation
    node.state = From === node.name ? 'left' : 'dead'
    node.since = this.#list.agenda.now
    this.#delegate.left(node)
  }

  /** Somebody is wrong about us: say so with a later incarnation, and take it as a sign of our own slowness. */
  #refute(self: Node, accused: number): void {
    this.#incarnation = Math.max(this.#incarnation, accused) + 1
    self.incarnation = this.#incarnation
    this.#list.awareness.add(1)
    this.#list.broadcast({ ...this.#own(this.#incarnation), Meta: self.meta })
  }

  #own(incarnation: number): Alive {
    const { name, address } = this.#list.options
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
}

function textOf({ host, port }: GossipAddress): string {
  return joinHostPort(host, port)
}
