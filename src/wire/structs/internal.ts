/** Wire structs of the overviews for the web UI (protocol/rpc.md section 10). */
import type { ServiceKind } from '../../model/catalog.ts'
import type { IndexedNodeDump, NodeInfo, ServiceDumpRequest } from '../../model/internal.ts'
import { bool, list, map, struct, text, textOf } from '../schema.ts'
import { nodeService } from './catalog.ts'
import { healthCheck } from './health.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, querySource, TO_DATACENTER } from './query.ts'

export const nodeInfo = struct<NodeInfo>({
  ID: text,
  Node: text,
  Address: text,
  TaggedAddresses: map(text),
  Meta: map(text),
  Services: list(nodeService),
  Checks: list(healthCheck),
})

export const indexedNodeDump = struct<IndexedNodeDump & Consistency>({ ...QUERY_META, Dump: list(nodeInfo) })

export const serviceDumpRequest = struct<ServiceDumpRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  ServiceKind: textOf<ServiceKind>(),
  UseServiceKind: bool,
  Source: querySource,
})
