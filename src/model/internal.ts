/** Overviews for the web UI: whole nodes, and all instances. */
import type { DCSpecificRequest, NodeService, NodeSpecificRequest, ServiceKind } from './catalog.ts'
import type { HealthCheck, IndexedCheckServiceNodes } from './health.ts'
import type { QueryMeta, QueryOptions, QuerySource, ToDatacenter } from './query.ts'

/** A node with all that is on it. */
export interface NodeInfo {
  ID: string
  Node: string
  Address: string
  TaggedAddresses: Record<string, string> | null
  Meta: Record<string, string> | null
  Services: NodeService[] | null
  Checks: HealthCheck[] | null
}

export interface IndexedNodeDump extends QueryMeta {
  Dump: NodeInfo[] | null
}

export interface ServiceDumpRequest extends QueryOptions, ToDatacenter {
  ServiceKind?: ServiceKind
  /** Only of that kind. */
  UseServiceKind?: boolean
  Source?: QuerySource
}

export interface InternalMethods {
  'Internal.NodeInfo': { args: NodeSpecificRequest; reply: IndexedNodeDump }
  'Internal.NodeDump': { args: DCSpecificRequest; reply: IndexedNodeDump }
  'Internal.ServiceDump': { args: ServiceDumpRequest; reply: IndexedCheckServiceNodes }
}
