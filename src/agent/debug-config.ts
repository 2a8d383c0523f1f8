/**
 * `DebugConfig` of `/v1/agent/self`: the configuration that an agent runs with, under the names of Consul's own structure
 * (agent/config/runtime.go). Told is what has an effect here; secrets are told as such. A test holds names and values
 * against the real one's.
 */
import { formatGoDuration } from '../base/go-duration.ts'
import { joinHostPort } from '../base/host-port.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import type { PoolConfig, RuntimeConfig } from './config/runtime.ts'
import { CONSUL_API_VERSION } from './version.ts'

const SECRET = 'hidden'

export function debugConfig(config: RuntimeConfig, nodeId: string): Record<string, unknown> {
  return {
    ...addresses(config),
    ...dnsSettings(config),
    ...gossipSettings(config),
    ...limits(config),
    ...ways(config),
    NodeID: nodeId,
    Version: CONSUL_API_VERSION,
    VersionPrerelease: '',
    Revision: '',
  }
}

const duration = (ms: number): string => formatGoDuration(ms * NANOS_PER_MS)

function addresses(config: RuntimeConfig): Record<string, unknown> {
  const { ports } = config
  const at = (scheme: string, port: number, hosts = config.clientAddrs) =>
    port < 0 ? [] : hosts.map((host) => `${scheme}://${joinHostPort(host, port)}`)
  const bound = (port: number) => `tcp://${joinHostPort(config.bindAddr, port)}`
  return {
    AdvertiseAddrLAN: config.advertiseAddr,
    AdvertiseAddrWAN: config.advertiseAddrWan,
    BindAddr: config.bindAddr,
    ClientAddrs: config.clientAddrs,
    DNSAddrs: [...at('tcp', ports.dns, config.addresses.dns), ...at('udp', ports.dns, config.addresses.dns)],
    DNSPort: ports.dns,
    GRPCPort: ports.grpc,
    HTTPAddrs: at('tcp', ports.http),
    HTTPPort: ports.http,
    HTTPSPort: ports.https,
    RPCAdvertiseAddr: `tcp://${joinHostPort(config.advertiseAddr, ports.server)}`,
    RPCBindAddr: bound(ports.server),
    SerfAdvertiseAddrLAN: `tcp://${joinHostPort(config.advertiseAddr, ports.serfLan)}`,
    SerfAdvertiseAddrWAN: `tcp://${joinHostPort(config.advertiseAddrWan, ports.serfWan)}`,
    SerfBindAddrLAN: bound(ports.serfLan),
    SerfBindAddrWAN: bound(ports.serfWan),
    SerfPortLAN: ports.serfLan,
    SerfPortWAN: ports.serfWan,
    ServerPort: ports.server,
    TaggedAddresses: config.taggedAddresses,
    TranslateWANAddrs: config.translateWanAddrs,
    UnixSocketGroup: config.http.socket.group,
    UnixSocketMode: config.http.socket.mode,
    UnixSocketUser: config.http.socket.user,
  }
}

function dnsSettings({ dns }: RuntimeConfig): Record<string, unknown> {
  const ttls = Object.entries(dns.serviceTtlSeconds).map(([name, seconds]) => [name, duration(seconds * 1000)])
  return {
    DNSARecordLimit: dns.aRecordLimit,
    DNSAllowStale: dns.allowStale,
    DNSAltDomain: dns.altDomain,
    DNSCacheMaxAge: formatGoDuration(dns.cacheMaxAge),
    DNSDisableCompression: dns.disableCompression,
    DNSDomain: dns.domain,
    DNSEnableTruncate: dns.enableTruncate,
    DNSMaxStale: duration(dns.maxStale),
    DNSNodeMetaTXT: dns.nodeMetaTxt,
    DNSNodeTTL: duration(dns.nodeTtlSeconds * 1000),
    DNSOnlyPassing: dns.onlyPassing,
    DNSRecursorTimeout: duration(dns.recursorTimeout),
    DNSRecursors: dns.recursors,
    DNSSOA: { Expire: dns.soa.expire, Minttl: dns.soa.minttl, Refresh: dns.soa.refresh, Retry: dns.soa.retry },
    DNSServiceTTL: Object.fromEntries(ttls),
    DNSUDPAnswerLimit: dns.udpAnswerLimit,
    DNSUseCache: dns.useCache,
  }
}

function gossipSettings({ gossip, disableRemoteExec }: RuntimeConfig): Record<string, unknown> {
  return {
    ...poolSettings('LAN', gossip.lan),
    ...poolSettings('WAN', gossip.wan),
    DisableCoordinates: !gossip.coordinates,
    DisableKeyringFile: !gossip.keyringFile,
    DisableRemoteExec: disableRemoteExec,
    EncryptKey: SECRET,
    EncryptVerifyIncoming: gossip.verifyIncoming,
    EncryptVerifyOutgoing: gossip.verifyOutgoing,
    RejoinAfterLeave: gossip.rejoinAfterLeave,
  }
}

function poolSettings(pool: 'LAN' | 'WAN', { memberlist, join, allowedCidrs }: PoolConfig): Record<string, unknown> {
  return {
    [`Gossip${pool}GossipInterval`]: duration(memberlist.gossipIntervalMs),
    [`Gossip${pool}GossipNodes`]: memberlist.gossipNodes,
    [`Gossip${pool}ProbeInterval`]: duration(memberlist.probeIntervalMs),
    [`Gossip${pool}ProbeTimeout`]: duration(memberlist.probeTimeoutMs),
    [`Gossip${pool}RetransmitMult`]: memberlist.retransmitMult,
    [`Gossip${pool}SuspicionMult`]: memberlist.suspicionMult,
    [`RetryJoin${pool}`]: join.retry,
    [`RetryJoinInterval${pool}`]: duration(join.retryIntervalMs),
    [`RetryJoinMaxAttempts${pool}`]: join.attemptsMax,
    [`SerfAllowedCIDRs${pool}`]: allowedCidrs,
    [`StartJoinAddrs${pool}`]: join.atStart,
  }
}

function limits(config: RuntimeConfig): Record<string, unknown> {
  const { autopilot } = config
  return {
    AEInterval: duration(config.syncInterval),
    AutopilotCleanupDeadServers: autopilot.CleanupDeadServers,
    AutopilotDisableUpgradeMigration: autopilot.DisableUpgradeMigration,
    AutopilotLastContactThreshold: formatGoDuration(autopilot.LastContactThreshold),
    AutopilotMaxTrailingLogs: autopilot.MaxTrailingLogs,
    AutopilotMinQuorum: autopilot.MinQuorum,
    AutopilotRedundancyZoneTag: autopilot.RedundancyZoneTag,
    AutopilotServerStabilizationTime: formatGoDuration(autopilot.ServerStabilizationTime),
    AutopilotUpgradeVersionTag: autopilot.UpgradeVersionTag,
    CheckOutputMaxSize: config.checkOutputMaxSize,
    CheckUpdateInterval: duration(config.checkUpdateInterval),
    ConnectSidecarMaxPort: config.sidecarPorts.max,
    ConnectSidecarMinPort: config.sidecarPorts.min,
    DefaultQueryTime: formatGoDuration(config.defaultQueryTime),
    DiscoveryMaxStale: formatGoDuration(config.http.discoveryMaxStale),
    HTTPMaxConnsPerClient: config.httpMaxConnsPerClient,
    KVMaxValueSize: config.kvMaxValueSize,
    LeaveDrainTime: duration(config.leaveDrainTime),
    MaxQueryTime: formatGoDuration(config.maxQueryTime),
    RPCHandshakeTimeout: duration(config.rpcHandshakeTimeout),
    RPCHoldTimeout: duration(config.rpcHoldTimeout),
    RPCMaxBurst: config.rpcMaxBurst,
    RPCMaxConnsPerClient: config.rpcMaxConnsPerClient,
    // What has no bound is below zero, since JSON has no infinity.
    RPCRateLimit: Number.isFinite(config.rpcRate) ? config.rpcRate : -1,
    SessionTTLMin: formatGoDuration(config.sessionTtlMin),
    TxnMaxReqLen: config.txnMaxReqLen,
  }
}

/** How the agent behaves, and as what. */
function ways(config: RuntimeConfig): Record<string, unknown> {
  const { http, logFile } = config
  return {
    AllowWriteHTTPFrom: http.allowWriteFrom,
    Bootstrap: config.bootstrap,
    BootstrapExpect: config.bootstrapExpect,
    DataDir: config.dataDir,
    Datacenter: config.datacenter,
    DevMode: config.dev,
    DisableHTTPUnprintableCharFilter: !http.printableOnly,
    DisableHostNodeID: config.disableHostNodeId,
    DiscardCheckOutput: config.discardCheckOutput,
    EnableCentralServiceConfig: config.centralConfig,
    EnableDebug: http.debug,
    EnableLocalScriptChecks: config.enableLocalScriptChecks,
    EnableRemoteScriptChecks: config.enableScriptChecks,
    HTTPBlockEndpoints: http.blockEndpoints,
    HTTPResponseHeaders: config.httpResponseHeaders,
    HTTPUseCache: http.useCache,
    LeaveOnTerm: config.leaveOnTerminate,
    Logging: {
      EnableSyslog: config.syslogFacility !== undefined,
      LogFilePath: logFile.path,
      LogJSON: config.logJson,
      LogLevel: config.logLevel.toUpperCase(),
      LogRotateBytes: logFile.rotateBytes,
      LogRotateDuration: duration(logFile.rotateMs),
      LogRotateMaxFiles: logFile.maxFiles,
      Name: '',
      SyslogFacility: config.syslogFacility ?? 'LOCAL0',
    },
    NodeMeta: config.nodeMeta,
    NodeName: config.nodeName,
    PidFile: config.pidFile,
    PrimaryDatacenter: config.primaryDatacenter,
    ServerMode: config.server,
    SkipLeaveOnInt: config.skipLeaveOnInterrupt,
  }
}
