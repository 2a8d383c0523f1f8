/** Which services stand behind which gateways: rows that the store derives from configuration entries and instances. */
import type { Node, NodeService, ServiceKind, ServiceSpecificRequest } from './catalog.ts'
import type { HealthCheck } from './health.ts'
import type { QueryMeta, RaftIndex } from './query.ts'

export interface ServiceName {
  Name: string
}

export interface GatewayService extends RaftIndex {
  Gateway: ServiceName
  Service: ServiceName
  GatewayKind: ServiceKind
  Port: number
  Protocol: string
  Hosts: string[] | null
  CAFile: string
  CertFile: string
  KeyFile: string
  SNI: string
  /** Not named by the gateway's entry, but met by its "*". */
  FromWildcard: boolean
}

export interface IndexedGatewayServices extends QueryMeta {
  Services: GatewayService[] | null
}

/** An instance behind a gateway, and what the gateway says of its service; without any, only that. */
export interface ServiceInfo {
  Node: Node | null
  Service: NodeService | null
  Checks: HealthCheck[] | null
  GatewayService: GatewayService | null
}

export interface IndexedServiceDump extends QueryMeta {
  Dump: ServiceInfo[] | null
}

export interface GatewayMethods {
  /** `ServiceName` is the gateway's. */
  'Catalog.GatewayServices': { args: ServiceSpecificRequest; reply: IndexedGatewayServices }
  'Internal.GatewayServiceDump': { args: ServiceSpecificRequest; reply: IndexedServiceDump }
}
