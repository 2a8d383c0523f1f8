/**
 * The agent's configuration after all is said: defaults, files and flags merged, addresses resolved, nothing optional
 * that the agent would have to guess. Keys that a later part of Consul will need are added with that part.
 */
import type { Level } from '../../base/log.ts'
import type { Millis, Nanos } from '../../base/units.ts'
import type { MemberlistConfig } from '../../core/gossip/config.ts'
import type { AutopilotConfig } from '../../model/autopilot.ts'
import type { ConfigEntry } from '../../model/config-entry.ts'
import type { PortRange } from '../../model/sidecar.ts'
import type { TelemetryConfig } from '../telemetry.ts'
import type { Settings } from './decode.ts'
import type { Definitions } from './definitions.ts'

export interface Ports {
  /** -1 turns a door off; 0 takes any free port (tests and embedding). */
  http: number
  https: number
  dns: number
  grpc: number
  serfLan: number
  serfWan: number
  server: number
}

export interface DnsConfig {
  /** Lower case, with a final dot. */
  domain: string
  altDomain: string
  nodeTtlSeconds: number
  /** By service name; "*" and "prefix*" are patterns. */
  serviceTtlSeconds: Record<string, number>
  onlyPassing: boolean
  aRecordLimit: number
  udpAnswerLimit: number
  enableTruncate: boolean
  disableCompression: boolean
  soa: { refresh: number; retry: number; expire: number; minttl: number }
  nodeMetaTxt: boolean
  recursors: string[]
  /** How long each is waited for. */
  recursorTimeout: Millis
  /** Any server may answer, if it heard from the leader within `maxStale`. */
  allowStale: boolean
  maxStale: Millis
  /** Answers come from the agent's cache, not older than `cacheMaxAge` (0: of any age) where it does not keep them fresh. */
  useCache: boolean
  cacheMaxAge: Nanos
}

/** Whom to meet at start: at once or fail, and again and again until it works. */
export interface JoinConfig {
  atStart: string[]
  retry: string[]
  retryIntervalMs: Millis
  /** 0: never give up. */
  attemptsMax: number
}

export interface PoolConfig {
  bindAddr: string
  memberlist: MemberlistConfig
  join: JoinConfig
  /** Failed members are forgotten after so long. */
  reconnectTimeoutMs: Millis
  /** Networks as CIDRs; with any, only members whose addresses lie in one of them are let in. */
  allowedCidrs: string[]
}

export interface GossipConfig {
  lan: PoolConfig
  wan: PoolConfig
  /** Encrypts all gossip; undefined: it is plain. */
  key: Uint8Array | undefined
  verifyIncoming: boolean
  verifyOutgoing: boolean
  /** Keys are kept in the data directory, where they outlive `key`. */
  keyringFile: boolean
  /** This agent's network coordinate is sent to the servers, and coordinates are told of over HTTP. */
  coordinates: boolean
  /** An agent that has left joins again by itself when it is started. */
  rejoinAfterLeave: boolean
}

/** What the HTTP door lets through, and where its sockets belong. */
export interface HttpDoorConfig {
  /** Paths that begin so are refused. */
  blockEndpoints: string[]
  /** Networks as CIDRs; with any, only their addresses may ask for more than to read. */
  allowWriteFrom: string[]
  /** How old answers of the catalog and of health may be unless the asker says otherwise; 0: the leader answers. */
  discoveryMaxStale: Nanos
  /** `?cached` is honoured. */
  useCache: boolean
  /** Paths with characters that cannot be printed are refused. */
  printableOnly: boolean
  debug: boolean
  /** Of unix sockets: "" leaves them as they are made; the mode is octal. */
  socket: { user: string; group: string; mode: string }
}

export interface LogFileConfig {
  /** "" for none; with a final slash, a folder in which files are named after the program. */
  path: string
  /** 0: whatever the size. */
  rotateBytes: number
  /** 0: a day. */
  rotateMs: Millis
  /** Old files that are kept: 0 for all, below 0 for none. */
  maxFiles: number
}

export interface RuntimeConfig extends Definitions {
  /** Dev mode: everything in memory, answers pretty-printed, an election within milliseconds. */
  dev: boolean
  server: boolean
  bootstrap: boolean
  bootstrapExpect: number
  nodeName: string
  /** Empty: read from the data directory, or made. */
  nodeId: string
  /** A new node id is made at random rather than from the machine's own. */
  disableHostNodeId: boolean
  /** `consul exec` runs nothing here. */
  disableRemoteExec: boolean
  nodeMeta: Record<string, string>
  datacenter: string
  /** Empty in dev mode. */
  dataDir: string
  bindAddr: string
  advertiseAddr: string
  advertiseAddrWan: string
  /** How others reach this node: lan, wan, and by family lan_ipv4, lan_ipv6, wan_ipv4, wan_ipv6; the user's own too. */
  taggedAddresses: Record<string, string>
  clientAddrs: string[]
  /** Where each door listens; `clientAddrs` unless said otherwise. */
  addresses: { http: string[]; https: string[]; dns: string[] }
  ports: Ports
  dns: DnsConfig
  gossip: GossipConfig
  logLevel: Level
  logJson: boolean
  logFile: LogFileConfig
  /** Undefined: nothing goes to syslog. */
  syslogFacility: string | undefined
  /** 1..10; scales Raft's timeouts. */
  raftMultiplier: number
  /** Below 3, servers are known to Raft by their addresses. */
  raftProtocol: 2 | 3
  raftSnapshotThreshold: number
  raftSnapshotInterval: Millis
  raftTrailingLogs: number
  /** What a cluster's first leader writes as autopilot's settings. */
  autopilot: Omit<AutopilotConfig, 'CreateIndex' | 'ModifyIndex'>
  /** Where the state's rows live. */
  stateEngine: 'memory' | 'lmdb'
  kvMaxValueSize: number
  txnMaxReqLen: number
  httpMaxConnsPerClient: number
  /** Calls to servers a second that a client agent may make in the long run (infinite: no limit), and at once. */
  rpcRate: number
  rpcMaxBurst: number
  /** Connections to a server's RPC port from one address; 0: no limit. */
  rpcMaxConnsPerClient: number
  /** By then a connection to a server's RPC port must have said what it is for. */
  rpcHandshakeTimeout: Millis
  /** The shortest time to live of a session that is asked to have one. */
  sessionTtlMin: Nanos
  leaveOnTerminate: boolean
  skipLeaveOnInterrupt: boolean
  defaultQueryTime: Nanos
  maxQueryTime: Nanos
  httpResponseHeaders: Record<string, string>
  http: HttpDoorConfig
  /** Answers about other datacenters name the addresses under which these are reached from outside. */
  translateWanAddrs: boolean
  pidFile: string
  /** Whether checks that are registered over HTTP may run programs. */
  enableScriptChecks: boolean
  /** Whether those of configuration files may. */
  enableLocalScriptChecks: boolean
  /** Where sidecars find a port that name none. */
  sidecarPorts: PortRange
  /** Proxies and gateways take over what configuration entries say of them. */
  centralConfig: boolean
  /** Whose configuration entries and intentions hold in all datacenters; one's own where nothing is said. */
  primaryDatacenter: string
  /** What the primary datacenter's leader writes where there is nothing of that kind and name. */
  bootstrapEntries: ConfigEntry[]
  /** Watches, as they were written. */
  watches: Settings[]
  /** Bytes of output kept for each check. */
  checkOutputMaxSize: number
  /** How long a check's new output waits for the catalog while its status stays; 0 for not at all. */
  checkUpdateInterval: Millis
  discardCheckOutput: boolean
  telemetry: TelemetryConfig
  syncInterval: Millis
  /** How long a read waits for a leader before it fails (performance.rpc_hold_timeout). */
  rpcHoldTimeout: Millis
  /** How long a server that leaves goes on answering before it stops. */
  leaveDrainTime: Millis
}
