/**
 * What an agent tells about itself: `/v1/agent/self` and the sections of `consul info`. Names and text forms are
 * Consul's, since dashboards read them.
 */
import { formatGoDuration } from '../base/go-duration.ts'
import { joinHostPort } from '../base/host-port.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import type { Configuration } from '../core/raft/messages.ts'
import type { RaftStatus } from '../core/raft/raft.ts'
import type { Coordinate } from '../model/coordinate.ts'
import type { Member } from '../serve/backend.ts'
import type { RuntimeConfig } from './config/runtime.ts'
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
    Meta: { ...config.nodeMeta, 'consul-network-segment': '' },
  }
}

function debugConfig(config: RuntimeConfig, nodeId: string): Record<string, unknown> {
  const { ports, dns } = config
  const at = (scheme: string, port: number, addresses = config.clientAddrs) =>
    port < 0 ? [] : addresses.map((address) => `${scheme}://${joinHostPort(address, port)}`)
  const bound = (port: number) => `tcp://${joinHostPort(config.bindAddr, port)}`
  return {
    AdvertiseAddrLAN: config.advertiseAddr,
    AdvertiseAddrWAN: config.advertiseAddrWan,
    BindAddr: config.bindAddr,
    Bootstrap: config.bootstrap,
    BootstrapExpect: config.bootstrapExpect,
    ClientAddrs: config.clientAddrs,
    DNSARecordLimit: dns.aRecordLimit,
    DNSAddrs: [...at('tcp', ports.dns, config.addresses.dns), ...at('udp', ports.dns, config.addresses.dns)],
    DNSAllowStale: dns.allowStale,
    DNSAltDomain: dns.altDomain,
    DNSCacheMaxAge: formatGoDuration(dns.cacheMaxAge),
    DNSDisableCompression: dns.disableCompression,
    DNSDomain: dns.domain,
    DNSEnableTruncate: dns.enableTruncate,
    DNSMaxStale: formatGoDuration(dns.maxStale * NANOS_PER_MS),
    DNSNodeMetaTXT: dns.nodeMetaTxt,
    DNSNodeTTL: formatGoDuration(dns.nodeTtlSeconds * 1e9),
    DNSOnlyPassing: dns.onlyPassing,
    DNSPort: ports.dns,
    DNSRecursorTimeout: formatGoDuration(dns.recursorTimeout * NANOS_PER_MS),
    DNSRecursors: dns.recursors,
    DNSSOA: {
      Expire: dns.soa.expire,
      Minttl: dns.soa.minttl,
      Refresh: dns.soa.refresh,
      Retry: dns.soa.retry,
    },
    DNSUDPAnswerLimit: dns.udpAnswerLimit,
    DNSUseCache: dns.useCache,
    DataDir: config.dataDir,
    Datacenter: config.datacenter,
    DefaultQueryTime: formatGoDuration(config.defaultQueryTime),
    DevMode: config.dev,
    DiscoveryMaxStale: formatGoDuration(config.http.discoveryMaxStale),
    EnableCentralServiceConfig: config.centralConfig,
    EnableDebug: config.http.debug,
    GRPCPort: ports.grpc,
    HTTPAddrs: at('tcp', ports.http),
    HTTPMaxConnsPerClient: config.httpMaxConnsPerClient,
    HTTPPort: ports.http,
    HTTPResponseHeaders: config.httpResponseHeaders,
    HTTPSPort: ports.https,
    KVMaxValueSize: config.kvMaxValueSize,
    LeaveOnTerm: config.leaveOnTerminate,
    Logging: { LogLevel: config.logLevel.toUpperCase(), LogJSON: config.logJson },
    MaxQueryTime: formatGoDuration(config.maxQueryTime),
    NodeID: nodeId,
    NodeMeta: config.nodeMeta,
    NodeName: config.nodeName,
    PrimaryDatacenter: config.primaryDatacenter,
    RPCAdvertiseAddr: `tcp://${joinHostPort(config.advertiseAddr, ports.server)}`,
    RPCBindAddr: bound(ports.server),
    RPCHoldTimeout: formatGoDuration(config.rpcHoldTimeout * NANOS_PER_MS),
    SerfAdvertiseAddrLAN: `tcp://${joinHostPort(config.advertiseAddr, ports.serfLan)}`,
    SerfAdvertiseAddrWAN: `tcp://${joinHostPort(config.advertiseAddrWan, ports.serfWan)}`,
    SerfBindAddrLAN: bound(ports.serfLan),
    SerfBindAddrWAN: bound(ports.serfWan),
    SerfPortLAN: ports.serfLan,
    SerfPortWAN: ports.serfWan,
    SessionTTLMin: formatGoDuration(config.sessionTtlMin),
    ServerMode: config.server,
    ServerPort: ports.server,
    SkipLeaveOnInt: config.skipLeaveOnInterrupt,
    TxnMaxReqLen: config.txnMaxReqLen,
    Version: CONSUL_API_VERSION,
  }
}
