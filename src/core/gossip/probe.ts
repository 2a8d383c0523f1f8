/**
 * Failure detection: one node at a time is pinged; if it does not answer, others are asked to ping it and a stream is
 * tried; only then is it suspected. Also the helper's side of that, and answering pings. Lifeguard's part: a node that
 * misses answers it should have had doubts itself first (awareness.ts). Source: protocol/memberlist.md section 9.
 */
import type { Plan } from './agenda.ts'
import type { Delegate, Memberlist } from './memberlist.ts'
import type { Ack, IndirectPing, Nack, PacketMessage, Ping } from './messages.ts'
import { type GossipAddress, type Node, protocolMax } from './nodes.ts'

interface Waiting {
  ack(payload: Uint8Array | null): void
  nack(): void
}

/** Helpers' pings at a time; more are passed over, as a flood of them would be somebody's attack on a third. */
const HELPING_MAX = 4096

export class Prober {
  readonly #list: Memberlist
  readonly #delegate: Delegate
  readonly #waiting = new Map<number, Waiting>()
  #seqNo = 0
  #helping = 0
  #probing = false
  #started = false

  constructor(list: Memberlist, delegate: Delegate) {
    this.#list = list
    this.#delegate = delegate
  }

  start(): void {
    const { config, random } = this.#list.options
    if (this.#started || config.probeIntervalMs <= 0) return
    this.#started = true
    const beat = () => {
      this.#list.agenda.after(config.probeIntervalMs, beat)
      if (!this.#probing && !this.#list.leaving) this.#probeNext()
    }
    this.#list.agenda.after(random.float() * config.probeIntervalMs, beat)
  }

  receive(message: Ping | IndirectPing | Ack | Nack, from: GossipAddress): void {
    switch (message.type) {
      case 'ping':
        this.#answer(message, from)
        return
      case 'indirectPing':
        this.#help(message, from)
        return
      case 'ackResp':
        this.#waiting.get(message.SeqNo)?.ack(message.Payload)
        return
      case 'nackResp':
        this.#waiting.get(message.SeqNo)?.nack()
        return
    }
  }

  #answer(ping: Ping, from: GossipAddress): void {
    const { name } = this.#list.options
    if (ping.Node !== '' && ping.Node !== name) {
      this.#list.log('warn', `memberlist: Got ping for unexpected node '${ping.Node}' from=${from.host}:${from.port}`)
      return
    }
    const payload = this.#delegate.ackPayload()
    this.#list.send(source(ping, from), { type: 'ackResp', SeqNo: ping.SeqNo, Payload: payload })
  }

  #help(asked: IndirectPing, from: GossipAddress): void {
    if (asked.Target === '' || this.#helping >= HELPING_MAX) return
    const { agenda, options } = this.#list
    const back = source(asked, from)
    const seqNo = this.#next()
    this.#helping += 1
    let answered = false
    const nackPlan = asked.Nack
      ? agenda.after(options.config.probeTimeoutMs, () => {
          if (!answered) this.#list.send(back, { type: 'nackResp', SeqNo: asked.SeqNo })
        })
      : undefined
    const close = agenda.after(options.config.probeIntervalMs, () => this.#closeHelp(seqNo))
    this.#waiting.set(seqNo, {
      ack: () => {
        answered = true
        agenda.cancel(nackPlan)
        agenda.cancel(close)
        this.#closeHelp(seqNo)
        this.#list.send(back, { type: 'ackResp', SeqNo: asked.SeqNo, Payload: null })
      },
      nack: () => {},
    })
    this.#list.send({ host: asked.Target, port: asked.Port }, this.#ping(asked.Node, seqNo))
  }

  #closeHelp(seqNo: number): void {
    if (this.#waiting.delete(seqNo)) this.#helping -= 1
  }

  #probeNext(): void {
    const { nodes, options } = this.#list
    const node = nodes.nextProbe(
      ({ name, state }) => name !== options.name && (state === 'alive' || state === 'suspect'),
      () => this.#list.forgetOld(),
    )
    if (node !== undefined) this.#probe(node)
  }

  #probe(node: Node): void {
    const { agenda, awareness, options } = this.#list
    const { config } = options
    const seqNo = this.#next()
    const intervalMs = awareness.scale(config.probeIntervalMs)
    const sent = agenda.now
    let direct = true
    let nacks = 0
    let nacksExpected = 0
    let contact = false
    this.#probing = true

    const finish = () => {
      this.#probing = false
      this.#waiting.delete(seqNo)
      agenda.cancel(timeout)
      agenda.cancel(end)
    }
    this.#waiting.set(seqNo, {
      ack: (payload) => {
        finish()
        awareness.add(-1)
        if (direct) this.#delegate.acked(node, agenda.now - sent, payload)
      },
      nack: () => {
        nacks += 1
      },
    })
    const timeout: Plan = agenda.after(config.probeTimeoutMs, () => {
      direct = false
      nacksExpected = this.#askOthers(node, seqNo)
      if (!config.tcpPings || protocolMax(node) < 3) return
      const tcpMs = Math.max(1, sent + intervalMs - agenda.now)
      this.#list.openStream(node.address, this.#ping(node.name, seqNo), tcpMs, (reply) => {
        if (reply?.type === 'ackResp' && reply.SeqNo === seqNo) contact = true
      })
    })
    const end: Plan = agenda.after(intervalMs, () => {
      finish()
      if (contact) {
        this.#list.log(
          'warn',
          `memberlist: Was able to connect to ${node.name} but other probes failed, network may be misconfigured`,
        )
        awareness.add(-1)
        return
      }
      // Somebody else has settled it meanwhile.
      if (node.state === 'dead' || node.state === 'left') return
      awareness.add(nacksExpected > 0 ? Math.max(0, nacksExpected - nacks) : 1)
      this.#list.log('info', `memberlist: Suspect ${node.name} has failed, no acks received`)
      this.#list.suspectNode(node)
    })

    const ping = this.#ping(node.name, seqNo)
    if (node.state === 'alive') {
      this.#list.send(node.address, ping)
      return
    }
    // Told of the suspicion with the ping, it can refute at once.
    const { incarnation: Incarnation, name: Node } = node
    const suspect: PacketMessage = { type: 'suspect', Incarnation, Node, From: options.name }
    this.#list.sendTo(node, [ping, suspect])
  }

  /** @returns how many of those asked will say when they fail, too */
  #askOthers(node: Node, seqNo: number): number {
    const { options, nodes } = this.#list
    const helpers = nodes.pick(
      options.config.indirectChecks,
      ({ name, state }) => name !== options.name && name !== node.name && state === 'alive',
    )
    let nacksExpected = 0
    for (const helper of helpers) {
      const nack = protocolMax(helper) >= 4
      if (nack) nacksExpected += 1
      const { type: _, ...ping } = this.#ping(node.name, seqNo)
      this.#list.send(helper.address, {
        type: 'indirectPing',
        ...ping,
        Target: node.address.host,
        Port: node.address.port,
        Nack: nack,
      })
    }
    return nacksExpected
  }

  #ping(Node: string, SeqNo: number): Ping {
    const { name, address } = this.#list.options
    return { type: 'ping', SeqNo, Node, SourceAddr: address.host, SourcePort: address.port, SourceNode: name }
  }

  #next(): number {
    this.#seqNo = (this.#seqNo + 1) >>> 0
    return this.#seqNo
  }
}

function source({ SourceAddr, SourcePort }: Ping | IndirectPing, from: GossipAddress): GossipAddress {
  return SourceAddr !== '' && SourcePort > 0 ? { host: SourceAddr, port: SourcePort } : from
}
