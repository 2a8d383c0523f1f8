/**
 * Services and checks as configuration files define them, from settings of the right shape to definitions that the agent
 * registers at start and at each reload. Their faults are found here, so that a broken file is refused before anything
 * changes. Source: agent/config/builder.go (serviceVal, checkVal), agent/structs/service_definition.go.
 */
import { quoteGo } from '../../base/go-quote.ts'
import type {
  ConnectProxyConfig,
  ExposePath,
  NodeService,
  ServiceAddress,
  ServiceKind,
  Upstream,
} from '../../model/catalog.ts'
import { type CheckRun, NO_RUN } from '../../model/check-run.ts'
import { metaFault, weightsFault } from '../../model/registration-rules.ts'
import type { CheckDefinition, ServiceDefinition } from '../../serve/http/definitions.ts'
import type { Setting, Settings } from './decode.ts'
import { readDuration } from './duration.ts'

export interface ConfiguredCheck extends CheckDefinition {
  token: string
}

export interface Definitions {
  services: ServiceDefinition[]
  checks: ConfiguredCheck[]
}

/** What is wrong goes to `problems`. */
export function buildDefinitions(settings: Settings, problems: string[]): Definitions {
  return {
    checks: listOf(settings.checks).map((check) => buildCheck(check, problems)),
    services: listOf(settings.services).map((service) => buildService(service, problems)),
  }
}

/** Bytes of a check's output that are kept when it says nothing. Source: agent/checks/check.go (DefaultBufSize). */
const OUTPUT_MAX_SIZE = 4096

function buildCheck(given: Settings, problems: string[]): ConfiguredCheck {
  const id = text(given.id)
  const duration = (key: string) =>
    given[key] === undefined ? 0 : readDuration(`check[${id}].${key}`, text(given[key]), problems)
  const run: CheckRun = {
    ...NO_RUN,
    HTTP: text(given.http),
    TLSSkipVerify: given.tls_skip_verify === true,
    Header: given.header === undefined ? null : (given.header as Record<string, string[]>),
    Method: text(given.method),
    Body: text(given.body),
    TCP: text(given.tcp),
    UDP: text(given.udp),
    H2PING: text(given.h2ping),
    H2PingUseTLS: given.h2ping_use_tls !== false,
    TLSServerName: text(given.tls_server_name),
    DisableRedirects: given.disable_redirects === true,
    Interval: duration('interval'),
    OutputMaxSize: given.output_max_size === undefined ? OUTPUT_MAX_SIZE : whole(given.output_max_size),
    Timeout: duration('timeout'),
    DeregisterCriticalServiceAfter: duration('deregister_critical_service_after'),
    ScriptArgs: textsOf(given.args),
    DockerContainerID: text(given.docker_container_id),
    Shell: text(given.shell),
    GRPC: text(given.grpc),
    GRPCUseTLS: given.grpc_use_tls === true,
    AliasNode: text(given.alias_node),
    AliasService: text(given.alias_service),
    TTL: duration('ttl'),
    SuccessBeforePassing: whole(given.success_before_passing),
    FailuresBeforeWarning: whole(given.failures_before_warning),
    FailuresBeforeCritical: whole(given.failures_before_critical),
  }
  return {
    id,
    name: text(given.name),
    notes: text(given.notes),
    status: text(given.status),
    serviceId: text(given.service_id),
    token: text(given.token),
    run,
    empty: false,
  }
}

const KINDS = new Set(['connect-proxy', 'mesh-gateway', 'terminating-gateway', 'ingress-gateway'])

function buildService(given: Settings, problems: string[]): ServiceDefinition {
  const Service = text(given.name)
  const Kind = KINDS.has(text(given.kind)) ? (text(given.kind) as ServiceKind) : ''
  const checks = [...listOf(given.checks), ...(given.check === undefined ? [] : [given.check as Settings])]
  const built = checks.map((check) => buildCheck(check, problems))
  const Meta = (given.meta as Record<string, string> | undefined) ?? null
  const badMeta = metaFault({ Kind, Meta })
  if (badMeta !== undefined) problems.splice(0, Infinity, `invalid meta for service ${Service}: ${badMeta}`)
  const weights = { passing: 1, warning: 1, ...(given.weights as Settings | undefined) }
  const Weights = { Passing: whole(weights.passing), Warning: whole(weights.warning) }
  const badWeights = weightsFault(Weights)
  if (badWeights !== undefined) {
    problems.splice(0, Infinity, `Invalid weight definition for service ${Service}: ${badWeights}`)
  }
  const proxy = buildProxy((given.proxy ?? {}) as Settings, problems)
  const connect = given.connect as Settings | undefined
  const sidecar = buildSidecar(connect?.sidecar_service as Settings | undefined, problems)
  const service: NodeService = {
    Kind,
    ID: text(given.id) || Service,
    Service,
    Tags: textsOf(given.tags),
    Address: text(given.address),
    TaggedAddresses: buildAddresses(given.tagged_addresses as Record<string, Settings> | undefined),
    Meta: badMeta === undefined ? Meta : {},
    Port: whole(given.port),
    Weights,
    EnableTagOverride: given.enable_tag_override === true,
    Proxy: proxy,
    // What the sidecar may not say was looked at; beside the service it stands in `sidecar`.
    Connect: { Native: connect?.native === true, SidecarService: sidecar === undefined ? null : {} },
    LocallyRegisteredAsSidecar: false,
    CreateIndex: 0,
    ModifyIndex: 0,
  }
  return { service, checks: built, token: text(given.token), sidecar }
}

function buildSidecar(given: Settings | undefined, problems: string[]): ServiceDefinition | undefined {
  if (given === undefined) return undefined
  if (text(given.id) !== '') problems.push("sidecar_service can't specify an ID")
  const inner = given.connect as Settings | undefined
  if (inner?.sidecar_service !== undefined) problems.push("sidecar_service can't have a nested sidecar_service")
  return buildService({ ...given, id: '', connect: { ...inner, sidecar_service: undefined as never } }, problems)
}

function buildAddresses(given: Record<string, Settings> | undefined): Record<string, ServiceAddress> | null {
  const entries = Object.entries(given ?? {})
  if (entries.length === 0) return null
  return Object.fromEntries(entries.map(([tag, at]) => [tag, { Address: text(at.address), Port: whole(at.port) }]))
}

function buildProxy(given: Settings, problems: string[]): ConnectProxyConfig {
  const expose = (given.expose ?? {}) as Settings
  return {
    DestinationServiceName: text(given.destination_service_name),
    DestinationServiceID: text(given.destination_service_id),
    LocalServiceAddress: text(given.local_service_address),
    LocalServicePort: whole(given.local_service_port),
    Config: (given.config as Record<string, unknown> | undefined) ?? null,
    Upstreams:
      given.upstreams === undefined ? null : listOf(given.upstreams).map((one) => buildUpstream(one, problems)),
    MeshGateway: { Mode: meshGatewayMode(given.mesh_gateway, problems) },
    Expose: {
      Checks: expose.checks === true,
      Paths: expose.paths === undefined ? null : listOf(expose.paths).map(buildPath),
    },
  }
}

function buildUpstream(given: Settings, problems: string[]): Upstream {
  return {
    DestinationType: text(given.destination_type) || 'service',
    DestinationNamespace: text(given.destination_namespace),
    DestinationName: text(given.destination_name),
    Datacenter: text(given.datacenter),
    LocalBindAddress: text(given.local_bind_address),
    LocalBindPort: whole(given.local_bind_port),
    Config: (given.config as Record<string, unknown> | undefined) ?? null,
    MeshGateway: { Mode: meshGatewayMode(given.mesh_gateway, problems) },
    IngressHosts: null,
  }
}

function buildPath(given: Settings): ExposePath {
  return {
    ListenerPort: whole(given.listener_port),
    Path: text(given.path),
    LocalPathPort: whole(given.local_path_port),
    Protocol: text(given.protocol),
    ParsedFromCheck: false,
  }
}

const MODES = new Set(['', 'none', 'local', 'remote'])

function meshGatewayMode(given: Setting | undefined, problems: string[]): string {
  const mode = text((given as Settings | undefined)?.mode)
  if (MODES.has(mode)) return mode
  problems.push(`Invalid Mesh Gateway Mode: ${quoteGo(mode)}`)
  return ''
}

function listOf(setting: Setting | undefined): Settings[] {
  return (setting as Settings[] | undefined) ?? []
}

function text(setting: Setting | undefined): string {
  return typeof setting === 'string' ? setting : ''
}

function whole(setting: Setting | undefined): number {
  return typeof setting === 'number' ? setting : 0
}

function textsOf(setting: Setting | undefined): string[] | null {
  return (setting as string[] | undefined) ?? null
}
