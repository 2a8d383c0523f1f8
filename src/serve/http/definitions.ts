/**
 * Definitions of services and checks as people write them for an agent: decoding with all spellings that Consul takes
 * (agent/structs/{service,check}_definition.go, check_type.go), validation with its complaints, and the registrations
 * that come of them. What a service may not say of proxies and gateways is in model/service-rules.ts.
 */
import {
  NO_SERVICE,
  type NodeService,
  type ServiceAddress,
  type ServiceConnect,
  type ServiceKind,
} from '../../model/catalog.ts'
import { type CheckRun, NO_RUN } from '../../model/check-run.ts'
import { type HealthCheck, NO_CHECK } from '../../model/health.ts'
import { metaFault, runFault, taggedAddressFault, weightsFault } from '../../model/registration-rules.ts'
import { serviceFault } from '../../model/service-rules.ts'
import { expandSidecar, type PortRange } from '../../model/sidecar.ts'
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
import { proxy, serviceAddresses, type WeightsField, weights } from './bodies.ts'
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
  Connect: { Native?: boolean; SidecarService?: ServiceDefinition; sidecar_service?: ServiceDefinition }
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
    Connect: (value, at) => connectBlock(value, at),
    enable_tag_override: bool,
    tagged_addresses: serviceAddresses,
  },
  { type: 'structs.ServiceDefinition', own: true },
)

export interface ServiceDefinition {
  service: NodeService
  checks: CheckDefinition[]
  /** The service's own; "" for the caller's. */
  token: string
  /** Defined within it, to stand beside it. */
  sidecar?: ServiceDefinition
}

/** What a connect block holds for an agent; the catalog keeps the first field alone. */
const connectBlock = struct<{ Native: boolean; SidecarService: ServiceDefinition; sidecar_service: ServiceDefinition }>(
  {
    Native: bool,
    SidecarService: (value, at) => sidecarDefinition(value, at),
    sidecar_service: (value, at) => sidecarDefinition(value, at),
  },
  { type: 'structs.ServiceConnect', own: true, ignoreUnknown: true },
)

const sidecarDefinition: Decode<ServiceDefinition> = (value, at) =>
  value === null ? undefined : serviceDefinitionBody(value, at)

export const serviceDefinitionBody: Decode<ServiceDefinition> = (value, at) => {
  const given = serviceFields(value, at) ?? {}
  const Name = given.Name ?? ''
  const addresses = given.TaggedAddresses
  const service: NodeService = {
    ...NO_SERVICE,
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
  const sidecar = given.Connect?.SidecarService ?? given.Connect?.sidecar_service
  if (given.Connect !== undefined) {
    service.Connect = {
      Native: given.Connect.Native ?? false,
      SidecarService: sidecar === undefined ? null : nested(sidecar),
    }
  }
  if (given.Proxy !== undefined) {
    service.Proxy = given.Proxy
    for (const upstream of service.Proxy.Upstreams ?? []) upstream.DestinationType ||= 'service'
  }
  const checks = [...(given.Check === undefined || given.Check.empty ? [] : [given.Check]), ...(given.Checks ?? [])]
  return { service, checks, token: given.Token ?? '', sidecar }
}

/** As much of a nested definition as the rules for services look at. */
function nested({ service }: ServiceDefinition): ServiceConnect['SidecarService'] {
  return { ID: service.Service === service.ID ? '' : service.ID, Connect: service.Connect }
}

export interface RegistrationOptions {
  replaceExistingChecks: boolean
  scriptsAllowed: boolean
  /** All that the agent has: a sidecar gets a port that none of them has. */
  services: Iterable<NodeService>
  sidecarPorts: PortRange
}

/**
 * What the agent is asked to register: the service, and the sidecar that is defined within it. Throws `HttpError` in
 * Consul's words, for the first thing that it refuses.
 */
export function serviceRegistrations(
  definition: ServiceDefinition,
  token: string,
  options: RegistrationOptions,
): ServiceRegistration[] {
  const { service, checks, sidecar } = definition
  if (service.Service === '') throw new HttpError(400, 'Missing service name')
  if (service.Address === '0.0.0.0' || service.Address === '::' || service.Address === '[::]') {
    throw new HttpError(400, 'Invalid service address')
  }
  const fault =
    prefixed('Invalid Weights: ', weightsFault(service.Weights)) ??
    prefixed('Invalid Service Meta: ', metaFault(service)) ??
    serviceFault(service) ??
    checksFault(checks, 'Invalid check')
  if (fault !== undefined) throw new HttpError(400, fault)
  // Of what a sidecar does wrong the real one says that the request is bad, and answers as for its own failure.
  const sidecarFault = checksFault(sidecar?.checks ?? [], 'Invalid check in sidecar_service')
  if (sidecarFault !== undefined) throw new HttpError(500, `Bad request: ${sidecarFault}`)
  const beside = sidecarRegistration(definition, token, options.services, options.sidecarPorts)
  if (typeof beside === 'string') throw new HttpError(500, `Bad request: Invalid SidecarService: ${beside}`)
  for (const one of [definition, ...(sidecar === undefined ? [] : [sidecar])]) {
    const addressFault = taggedAddressFault(one.service)
    if (addressFault !== undefined) throw new HttpError(500, addressFault)
    for (const check of one.checks) refuseScript(check, options.scriptsAllowed)
  }
  const { replaceExistingChecks } = options
  return [
    { ...ownRegistration(definition, token), replaceExistingChecks },
    ...(beside === undefined ? [] : [{ ...beside, replaceExistingChecks }]),
  ]
}

/** The service alone: a sidecar's definition does not go with it any further. */
export function ownRegistration({ service, checks }: ServiceDefinition, token: string): ServiceRegistration {
  return {
    service: { ...service, Connect: { ...service.Connect, SidecarService: null } },
    checks: checks.map((check) => checkRegistration({ ...check, serviceId: service.ID }, token)),
    token,
    replaceExistingChecks: false,
  }
}

/** @returns undefined when none is asked for, or why there cannot be one */
export function sidecarRegistration(
  { service, sidecar }: ServiceDefinition,
  token: string,
  services: Iterable<NodeService>,
  ports: PortRange,
): ServiceRegistration | string | undefined {
  if (sidecar === undefined) return undefined
  const meta = sidecar.service.Meta === null ? undefined : metaFault(sidecar.service)
  if (meta !== undefined) return meta
  const own = ownRegistration(sidecar, sidecar.token || token)
  const expanded = expandSidecar(service, own, services, ports)
  if (typeof expanded === 'string') return expanded
  const checks = expanded.checks.map((check) => ({ ...check, token: own.token }))
  return { service: expanded.service, checks, token: own.token, replaceExistingChecks: false }
}

/** For a check on its own. Throws as `serviceRegistration` does. */
export function soleCheckRegistration(
  check: CheckDefinition,
  token: string,
  options: { scriptsAllowed: boolean },
): CheckRegistration {
  if (check.name === '') throw new HttpError(400, 'Missing check name')
  if (!isStatus(check.status)) throw new HttpError(400, 'Bad check status')
  const fault = runFault(check.run)
  if (fault !== undefined) throw new HttpError(400, `Invalid check: ${fault}`)
  refuseScript(check, options.scriptsAllowed)
  return checkRegistration({ ...check, id: check.id || check.name }, token)
}

/** The id and name that a service's check gets when it has none are the agent's to choose: it knows how many there are. */
export function checkRegistration(check: CheckDefinition, token: string): CheckRegistration {
  const row: HealthCheck = {
    ...NO_CHECK,
    CheckID: check.id,
    Name: check.name,
    Status: check.status || 'critical',
    Notes: check.notes,
    ServiceID: check.serviceId,
  }
  return { check: row, run: check.run, token }
}

function prefixed(what: string, fault: string | undefined): string | undefined {
  return fault === undefined ? undefined : what + fault
}

function isStatus(status: string): boolean {
  return status === '' || status === 'passing' || status === 'warning' || status === 'critical'
}

function checksFault(checks: CheckDefinition[], what: string): string | undefined {
  for (const check of checks) {
    const fault = runFault(check.run)
    if (fault !== undefined) return `${what}: ${fault}`
  }
  const known = checks.every(({ status }) => isStatus(status))
  return known ? undefined : "Status for checks must 'passing', 'warning', 'critical'"
}

/** Whoever may register over HTTP shall not thereby run programs here. */
function refuseScript({ run }: CheckDefinition, allowed: boolean): void {
  if (allowed || (run.ScriptArgs?.length ?? 0) === 0) return
  throw new HttpError(
    500,
    "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
  )
}
