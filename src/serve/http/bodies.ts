/**
 * Bodies of the catalog's and the sessions' writes: from JSON to the arguments of their methods, with the defaults that
 * Consul's HTTP layer fills in. Definitions of services and checks on the agent are in definitions.ts.
 */
import { NANOS_PER_SECOND } from '../../base/units.ts'
import {
  type ConnectProxyConfig,
  type DeregisterRequest,
  type ExposeConfig,
  type ExposePath,
  type MeshGatewayConfig,
  NO_SERVICE,
  type NodeService,
  type RegisterRequest,
  type ServiceAddress,
  type ServiceConnect,
  type ServiceKind,
  type Upstream,
  type Weights,
} from '../../model/catalog.ts'
import {
  type HealthCheck,
  type HealthCheckDefinition,
  NO_CHECK,
  NO_DEFINITION,
  SERF_HEALTH,
} from '../../model/health.ts'
import type { RaftIndex } from '../../model/query.ts'
import type { Session } from '../../model/session.ts'
import {
  bool,
  type Decode,
  duration,
  int,
  list,
  map,
  struct,
  text,
  textMap,
  textOf,
  texts,
  textsMap,
  uint,
  uint64,
  untyped,
  untypedMap,
} from '../../wire/json-decode.ts'
import { HttpError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { readJson } from './json-body.ts'

/** Reads the body. Throws `HttpError` (400, and 413 when it was too long). */
export function decodeBody<T>(exchange: Exchange, decode: Decode<T>): Promise<T | undefined> {
  return readJson(exchange, decode, (why) => new HttpError(400, `Request decode failed: ${why}`))
}

/** Where namespaces would be a field, Consul says whose they are. */
async function decodeNamespaced<T>(exchange: Exchange, decode: Decode<T>): Promise<T | undefined> {
  try {
    return await decodeBody(exchange, decode)
  } catch (error) {
    if (!(error instanceof HttpError) || !error.message.endsWith('json: unknown field "Namespace"')) throw error
    throw new HttpError(400, `${error.message} - Namespaces are a Consul Enterprise feature`)
  }
}

const RAFT_INDEX = { CreateIndex: uint64, ModifyIndex: uint64 }

export const weights = struct<Weights>({ Passing: int, Warning: int }, { type: 'structs.Weights' })
const serviceAddress = struct<ServiceAddress>({ Address: text, Port: int }, { type: 'structs.ServiceAddress' })
const meshGateway = struct<MeshGatewayConfig>(
  { Mode: textOf('structs.MeshGatewayMode') },
  { type: 'structs.MeshGatewayConfig' },
)

export const serviceAddresses: Decode<Record<string, ServiceAddress> | null> = map<ServiceAddress>(
  (value, at) => ({ Address: '', Port: 0, ...serviceAddress(value, at) }),
  'map[string]structs.ServiceAddress',
)

const exposePathFields = struct<ExposePath & { local_path_port: number; listener_port: number }>(
  {
    ListenerPort: int,
    Path: text,
    LocalPathPort: int,
    Protocol: text,
    ParsedFromCheck: bool,
    local_path_port: int,
    listener_port: int,
  },
  { type: 'structs.ExposePath', own: true },
)

const exposePath: Decode<ExposePath> = (value, at) => {
  const given = exposePathFields(value, at) ?? {}
  return {
    ListenerPort: given.ListenerPort || given.listener_port || 0,
    Path: given.Path ?? '',
    LocalPathPort: given.LocalPathPort || given.local_path_port || 0,
    Protocol: given.Protocol ?? '',
    ParsedFromCheck: given.ParsedFromCheck ?? false,
  }
}

const expose = struct<ExposeConfig>(
  { Checks: bool, Paths: list(exposePath, '[]structs.ExposePath') },
  { type: 'structs.ExposeConfig' },
)

interface UpstreamAliases {
  destination_type: string
  destination_namespace: string
  destination_name: string
  local_bind_port: number
  local_bind_address: string
}

const upstreamFields = struct<Omit<Upstream, 'IngressHosts' | 'MeshGateway'> & UpstreamAliases & MeshField>(
  {
    DestinationType: text,
    DestinationNamespace: text,
    DestinationName: text,
    Datacenter: text,
    LocalBindAddress: text,
    LocalBindPort: int,
    Config: untypedMap,
    MeshGateway: meshGateway,
    destination_type: text,
    destination_namespace: text,
    destination_name: text,
    local_bind_port: int,
    local_bind_address: text,
  },
  { type: 'structs.Upstream', own: true },
)

interface MeshField {
  MeshGateway: Partial<MeshGatewayConfig>
}

const upstream: Decode<Upstream> = (value, at) => {
  const given = upstreamFields(value, at) ?? {}
  return {
    DestinationType: given.DestinationType || given.destination_type || '',
    DestinationNamespace: given.DestinationNamespace || given.destination_namespace || '',
    DestinationName: given.DestinationName || given.destination_name || '',
    Datacenter: given.Datacenter ?? '',
    LocalBindAddress: given.LocalBindAddress || given.local_bind_address || '',
    LocalBindPort: given.LocalBindPort || given.local_bind_port || 0,
    Config: given.Config ?? null,
    MeshGateway: { Mode: '', ...given.MeshGateway },
    IngressHosts: null,
  }
}

interface ProxyAliases {
  destination_service_name: string
  destination_service_id: string
  local_service_address: string
  local_service_port: number
}

const proxyFields = struct<
  Omit<ConnectProxyConfig, 'MeshGateway' | 'Expose'> & ProxyAliases & MeshField & { Expose: Partial<ExposeConfig> }
>(
  {
    DestinationServiceName: text,
    DestinationServiceID: text,
    LocalServiceAddress: text,
    LocalServicePort: int,
    Config: untypedMap,
    Upstreams: list(upstream, 'structs.Upstreams'),
    MeshGateway: meshGateway,
    Expose: expose,
    destination_service_name: text,
    destination_service_id: text,
    local_service_address: text,
    local_service_port: int,
  },
  { type: 'structs.ConnectProxyConfig', own: true },
)

export const proxy: Decode<ConnectProxyConfig> = (value, at) => {
  const given = proxyFields(value, at)
  if (given === undefined) return undefined
  return {
    DestinationServiceName: given.DestinationServiceName || given.destination_service_name || '',
    DestinationServiceID: given.DestinationServiceID || given.destination_service_id || '',
    LocalServiceAddress: given.LocalServiceAddress || given.local_service_address || '',
    LocalServicePort: given.LocalServicePort || given.local_service_port || 0,
    Config: given.Config ?? null,
    Upstreams: given.Upstreams ?? null,
    MeshGateway: { Mode: '', ...given.MeshGateway },
    Expose: { Checks: false, Paths: null, ...given.Expose },
  }
}

const connectFields = struct<ServiceConnect & { sidecar_service: unknown }>(
  // A sidecar's nested definition is only asked whether it is there: nothing below it is read yet.
  { Native: bool, SidecarService: untyped, sidecar_service: untyped },
  { type: 'structs.ServiceConnect', own: true, ignoreUnknown: true },
)

const connect: Decode<ServiceConnect> = (value, at) => {
  const given = connectFields(value, at)
  if (given === undefined) return undefined
  return { Native: given.Native ?? false, SidecarService: given.SidecarService ?? given.sidecar_service ?? null }
}

const nodeServiceFields = struct<Omit<NodeService, 'Weights' | 'LocallyRegisteredAsSidecar'> & WeightsField>(
  {
    Kind: textOf<ServiceKind>('structs.ServiceKind'),
    ID: text,
    Service: text,
    Tags: texts,
    Address: text,
    TaggedAddresses: serviceAddresses,
    Meta: textMap,
    Port: int,
    Weights: weights,
    EnableTagOverride: bool,
    Proxy: proxy,
    Connect: connect,
    ...RAFT_INDEX,
  },
  { type: 'structs.NodeService' },
)

export interface WeightsField {
  Weights: Partial<Weights>
}

const nodeService: Decode<NodeService> = (value, at) => {
  const given = nodeServiceFields(value, at)
  if (given === undefined) return undefined
  const Weights = given.Weights === undefined ? null : { Passing: 0, Warning: 0, ...given.Weights }
  return { ...NO_SERVICE, ...given, Weights }
}

const definition = struct<HealthCheckDefinition>(
  {
    HTTP: text,
    TLSSkipVerify: bool,
    Header: textsMap,
    Method: text,
    Body: text,
    TCP: text,
    Interval: duration,
    OutputMaxSize: uint,
    Timeout: duration,
    DeregisterCriticalServiceAfter: duration,
    ScriptArgs: texts,
    DockerContainerID: text,
    Shell: text,
    GRPC: text,
    GRPCUseTLS: bool,
    AliasNode: text,
    AliasService: text,
    TTL: duration,
  },
  { type: 'structs.HealthCheckDefinition', own: true, ignoreUnknown: true },
)

const healthCheckFields = struct<Omit<HealthCheck, 'Definition'> & { Definition: Partial<HealthCheckDefinition> }>(
  {
    Node: text,
    CheckID: textOf('types.CheckID'),
    Name: text,
    Status: text,
    Notes: text,
    Output: text,
    ServiceID: text,
    ServiceName: text,
    ServiceTags: texts,
    Type: text,
    Definition: definition,
    ...RAFT_INDEX,
  },
  { type: 'structs.HealthCheck' },
)

const healthCheck: Decode<HealthCheck> = (value, at) => {
  const given = healthCheckFields(value, at)
  if (given === undefined) return undefined
  return { ...NO_CHECK, ...given, Definition: { ...NO_DEFINITION, ...given.Definition } }
}

const registerRequest = struct<RegisterRequest & RaftIndex>(
  {
    Datacenter: text,
    ID: textOf('types.NodeID'),
    Node: text,
    Address: text,
    TaggedAddresses: textMap,
    NodeMeta: textMap,
    Service: nodeService,
    Check: healthCheck,
    Checks: list(healthCheck, 'structs.HealthChecks'),
    SkipNodeUpdate: bool,
    Token: text,
    ...RAFT_INDEX,
  },
  { type: 'structs.RegisterRequest' },
)

export async function decodeRegister(exchange: Exchange): Promise<RegisterRequest> {
  return {
    ID: '',
    Node: '',
    Address: '',
    TaggedAddresses: null,
    NodeMeta: null,
    Service: null,
    Check: null,
    Checks: null,
    SkipNodeUpdate: false,
    ...(await decodeNamespaced(exchange, registerRequest)),
  }
}

const deregisterRequest = struct<DeregisterRequest & { Address: string }>(
  // The address means nothing any more, but is still allowed.
  { Datacenter: text, Node: text, ServiceID: text, CheckID: textOf('types.CheckID'), Token: text, Address: text },
  { type: 'structs.DeregisterRequest', own: true },
)

export async function decodeDeregister(exchange: Exchange): Promise<DeregisterRequest> {
  const { Address: _, ...given } = (await decodeNamespaced(exchange, deregisterRequest)) ?? {}
  return { Node: '', ServiceID: '', CheckID: '', ...given }
}

const LOCK_DELAY_DEFAULT = 15 * NANOS_PER_SECOND
/** Below this a lock delay was surely meant in seconds (agent/structs/structs.go, lockDelayMinThreshold). */
const LOCK_DELAY_NANOS_MIN = 1000

const serviceCheck = struct<{ ID: string; Namespace: string }>(
  { ID: text, Namespace: text },
  { type: 'structs.ServiceCheck', ignoreUnknown: true },
)

const checkId = textOf('types.CheckID')

const session = struct<Session>(
  {
    ID: text,
    Name: text,
    Node: text,
    // What is neither text nor number is no delay at all.
    LockDelay: (value, at) => duration(value, at) ?? (value === null ? undefined : 0),
    Behavior: textOf('structs.SessionBehavior'),
    TTL: text,
    NodeChecks: texts,
    ServiceChecks: list<{ ID: string; Namespace: string }>(
      (value, at) => ({ ID: '', Namespace: '', ...serviceCheck(value, at) }),
      '[]structs.ServiceCheck',
    ),
    Checks: list<string>((item, place) => checkId(item, place) ?? '', '[]types.CheckID'),
    ...RAFT_INDEX,
  },
  { type: 'structs.Session', own: true, ignoreUnknown: true },
)

/** The session to create: on this node, tied to its serfHealth, unless the body says otherwise. */
export async function decodeSession(exchange: Exchange): Promise<Session> {
  const { request, backend } = exchange
  const empty = request.body.byteLength === 0 && !request.tooLarge
  const given = empty ? {} : ((await decodeNamespaced(exchange, session)) ?? {})
  const made: Session = {
    ID: '',
    Name: '',
    Node: backend.self.nodeName,
    LockDelay: LOCK_DELAY_DEFAULT,
    Behavior: 'release',
    TTL: '',
    NodeChecks: [SERF_HEALTH],
    ServiceChecks: null,
    Checks: [SERF_HEALTH],
    CreateIndex: 0,
    ModifyIndex: 0,
    ...given,
  }
  if (given.LockDelay !== undefined && given.LockDelay < LOCK_DELAY_NANOS_MIN) made.LockDelay *= NANOS_PER_SECOND
  // Two fields say the same, one of them the old one: an empty old one empties the new, a default old one yields.
  if (made.Checks === null || made.Checks.length === 0) made.NodeChecks = []
  else if (made.Checks.length === 1 && made.Checks[0] === SERF_HEALTH) made.Checks = null
  else if (made.NodeChecks === null || made.NodeChecks.length === 0) made.Checks = null
  return made
}
