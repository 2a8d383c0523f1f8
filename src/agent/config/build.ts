/**
 * The agent's configuration from all its sources: defaults, then those of -dev, lists given by flags, files in order,
 * the other flags, and what an embedding program sets. Here they are merged, turned into their final form and resolved
 * to addresses; whether the result makes sense is validate.ts's question. Source: agent/config/builder.go.
 */

import { parseGoFlags, quoteGo } from '../../base/go-flags.ts'
import type { Level } from '../../base/log.ts'
import { NANOS_PER_MS, NANOS_PER_SECOND, type Nanos } from '../../base/units.ts'
import type { PortRange } from '../../model/sidecar.ts'
import {
  type AddressReader,
  type Interface,
  isAnyAddress,
  makeAddressReader,
  privateIpv4,
  publicIpv6,
} from './addresses.ts'
import { bootstrapEntries } from './bootstrap-entries.ts'
import { decodeSettings, mergeSettings, type Setting, type Settings, settingAt, settingOf } from './decode.ts'
import { DEFAULTS, DEV_DEFAULTS, STATE_ENGINE, SYNC_INTERVAL_MS } from './defaults.ts'
import { buildDefinitions } from './definitions.ts'
import { readDuration } from './duration.ts'
import { ConfigError, listProblems } from './error.ts'
import {
  type ConfigDisk,
  type ConfigFormat,
  nodeConfigDisk,
  parseSource,
  readSources,
  type SourceText,
} from './files.ts'
import { AGENT_FLAGS } from './flags.ts'
import { buildGossip, isCidr } from './gossip.ts'
import { ENTERPRISE_KEYS, FIXED_KEYS, HONOURED_KEYS } from './keys.ts'
import { cipherFault, UNREAD_DURATIONS } from './rules.ts'
import type { DnsConfig, Ports, RuntimeConfig } from './runtime.ts'
import { buildTelemetry } from './telemetry.ts'
import { validateConfig } from './validate.ts'

export interface ConfigSources {
  /** The command line after `agent`. */
  args: readonly string[]
  hostname: string
  interfaces: readonly Interface[]
  /** As in a configuration file, but over all else; a port may be 0 here, for any that is free. */
  settings?: Record<string, unknown>
  disk?: ConfigDisk
}

/**
 * @returns `warnings` for people to read, in the order found
 * @throws ConfigError
 */
export function loadConfig(sources: ConfigSources): { config: RuntimeConfig; warnings: string[] } {
  const disk = sources.disk ?? nodeConfigDisk
  const { settings, dev, warnings } = gatherSettings(sources, disk)
  const problems: string[] = []
  const config = buildConfig(settings, dev, sources, problems, warnings)
  validateConfig({ config, settings, problems, warnings, disk })
  return { config, warnings }
}

interface Gathered {
  settings: Settings
  dev: boolean
  warnings: string[]
}

function gatherSettings(sources: ConfigSources, disk: ConfigDisk): Gathered {
  const { values, rest, errors, help } = parseGoFlags(AGENT_FLAGS, sources.args)
  if (help) throw new ConfigError('help requested', 'help')
  if (errors[0] !== undefined) throw new ConfigError(errors[0], 'flags')
  if (rest.length > 0) throw new ConfigError(`Unexpected extra arguments: [${rest.join(' ')}]`)
  const format = values['config-format'] ?? ''
  if (!isFormat(format)) throw new ConfigError("config: -config-format must be either 'hcl' or 'json'")

  let lists: Settings = {}
  let plain: Settings = {}
  const given: string[] = []
  for (const flag of AGENT_FLAGS) {
    const value = values[flag.name as keyof typeof values] as Setting | undefined
    if (flag.key === null || value === undefined) continue
    given.push(flag.key)
    // Only lists at the top level: the real one takes the others apart by field too, but not inside structs.
    if (Array.isArray(value) && !flag.key.includes('.')) lists = mergeSettings(lists, settingOf(flag.key, value))
    else plain = mergeSettings(plain, settingOf(flag.key, value))
  }

  const dev = values.dev ?? false
  const read = readSources(values['config-file'] ?? [], format, disk)
  const warnings = read.warnings
  let settings = mergeSettings(dev ? mergeSettings(DEFAULTS, DEV_DEFAULTS) : DEFAULTS, lists)
  const overlay = (source: SourceText) => {
    const decoded = decodeSettings(source.name, parseSource(source))
    given.push(...decoded.given)
    warnings.push(...decoded.warnings)
    settings = mergeSettings(settings, decoded.settings)
  }
  for (const source of read.sources) overlay(source)
  settings = mergeSettings(settings, plain)
  for (const [i, text] of (values.hcl ?? []).entries()) overlay({ name: `flags-${i}.hcl`, format: 'hcl', text })
  settings = closePorts(settings)
  if (sources.settings !== undefined) {
    const decoded = decodeSettings('settings', sources.settings)
    given.push(...decoded.given)
    settings = mergeSettings(settings, decoded.settings)
  }
  warnings.push(...keyWarnings(given))
  return { settings, dev, warnings }
}

function isFormat(text: string): text is ConfigFormat {
  return text === '' || text === 'json' || text === 'hcl'
}

/** On the command line and in files, 0 and less mean "none". */
function closePorts(settings: Settings): Settings {
  const ports = Object.entries((settings.ports ?? {}) as Settings)
  return { ...settings, ports: Object.fromEntries(ports.map(([name, port]) => [name, Number(port) <= 0 ? -1 : port])) }
}

function keyWarnings(given: readonly string[]): string[] {
  const warnings = new Set<string>()
  for (const full of given) {
    const key = /^(check|service|audit)\./.exec(full)?.[1] ?? full
    if (ENTERPRISE_KEYS.has(key)) {
      warnings.add(`${quoteGo(key)} is a Consul Enterprise configuration and will have no effect`)
    } else if (!HONOURED_KEYS.has(key) && !FIXED_KEYS.has(key)) {
      warnings.add(`config key ${quoteGo(key)} is not supported yet and will have no effect`)
    }
  }
  return [...warnings]
}

/** Typed looks at settings, whose shapes decodeSettings has made sure of. */
interface Reader {
  text(key: string): string | undefined
  whole(key: string): number
  flag(key: string): boolean | undefined
  list(key: string): string[]
  map(key: string): Record<string, string>
  duration(key: string): Nanos
}

function makeReader(settings: Settings, problems: string[]): Reader {
  const at = (key: string) => settingAt(settings, key)
  const text = (key: string) => {
    const value = at(key)
    return typeof value === 'string' ? value : undefined
  }
  return {
    text,
    whole: (key) => Number(at(key) ?? 0),
    flag: (key) => {
      const value = at(key)
      return typeof value === 'boolean' ? value : undefined
    },
    list: (key) => ((at(key) as Setting[] | undefined) ?? []).map(String),
    map: (key) => ({ ...((at(key) as Record<string, string> | undefined) ?? {}) }),
    duration: (key) => readDuration(key, text(key) ?? '0', problems),
  }
}

function buildConfig(
  settings: Settings,
  dev: boolean,
  sources: ConfigSources,
  problems: string[],
  warnings: string[],
): RuntimeConfig {
  const read = makeReader(settings, problems)
  const reader = makeAddressReader(sources.interfaces, problems)
  const definitions = buildDefinitions(settings, problems)
  const ranges = buildPortRanges(read, problems)
  const dns = buildDns(settings, read, reader, problems)
  const ports = buildPorts(read, problems)
  const cluster = clusterAddresses(read, reader, sources.interfaces, problems)
  const multiplier = read.whole('performance.raft_multiplier')
  if (multiplier < 1 || multiplier > 10) {
    throw new ConfigError(`performance.raft_multiplier cannot be ${multiplier}. Must be between 1 and 10`)
  }
  const server = read.flag('server') ?? false
  let bootstrap = read.flag('bootstrap') ?? false
  let bootstrapExpect = read.whole('bootstrap_expect')
  if (bootstrapExpect === 1) {
    bootstrap = true
    bootstrapExpect = 0
    warnings.push('BootstrapExpect is set to 1; this is the same as Bootstrap mode.')
  }
  checkUnread(read, problems)
  const entries = bootstrapEntries(settings)
  if (typeof entries === 'string') throw new ConfigError(entries)
  const clientAddrs = reader.ips('client_addr', read.text('client_addr'))
  const door = (name: string) => doorAddresses(`addresses.${name}`, read, reader, clientAddrs)
  const ms = (key: string) => read.duration(key) / NANOS_PER_MS
  return {
    dev,
    server,
    bootstrap,
    bootstrapExpect,
    nodeName: (read.text('node_name') || sources.hostname).trim(),
    nodeId: (read.text('node_id') ?? '').toLowerCase(),
    disableRemoteExec: read.flag('disable_remote_exec') ?? true,
    disableHostNodeId: read.flag('disable_host_node_id') ?? true,
    nodeMeta: read.map('node_meta'),
    datacenter: (read.text('datacenter') ?? '').toLowerCase(),
    dataDir: dev ? '' : (read.text('data_dir') ?? ''),
    ...cluster,
    clientAddrs,
    addresses: { http: door('http'), https: door('https'), dns: door('dns') },
    ports,
    dns,
    gossip: buildGossip(
      {
        ...read,
        duration: (key) => (settingAt(settings, key) === undefined ? 0 : read.duration(key)),
        ip: (key) => reader.ip(key, read.text(key)),
      },
      cluster.bindAddr,
      dev,
    ),
    logLevel: readLevel(read.text('log_level') ?? ''),
    logJson: read.flag('log_json') ?? false,
    logFile: {
      path: read.text('log_file') ?? '',
      rotateBytes: read.whole('log_rotate_bytes'),
      rotateMs: ms('log_rotate_duration'),
      maxFiles: read.whole('log_rotate_max_files'),
    },
    syslogFacility: read.flag('enable_syslog') ? (read.text('syslog_facility') ?? '') : undefined,
    raftMultiplier: multiplier,
    raftProtocol: settingAt(settings, 'raft_protocol') === 2 ? 2 : 3,
    raftSnapshotThreshold: unlimitedBelowZero(read.whole('raft_snapshot_threshold')),
    raftSnapshotInterval: ms('raft_snapshot_interval'),
    raftTrailingLogs: unlimitedBelowZero(read.whole('raft_trailing_logs')),
    autopilot: {
      CleanupDeadServers: read.flag('autopilot.cleanup_dead_servers') ?? false,
      LastContactThreshold: read.duration('autopilot.last_contact_threshold'),
      MaxTrailingLogs: read.whole('autopilot.max_trailing_logs'),
      MinQuorum: read.whole('autopilot.min_quorum'),
      ServerStabilizationTime: read.duration('autopilot.server_stabilization_time'),
      RedundancyZoneTag: read.text('autopilot.redundancy_zone_tag') ?? '',
      DisableUpgradeMigration: read.flag('autopilot.disable_upgrade_migration') ?? false,
      UpgradeVersionTag: read.text('autopilot.upgrade_version_tag') ?? '',
    },
    stateEngine: readEngine(read.text('proconsul.state_engine')),
    kvMaxValueSize: read.whole('limits.kv_max_value_size'),
    txnMaxReqLen: read.whole('limits.txn_max_req_len'),
    httpMaxConnsPerClient: read.whole('limits.http_max_conns_per_client'),
    rpcRate: readRate(read.whole('limits.rpc_rate')),
    rpcMaxBurst: read.whole('limits.rpc_max_burst'),
    rpcMaxConnsPerClient: read.whole('limits.rpc_max_conns_per_client'),
    rpcHandshakeTimeout: ms('limits.rpc_handshake_timeout'),
    sessionTtlMin: read.duration('session_ttl_min'),
    leaveOnTerminate: read.flag('leave_on_terminate') ?? !server,
    skipLeaveOnInterrupt: read.flag('skip_leave_on_interrupt') ?? server,
    defaultQueryTime: read.duration('default_query_time'),
    maxQueryTime: read.duration('max_query_time'),
    httpResponseHeaders: read.map('http_config.response_headers'),
    http: {
      blockEndpoints: read.list('http_config.block_endpoints'),
      allowWriteFrom: read.list('http_config.allow_write_http_from').flatMap((text) => readCidr(text, problems)),
      discoveryMaxStale: read.duration('discovery_max_stale'),
      useCache: read.flag('http_config.use_cache') ?? true,
      printableOnly: !(read.flag('disable_http_unprintable_char_filter') ?? false),
      debug: read.flag('enable_debug') ?? dev,
      socket: {
        user: read.text('unix_sockets.user') ?? '',
        group: read.text('unix_sockets.group') ?? '',
        mode: read.text('unix_sockets.mode') ?? '',
      },
    },
    translateWanAddrs: read.flag('translate_wan_addrs') ?? false,
    pidFile: read.text('pid_file') ?? '',
    enableScriptChecks: read.flag('enable_script_checks') ?? false,
    enableLocalScriptChecks: read.flag('enable_local_script_checks') ?? read.flag('enable_script_checks') ?? false,
    sidecarPorts: ranges.sidecar,
    primaryDatacenter: primaryDatacenter(read),
    bootstrapEntries: entries,
    centralConfig: read.flag('enable_central_service_config') ?? false,
    watches: (settings.watches ?? []) as Settings[],
    ...definitions,
    checkOutputMaxSize: read.whole('check_output_max_size'),
    checkUpdateInterval: ms('check_update_interval'),
    telemetry: buildTelemetry(read, warnings),
    discardCheckOutput: read.flag('discard_check_output') ?? false,
    syncInterval: SYNC_INTERVAL_MS,
    rpcHoldTimeout: ms('performance.rpc_hold_timeout'),
    leaveDrainTime: ms('performance.leave_drain_time'),
  }
}

/** `acl_datacenter` is its old name. */
function primaryDatacenter(read: Reader): string {
  const [name] = ['primary_datacenter', 'acl_datacenter', 'datacenter'].map((key) => read.text(key)).filter(Boolean)
  return (name ?? '').toLowerCase()
}

function readCidr(given: string, problems: string[]): string[] {
  const text = given.trim()
  if (isCidr(text)) return [text]
  problems.push(`allow_write_http_from: invalid cidr: ${given}`)
  return []
}

/** Values that nothing here uses yet must be well formed all the same. */
function checkUnread(read: Reader, problems: string[]): void {
  for (const [key, shown = key] of UNREAD_DURATIONS) {
    const text = read.text(key)
    if (text !== undefined) readDuration(shown, text, problems)
  }
  const fault = cipherFault(read.text('tls_cipher_suites') ?? '')
  if (fault !== undefined) problems.push(fault)
}

/** As a count without a sign, a negative number is larger than any. */
function unlimitedBelowZero(count: number): number {
  return count < 0 ? Number.MAX_SAFE_INTEGER : count
}

/** Below 0 means without limit. */
function readRate(perSecond: number): number {
  return perSecond < 0 ? Number.POSITIVE_INFINITY : perSecond
}

/** Ports that proxies are given. @throws ConfigError for a range that ends before it begins */
function buildPortRanges(read: Reader, problems: string[]): Record<'proxy' | 'sidecar' | 'expose', PortRange> {
  const port = (key: string) => {
    const value = read.whole(`ports.${key}`)
    if (value > 65535) problems.push(`ports.${key}: invalid port: ${value}`)
    return value
  }
  const range = (name: string) => {
    const [min, max] = [port(`${name}_min_port`), port(`${name}_max_port`)]
    if (max >= min) return { min, max }
    throw new ConfigError(`${name}_min_port must be less than ${name}_max_port. To disable, set both to zero.`)
  }
  return { proxy: range('proxy'), sidecar: range('sidecar'), expose: range('expose') }
}

function buildPorts(read: Reader, problems: string[]): Ports {
  const port = (name: string) => {
    const value = read.whole(`ports.${name}`)
    if (value > 65535) problems.push(`ports.${name}: invalid port: ${value}`)
    return value < 0 ? -1 : value
  }
  return {
    dns: port('dns'),
    http: port('http'),
    https: port('https'),
    server: port('server'),
    grpc: port('grpc'),
    serfLan: port('serf_lan'),
    serfWan: port('serf_wan'),
  }
}

function buildDns(settings: Settings, read: Reader, reader: AddressReader, problems: string[]): DnsConfig {
  const seconds = (nanos: Nanos) => Math.floor(nanos / NANOS_PER_SECOND)
  const serviceTtls = settingAt(settings, 'dns_config.service_ttl') as Record<string, string> | undefined
  const soa = (name: string, value: number) => Number(settingAt(settings, `dns_config.soa.${name}`) ?? value)
  return {
    domain: canonicalDomain(read.text('domain') ?? ''),
    altDomain: canonicalDomain(read.text('alt_domain') ?? ''),
    nodeTtlSeconds: seconds(read.duration('dns_config.node_ttl')),
    serviceTtlSeconds: Object.fromEntries(
      Object.entries(serviceTtls ?? {}).map(([name, text]) => [
        name,
        seconds(readDuration(`dns_config.service_ttl[${quoteGo(name)}]`, text, problems)),
      ]),
    ),
    onlyPassing: read.flag('dns_config.only_passing') ?? false,
    aRecordLimit: read.whole('dns_config.a_record_limit'),
    udpAnswerLimit: read.whole('dns_config.udp_answer_limit'),
    enableTruncate: read.flag('dns_config.enable_truncate') ?? false,
    disableCompression: read.flag('dns_config.disable_compression') ?? false,
    soa: {
      refresh: soa('refresh', 3600),
      retry: soa('retry', 600),
      expire: soa('expire', 86400),
      minttl: soa('min_ttl', 0),
    },
    nodeMetaTxt: read.flag('dns_config.enable_additional_node_meta_txt') ?? true,
    recursorTimeout:
      readDuration('recursor_timeout', read.text('dns_config.recursor_timeout') ?? '', problems) / NANOS_PER_MS,
    allowStale: read.flag('dns_config.allow_stale') ?? true,
    maxStale: read.duration('dns_config.max_stale') / NANOS_PER_MS,
    useCache: read.flag('dns_config.use_cache') ?? false,
    cacheMaxAge: read.duration('dns_config.cache_max_age'),
    recursors: [...new Set(read.list('recursors').flatMap((text) => readRecursor(text, reader)))],
  }
}

/** A recursor may carry a port, so only a template is looked into. */
function readRecursor(text: string, reader: AddressReader): string[] {
  const words = text.includes('{{') ? reader.ips('recursors', text) : text.split(/\s+/).filter((word) => word !== '')
  const socket = words.find((word) => word.startsWith('unix://'))
  if (socket !== undefined) throw new ConfigError(`DNS Recursors cannot be unix sockets: ${socket}`)
  return words
}

function canonicalDomain(text: string): string {
  if (text === '') return ''
  return `${text.toLowerCase().replace(/\.+$/, '')}.`
}

type ClusterAddresses = Pick<RuntimeConfig, 'bindAddr' | 'advertiseAddr' | 'advertiseAddrWan' | 'taggedAddresses'>

function clusterAddresses(
  read: Reader,
  reader: AddressReader,
  interfaces: readonly Interface[],
  problems: string[],
): ClusterAddresses {
  const before = problems.length
  const binds = reader.all('bind_addr', read.text('bind_addr'))
  if (problems.length > before) throw new ConfigError(listProblems(problems.slice(before)))
  const bind = binds[0]
  if (bind === undefined) throw new ConfigError('bind_addr cannot be empty')
  if (binds.length > 1) {
    throw new ConfigError("bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.")
  }
  if (bind.kind === 'unix') throw new ConfigError('bind_addr cannot be a unix socket')
  if (isAnyAddress(read.text('advertise_addr'))) throw new ConfigError(ANY_ADVERTISED)
  if (isAnyAddress(read.text('advertise_addr_wan'))) throw new ConfigError(ANY_ADVERTISED_WAN)

  const advertised = reader.ip('advertise_addr', read.text('advertise_addr')) ?? bind.ip
  const lan = isAnyAddress(advertised) ? detectAddress(advertised, interfaces) : advertised
  const wan = reader.ip('advertise_addr_wan', read.text('advertise_addr_wan')) ?? lan
  const tagged = read.map('tagged_addresses')
  const tagFamilies = (pool: 'lan' | 'wan', key: string, address: string) => {
    tagged[pool] = address
    for (const family of ['ipv4', 'ipv6'] as const) {
      const own = isIpv6(address) === (family === 'ipv6') ? address : undefined
      const given = reader.ip(`${key}_${family}`, read.text(`${key}_${family}`))
      if (given !== undefined && isIpv6(given) !== (family === 'ipv6')) {
        throw new ConfigError(`${key}_${family} must be an ${family} address`)
      }
      const chosen = given ?? own
      if (chosen !== undefined) tagged[`${pool}_${family}`] = chosen
    }
  }
  tagFamilies('lan', 'advertise_addr', lan)
  tagFamilies('wan', 'advertise_addr_wan', wan)
  return { bindAddr: bind.ip, advertiseAddr: lan, advertiseAddrWan: wan, taggedAddresses: tagged }
}

const ANY_ADVERTISED = 'Advertise address cannot be 0.0.0.0, :: or [::]'
const ANY_ADVERTISED_WAN = 'Advertise WAN address cannot be 0.0.0.0, :: or [::]'

function isIpv6(address: string): boolean {
  return address.includes(':')
}

/** Listening on every address is fine, but others need one that they can reach. */
function detectAddress(any: string, interfaces: readonly Interface[]): string {
  const sort = isIpv6(any) ? 'public IPv6' : 'private IPv4'
  const found = isIpv6(any) ? publicIpv6(interfaces) : privateIpv4(interfaces)
  if (found[0] === undefined) throw new ConfigError(`No ${sort} address found`)
  if (found.length > 1) {
    throw new ConfigError(`Multiple ${sort} addresses found. Please configure one with 'bind' and/or 'advertise'.`)
  }
  return found[0]
}

function doorAddresses(key: string, read: Reader, reader: AddressReader, clientAddrs: string[]): string[] {
  const own = reader.all(key, read.text(key))
  if (own.length === 0) return clientAddrs
  const ips: string[] = []
  for (const address of own) {
    if (address.kind === 'ip') ips.push(address.ip)
    else if (key === 'addresses.dns') throw new ConfigError('DNS address cannot be a unix socket')
    else ips.push(`unix://${address.path}`)
  }
  return ips
}

const LEVELS: Record<string, Level> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERR: 'error',
  ERROR: 'error',
}

function readLevel(text: string): Level {
  const level = LEVELS[text.toUpperCase()]
  if (level !== undefined) return level
  throw new ConfigError(`Invalid log level: ${text}. Valid log levels are: [${Object.keys(LEVELS).join(' ')}]`)
}

function readEngine(text: string | undefined): RuntimeConfig['stateEngine'] {
  if (text === undefined) return STATE_ENGINE
  if (text === 'memory' || text === 'lmdb') return text
  throw new ConfigError(`proconsul.state_engine cannot be ${quoteGo(text)}. Must be "memory" or "lmdb"`)
}
