/**
 * Which of the agent's doings are counted, and under which names: those of Consul's telemetry reference, so that what
 * operators graph and alert on goes on. Each group is made once, with the part that it measures.
 */
import type { Instrument, Metrics } from '../base/metrics.ts'
import type { Millis } from '../base/units.ts'
import type { Role } from '../core/raft/messages.ts'
import type { RaftStatus } from '../core/raft/raft.ts'
import type { Command } from '../model/command.ts'
import type { Method } from '../model/rpc.ts'
import type { CachedMethod } from '../serve/backend.ts'

/** Of commands as they are applied: `fsm.` and these, with the operation as a label where there is one. */
const FSM_NAMES: Partial<Record<Command['type'], string>> = {
  Register: 'register',
  Deregister: 'deregister',
  KVS: 'kvs',
  Session: 'session',
  Tombstone: 'tombstone',
  CoordinateBatchUpdate: 'coordinate.batch-update',
  PreparedQuery: 'prepared-query',
  Txn: 'txn',
  Autopilot: 'autopilot',
  Intention: 'intention',
  ConfigEntry: 'config_entry',
  ConnectCA: 'ca',
  FederationState: 'federation_state',
}

/** Of calls whose cost operators watch. */
const CALL_NAMES: Partial<Record<Method, string>> = {
  'KVS.Apply': 'kvs.apply',
  'Catalog.Register': 'catalog.register',
  'Catalog.Deregister': 'catalog.deregister',
  'Session.Apply': 'session.apply',
  'Session.Renew': 'session.renew',
  'Txn.Apply': 'txn.apply',
  'PreparedQuery.Apply': 'prepared-query.apply',
  'ConfigEntry.Apply': 'config_entry.apply',
  'ConfigEntry.Delete': 'config_entry.delete',
  'Intention.Apply': 'intention.apply',
}

/** Of reads whose cost operators watch. A blocking one's includes its waiting. */
const READ_NAMES: Partial<Record<Method, string>> = {
  'Txn.Read': 'txn.read',
  'PreparedQuery.Execute': 'prepared-query.execute',
  'PreparedQuery.ExecuteRemote': 'prepared-query.execute_remote',
  'PreparedQuery.Explain': 'prepared-query.explain',
  'ConfigEntry.Get': 'config_entry.get',
  'ConfigEntry.List': 'config_entry.list',
  'ConfigEntry.ResolveServiceConfig': 'config_entry.resolve_service_config',
  'DiscoveryChain.Get': 'discovery_chain.get',
}

/** Of reads that look for the instances of a service. */
const LOOKUPS: Partial<Record<Method, 'catalog' | 'health'>> = {
  'Catalog.ServiceNodes': 'catalog',
  'Health.ServiceNodes': 'health',
}
/** More names of services come of those who make them up, and are not counted. */
const SERVICES_MAX = 2_000

export interface ReplicaMeters {
  /** Entries were offered to the log. */
  proposed: Instrument
  /** From then until they were applied. */
  committed: Instrument
  /** What one write to the log's disk took. */
  stored(leading: boolean, tookMs: Millis, entries: number): void
  applied(command: Command, tookMs: Millis): void
  role(role: Role): void
}

/** @param status asked whenever somebody looks */
export function replicaMeters(metrics: Metrics, status: () => RaftStatus, now: () => number): ReplicaMeters {
  const fsm = new Map<string, Instrument>()
  const applyAll = metrics.sample('raft.fsm.apply')
  const dispatched = metrics.sample('raft.leader.dispatchLog')
  const followed = metrics.sample('raft.rpc.appendEntries.storeLogs')
  let stored = 0
  let role: Role = 'follower'
  // Everybody begins as one.
  metrics.counter('raft.state.follower').add(1)
  metrics.gauge('raft.last_index', () => status().lastIndex)
  metrics.gauge('raft.applied_index', () => status().appliedIndex)
  metrics.gauge('raft.leader.dispatchNumLogs', () => (role === 'leader' ? stored : Number.NaN))
  metrics.gauge('raft.leader.lastContact', () => {
    const { lastContact } = status()
    return role === 'leader' || lastContact === null ? Number.NaN : now() - lastContact
  })
  return {
    proposed: metrics.counter('raft.apply'),
    committed: metrics.sample('raft.commitTime'),
    stored(leading, tookMs, entries) {
      stored = entries
      ;(leading ? dispatched : followed).add(tookMs)
    },
    applied(command, tookMs) {
      applyAll.add(tookMs)
      const { type } = command
      const op = 'body' in command && 'Op' in command.body ? command.body.Op : undefined
      const key = op === undefined ? type : `${type} ${op}`
      let instrument = fsm.get(key)
      if (instrument === undefined) {
        const name = FSM_NAMES[type] ?? type.toLowerCase()
        instrument = metrics.sample(`fsm.${name}`, op === undefined ? {} : { op: String(op) })
        fsm.set(key, instrument)
      }
      instrument.add(tookMs)
    },
    role(next) {
      if (next === role) return
      if (next === 'candidate') metrics.counter('raft.transition.heartbeat_timeout').add(1)
      role = next
      metrics.counter(`raft.state.${next}`).add(1)
    },
  }
}

export interface DispatchMeters {
  /** A read was asked for. */
  query: Instrument
  consistentRead: Instrument
  /** What carrying out a call took, where that is counted. */
  took(method: Method): Instrument | undefined
  crossDatacenter(datacenter: string): void
  /** The same of reads. */
  tookRead(method: Method): Instrument | undefined
  /** Whoever is to be told of the answers to this method, for it looks for instances of services. */
  lookup(method: Method): Lookup | undefined
  /** A majority was asked whether the leader still is one. */
  verified: Instrument
  /** A blocking read begins to wait. @returns to be called when it ends */
  blocks(): () => void
}

/** @param args the question @param reply what was found */
export type Lookup = (args: unknown, reply: unknown) => void

interface LookupArgs {
  ServiceName: string
  ServiceTags?: readonly string[] | null
  Connect?: boolean
  Ingress?: boolean
}

export function dispatchMeters(metrics: Metrics): DispatchMeters {
  const named = (names: Partial<Record<Method, string>>) =>
    new Map(Object.entries(names).map(([method, name]) => [method as Method, metrics.sample(name)]))
  const calls = named(CALL_NAMES)
  const reads = named(READ_NAMES)
  const lookups = new Map(
    Object.entries(LOOKUPS).map(([method, group]) => [method as Method, countLookups(metrics, group)]),
  )
  let blocking = 0
  metrics.gauge('rpc.queries_blocking', () => blocking)
  return {
    query: metrics.counter('rpc.query'),
    consistentRead: metrics.sample('rpc.consistentRead'),
    took: (method) => calls.get(method),
    tookRead: (method) => reads.get(method),
    lookup: (method) => lookups.get(method),
    verified: metrics.counter('raft.verify_leader'),
    crossDatacenter: (datacenter) => metrics.counter('rpc.cross-dc', { datacenter }).add(1),
    blocks() {
      blocking += 1
      return () => {
        blocking -= 1
      }
    },
  }
}

/** Of how a leader begins. */
export interface LeadershipMeters {
  barriers: Instrument
  barrier: Instrument
  reconcile: Instrument
}

export function leadershipMeters(metrics: Metrics): LeadershipMeters {
  return {
    barriers: metrics.counter('raft.barrier'),
    barrier: metrics.sample('leader.barrier'),
    reconcile: metrics.sample('leader.reconcile'),
  }
}

/** Of a leader's timers: how long it took to have it written. */
export interface DutyMeters {
  sessionEnded: Instrument
  tombstonesReaped: Instrument
}

/** @param sessions how many have a time to live, on the leader */
export function dutyMeters(metrics: Metrics, sessions: () => number): DutyMeters {
  metrics.gauge('session_ttl.active', sessions)
  return {
    sessionEnded: metrics.sample('session_ttl.invalidate'),
    tombstonesReaped: metrics.sample('leader.reapTombstones'),
  }
}

/** How often each service was looked for, with which tags, and how often in vain. */
function countLookups(metrics: Metrics, group: 'catalog' | 'health'): Lookup {
  const counted = (kind: string) => {
    const services = new Map<string, { query: Instrument; missing: Instrument }>()
    return (service: string) => {
      let found = services.get(service)
      if (found === undefined && services.size < SERVICES_MAX) {
        const counter = (what: string) => metrics.counter(`${group}.${kind}.${what}`, { service })
        found = { query: counter('query'), missing: counter('not-found') }
        services.set(service, found)
      }
      return found
    }
  }
  const kinds = { service: counted('service'), connect: counted('connect'), ingress: counted('ingress') }
  const list = group === 'catalog' ? 'ServiceNodes' : 'Nodes'
  return (args, reply) => {
    const { ServiceName: service, ServiceTags: tags, Connect, Ingress } = args as LookupArgs
    const kind = Ingress ? 'ingress' : Connect ? 'connect' : 'service'
    const counters = kinds[kind](service)
    if (counters === undefined) return
    counters.query.add(1)
    if (tags?.length) {
      // Of several, a label holds the last one in order.
      const tag = tags.reduce((last, each) => (each > last ? each : last))
      metrics.counter(`${group}.${kind}.query-tags`, { service, tag }).add(1)
    }
    if (!(reply as Record<string, readonly unknown[] | null>)[list]?.length) counters.missing.add(1)
  }
}

/** What the agent's cache does, under Consul's names for what it keeps. */
export interface CacheMeters {
  hit(method: CachedMethod): void
  /** @param waits for a newer one than there is */
  missed(method: CachedMethod, waits: boolean): void
  fetched(method: CachedMethod, well: boolean): void
  /** Nobody asked for it any more. */
  expired: Instrument
}

const CACHE_NAMES: Record<CachedMethod, string> = {
  'Catalog.ListDatacenters': 'catalog-datacenters',
  'Catalog.ListServices': 'catalog-list-services',
  'Catalog.NodeServices': 'node-services',
  'Catalog.ServiceNodes': 'catalog-services',
  'DiscoveryChain.Get': 'compiled-discovery-chain',
  'Health.ServiceNodes': 'health-services',
  'PreparedQuery.Execute': 'prepared-query',
}

/** @param size how many answers it keeps */
export function cacheMeters(metrics: Metrics, size: () => number): CacheMeters {
  const counted = (what: string) => {
    const counters = new Map<CachedMethod, Instrument>()
    return (method: CachedMethod) => {
      let counter = counters.get(method)
      if (counter === undefined) {
        counter = metrics.counter(`consul.cache.${CACHE_NAMES[method]}.${what}`)
        counters.set(method, counter)
      }
      counter.add(1)
    }
  }
  const [ofAll, ofAllBadly] = [
    metrics.counter('consul.cache.fetch_success'),
    metrics.counter('consul.cache.fetch_error'),
  ]
  const [missedNew, missedNext] = [counted('miss_new'), counted('miss_block')]
  const [fetched, fetchedBadly] = [counted('fetch_success'), counted('fetch_error')]
  metrics.gauge('consul.cache.entries_count', size)
  return {
    hit: counted('hit'),
    missed: (method, waits) => (waits ? missedNext : missedNew)(method),
    fetched(method, well) {
      ;(well ? ofAll : ofAllBadly).add(1)
      ;(well ? fetched : fetchedBadly)(method)
    },
    expired: metrics.counter('consul.cache.evict_expired'),
  }
}

/** Of what others ask at the servers' port. */
export interface PortMeters {
  accepted: Instrument
  /** Connections that carry Raft. */
  raft: Instrument
  requests: Instrument
  failures: Instrument
}

export function portMeters(metrics: Metrics): PortMeters {
  return {
    accepted: metrics.counter('rpc.accept_conn'),
    raft: metrics.counter('rpc.raft_handoff'),
    requests: metrics.counter('rpc.request'),
    failures: metrics.counter('rpc.request_error'),
  }
}

export interface PoolMeters {
  member(event: string): void
  event(name: string): void
  packetIn: Instrument
  packetOut: Instrument
  streamIn: Instrument
  streamOut: Instrument
  /** Something that came could not be read. */
  fault: Instrument
}

const MEMBER_EVENTS: Record<string, string> = {
  join: 'join',
  leave: 'left',
  failed: 'failed',
  update: 'update',
  reap: 'reap',
}

export function poolMeters(metrics: Metrics): PoolMeters {
  return {
    member: (event) => metrics.counter(`serf.member.${MEMBER_EVENTS[event] ?? event}`).add(1),
    event(name) {
      metrics.counter('serf.events').add(1)
      metrics.counter(`serf.events.${name}`).add(1)
    },
    packetIn: metrics.counter('memberlist.udp.received'),
    packetOut: metrics.counter('memberlist.udp.sent'),
    streamIn: metrics.counter('memberlist.tcp.accept'),
    streamOut: metrics.counter('memberlist.tcp.connect'),
    fault: metrics.counter('memberlist.msg.fault'),
  }
}
