/**
 * Whether a configuration makes sense: names, modes that exclude each other, addresses that clash, protections that
 * cannot be given. Reads the disk only to look at the data directory's kind. Source: agent/config/builder.go (Validate).
 */
import { formatGoDuration } from '../../base/go-duration.ts'
import { quoteGo } from '../../base/go-flags.ts'
import { joinHostPort } from '../../base/host-port.ts'
import { bytesFromText } from '../../base/text.ts'
import { uuidFault } from '../../base/uuid.ts'
import { isAnyAddress } from './addresses.ts'
import { type Settings, settingAt } from './decode.ts'
import { toldProblems } from './duration.ts'
import { ConfigError, listProblems } from './error.ts'
import { type ConfigDisk, reasonOf } from './files.ts'
import { PROTECTIONS } from './keys.ts'
import { firstRefusal, lateRefusal, ruleWarnings } from './rules.ts'
import type { RuntimeConfig } from './runtime.ts'

export interface Validation {
  config: RuntimeConfig
  /** What the sources said, merged. */
  settings: Settings
  /** Values that could not be read: refused after what can be said more plainly. */
  problems: string[]
  /** Added to. */
  warnings: string[]
  disk: ConfigDisk
}

/** @throws ConfigError at the first thing that is refused */
export function validateConfig(job: Validation): void {
  checkNames(job)
  checkSegments(job.settings)
  checkMode(job.config)
  refuse(firstRefusal(job))
  checkNumbers(job)
  checkNodeMeta(job.config.nodeMeta)
  checkKeys(job)
  refuseOldData(job)
  checkClashes(job.config)
  if (job.problems.length > 0) throw new ConfigError(listProblems(toldProblems(job.problems)))
  refuse(lateRefusal(job))
  checkNodeId(job.config.nodeId)
  checkProtections(job)
  warnBootstrap(job)
  job.warnings.push(...ruleWarnings(job))
}

function refuse(why: string | undefined): void {
  if (why !== undefined) throw new ConfigError(why)
}

const DATACENTER = /^[a-z0-9_-]+$/
const NOT_DNS = /[^A-Za-z0-9\\-]/
const DNS_LABEL_BYTES_MAX = 63

function checkNames({ config, warnings, disk }: Validation): void {
  const { datacenter, nodeName, dataDir } = config
  if (datacenter === '') throw new ConfigError('datacenter cannot be empty')
  if (!DATACENTER.test(datacenter)) {
    throw new ConfigError(`datacenter cannot be ${quoteGo(datacenter)}. Please use only [a-z0-9-_]`)
  }
  if (!config.dev) checkDataDir(dataDir, disk)
  if (nodeName === '') throw new ConfigError('node_name cannot be empty')
  const unfit = NOT_DNS.test(nodeName)
    ? 'invalid characters. Valid characters include all alpha-numerics and dashes.'
    : bytesFromText(nodeName).length > DNS_LABEL_BYTES_MAX
      ? 'it being too long. Valid lengths are between 1 and 63 bytes.'
      : undefined
  if (unfit !== undefined) {
    warnings.push(`Node name ${quoteGo(nodeName)} will not be discoverable via DNS due to ${unfit}`)
  }
}

function checkDataDir(dataDir: string, disk: ConfigDisk): void {
  if (dataDir === '') throw new ConfigError('data_dir cannot be empty')
  let kind: ReturnType<ConfigDisk['kind']>
  try {
    kind = disk.kind(dataDir)
  } catch (problem) {
    throw new ConfigError(`Error getting info on data_dir: stat ${dataDir}: ${reasonOf(problem)}`)
  }
  if (kind === 'file') throw new ConfigError(`data_dir ${quoteGo(dataDir)} is not a directory`)
}

function checkMode(config: RuntimeConfig): void {
  const { server, dev, bootstrap, bootstrapExpect, dns, datacenter } = config
  if (dns.recursors.some(isAnyAddress)) throw new ConfigError('DNS recursor address cannot be 0.0.0.0, :: or [::]')
  const reserved = ['service', 'connect', 'node', 'query', 'addr', datacenter]
  if (reserved.some((label) => dns.altDomain.startsWith(`${label}.`))) {
    throw new ConfigError(`alt_domain cannot start with {${reserved.join(',')}}`)
  }
  if (bootstrap && !server) throw new ConfigError("'bootstrap = true' requires 'server = true'")
  if (bootstrapExpect < 0) {
    throw new ConfigError(`bootstrap_expect cannot be ${bootstrapExpect}. Must be greater than or equal to zero`)
  }
  if (bootstrapExpect === 0) return
  if (!server) throw new ConfigError("'bootstrap_expect > 0' requires 'server = true'")
  if (dev) throw new ConfigError("'bootstrap_expect > 0' not allowed in dev mode")
  if (bootstrap) throw new ConfigError("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive")
}

function checkNumbers({ config, problems }: Validation): void {
  if (config.checkOutputMaxSize < 1) {
    throw new ConfigError(
      'check_output_max_size must be positive, to discard check output use the discard_check_output flag',
    )
  }
  for (const [key, value] of [
    ['dns_config.udp_answer_limit', config.dns.udpAnswerLimit],
    ['dns_config.a_record_limit', config.dns.aRecordLimit],
    ['autopilot.max_trailing_logs', config.autopilot.MaxTrailingLogs],
    ['limits.http_max_conns_per_client', Math.max(0, config.httpMaxConnsPerClient)],
  ] as const) {
    if (value < 0) throw new ConfigError(`${key} cannot be ${value}. Must be greater than or equal to zero`)
  }
  for (const [key, nanos] of [
    ['default_query_time', config.defaultQueryTime],
    ['max_query_time', config.maxQueryTime],
    ['dns_config.node_ttl', config.dns.nodeTtlSeconds * 1e9],
    ['raft_snapshot_interval', config.raftSnapshotInterval * 1e6],
    ['check_update_interval', config.checkUpdateInterval * 1e6],
    ['performance.rpc_hold_timeout', config.rpcHoldTimeout * 1e6],
    ['performance.leave_drain_time', config.leaveDrainTime * 1e6],
  ] as const) {
    if (nanos < 0) problems.push(`${key} cannot be ${formatGoDuration(nanos)}. Must not be negative`)
  }
  for (const [name, seconds] of Object.entries(config.dns.serviceTtlSeconds)) {
    if (seconds < 0) problems.push(`dns_config.service_ttl[${quoteGo(name)}] cannot be negative`)
  }
}

/** Sources: agent/structs/structs.go (validateMetadata). */
const META_PAIRS_MAX = 64
const META_KEY_BYTES_MAX = 128
const META_VALUE_BYTES_MAX = 512

function checkNodeMeta(meta: Record<string, string>): void {
  const pairs = Object.entries(meta)
  if (pairs.length > META_PAIRS_MAX) {
    throw new ConfigError(`node_meta invalid: Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`)
  }
  for (const [key, value] of pairs) {
    const problem = metaProblem(key, value)
    if (problem === undefined) continue
    throw new ConfigError(`node_meta invalid: Couldn't load metadata pair ('${key}', '${value}'): ${problem}`)
  }
}

function metaProblem(key: string, value: string): string | undefined {
  if (key === '') return 'Key cannot be blank'
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) return 'Key contains invalid characters'
  if (key.length > META_KEY_BYTES_MAX) return `Key is too long (limit: ${META_KEY_BYTES_MAX} characters)`
  if (key.startsWith('consul-')) return "Key prefix 'consul-' is reserved for internal use"
  if (bytesFromText(value).length > META_VALUE_BYTES_MAX) {
    return `Value is too long (limit: ${META_VALUE_BYTES_MAX} characters)`
  }
  return undefined
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function checkSegments(settings: Settings): void {
  for (const { name = '', port = 0 } of (settings.segments ?? []) as Settings[]) {
    if (Number(port) <= 0) throw new ConfigError(`Port for segment ${quoteGo(String(name))} cannot be <= 0`)
  }
  if (!settingAt(settings, 'segment') && !(settingAt(settings, 'segments') as unknown[] | undefined)?.length) return
  throw new ConfigError('Network segments are not supported in this version of Consul')
}

function checkKeys({ settings }: Validation): void {
  const encrypt = settingAt(settings, 'encrypt')
  if (typeof encrypt === 'string' && !BASE64.test(encrypt)) {
    throw new ConfigError('encrypt has invalid key: illegal base64 data')
  }
}

/** Servers of Consul 0.5 and before kept their data there; to start beside it would be to start anew. */
function refuseOldData({ config, disk }: Validation): void {
  if (!config.server || config.dataDir === '') return
  const path = `${config.dataDir.replace(/\/+$/, '')}/mdb`
  if (disk.kind(path) === 'missing') return
  throw new ConfigError(`CRITICAL: Deprecated data folder found at ${quoteGo(path)}!
Consul will refuse to boot with this directory present.
See https://www.consul.io/docs/upgrade-specific.html for more information.`)
}

/** No two doors on one address. Ports that are off, or any free one, clash with nothing. */
function checkClashes(config: RuntimeConfig): void {
  const { ports, addresses } = config
  const inUse = new Map<string, string>()
  const claim = (name: string, hosts: readonly string[], port: number) => {
    if (port <= 0) return
    for (const host of hosts) {
      const address = joinHostPort(host, port)
      const other = inUse.get(address)
      if (other !== undefined) throw new ConfigError(`${name} address ${address} already configured for ${other}`)
      inUse.set(address, name)
    }
  }
  claim('DNS', addresses.dns, ports.dns)
  claim('HTTP', addresses.http, ports.http)
  claim('HTTPS', addresses.https, ports.https)
  claim('RPC Advertise', [config.advertiseAddr], ports.server)
  claim('Serf Advertise LAN', [config.advertiseAddr], ports.serfLan)
  claim('Serf Advertise WAN', [config.advertiseAddrWan], ports.serfWan)
}

function checkNodeId(id: string): void {
  const fault = id === '' ? undefined : uuidFault(id)
  if (fault !== undefined) throw new ConfigError(`failed to setup node ID: specified NodeID is invalid: ${fault}`)
}

function checkProtections({ settings }: Validation): void {
  for (const key of PROTECTIONS) {
    const value = settingAt(settings, key)
    if (value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0)) continue
    throw new ConfigError(
      `${key} asks for a protection that this version of Proconsul cannot give yet; to run without it, take it out`,
    )
  }
}

const DEPLOYMENT_TABLE = 'https://www.consul.io/docs/internals/consensus.html#deployment-table'

function warnBootstrap({ config, warnings }: Validation): void {
  const { server, dev, bootstrap, bootstrapExpect } = config
  if (!server) return
  if (bootstrap) {
    warnings.push('bootstrap = true: do not enable unless necessary')
    return
  }
  if (bootstrapExpect === 2) {
    warnings.push(
      `bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. See ${DEPLOYMENT_TABLE}`,
    )
  } else if (bootstrapExpect > 2 && bootstrapExpect % 2 === 0) {
    warnings.push(
      `bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance. See ${DEPLOYMENT_TABLE}`,
    )
  }
  if (!dev && bootstrapExpect > 1) warnings.push(`bootstrap_expect > 0: expecting ${bootstrapExpect} servers`)
}
