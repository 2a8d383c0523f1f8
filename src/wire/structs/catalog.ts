/** Wire structs of nodes and services (protocol/rpc.md section 10). */
import type {
  ConnectProxyConfig,
  DeregisterRequest,
  ExposeConfig,
  ExposePath,
  MeshGatewayConfig,
  Node,
  NodeService,
  RegisterRequest,
  ServiceAddress,
  ServiceConnect,
  ServiceKind,
  Upstream,
  Weights,
} from '../../model/catalog.ts'
import { bool, int, list, map, pointer, RAFT_INDEX, struct, text, textOf, untyped, WRITE_REQUEST } from '../schema.ts'
import { healthCheck } from './health.ts'

export const node = struct<Node>({
  ...RAFT_INDEX,
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: map(text),
  Meta: map(text),
})

export const serviceAddress = struct<ServiceAddress>({ Address: text, Port: int })
export const weights = struct<Weights>({ Passing: int, Warning: int })
export const meshGatewayConfig = struct<MeshGatewayConfig>({ Mode: text })

const exposePath = struct<ExposePath>({
  ListenerPort: int,
  Path: text,
  LocalPathPort: int,
  Protocol: text,
  ParsedFromCheck: bool,
})

export const exposeConfig = struct<ExposeConfig>({ Checks: bool, Paths: list(exposePath) })

export const upstream = struct<Upstream>({
  DestinationType: text,
  DestinationNamespace: text,
  DestinationName: text,
  Datacenter: text,
  LocalBindAddress: text,
  LocalBindPort: int,
  Config: map(untyped),
  MeshGateway: meshGatewayConfig,
  IngressHosts: list(text),
})

export const connectProxyConfig = struct<ConnectProxyConfig>({
  DestinationServiceName: text,
  DestinationServiceID: text,
  LocalServiceAddress: text,
  LocalServicePort: int,
  Config: map(untyped),
  Upstreams: list(upstream),
  MeshGateway: meshGatewayConfig,
  Expose: exposeConfig,
})

export const serviceConnect = struct<ServiceConnect>({ Native: bool, SidecarService: untyped })

export const nodeService = struct<NodeService>({
  ...RAFT_INDEX,
  Kind: textOf<ServiceKind>(),
  ID: text,
  Service: text,
  Tags: list(text),
  Address: text,
  TaggedAddresses: map(serviceAddress),
  Meta: map(text),
  Port: int,
  Weights: pointer(weights),
  EnableTagOverride: bool,
  Proxy: connectProxyConfig,
  Connect: serviceConnect,
  LocallyRegisteredAsSidecar: bool,
})

export const registerRequest = struct<RegisterRequest>({
  ...WRITE_REQUEST,
  ...RAFT_INDEX,
  ID: text,
  Node: text,
  Address: text,
  TaggedAddresses: map(text),
  NodeMeta: map(text),
  Service: pointer(nodeService),
  Check: pointer(healthCheck),
  Checks: list(healthCheck),
  SkipNodeUpdate: bool,
})

export const deregisterRequest = struct<DeregisterRequest>({
  ...WRITE_REQUEST,
  Node: text,
  ServiceID: text,
  CheckID: text,
})
