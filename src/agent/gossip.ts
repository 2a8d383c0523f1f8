/**
 * Drives one gossip pool: UDP and TCP on one port, packets and streams as bytes, the core's effects on the host. What any
 * message means is decided in core/gossip; who may be in the pool by what it is opened with.
 */
import { isIP } from 'node:net'
import { quoteGo } from '../base/go-quote.ts'
import { joinHostPort } from '../base/host-port.ts'
import { messageOf } from '../base/message-of.ts'
import type { Random } from '../base/random.ts'
import { systemWords } from '../base/system-words.ts'
import type { Millis } from '../base/units.ts'
import { type MemberlistConfig, SERF } from '../core/gossip/config.ts'
import { poolMember } from '../core/gossip/members.ts'
import type { StreamMessage } from '../core/gossip/messages.ts'
import {
  type Candidate,
  type GossipAddress,
  GossipKeyring,
  type KeyOutcome,
  type KeyRequestParams,
  makeSerf,
  type QueryParams,
  type Serf,
  type SerfEffect,
  type SerfInput,
  type SerfMember,
} from '../core/gossip/serf.ts'
import type { Conn, Host, Listener, UdpPort } from '../host/host.ts'
import type { Member } from '../serve/backend.ts'
import { decodePacket, encodePacket } from '../wire/gossip.ts'
import { SEAL_BYTES, seal } from '../wire/gossip-crypto.ts'
import { encodeStream, StreamReader } from '../wire/gossip-stream.ts'
import { GossipError } from '../wire/gossip-structs.ts'
import { gossipCodec } from '../wire/serf.ts'
import { bound } from './bound.ts'
import { dialWords } from './dial-words.ts'
import { drive } from './drive.ts'
import type { PoolKeys } from './keyring.ts'
import { poolMeters } from './meters.ts'
import type { SerfSnapshot } from './serf-snapshot.ts'

/** Streams that peers have opened; more are closed at once. As many push/pulls as memberlist takes at a time. */
const STREAMS_MAX = 128
/** Attempts to find a number that is free for UDP and TCP both. */
const PORT_TRIES = 20

const NO_OUTCOME: KeyOutcome = { messages: {}, keys: {}, primaryKeys: {}, nodes: 0, error: '' }

export type PoolName = 'lan' | 'wan'
export type MemberEvent = Extract<SerfEffect, { kind: 'member' }>['event']

export interface PoolParts {
  host: Host
  /** Whose pool it is, for the log. */
  role: 'server' | 'client'
  pool: PoolName
  name: string
  bind: GossipAddress
  advertise: string
  tags: Record<string, string>
  memberlist: MemberlistConfig
  keyring: PoolKeys
  /** Remembers the pool across restarts. */
  snapshot?: SerfSnapshot | undefined
  reconnectTimeoutMs?: Millis
  /** Whether a member may have this address; all may without it. */
  allowed?: ((address: string) => boolean) | undefined
  verifyIncoming: boolean
  verifyOutgoing: boolean
  refusal(candidates: readonly Candidate[]): string | undefined
  onMember(event: MemberEvent, member: SerfMember): void
  onUserEvent(name: string, payload: Uint8Array | null, time: number): void
  /** Somebody asks all members. @param respond sends the answer, once, within the query's time */
  onQuery?(name: string, payload: Uint8Array | null, respond: (payload: Uint8Array) => void): void
}

export interface QueryAnswers {
  /** Who has heard the question, if that was asked for. */
  acks: string[]
  responses: Map<string, Uint8Array | null>
}

export interface GossipPool {
  readonly port: number
  readonly serf: Pick<Serf, 'members' | 'member' | 'coordinate' | 'coordinateOf' | 'stats'>
  members(): Member[]
  /** @param addresses IP or name, with or without port. @returns how many answered; rejects when none did */
  join(addresses: readonly string[]): Promise<number>
  /** Says farewell, and gossips on until it has spread. */
  leave(): Promise<void>
  forceLeave(name: string, prune: boolean): Promise<void>
  fire(name: string, payload: Uint8Array | null, coalesce: boolean): Promise<void>
  setTags(tags: Record<string, string>): Promise<void>
  /** Asks all members that the filters fit. Resolves when the query's time is up. */
  query(params: QueryParams): Promise<QueryAnswers>
  /** Changes or lists the keys of all members. */
  keys(params: KeyRequestParams): Promise<KeyOutcome>
  /** Asks those who were known before a restart, until one answers. */
  rejoin(): void
  stop(): Promise<void>
}

type Request = SerfInput extends infer Input
  ? Input extends { ticket: number }
    ? Omit<Input, 'ticket'>
    : never
  : never

/** @throws an error in Consul's words when the port cannot be had; nothing is left open then */
export async function openPool(parts: PoolParts): Promise<GossipPool> {
  const { host, pool } = parts
  const log = host.log.named(parts.role)
  const logs = { serf: log.named('serf').named(pool), memberlist: log.named('memberlist').named(pool) }
  const keyring = new GossipKeyring(parts.keyring.keys)
  const options = { keyring, verifyIncoming: parts.verifyIncoming }
  const sealing = () => parts.verifyOutgoing && keyring.keys.length > 0
  const answers = new Map<number, (message: StreamMessage | null) => void>()
  const waiting = new Map<number, { done(joined: number): void; refused(error: Error): void }>()
  const asking = new Map<number, (outcome: KeyOutcome) => void>()
  const queries = new Map<number, QueryAnswers>()
  const conns = new Set<Conn>()
  const meters = poolMeters(host.metrics)
  let nextId = 1
  let stopped = false

  const { udp, tcp } = await bindBoth(parts, receivePacket, acceptStream)
  const port = udp.address.port
  const serf = makeSerf({
    name: parts.name,
    address: { host: parts.advertise, port },
    tags: parts.tags,
    memberlist: parts.memberlist,
    // To give way would switch a server's gossip off: servers only complain.
    serf: {
      ...SERF,
      resolveConflicts: parts.role === 'client',
      reconnectTimeoutMs: parts.reconnectTimeoutMs ?? SERF.reconnectTimeoutMs,
    },
    codec: gossipCodec,
    random: host.random,
    now: host.now(),
    refusal: parts.refusal,
    keyring,
    sealBytes: () => (sealing() ? SEAL_BYTES : 0),
    allowed: parts.allowed,
    clocks: parts.snapshot?.clocks,
  })
  // Timers wait for the packets that have come meanwhile: a busy process shall not blame others for its own delay.
  const driven = drive(serf, { ...host, wake: (at, run) => host.wake(at, () => host.soon(run)) }, perform)
  driven.flush()

  function receivePacket(bytes: Uint8Array, from: GossipAddress): void {
    if (stopped) return
    const { messages, faults } = decodePacket(bytes, options)
    meters.packetIn.add(bytes.length)
    if (faults.length > 0) meters.fault.add(faults.length)
    for (const fault of faults) logs.memberlist.error(`memberlist: ${fault} from=${from.host}:${from.port}`)
    if (messages.length > 0) driven.tell({ kind: 'packet', from, messages })
  }

  function perform(effect: SerfEffect): void {
    // Packets are too many, and whatever moves a clock is soon told of otherwise.
    if (effect.kind !== 'send') parts.snapshot?.onClocks(serf.clocks())
    switch (effect.kind) {
      case 'send': {
        const packet = encodePacket(effect.parts, { crc: effect.crc, compress: true })
        const key = sealing() ? keyring.keys[0] : undefined
        const sent = key === undefined ? packet : seal(key, host.random.bytes(12), packet)
        meters.packetOut.add(sent.length)
        udp.send(sent, effect.to)
        return
      }
      case 'open-stream':
        dial(effect)
        return
      case 'answer-stream':
        answers.get(effect.id)?.(effect.message)
        answers.delete(effect.id)
        return
      case 'log':
        logs[effect.part][effect.level](effect.message, effect.fields)
        return
      case 'member':
        meters.member(effect.event)
        parts.snapshot?.onMember(effect.event, effect.member)
        parts.onMember(effect.event, effect.member)
        return
      case 'user-event':
        meters.event(effect.name)
        parts.onUserEvent(effect.name, effect.payload, effect.time)
        return
      case 'done':
        settle(effect.ticket)?.done(effect.joined)
        return
      case 'refused':
        settle(effect.ticket)?.refused(new Error(effect.message))
        return
      case 'keys':
        asking.get(effect.ticket)?.(effect.outcome)
        asking.delete(effect.ticket)
        return
      case 'keys-changed':
        parts.keyring.save(keyring.keys).catch((error: unknown) => {
          logs.serf.error('serf: Failed to write keyring file', { error: messageOf(error) })
        })
        return
      case 'give-way':
        void stop()
        return
      case 'query':
        parts.onQuery?.(effect.query.Name, effect.query.Payload, (payload) => {
          driven.tell({ kind: 'respond', query: effect.query, payload })
        })
        return
      case 'query-ack':
        queries.get(effect.ticket)?.acks.push(effect.from)
        return
      case 'query-response':
        queries.get(effect.ticket)?.responses.set(effect.from, effect.payload)
        return
    }
  }

  function toBytes(message: StreamMessage): Uint8Array {
    const key = sealing() ? keyring.keys[0] : undefined
    return encodeStream(message, true, key && { key, nonce: host.random.bytes(12) })
  }

  function dial({ id, to, message, timeoutMs }: Extract<SerfEffect, { kind: 'open-stream' }>): void {
    const bytes = toBytes(message)
    const deadline = host.now() + timeoutMs
    let over = false
    const finish = (input: SerfInput, conn?: Conn) => {
      conn?.destroy()
      if (over) return
      over = true
      driven.tell(input)
    }
    const fail = (error: unknown, conn?: Conn) =>
      finish({ kind: 'stream-failed', id, error: dialWords(error, to) + expectedOf(error, message, to) }, conn)
    host.dial(to, timeoutMs).then((conn) => {
      if (stopped) {
        conn.destroy()
        return
      }
      conns.add(conn)
      meters.streamOut.add(1)
      conn.deadline(deadline)
      const reader = new StreamReader(options)
      conn.open({
        data(chunk) {
          try {
            const reply = reader.feed(chunk)
            if (reply !== undefined) finish({ kind: 'stream-reply', id, message: reply }, conn)
          } catch (error) {
            fail(error, conn)
          }
        },
        end: () => fail(new Error('EOF'), conn),
        close(error) {
          conns.delete(conn)
          fail(error ?? new Error('EOF'))
        },
      })
      conn.write(bytes)
    }, fail)
  }

  /** A name stands for all of its addresses. */
  async function resolve(text: string, portHere: number): Promise<{ at: GossipAddress[]; problem?: string }> {
    const problem = (why: string) => ({ at: [], problem: `Failed to resolve ${text}: ${why}` })
    const { host: name, port } = parseJoin(text, portHere)
    const portGiven = portFault(text)
    if (portGiven !== undefined) return problem(portGiven)
    if (isIP(name) !== 0 || host.lookup === undefined) return { at: [{ host: name, port }] }
    if (name === '') return problem('lookup : no such host')
    try {
      return { at: (await host.lookup(name)).map((address) => ({ host: address, port })) }
    } catch (error) {
      return problem(`lookup ${name}: ${systemWords(error)}`)
    }
  }

  function acceptStream(conn: Conn): void {
    if (stopped) {
      conn.destroy()
      return
    }
    const { remote } = conn
    logs.memberlist.debug(`memberlist: Stream connection from=${remote.host}:${remote.port}`)
    conns.add(conn)
    meters.streamIn.add(1)
    conn.deadline(host.now() + parts.memberlist.tcpTimeoutMs)
    const reader = new StreamReader(options)
    const id = nextId++
    let asked = false
    const answer = (message: StreamMessage | null) => {
      if (message !== null) conn.write(toBytes(message))
      conn.end()
    }
    conn.open({
      data(chunk) {
        if (asked) return
        try {
          const message = reader.feed(chunk)
          if (message === undefined) return
          asked = true
          answers.set(id, answer)
          driven.tellNow({ kind: 'stream-request', id, from: remote, message })
        } catch (error) {
          asked = true
          meters.fault.add(1)
          logs.memberlist.error(`memberlist: failed to receive: ${messageOf(error)} from=${remote.host}:${remote.port}`)
          answer({ type: 'err', Error: messageOf(error) })
        }
      },
      end() {
        if (!asked) conn.destroy()
      },
      close() {
        conns.delete(conn)
        answers.delete(id)
      },
    })
  }

  function settle(ticket: number) {
    const waiter = waiting.get(ticket)
    waiting.delete(ticket)
    queries.delete(ticket)
    return waiter
  }

  function ask(request: Request, ticketed?: (ticket: number) => void): Promise<number> {
    if (stopped) return Promise.reject(new Error('the agent is shutting down'))
    return new Promise((done, refused) => {
      const ticket = nextId++
      waiting.set(ticket, { done, refused })
      ticketed?.(ticket)
      driven.tell({ ...request, ticket } as SerfInput)
    })
  }

  async function stop(): Promise<void> {
    if (stopped) return
    stopped = true
    parts.snapshot?.onClocks(serf.clocks())
    if (serf.member(parts.name)?.status === 'alive') logs.serf.warn('serf: Shutdown without a Leave')
    driven.stop()
    for (const conn of conns) conn.destroy()
    for (const { refused } of waiting.values()) refused(new Error('the agent is shutting down'))
    waiting.clear()
    for (const done of asking.values()) done({ ...NO_OUTCOME, error: 'the agent is shutting down' })
    asking.clear()
    await Promise.all([udp.close(), tcp.close(), parts.snapshot?.stop()])
  }

  return {
    port,
    serf,
    members: () => serf.members().map(poolMember),
    async join(texts) {
      const found = await Promise.all(texts.map((text) => resolve(text, port)))
      const unresolved = found.flatMap(({ problem }) => problem ?? [])
      for (const problem of unresolved) logs.memberlist.warn(`memberlist: ${problem}`)
      return ask({ kind: 'join', addresses: found.flatMap(({ at }) => at), unresolved, ignoreOldEvents: true })
    },
    async leave() {
      await parts.snapshot?.leave()
      await ask({ kind: 'leave' })
    },
    forceLeave: (name, prune) => ask({ kind: 'force-leave', name, prune }).then(() => {}),
    fire: (name, payload, coalesce) => ask({ kind: 'user-event', name, payload, coalesce }).then(() => {}),
    setTags: (tags) => ask({ kind: 'set-tags', tags }).then(() => {}),
    async query(params) {
      const answers: QueryAnswers = { acks: [], responses: new Map() }
      await ask({ kind: 'query', ...params }, (ticket) => queries.set(ticket, answers))
      return answers
    },
    keys(params) {
      return new Promise((done) => {
        const ticket = nextId++
        asking.set(ticket, done)
        driven.tell({ kind: 'keys', ticket, ...params })
      })
    },
    rejoin() {
      const previous = parts.snapshot?.previous ?? []
      if (previous.length === 0) return
      const known = previous.map(({ name, address }) => ({ name, text: address, address: parseJoin(address, port) }))
      driven.tell({ kind: 'rejoin', previous: shuffled(known, host.random) })
    },
    stop,
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const held = out[i]!
    out[i] = out[j]!
    out[j] = held
  }
  return out
}

/** TCP and UDP on one number; with port 0 on any that is free for both. */
async function bindBoth(
  parts: PoolParts,
  receive: (bytes: Uint8Array, from: GossipAddress) => void,
  accept: (conn: Conn) => void,
): Promise<{ udp: UdpPort; tcp: Listener }> {
  const { host, bind } = parts
  const limits = { connectionsMax: STREAMS_MAX }
  for (let tries = 1; ; tries++) {
    const tcp = await bound('tcp', bind, host.listen(bind, accept, limits)).catch((error: unknown) => {
      throw startError(parts, 'TCP', error)
    })
    try {
      const at = { host: bind.host, port: tcp.address.port }
      const udp = await bound('udp', at, host.udp(at, receive))
      return { udp, tcp }
    } catch (error) {
      await tcp.close()
      if (bind.port !== 0 || tries >= PORT_TRIES) throw startError(parts, 'UDP', error)
    }
  }
}

function startError({ role, pool, bind }: PoolParts, protocol: 'TCP' | 'UDP', error: unknown): Error {
  const listener = `Failed to start ${protocol} listener on "${bind.host}" port ${bind.port}: ${messageOf(error)}`
  const transport = 'Failed to create memberlist: Could not set up network transport: failed to obtain an address: '
  const serf = role === 'server' ? `${pool.toUpperCase()} Serf` : `${pool} serf`
  const what = `Failed to start Consul ${role}: Failed to start ${serf}: ${pool === 'lan' ? transport : ''}`
  return new Error(what + listener, { cause: error })
}

/** What belongs behind the complaint of one that speaks another protocol: most often its port is that of HTTP. */
function expectedOf(error: unknown, { type }: StreamMessage, { host, port }: GossipAddress): string {
  const isOther = error instanceof GossipError && error.message.startsWith('received invalid msgType')
  return isOther && type === 'pushPull' ? `, expected pushPullMsg (6) from=${joinHostPort(host, port)}` : ''
}

/**
 * `10.0.0.1`, `10.0.0.1:8301`, `[::1]:8301`, `::1`, `name:8301`, each perhaps with `node/` in front.
 * @param portHere the pool's own, which counts where none is named
 */
export function parseJoin(text: string, portHere: number): GossipAddress {
  const address = text.slice(text.indexOf('/') + 1)
  const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(address)
  if (bracketed !== null) return { host: bracketed[1]!, port: Number(bracketed[2] ?? portHere) }
  const parts = address.split(':')
  if (parts.length !== 2) return { host: address, port: portHere }
  return { host: parts[0]!, port: Number(parts[1]) || portHere }
}

/** @returns why what stands for the port is none, in the words of Go's strconv */
function portFault(text: string): string | undefined {
  const [, port] = /^(?:[^/]*\/)?(?:\[[^\]]*\]|[^:[\]]*):([^:]*)$/.exec(text) ?? []
  if (port === undefined) return undefined
  const fault = /^\d+$/.test(port) ? (BigInt(port) > PORT_MAX ? 'value out of range' : '') : 'invalid syntax'
  return fault === '' ? undefined : `strconv.ParseUint: parsing ${quoteGo(port)}: ${fault}`
}

const PORT_MAX = 65_535n
