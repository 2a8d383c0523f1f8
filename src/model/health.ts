/** Health checks: rows and methods. */
import type { Nanos } from '../base/units.ts'
import type { Node, NodeService, NodeSpecificRequest, ServiceSpecificRequest } from './catalog.ts'
import type { QueryMeta, QueryOptions, QuerySource, RaftIndex, ToDatacenter } from './query.ts'

export type CheckStatus = 'passing' | 'warning' | 'critical'

/** How the check is run, kept with it for those who read the catalog. */
export interface HealthCheckDefinition {
  HTTP: string
  TLSSkipVerify: boolean
  Header: Record<string, string[]> | null
  Method: string
  Body: string
  TCP: string
  Interval: Nanos
  OutputMaxSize: number
  Timeout: Nanos
  DeregisterCriticalServiceAfter: Nanos
  ScriptArgs: string[] | null
  DockerContainerID: string
  Shell: string
  GRPC: string
  GRPCUseTLS: boolean
  AliasNode: string
  AliasService: string
  TTL: Nanos
}

/** Of a check that nobody runs. Shared, so never changed. */
export const NO_DEFINITION: HealthCheckDefinition = Object.freeze({
  HTTP: '',
  TLSSkipVerify: false,
  Header: null,
  Method: '',
  Body: '',
  TCP: '',
  Interval: 0,
  OutputMaxSize: 0,
  Timeout: 0,
  DeregisterCriticalServiceAfter: 0,
  ScriptArgs: null,
  DockerContainerID: '',
  Shell: '',
  GRPC: '',
  GRPCUseTLS: false,
  AliasNode: '',
  AliasService: '',
  TTL: 0,
})

export interface HealthCheck extends RaftIndex {
  Node: string
  CheckID: string
  Name: string
  /** Any text is kept; the three of `CheckStatus` mean something. */
  Status: string
  Notes: string
  Output: string
  /** "" for a check of the node itself. */
  ServiceID: string
  ServiceName: string
  ServiceTags: string[] | null
  Type: string
  Definition: HealthCheckDefinition
}

/** A check of which nothing was said. Shared, so never changed. */
export const NO_CHECK: HealthCheck = Object.freeze({
  Node: '',
  CheckID: '',
  Name: '',
  Status: '',
  Notes: '',
  Output: '',
  ServiceID: '',
  ServiceName: '',
  ServiceTags: null,
  Type: '',
  Definition: NO_DEFINITION,
  CreateIndex: 0,
  ModifyIndex: 0,
})

/** Check id of the leader's own judgement of a member, by gossip. */
export const SERF_HEALTH = 'serfHealth'
export const NODE_MAINTENANCE = '_node_maintenance'
export const SERVICE_MAINTENANCE_PREFIX = '_service_maintenance:'

export interface CheckServiceNode {
  Node: Node
  Service: NodeService
  Checks: HealthCheck[]
}

export interface ChecksInStateRequest extends QueryOptions, ToDatacenter {
  NodeMetaFilters?: Record<string, string> | null
  /** A status, or "any". */
  State: string
  Source?: QuerySource
}

export interface IndexedHealthChecks extends QueryMeta {
  HealthChecks: HealthCheck[] | null
}

export interface IndexedCheckServiceNodes extends QueryMeta {
  Nodes: CheckServiceNode[] | null
}

export interface HealthMethods {
  'Health.ChecksInState': { args: ChecksInStateRequest; reply: IndexedHealthChecks }
  'Health.NodeChecks': { args: NodeSpecificRequest; reply: IndexedHealthChecks }
  'Health.ServiceChecks': { args: ServiceSpecificRequest; reply: IndexedHealthChecks }
  'Health.ServiceNodes': { args: ServiceSpecificRequest; reply: IndexedCheckServiceNodes }
}
