/**
 * The DNS door: bytes of a question in, bytes of the answer out. Decides what the header alone decides (what is no
 * question of ours to answer, what is malformed), runs the resolver with the agent's replies, and never fails: whatever
 * goes wrong inside is SERVFAIL outside. With replies at hand (`peek`) the answer comes at once, without a promise.
 */

import { NANOS_PER_MS, type Nanos } from '../base/units.ts'
import {
  type ClientSubnet,
  type Edns,
  FLAG,
  type Message,
  opcodeOf,
  type Question,
  RCODE,
  type Resource,
  UDP_SIZE_DEFAULT,
} from '../core/dns/message.ts'
import { type Answer, type Answered, type Ask, type Query, resolve, type Zone } from '../core/dns/resolve.ts'
import { ConsulError } from '../model/errors.ts'
import { type Counts, DnsError, decodeHeader, decodeMessage, encodeMessage, measureMessage } from '../wire/dns.ts'
import type { Backend, CachedMethod } from './backend.ts'

export type Network = 'udp' | 'tcp'
/** undefined: no answer at all, for what is not a question. */
export type DnsReply = Uint8Array | undefined | Promise<Uint8Array | undefined>

export interface Dns {
  /** @param asker IP address of whoever asks, as text */
  udp(message: Uint8Array, asker?: string): DnsReply
  tcp(message: Uint8Array, asker?: string): DnsReply
}

export interface DnsOptions {
  /** Looked at with each question: another may be put in its place. */
  zone: Zone
  /** What is not at hand is asked of the agent's cache, and may be so many nanoseconds old; absent: of the servers. */
  cache?: { MaxAge: Nanos } | undefined
  /** Asks the recursors: their answer, or undefined when none has one. Without it they are all taken to be down. */
  forward?: (message: Uint8Array, network: Network) => Promise<Uint8Array | undefined>
}

type Resolution = Generator<Ask, Answer, Answered>

const OPCODE_QUERY = 0
/** Answered like a query, as Consul does. */
const OPCODE_NOTIFY = 4
const OPCODE_MASK = 0x7800
const TYPE_PTR = 12
/** Of the flags in a message that is refused by its header, all stay but these. */
const CLEARED_ON_REFUSAL = FLAG.authoritative | FLAG.zero | 0xf

/**
 * Questions that wait for the cluster at one time; more are SERVFAIL at once. While there is no leader each waits for
 * seconds, and UDP has no other limit: some kilobytes each must not become gigabytes.
 */
export const WAITING_MAX = 4096
/** From here on a reply counts as stale, in nanoseconds: five seconds without a word of the leader. */
const STALE_NANOS_MIN = 5_000 * NANOS_PER_MS

/** Counts beyond these are no honest question. Source: miekg/dns, its default acceptance. */
function plausible(counts: Counts): boolean {
  return counts.questions === 1 && counts.answers <= 1 && counts.authority <= 1 && counts.additional <= 2
}

export function makeDns(backend: Backend, options: DnsOptions): Dns {
  const around = { random: backend.random, measure: measureMessage, unixTime: 0 }
  let waiting = 0
  const names = backend.measured.sample('dns.domain_query', { node: backend.self.nodeName })
  const staleReplies = backend.measured.counter('dns.stale_queries')
  const addresses = backend.measured.sample('dns.ptr_query', { node: backend.self.nodeName })

  function handle(bytes: Uint8Array, network: Network, asker: string): DnsReply {
    const header = decodeHeader(bytes)
    if (header === undefined || (header.flags & FLAG.response) !== 0) return undefined
    const { id, flags } = header
    const opcode = opcodeOf(flags)
    if (opcode !== OPCODE_QUERY && opcode !== OPCODE_NOTIFY) {
      return refusal(id, flags & ~CLEARED_ON_REFUSAL, RCODE.notImplemented, [])
    }
    const formatError = flags & ~CLEARED_ON_REFUSAL & ~OPCODE_MASK
    if (!plausible(header.counts)) return refusal(id, formatError, RCODE.formatError, [])
    let asked: Message
    try {
      asked = decodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof DnsError)) throw error
      return refusal(id, formatError, RCODE.formatError, error.partial?.questions ?? [])
    }
    if (asked.questions.length === 0) return refusal(id, replyFlags(flags), RCODE.refused, [])
    return answer(asked, bytes, network, asker)
  }

  function answer(asked: Message, bytes: Uint8Array, network: Network, asker: string): DnsReply {
    const { edns } = asked
    const udpSize = Math.max(UDP_SIZE_DEFAULT, edns?.udpSize ?? 0)
    const query: Query = { question: asked.questions[0]!, network, udpSize, edns: edns !== undefined, asker }
    if (edns?.subnet !== undefined) query.subnet = edns.subnet.address
    around.unixTime = Math.floor(backend.date() / 1000)
    const began = backend.now()
    const meter = query.question.type === TYPE_PTR ? addresses : names
    const resolution = resolve(query, options.zone, around)
    try {
      const found = run(resolution)
      if (found instanceof Promise) {
        return found.then(
          (later) => {
            meter.add(backend.now() - began)
            return finish(asked, later, bytes, network)
          },
          (error: unknown) => internalError(asked, error),
        )
      }
      meter.add(backend.now() - began)
      return finish(asked, found, bytes, network)
    } catch (error) {
      return internalError(asked, error)
    }
  }

  /** The resolver's answer: at once when every reply is at hand. */
  function run(resolution: Resolution): Answer | Promise<Answer> {
    let step = resolution.next()
    while (step.done !== true) {
      const ask = step.value
      let reply: Answered | undefined
      try {
        reply = ask.method === 'Recurse' ? undefined : backend.peek(ask.method, ask.args)
      } catch (error) {
        step = resolution.throw(error)
        continue
      }
      if (reply !== undefined) {
        countStale(ask, reply)
        step = resolution.next(reply)
      } else if (waiting < WAITING_MAX) return runLater(resolution, ask)
      else step = resolution.throw(new ConsulError('rate-limited'))
    }
    return step.value
  }

  /** A server answered that has long not heard from the leader, and that was good enough. */
  function countStale(ask: Ask, reply: Answered): void {
    if (ask.method === 'Recurse' || !('LastContact' in reply)) return
    const { LastContact } = reply
    if (LastContact > STALE_NANOS_MIN && LastContact <= options.zone.maxStaleMs * NANOS_PER_MS) staleReplies.add(1)
  }

  async function runLater(resolution: Resolution, first: Ask): Promise<Answer> {
    waiting += 1
    try {
      return await askInTurn(resolution, first)
    } finally {
      waiting -= 1
    }
  }

  async function askInTurn(resolution: Resolution, first: Ask): Promise<Answer> {
    let ask = first
    for (;;) {
      let reply: Answered | undefined
      let failure: unknown
      try {
        reply = await fetchReply(ask)
        countStale(ask, reply)
      } catch (error) {
        failure = error
      }
      const step = reply === undefined ? resolution.throw(failure) : resolution.next(reply)
      if (step.done === true) return step.value
      ask = step.value
    }
  }

  async function fetchReply(ask: Ask): Promise<Answered> {
    if (ask.method === 'Recurse') return recurse(ask.question)
    const { cache, zone } = options
    // An answer that was too old is asked for anew: then the cache would give the same again.
    const anew = zone.allowStale && ask.args.AllowStale !== true
    if (cache === undefined || anew || !isCached(ask)) return backend.call(ask.method, ask.args)
    return (await backend.cached(ask.method, { ...ask.args, ...cache })).reply
  }

  async function recurse(question: Question): Promise<Resource[]> {
    const id = backend.random.int(0x10000)
    const flags = FLAG.recursionDesired
    const message = { id, flags, questions: [question], answers: [], authority: [], additional: [] }
    try {
      const reply = await options.forward?.(encodeMessage(message), 'udp')
      return reply === undefined ? [] : decodeMessage(reply).answers
    } catch (error) {
      backend.log.error('cname recurse failed for name', { name: question.name, error: String(error) })
      return []
    }
  }

  function finish(asked: Message, found: Answer, bytes: Uint8Array, network: Network): DnsReply {
    if (!found.forward || options.forward === undefined) return reply(asked, found)
    return options.forward(bytes, network).then(
      (forwarded) => forwarded ?? reply(asked, found),
      (error: unknown) => {
        backend.log.error('recurse failed', { error: String(error) })
        return reply(asked, found)
      },
    )
  }

  function reply(asked: Message, found: Answer): Uint8Array {
    const message: Message = {
      id: asked.id,
      flags: replyFlags(asked.flags) | found.flags,
      questions: asked.questions,
      answers: found.answers,
      authority: found.authority,
      additional: found.additional,
    }
    if (found.edns && asked.edns !== undefined) message.edns = replyEdns(asked.edns)
    try {
      return encodeMessage(message, options.zone.compress)
    } catch (error) {
      return internalError(asked, error)
    }
  }

  function internalError(asked: Message, error: unknown): Uint8Array {
    const [question] = asked.questions
    backend.log.error('question not answered', { name: question?.name, type: question?.type, error: String(error) })
    const message: Message = {
      id: asked.id,
      flags: replyFlags(asked.flags) | FLAG.authoritative | RCODE.serverFailure,
      questions: asked.questions,
      answers: [],
      authority: [],
      additional: [],
    }
    if (asked.edns !== undefined) message.edns = replyEdns(asked.edns)
    return encodeMessage(message, options.zone.compress)
  }

  return {
    udp: (message, asker = '') => handle(message, 'udp', asker),
    tcp: (message, asker = '') => handle(message, 'tcp', asker),
  }
}

type CachedAsk = Extract<Ask, { method: CachedMethod }>

/** Reverse names are not looked up in the cache. */
function isCached(ask: Ask): ask is CachedAsk {
  const { method } = ask
  return method === 'Health.ServiceNodes' || method === 'Catalog.NodeServices' || method === 'PreparedQuery.Execute'
}

/** A query's wishes are repeated, as is any opcode. */
function replyFlags(asked: number): number {
  const wishes = opcodeOf(asked) === OPCODE_QUERY ? FLAG.recursionDesired | FLAG.checkingDisabled : 0
  return FLAG.response | (asked & (OPCODE_MASK | wishes))
}

/** The asker's size is repeated; the answer holds for every subnet. */
function replyEdns(asked: Edns): Edns {
  const { udpSize } = asked
  if (asked.subnet === undefined) return { udpSize }
  const subnet: ClientSubnet = { ...asked.subnet, scopeNetmask: 0 }
  return { udpSize, subnet }
}

function refusal(id: number, flags: number, rcode: number, questions: Question[]): Uint8Array {
  const message = { id, flags: flags | FLAG.response | rcode, questions, answers: [], authority: [], additional: [] }
  return encodeMessage(message)
}
