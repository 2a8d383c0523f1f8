/**
 * Definitions of services and checks as people write them for an agent: decoding with all spellings that Consul takes
 * (agent/structs/{service,check}_definition.go, check_type.go), validation with its complaints, and the registrations
 * that come of them. What a service may not say of proxies and gateways is in model/service-rules.ts.
 */
import { quoteGo } from '../../base/go-quote.ts'
import type { NodeService, ServiceAddress, ServiceConnect, ServiceKind } from '../../model/catalog.ts'
import { type CheckRun, NO_RUN } from '../../model/check-run.ts'
import { ConsulError } from '../../model/errors.ts'
import type { HealthCheck } from '../../model/health.ts'
import { serviceFault } from '../../model/service-rules.ts'
import {
  bool,
  type Decode,
  duration,
  int,
  list,
  struct,
  text,
  textMap,
  textOf,
  texts,
  textsMap,
} from '../../wire/json-decode.ts'
import type { CheckRegistration, ServiceRegistration } from '../backend.ts'
import { connect, emptyCheck, emptyService, proxy, serviceAddresses, type WeightsField, weights } from './bodies.ts'
import { HttpError } from './errors.ts'

/** How a check is run, and what it is called: the common part of both forms. */
interface CheckFields extends CheckRun {
  Name: string
  Notes: string
  Status: string
  ServiceID: string
  args: string[] | null
  script_args: string[] | null
  deregister_critical_service_after: number
  docker_container_id: string
  tls_skip_verify: boolean
  service_id: string
}

const CHECK_FIELDS: { [K in keyof CheckFields]: Decode<CheckFields[K]> } = {
  Name: text,
  Notes: text,
  Status: text,
  ScriptArgs: texts,
  HTTP: text,
  Header: textsMap,
  Method: text,
  Body: text,
  TCP: text,
  Interval: duration,
  DockerContainerID: text,
  Shell: text,
  GRPC: text,
  GRPCUseTLS: bool,
  TLSSkipVerify: bool,
  AliasNode: text,
  AliasService: text,
  Timeout: duration,
  TTL: duration,
  SuccessBeforePassing: int,
  FailuresBeforeWarning: int,
  FailuresBeforeCritical: int,
  UDP: text,
  H2PING: text,
  H2PingUseTLS: bool,
  TLSServerName: text,
  DisableRedirects: bool,
  DeregisterCriticalServiceAfter: duration,
  OutputMaxSize: int,
  ServiceID: text,
  args: texts,
  script_args: texts,
  deregister_critical_service_after: duration,
  docker_container_id: text,
  tls_skip_verify: bool,
  service_id: text,
}

/** A check inside a service's definition. */
const checkOfService = struct<CheckFields & { CheckID: string; ProxyHTTP: string; ProxyGRPC: string }>(
  { ...CHECK_FIELDS, CheckID: textOf('types.CheckID'), ProxyHTTP: text, ProxyGRPC: text },
  { type: 'structs.CheckType', own: true },
)

/** A check on its own. */
const checkAlone = struct<CheckFields & { ID: string; Token: string }>(
  { ...CHECK_FIELDS, ID: textOf('types.CheckID'), Token: text },
  { type: 'structs.CheckDefinition', own: true },
)

export interface CheckDefinition {
  id: string
  name: string
  notes: string
  /** As given; "" when nothing was said. */
  status: string
  serviceId: string
  run: CheckRun
  /** No field says anything. */
  empty: boolean
}

function checkDefinition(given: Partial<CheckFields>, id: string): CheckDefinition {
  const firstNotEmpty = (...lists: (string[] | null | undefined)[]) => lists.find((args) => args?.length) ?? null
  const run: CheckRun = {
    ...NO_RUN,
    HTTP: given.HTTP ?? '',
    TLSSkipVerify: given.TLSSkipVerify || given.tls_skip_verify || false,
    Header: given.Header ?? null,
    Method: given.Method ?? '',
    Body: given.Body ?? '',
    TCP: given.TCP ?? '',
    Interval: given.Interval ?? 0,
    OutputMaxSize: given.OutputMaxSize ?? 0,
    Timeout: given.Timeout ?? 0,
    DeregisterCriticalServiceAfter:
      given.DeregisterCriticalServiceAfter ?? given.deregister_critical_service_after ?? 0,
    ScriptArgs: firstNotEmpty(given.ScriptArgs, given.args, given.script_args),
    DockerContainerID: given.DockerContainerID || given.docker_container_id || '',
    Shell: given.Shell ?? '',
    GRPC: given.GRPC ?? '',
    GRPCUseTLS: given.GRPCUseTLS ?? false,
    AliasNode: given.AliasNode ?? '',
    AliasService: given.AliasService ?? '',
    TTL: given.TTL ?? 0,
    SuccessBeforePassing: given.SuccessBeforePassing ?? 0,
    FailuresBeforeWarning: given.FailuresBeforeWarning ?? 0,
    FailuresBeforeCritical: given.FailuresBeforeCritical ?? 0,
    UDP: given.UDP ?? '',
    H2PING: given.H2PING ?? '',
    H2PingUseTLS: given.H2PingUseTLS ?? true,
    TLSServerName: given.TLSServerName ?? '',
    DisableRedirects: given.DisableRedirects ?? false,
  }
  return {
    id,
    name: given.Name ?? '',
    notes: given.Notes ?? '',
    status: given.Status ?? '',
    serviceId: given.ServiceID || given.service_id || '',
    run,
    empty: id === '' && saysNothing(given),
  }
}

/** All fields have Go's zero values; whose service it is does not count. */
function saysNothing(given: Partial<CheckFields>): boolean {
  return Object.entries(given).every(
    ([name, value]) =>
      name === 'ServiceID' || name === 'service_id' || value === null || value === '' || value === 0 || value === false,
  )
}

export const checkDefinitionBody: Decode<CheckDefinition & { token: string }> = (value, at) => {
  const given = checkAlone(value, at) ?? {}
  return { ...checkDefinition(given, given.ID ?? ''), token: given.Token ?? '' }
}

const serviceCheck: Decode<CheckDefinition> = (value, at) => {
  const given = checkOfService(value, at)
  return given === undefined ? undefined : checkDefinition(given, given.CheckID ?? '')
}

interface ServiceFields extends WeightsField {
  Kind: ServiceKind
  ID: string
  Name: string
  Tags: string[] | null
  Address: string
  TaggedAddresses: Record<string, ServiceAddress> | null
  Meta: Record<string, string> | null
  Port: number
  Check: CheckDefinition
  Checks: CheckDefinition[] | null
  Token: string
  EnableTagOverride: boolean
  Proxy: NodeService['Proxy']
  Connect: ServiceConnect
  enable_tag_override: boolean
  tagged_addresses: Record<string, ServiceAddress> | null
}

const serviceFields = struct<ServiceFields>(
  {
    Kind: textOf<ServiceKind>('structs.ServiceKind'),
    ID: text,
    Name: text,
    Tags: texts,
    Address: text,
    TaggedAddresses: serviceAddresses,
    Meta: textMap,
    Port: int,
    Check: serviceCheck,
    Checks: list(serviceCheck, 'structs.CheckTypes'),
    Weights: weights,
    Token: text,
    EnableTagOverride: bool,
    Proxy: proxy,
    Connect: connect,
    enable_tag_override: bool,
    tagged_addresses: serviceAddresses,
  },
  { type: 'structs.ServiceDefinition', own: true },
)

export interface ServiceDefinition {
  service: NodeService
  checks: CheckDefinition[]
}

export const serviceDefinitionBody: Decode<ServiceDefinition> = (value, at) => {
  const given = serviceFields(value, at) ?? {}
  const Name = given.Name ?? ''
  const addresses = given.TaggedAddresses
  const service: NodeService = {
    ...emptyService(),
    Kind: given.Kind ?? '',
    ID: given.ID || Name,
    Service: Name,
    Tags: given.Tags ?? null,
    Address: given.Address ?? '',
    TaggedAddresses:
      addresses && Object.keys(addresses).length > 0 ? addresses : (given.tagged_addresses ?? addresses ?? null),
    Meta: given.Meta ?? null,
    Port: given.Port ?? 0,
    Weights: given.Weights === undefined ? null : { Passing: 0, Warning: 0, ...given.Weights },
    EnableTagOverride: given.EnableTagOverride || given.enable_tag_override || false,
  }
  if (given.Connect !== undefined) service.Connect = given.Connect
  if (given.Proxy !== undefined) {
    service.Proxy = given.Proxy
    for (const upstream of service.Proxy.Upstreams ?? []) upstream.DestinationType ||= 'service'
  }
  const checks = [...(given.Check === undefined || given.Check.empty ? [] : [given.Check]), ...(given.Checks ?? [])]
  return { service, checks }
}

/** What the agent is asked to register. Throws `HttpError` in Consul's words, for the first thing that it refuses. */
export function serviceRegistration(
  { service, checks }: ServiceDefinition,
  token: string,
  options: { replaceExistingChecks: boolean; scriptsAllowed: boolean },
): ServiceRegistration {
  if (service.Service === '') throw new HttpError(400, 'Missing service name')
  if (service.Address === '0.0.0.0' || service.Address === '::' || service.Address === '[::]') {
    throw new HttpError(400, 'Invalid service address')
  }
  const fault = weightsFault(service) ?? metaFault(service) ?? serviceFault(service) ?? checksFault(checks)
  if (fault !== undefined) throw new HttpError(400, fault)
  if (service.Connect.SidecarService !== null) {
    throw new ConsulError(
      'not-built',
      'Connect.SidecarService: sidecars are not built yet, register the proxy by itself',
    )
  }
  const addressFault = taggedAddressFault(service)
  if (addressFault !== undefined) throw new HttpError(500, addressFault)
  for (const check of checks) refuseScript(check, options.scriptsAllowed)
  return {
    service,
    checks: checks.map((check) => checkRegistration({ ...check, serviceId: service.ID }, token)),
    token,
    replaceExistingChecks: options.replaceExistingChecks,
  }
}

/** For a check on its own. Throws as `serviceRegistration` does. */
export function soleCheckRegistration(
  check: CheckDefinition,
  token: string,
  options: { scriptsAllowed: boolean },
): CheckRegistration {
  if (check.name === '') throw new HttpError(400, 'Missing check name')
  if (!isStatus(check.status)) throw new HttpError(400, 'Bad check status')
  const fault = checkFault(check)
  if (fault !== undefined) throw new HttpError(400, `Invalid check: ${fault}`)
  refuseScript(check, options.scriptsAllowed)
  return checkRegistration({ ...check, id: check.id || check.name }, token)
}

/** The id and name that a service's check gets when it has none are the agent's to choose: it knows how many there are. */
function checkRegistration(check: CheckDefinition, token: string): CheckRegistration {
  const row: HealthCheck = {
    ...emptyCheck(),
    CheckID: check.id,
    Name: check.name,
    Status: check.status || 'critical',
    Notes: check.notes,
    ServiceID: check.serviceId,
  }
  return { check: row, run: check.run, token }
}

function isStatus(status: string): boolean {
  return status === '' || status === 'passing' || status === 'warning' || status === 'critical'
}

function checksFault(checks: CheckDefinition[]): string | undefined {
  for (const check of checks) {
    const fault = checkFault(check)
    if (fault !== undefined) return `Invalid check: ${fault}`
  }
  const known = checks.every(({ status }) => isStatus(status))
  return known ? undefined : "Status for checks must 'passing', 'warning', 'critical'"
}

function checkFault({ run }: CheckDefinition): string | undefined {
  const targets = [run.HTTP, run.TCP, run.GRPC, run.UDP, run.H2PING]
  const timed = (run.ScriptArgs?.length ?? 0) > 0 || targets.some((target) => target !== '')
  const alias = run.AliasNode !== '' || run.AliasService !== ''
  if (run.Interval > 0 && run.TTL > 0) return 'Interval and TTL cannot both be specified'
  if (timed && run.Interval <= 0) return 'Interval must be > 0 for Script, HTTP, or TCP checks'
  if (timed && alias) return 'Interval cannot be set for Alias checks'
  if (alias && run.TTL > 0) return 'TTL must be not be set for Alias checks'
  if (!timed && !alias && run.TTL <= 0) return 'TTL must be > 0 for TTL checks'
  return run.OutputMaxSize < 0 ? 'MaxOutputMaxSize must be positive' : undefined
}

/** Whoever may register over HTTP shall not thereby run programs here. */
function refuseScript({ run }: CheckDefinition, allowed: boolean): void {
  if (allowed || (run.ScriptArgs?.length ?? 0) === 0) return
  throw new HttpError(
    500,
    "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
  )
}

const WEIGHT_MAX = 65535

function weightsFault({ Weights }: NodeService): string | undefined {
  if (Weights === null) return undefined
  const { Passing, Warning } = Weights
  if (Passing < 1) return 'Invalid Weights: Passing must be greater than 0'
  if (Warning < 0) return 'Invalid Weights: Warning must be greater or equal than 0'
  const tooBig = Passing > WEIGHT_MAX || Warning > WEIGHT_MAX
  return tooBig ? 'Invalid Weights: DNS Weight must be between 0 and 65535' : undefined
}

const META_PAIRS_MAX = 64
const META_KEY_MAX = 128
const META_VALUE_MAX = 512
const META_KEY = /^[a-zA-Z0-9_-]+$/
const META_RESERVED = 'consul-'
/** The one reserved key that a mesh gateway may set itself. */
const META_OF_GATEWAYS = 'consul-wan-federation'

function metaFault({ Kind, Meta }: NodeService): string | undefined {
  const pairs = Object.entries(Meta ?? {})
  if (pairs.length > META_PAIRS_MAX) {
    return `Invalid Service Meta: Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`
  }
  for (const [key, value] of pairs) {
    const why = metaPairFault(key, value, Kind === 'mesh-gateway')
    if (why !== undefined) return `Invalid Service Meta: Couldn't load metadata pair ('${key}', '${value}'): ${why}`
  }
  return undefined
}

function metaPairFault(key: string, value: string, isMeshGateway: boolean): string | undefined {
  if (key === '') return 'Key cannot be blank'
  if (!META_KEY.test(key)) return 'Key contains invalid characters'
  if (key.length > META_KEY_MAX) return `Key is too long (limit: ${META_KEY_MAX} characters)`
  if (key.startsWith(META_RESERVED) && !(isMeshGateway && key === META_OF_GATEWAYS)) {
    return `Key prefix '${META_RESERVED}' is reserved for internal use`
  }
  const bytes = new TextEncoder().encode(value).byteLength
  return bytes > META_VALUE_MAX ? `Value is too long (limit: ${META_VALUE_MAX} characters)` : undefined
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

/** The addresses that carry a family in their name must be of it. Not wan_ipv6: Consul forgets it, too. */
function taggedAddressFault({ TaggedAddresses }: NodeService): string | undefined {
  for (const [name, family] of [
    ['lan_ipv4', 'ipv4'] as const,
    ['wan_ipv4', 'ipv4'] as const,
    ['lan_ipv6', 'ipv6'] as const,
  ]) {
    const address = TaggedAddresses?.[name]?.Address
    if (address === undefined) continue
    if (family === 'ipv4' ? IPV4.test(address) : isIPv6(address)) continue
    return `Service tagged address ${quoteGo(name)} must be a valid ${family} address`
  }
  return undefined
}

/** Eight groups, or fewer around one `::`; an IPv4 address may stand for the last two (RFC 4291 section 2.2). */
function isIPv6(address: string): boolean {
  const halves = address.split('::')
  if (halves.length > 2 || !address.includes(':')) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)
  const count = groups.length + (last !== undefined && IPV4.test(last) ? 1 : 0)
  if (halves.length === 2 ? count > 7 : count !== 8) return false
  return groups.every((group, i) => /^[0-9a-fA-F]{1,4}$/.test(group) || (i === groups.length - 1 && IPV4.test(group)))
}
