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

/** Of calls that the leader carries out. */
const CALL_NAMES: Partial<Record<Method, string>> = {
  'KVS.Apply': 'kvs.apply',
  'Catalog.Register': 'catalog.register',
  'Catalog.Deregister': 'catalog.deregister',
  'Session.Apply': 'session.apply',
  'Session.Renew': 'session.renew',
  'Txn.Apply': 'txn.apply',
  'Txn.Read': 'txn.read',
  'PreparedQuery.Apply': 'prepared-query.apply',
  'PreparedQuery.Execute': 'prepared-query.execute',
  'ConfigEntry.Apply': 'config_entry.apply',
  'Intention.Apply': 'intention.apply',
}

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
  /** A blocking read begins to wait. @returns to be called when it ends */
  blocks(): () => void
}

export function dispatchMeters(metrics: Metrics): DispatchMeters {
  const calls = new Map<Method, Instrument>()
  for (const [method, name] of Object.entries(CALL_NAMES)) calls.set(method as Method, metrics.sample(name))
  let blocking = 0
  metrics.gauge('rpc.queries_blocking', () => blocking)
  return {
    query: metrics.counter('rpc.query'),
    consistentRead: metrics.sample('rpc.consistentRead'),
    took: (method) => calls.get(method),
    crossDatacenter: (datacenter) => metrics.counter('rpc.cross-dc', { datacenter }).add(1),
    blocks() {
      blocking += 1
      return () => {
        blocking -= 1
      }
    },
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
