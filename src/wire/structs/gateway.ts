/** Wire structs of the services behind gateways (protocol/rpc.md section 10). */
import type { ServiceKind } from '../../model/catalog.ts'
import type {
  GatewayService,
  IndexedGatewayServices,
  IndexedServiceDump,
  ServiceInfo,
  ServiceName,
} from '../../model/gateway.ts'
import { bool, int, list, pointer, RAFT_INDEX, struct, text, textOf } from '../schema.ts'
import { node, nodeService } from './catalog.ts'
import { healthCheck } from './health.ts'
import { type Consistency, QUERY_META } from './query.ts'

const serviceName = struct<ServiceName>({ Name: text })

export const gatewayService = struct<GatewayService>({
  ...RAFT_INDEX,
  Gateway: serviceName,
  Service: serviceName,
  GatewayKind: textOf<ServiceKind>(),
  Port: int,
  Protocol: text,
  Hosts: list(text),
  CAFile: text,
  CertFile: text,
  KeyFile: text,
  SNI: text,
  FromWildcard: bool,
})

export const indexedGatewayServices = struct<IndexedGatewayServices & Consistency>({
  ...QUERY_META,
  Services: list(gatewayService),
})

export const indexedServiceDump = struct<IndexedServiceDump & Consistency>({
  ...QUERY_META,
  Dump: list(
    struct<ServiceInfo>({
      Node: pointer(node),
      Service: pointer(nodeService),
      Checks: list(healthCheck),
      GatewayService: pointer(gatewayService),
    }),
  ),
})
