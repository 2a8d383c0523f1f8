/** Compiled discovery chains: how a service's name leads to instances, by routers, splitters and resolvers. */
import type { Nanos } from '../base/units.ts'
import type { MeshGatewayConfig } from './catalog.ts'
import type { ResolverSubset, ServiceRoute } from './config-entry.ts'
import type { QueryMeta, QueryOptions, ToDatacenter } from './query.ts'

export interface DiscoveryRoute {
  Definition: ServiceRoute | null
  NextNode: string
}

export interface DiscoverySplit {
  /** Percent; a 32-bit float. */
  Weight: number
  NextNode: string
}

export interface DiscoveryResolver {
  Default: boolean
  ConnectTimeout: Nanos
  Target: string
  Failover: { Targets: string[] | null } | null
}

export interface DiscoveryNode {
  Type: 'router' | 'splitter' | 'resolver'
  Name: string
  Routes: DiscoveryRoute[] | null
  Splits: DiscoverySplit[] | null
  Resolver: DiscoveryResolver | null
}

export interface DiscoveryTarget {
  ID: string
  Service: string
  ServiceSubset: string
  Namespace: string
  Datacenter: string
  MeshGateway: MeshGatewayConfig
  Subset: ResolverSubset
  External: boolean
  SNI: string
  Name: string
}

export interface CompiledDiscoveryChain {
  ServiceName: string
  Namespace: string
  Datacenter: string
  /** Tells chains apart that were compiled with overrides; "" without any that mattered. */
  CustomizationHash: string
  Protocol: string
  /** Key in `Nodes`: type and name, with a colon between. */
  StartNode: string
  Nodes: Record<string, DiscoveryNode> | null
  /** By id. */
  Targets: Record<string, DiscoveryTarget> | null
}

export interface DiscoveryChainRequest extends QueryOptions, ToDatacenter {
  Name: string
  EvaluateInDatacenter?: string
  EvaluateInNamespace?: string
  OverrideMeshGateway?: MeshGatewayConfig
  OverrideProtocol?: string
  OverrideConnectTimeout?: Nanos
}

export interface DiscoveryChainResponse extends QueryMeta {
  Chain: CompiledDiscoveryChain | null
}

export interface DiscoveryChainMethods {
  'DiscoveryChain.Get': { args: DiscoveryChainRequest; reply: DiscoveryChainResponse }
}
