/**
 * What an agent tells about itself: `/v1/agent/self` and the sections of `consul info`. Names and text forms are
 * Consul's, since dashboards read them.
 */
import type { Configuration } from '../core/raft/messages.ts'
import type { RaftStatus } from '../core/raft/raft.ts'
import type { Coordinate } from '../model/coordinate.ts'
import type { Member } from '../serve/backend.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { debugConfig } from './debug-config.ts'
import { CONSUL_API_VERSION, PROCONSUL_VERSION } from './version.ts'

export type Sections = Record<string, Record<string, string>>

export interface Facts {
  config: RuntimeConfig
  nodeId: string
  role: RoleFacts
  members: { lan: Member[]; wan: Member[] }
  /** What each pool tells of itself. */
  serf: { lan: Record<string, string>; wan: Record<string, string> }
  coordinate: Coordinate
  /** This node's, as the configuration says now. */
  meta: Record<string, string>
  local: { services: number; checks: number; ttls: number }
  /** The machine's side of `consul info`. */
  runtime: { arch: string; os: string; cpus: number; version: string }
}

/** What only a server, or only a client agent, has to tell. */
export type RoleFacts = { kind: 'server'; raft: RaftStatus; datacenters: number } | { kind: 'client'; servers: number }

const ROLE_NAMES = { follower: 'Follower', candidate: 'Candidate', leader: 'Leader', shutdown: 'Shutdown' } as const

function describeServers(configuration: Configuration): string {
  const suffrages = { voter: 'Voter', nonvoter: 'Nonvoter', staging: 'Staging' } as const
  const servers = configuration.servers.map(
    ({ suffrage, id, address }) => `{Suffrage:${suffrages[suffrage]} ID:${id} Address:${address}}`,
  )
  return `[${servers.join(' ')}]`
}

export function infoSections(facts: Facts): Sections {
  const { role, local, runtime, serf } = facts
  return {
    agent: {
      check_monitors: '0',
      check_ttls: String(local.ttls),
      checks: String(local.checks),
      services: String(local.services),
    },
    build: { prerelease: '', revision: '', version: CONSUL_API_VERSION, proconsul: PROCONSUL_VERSION },
    ...(role.kind === 'server'
      ? { consul: serverSection(facts.config, role), raft: raftSection(role.raft) }
      : { consul: { acl: 'disabled', known_servers: String(role.servers), server: 'false' } }),
    runtime: {
      arch: runtime.arch,
      cpu_count: String(runtime.cpus),
      max_procs: String(runtime.cpus),
      os: runtime.os,
      version: runtime.version,
    },
    serf_lan: serf.lan,
    ...(role.kind === 'server' && { serf_wan: serf.wan }),
  }
}

function serverSection(config: RuntimeConfig, role: Extract<RoleFacts, { kind: 'server' }>): Record<string, string> {
  const { raft, datacenters } = role
  return {
    acl: 'disabled',
    bootstrap: String(config.bootstrap),
    known_datacenters: String(datacenters),
    leader: String(raft.role === 'leader'),
    leader_addr: raft.leader?.address ?? '',
    server: 'true',
  }
}

function raftSection(raft: RaftStatus): Record<string, string> {
  return {
    applied_index: String(raft.appliedIndex),
    commit_index: String(raft.commitIndex),
    fsm_pending: '0',
    last_contact: raft.role === 'leader' ? '0' : raft.lastContact === null ? 'never' : 'unknown',
    last_log_index: String(raft.lastIndex),
    last_log_term: String(raft.lastTerm),
    last_snapshot_index: String(raft.snapshotIndex),
    last_snapshot_term: String(raft.snapshotTerm),
    latest_configuration: describeServers(raft.configuration),
    latest_configuration_index: '0',
    num_peers: String(Math.max(0, raft.configuration.servers.filter((s) => s.suffrage === 'voter').length - 1)),
    protocol_version: '3',
    protocol_version_max: '3',
    protocol_version_min: '0',
    snapshot_version_max: '1',
    snapshot_version_min: '0',
    state: ROLE_NAMES[raft.role],
    term: String(raft.term),
  }
}

/** The body of `/v1/agent/self`. */
export function describeSelf(facts: Facts): Record<string, unknown> {
  const { config, nodeId, coordinate } = facts
  return {
    Config: {
      Datacenter: config.datacenter,
      NodeName: config.nodeName,
      NodeID: nodeId,
      Revision: '',
      Server: config.server,
      Version: CONSUL_API_VERSION,
    },
    DebugConfig: debugConfig(config, nodeId),
    Coord: config.gossip.coordinates ? coordinate : null,
    Member: facts.members.lan.find(({ Name }) => Name === config.nodeName),
    Stats: infoSections(facts),
    Meta: facts.meta,
  }
}
