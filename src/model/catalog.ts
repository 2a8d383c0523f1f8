/** Nodes and the services on them: rows, commands, methods. */
import type { HealthCheck } from './health.ts'
import type { QueryMeta, QueryOptions, QuerySource, RaftIndex, ToDatacenter, WriteRequest } from './query.ts'

export interface Node extends RaftIndex {
  /** A UUID, or "" for nodes registered by hand. */
  ID: string
  Node: string
  Address: string
  Datacenter: string
  TaggedAddresses: Record<string, string> | null
  Meta: Record<string, string> | null
}

export interface ServiceAddress {
  Address: string
  Port: number
}

export interface Weights {
  Passing: number
  Warning: number
}

export type ServiceKind = '' | 'connect-proxy' | 'mesh-gateway' | 'terminating-gateway' | 'ingress-gateway'

/** Any JSON-like value; numbers that came in as JSON stay floating point on the wire (msgpack-dialect.md section 7). */
export type Untyped = unknown

export interface MeshGatewayConfig {
  Mode: string
}

export interface ExposePath {
  ListenerPort: number
  Path: string
  LocalPathPort: number
  Protocol: string
  ParsedFromCheck: boolean
}

export interface ExposeConfig {
  Checks: boolean
  Paths: ExposePath[] | null
}

export interface Upstream {
  DestinationType: string
  DestinationNamespace: string
  DestinationName: string
  Datacenter: string
  LocalBindAddress: string
  LocalBindPort: number
  Config: Record<string, Untyped> | null
  MeshGateway: MeshGatewayConfig
  IngressHosts: string[] | null
}

export interface ConnectProxyConfig {
  DestinationServiceName: string
  DestinationServiceID: string
  LocalServiceAddress: string
  LocalServicePort: number
  Config: Record<string, Untyped> | null
  Upstreams: Upstream[] | null
  MeshGateway: MeshGatewayConfig
  Expose: ExposeConfig
}

/** Of a service that is no proxy. Shared, so never changed. */
export const NO_PROXY: ConnectProxyConfig = Object.freeze({
  DestinationServiceName: '',
  DestinationServiceID: '',
  LocalServiceAddress: '',
  LocalServicePort: 0,
  Config: null,
  Upstreams: null,
  MeshGateway: Object.freeze({ Mode: '' }),
  Expose: Object.freeze({ Checks: false, Paths: null }),
})

export interface ServiceConnect {
  Native: boolean
  /** A nested service definition, kept untouched: only the agent that registers it looks inside. */
  SidecarService: Untyped | null
}

/** Of a service outside of the mesh. Shared, so never changed. */
export const NO_CONNECT: ServiceConnect = Object.freeze({ Native: false, SidecarService: null })

/** A service instance as registered, without its node. */
export interface NodeService extends RaftIndex {
  Kind: ServiceKind
  ID: string
  Service: string
  Tags: string[] | null
  Address: string
  TaggedAddresses: Record<string, ServiceAddress> | null
  Meta: Record<string, string> | null
  Port: number
  Weights: Weights | null
  EnableTagOverride: boolean
  Proxy: ConnectProxyConfig
  Connect: ServiceConnect
  LocallyRegisteredAsSidecar: boolean
}

/** A service of which nothing was said. Shared, so never changed. */
export const NO_SERVICE: NodeService = Object.freeze({
  Kind: '',
  ID: '',
  Service: '',
  Tags: null,
  Address: '',
  TaggedAddresses: null,
  Meta: null,
  Port: 0,
  Weights: null,
  EnableTagOverride: false,
  Proxy: NO_PROXY,
  Connect: NO_CONNECT,
  LocallyRegisteredAsSidecar: false,
  CreateIndex: 0,
  ModifyIndex: 0,
})

/** The store's row for a service instance. */
export interface ServiceRow {
  Node: string
  Service: NodeService
}

/** An instance with its node, as `Catalog.ServiceNodes` answers. */
export interface ServiceNode extends RaftIndex {
  ID: string
  Node: string
  Address: string
  Datacenter: string
  TaggedAddresses: Record<string, string> | null
  NodeMeta: Record<string, string> | null
  ServiceKind: ServiceKind
  ServiceID: string
  ServiceName: string
  ServiceTags: string[] | null
  ServiceAddress: string
  ServiceTaggedAddresses: Record<string, ServiceAddress> | null
  ServiceWeights: Weights
  ServiceMeta: Record<string, string> | null
  ServicePort: number
  ServiceEnableTagOverride: boolean
  ServiceProxy: ConnectProxyConfig
  ServiceConnect: ServiceConnect
}

/** All or nothing: the node, then the service, then `Check`, then `Checks`. */
export interface RegisterRequest extends WriteRequest, ToDatacenter, Partial<RaftIndex> {
  ID?: string
  Node: string
  Address: string
  TaggedAddresses?: Record<string, string> | null
  NodeMeta?: Record<string, string> | null
  Service?: NodeService | null
  Check?: HealthCheck | null
  Checks?: HealthCheck[] | null
  /** Leave the node as it is when it exists. */
  SkipNodeUpdate?: boolean
}

/** `ServiceID` beats `CheckID` beats the node. */
export interface DeregisterRequest extends WriteRequest, ToDatacenter {
  Node: string
  ServiceID?: string
  CheckID?: string
}

export interface DCSpecificRequest extends QueryOptions, ToDatacenter {
  NodeMetaFilters?: Record<string, string> | null
  Source?: QuerySource
}

export interface NodeSpecificRequest extends QueryOptions, ToDatacenter {
  Node: string
}

export interface ServiceSpecificRequest extends QueryOptions, ToDatacenter {
  ServiceName: string
  ServiceTags?: string[] | null
  ServiceTag?: string
  ServiceAddress?: string
  TagFilter?: boolean
  NodeMetaFilters?: Record<string, string> | null
  Source?: QuerySource
  Connect?: boolean
  Ingress?: boolean
}

export interface IndexedNodes extends QueryMeta {
  Nodes: Node[] | null
}

export interface IndexedServices extends QueryMeta {
  /** Service name to the union of its instances' tags. */
  Services: Record<string, string[]>
}

export interface IndexedServiceNodes extends QueryMeta {
  ServiceNodes: ServiceNode[] | null
}

export interface IndexedNodeServices extends QueryMeta {
  NodeServices: { Node: Node; Services: Record<string, NodeService> } | null
}

export interface IndexedNodeServiceList extends QueryMeta {
  NodeServices: { Node: Node | null; Services: NodeService[] | null }
}

export interface CatalogMethods {
  'Catalog.Register': { args: RegisterRequest; reply: Empty }
  'Catalog.Deregister': { args: DeregisterRequest; reply: Empty }
  'Catalog.ListDatacenters': { args: QueryOptions; reply: string[] }
  'Catalog.ListNodes': { args: DCSpecificRequest; reply: IndexedNodes }
  'Catalog.ListServices': { args: DCSpecificRequest; reply: IndexedServices }
  'Catalog.ServiceNodes': { args: ServiceSpecificRequest; reply: IndexedServiceNodes }
  'Catalog.NodeServices': { args: NodeSpecificRequest; reply: IndexedNodeServices }
  'Catalog.NodeServiceList': { args: NodeSpecificRequest; reply: IndexedNodeServiceList }
}

/** The empty reply, `{}` on the wire. */
export type Empty = Record<string, never>
