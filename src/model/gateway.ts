/** Which services stand behind which gateways: rows that the store derives from configuration entries and instances. */
import type { ServiceKind, ServiceSpecificRequest } from './catalog.ts'
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

export interface GatewayMethods {
  /** `ServiceName` is the gateway's. */
  'Catalog.GatewayServices': { args: ServiceSpecificRequest; reply: IndexedGatewayServices }
}
