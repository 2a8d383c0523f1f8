/**
 * Queries: a question to all members, or to those that filters name, whose answers come straight back to the asker, over
 * relays if wished. Serf's own questions (who holds this name, which keys) are answered here; others are the owner's.
 * Source: protocol/serf.md section 5.
 */
import { compileGoRegexp } from '../../base/go-regexp.ts'
import type { Level } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Agenda } from './agenda.ts'
import type { SerfConfig } from './config.ts'
import { QueryRing } from './events.ts'
import { base64, type GossipKeyring } from './keyring.ts'
import { isUp, type Memberlist } from './memberlist.ts'
import { poolMember } from './members.ts'
import {
  type Filter,
  FLAG_ACK,
  FLAG_NO_BROADCAST,
  type GossipCodec,
  type KeyResponse,
  type Query,
  type QueryResponse,
  type SerfMessage,
} from './messages.ts'
import { type GossipAddress, protocolMax } from './nodes.ts'
import type { Roster, SerfMember } from './roster.ts'

export const CONFLICT_QUERY = '_serf_conflict'
const PING_QUERY = '_serf_ping'
const INTERNAL = '_serf_'
const NANOS_PER_MS = 1e6
/** A filter's expression is a peer's; longer ones than this match nothing. */
const EXPRESSION_MAX = 1024

export interface QueryParams {
  name: string
  payload: Uint8Array | null
  filters?: Filter[]
  wantAcks?: boolean
  relayFactor?: number
  timeoutMs?: number
}

export interface QueryHandlers {
  ack(from: string): void
  response(from: string, payload: Uint8Array | null): void
  done(): void
}

export interface QueriesOptions {
  list: Memberlist
  roster: Roster
  agenda: Agenda
  codec: GossipCodec
  random: Random
  config: SerfConfig
  keyring: GossipKeyring | undefined
  tags(): Readonly<Record<string, string>>
  broadcast(bytes: Uint8Array): void
  /** A question that is not Serf's own. */
  asked(query: Query): void
  keysChanged(): void
  /** Lamport time of the latest query before a restart; 0 without one. */
  latest: number
  log(level: Level, message: string): void
}

interface Asked extends QueryHandlers {
  id: number
  acks: Set<string>
  responses: Set<string>
}

export class Queries {
  readonly ring: QueryRing
  readonly #options: QueriesOptions
  readonly #asked = new Map<number, Asked>()
  #latest: number

  constructor(options: QueriesOptions) {
    this.#options = options
    this.ring = new QueryRing(options.config.queryRing, options.latest)
    this.#latest = options.latest
  }

  /** Lamport time of the latest query that was meant for this node. */
  get latest(): number {
    return this.#latest
  }

  /** @returns why it cannot be asked, or "" */
  ask(params: QueryParams, handlers: QueryHandlers): string {
    const { codec, config, list, random, agenda } = this.#options
    const { address, name } = list.options
    const timeoutMs = params.timeoutMs ?? this.defaultTimeoutMs()
    const query: Query = {
      type: 'query',
      LTime: this.ring.clock.time,
      ID: random.int(0x1_0000_0000),
      Addr: address.host,
      Port: address.port,
      SourceNode: name,
      Filters: params.filters === undefined ? null : params.filters.map(codec.encodeFilter),
      Flags: params.wantAcks ? FLAG_ACK : 0,
      RelayFactor: params.relayFactor ?? 0,
      Timeout: Math.round(timeoutMs) * NANOS_PER_MS,
      Name: params.name,
      Payload: params.payload,
    }
    const bytes = codec.encodeSerf(query)
    if (bytes.length > config.queryBytesMax) return `query exceeds limit of ${config.queryBytesMax} bytes`
    const { LTime } = query
    this.ring.clock.increment()
    this.#asked.set(LTime, { ...handlers, id: query.ID, acks: new Set(), responses: new Set() })
    agenda.after(timeoutMs, () => {
      this.#asked.delete(LTime)
      handlers.done()
    })
    this.receive(query)
    this.#options.broadcast(bytes)
    return ''
  }

  defaultTimeoutMs(): number {
    const { list, config } = this.#options
    return list.options.config.gossipIntervalMs * config.queryTimeoutMult * Math.ceil(Math.log10(list.nodes.size + 1))
  }

  /** @returns true when it is news, to be told to others */
  receive(query: Query): boolean {
    if (!this.ring.accept(query.LTime, query.ID)) return false
    const tellOthers = (query.Flags & FLAG_NO_BROADCAST) === 0
    if (!this.#isMeant(query)) return tellOthers
    this.#latest = Math.max(this.#latest, query.LTime)
    if ((query.Flags & FLAG_ACK) !== 0) this.#send(query, FLAG_ACK, null)
    this.#handle(query)
    return tellOthers
  }

  respond(query: Query, payload: Uint8Array): string {
    return this.#send(query, 0, payload)
  }

  responded({ LTime, ID, From, Flags, Payload }: QueryResponse): void {
    const asked = this.#asked.get(LTime)
    if (asked === undefined || asked.id !== ID) return
    const isAck = (Flags & FLAG_ACK) !== 0
    const heard = isAck ? asked.acks : asked.responses
    if (heard.has(From)) return
    heard.add(From)
    if (isAck) asked.ack(From)
    else asked.response(From, Payload)
  }

  #isMeant(query: Query): boolean {
    const { codec, list, tags } = this.#options
    for (const raw of query.Filters ?? []) {
      let filter: Filter | undefined
      try {
        filter = codec.decodeFilter(raw)
      } catch {
        return false
      }
      if (filter === undefined) return false
      if (filter.kind === 'nodes') {
        if (!filter.names.includes(list.options.name)) return false
      } else if (!matches(filter.expr, tags()[filter.tag] ?? '')) return false
    }
    return true
  }

  #handle(query: Query): void {
    if (!query.Name.startsWith(INTERNAL)) {
      this.#options.asked(query)
      return
    }
    const answer = this.#answer(query)
    if (answer === undefined) return
    const error = this.#send(query, 0, this.#options.codec.encodeSerf(answer))
    if (error !== '') this.#options.log('warn', `serf: Failed to respond to query ${query.Name}: ${error}`)
  }

  #answer(query: Query): SerfMessage | undefined {
    switch (query.Name) {
      case PING_QUERY:
        return undefined
      case CONFLICT_QUERY:
        return this.#conflictAnswer(query)
      case '_serf_install-key':
        return this.#keyAnswer(query, 'install key', (ring, key) => ring.install(key))
      case '_serf_use-key':
        return this.#keyAnswer(query, 'change primary key', (ring, key) => ring.use(key))
      case '_serf_remove-key':
        return this.#keyAnswer(query, 'remove key', (ring, key) => ring.remove(key))
      case '_serf_list-keys':
        return this.#listAnswer(query)
      default:
        this.#options.log('warn', `serf: Unhandled internal query '${query.Name}'`)
        return undefined
    }
  }

  #conflictAnswer(query: Query): SerfMessage | undefined {
    const name = new TextDecoder().decode(query.Payload ?? new Uint8Array(0))
    const { list, roster } = this.#options
    if (name === list.options.name) return undefined
    const member = roster.get(name)
    return member === undefined ? undefined : conflictResponse(member)
  }

  /** @param deed in words, for the log */
  #keyAnswer(query: Query, deed: string, change: (ring: GossipKeyring, key: Uint8Array) => string): KeyResponse {
    const { codec, keyring, keysChanged, log } = this.#options
    const response: KeyResponse = { type: 'keyResponse', Result: false, Message: '', Keys: null, PrimaryKey: '' }
    if (keyring === undefined || keyring.keys.length === 0) {
      response.Message = 'No keyring to modify (encryption not enabled)'
      log('error', `serf: ${response.Message}`)
      return response
    }
    log('info', `serf: Received ${query.Name.slice(INTERNAL.length)} query`)
    try {
      const request = codec.decodeSerf(query.Payload ?? new Uint8Array(0))
      if (request.type !== 'keyRequest') throw new Error('not a key request')
      response.Message = change(keyring, request.Key ?? new Uint8Array(0))
      response.Result = response.Message === ''
      if (response.Result) keysChanged()
      else log('error', `serf: Failed to ${deed}: ${response.Message}`)
    } catch {
      response.Message = 'Failed to decode key request'
    }
    return response
  }

  /** As many keys as an answer holds. */
  #listAnswer(query: Query): KeyResponse {
    const { codec, config, keyring, log } = this.#options
    const response: KeyResponse = { type: 'keyResponse', Result: false, Message: '', Keys: null, PrimaryKey: '' }
    if (keyring === undefined || keyring.keys.length === 0) {
      response.Message = 'Keyring is empty (encryption not enabled)'
      log('error', `serf: ${response.Message}`)
      return response
    }
    log('info', 'serf: Received list-keys query')
    const all = keyring.keys.map(base64)
    response.Result = true
    response.PrimaryKey = all[0]!
    for (let count = all.length; count >= 0; count--) {
      response.Keys = all.slice(0, count)
      if (count < all.length)
        response.Message = `truncated key list response, showing first ${count} of ${all.length} keys`
      const inner = codec.encodeSerf(response)
      if (this.#encoded(query, 0, inner).length <= config.queryResponseBytesMax) break
    }
    return response
  }

  #encoded({ LTime, ID }: Query, Flags: number, Payload: Uint8Array | null): Uint8Array {
    const From = this.#options.list.options.name
    return this.#options.codec.encodeSerf({ type: 'queryResponse', LTime, ID, From, Flags, Payload })
  }

  /** @returns why it was not sent, or "" */
  #send(query: Query, flags: number, payload: Uint8Array | null): string {
    const { codec, config, list, roster } = this.#options
    const bytes = this.#encoded(query, flags, payload)
    if (bytes.length > config.queryResponseBytesMax) {
      return `response exceeds limit of ${config.queryResponseBytesMax} bytes`
    }
    const { SourceNode, Addr: host, Port: port } = query
    if (SourceNode === list.options.name) {
      // Our own question: there is nobody to send to.
      const response = codec.decodeSerf(bytes)
      if (response.type === 'queryResponse') this.responded(response)
      return ''
    }
    if (host === '' || port === 0) return 'no address to answer to'
    const to: GossipAddress = { host, port }
    list.sendUser(to, bytes)
    const { RelayFactor } = query
    if (RelayFactor === 0 || roster.count('alive') < RelayFactor + 1) return ''
    const relay = codec.encodeSerf({
      type: 'relay',
      DestAddr: { IP: host, Port: port },
      DestName: SourceNode,
      body: bytes,
    })
    const relays = list.nodes.pick(
      RelayFactor,
      (node) => node.name !== list.options.name && isUp(node) && protocolMax(node) >= 5,
    )
    for (const node of relays) list.sendUser(node.address, relay)
    return ''
  }
}

function conflictResponse(member: SerfMember): SerfMessage {
  return { type: 'conflictResponse', ...poolMember(member) }
}

/** Unanchored, in linear time: the expression is a peer's. What is none matches nothing. */
function matches(expression: string, value: string): boolean {
  if (expression.length > EXPRESSION_MAX) return false
  try {
    return compileGoRegexp(expression).test(value)
  } catch {
    return false
  }
}
