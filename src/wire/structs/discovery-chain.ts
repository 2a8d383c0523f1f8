/** Wire structs of discovery chains (protocol/rpc.md section 10). */
import type {
  CompiledDiscoveryChain,
  DiscoveryChainRequest,
  DiscoveryChainResponse,
  DiscoveryNode,
  DiscoveryResolver,
  DiscoveryRoute,
  DiscoverySplit,
  DiscoveryTarget,
} from '../../model/discovery-chain.ts'
import { bool, float32, int, list, map, pointer, struct, text, textOf } from '../schema.ts'
import { meshGatewayConfig } from './catalog.ts'
import { resolverSubset, serviceRoute } from './config-entry.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, TO_DATACENTER } from './query.ts'

export const discoveryNode = struct<DiscoveryNode>({
  Type: textOf<DiscoveryNode['Type']>(),
  Name: text,
  Routes: list(struct<DiscoveryRoute>({ Definition: pointer(serviceRoute), NextNode: text })),
  Splits: list(struct<DiscoverySplit>({ Weight: float32, NextNode: text })),
  Resolver: pointer(
    struct<DiscoveryResolver>({
      Default: bool,
      ConnectTimeout: int,
      Target: text,
      Failover: pointer(struct<{ Targets: string[] | null }>({ Targets: list(text) })),
    }),
  ),
})

export const discoveryTarget = struct<DiscoveryTarget>({
  ID: text,
  Service: text,
  ServiceSubset: text,
  Namespace: text,
  Datacenter: text,
  MeshGateway: meshGatewayConfig,
  Subset: resolverSubset,
  External: bool,
  SNI: text,
  Name: text,
})

export const discoveryChain = struct<CompiledDiscoveryChain>({
  ServiceName: text,
  Namespace: text,
  Datacenter: text,
  CustomizationHash: text,
  Protocol: text,
  StartNode: text,
  Nodes: map(discoveryNode),
  Targets: map(discoveryTarget),
})

export const discoveryChainRequest = struct<DiscoveryChainRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  Name: text,
  EvaluateInDatacenter: text,
  EvaluateInNamespace: text,
  OverrideMeshGateway: meshGatewayConfig,
  OverrideProtocol: text,
  OverrideConnectTimeout: int,
})

export const discoveryChainResponse = struct<DiscoveryChainResponse & Consistency>({
  ...QUERY_META,
  Chain: pointer(discoveryChain),
})
