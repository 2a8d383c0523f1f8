/**
 * The arguments and replies of every RPC method as bytes (protocol/rpc.md sections 8 and 10). The table is complete by
 * its type: a method without its bytes does not compile. What methods mean is in core/methods.
 */
import type {
  DCSpecificRequest,
  Empty,
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedNodes,
  IndexedServiceNodes,
  IndexedServices,
  NodeService,
  NodeSpecificRequest,
  ServiceKind,
  ServiceNode,
  ServiceSpecificRequest,
} from '../model/catalog.ts'
import type { IndexedCoordinates } from '../model/coordinate.ts'
import type { EventFireRequest } from '../model/event.ts'
import type { ChecksInStateRequest, IndexedCheckServiceNodes, IndexedHealthChecks } from '../model/health.ts'
import type { IndexedDirEntries, IndexedKeyList, KeyListRequest, KeyRequest } from '../model/kv.ts'
import type { QueryMeta, QueryOptions } from '../model/query.ts'
import type { Args, Method, Reply } from '../model/rpc.ts'
import type { IndexedSessions, SessionSpecificRequest } from '../model/session.ts'
import type { ServerStats } from '../model/status.ts'
import { bool, bytes, type Codec, filled, int, list, map, pointer, RAFT_INDEX, struct, text, textOf } from './schema.ts'
import { autopilotConfig, autopilotSetConfigRequest } from './structs/autopilot.ts'
import {
  connectProxyConfig,
  deregisterRequest,
  node,
  nodeService,
  registerRequest,
  serviceAddress,
  serviceConnect,
  weights,
} from './structs/catalog.ts'
import {
  configEntryQuery,
  configEntryRequest,
  configEntryResponse,
  indexedConfigEntries,
  indexedGenericConfigEntries,
  serviceConfigRequest,
  serviceConfigResponse,
} from './structs/config-entry.ts'
import { coordinateUpdateRequest, datacenterMap, nodeCoordinate } from './structs/coordinate.ts'
import { discoveryChainRequest, discoveryChainResponse } from './structs/discovery-chain.ts'
import { indexedGatewayServices, indexedServiceDump } from './structs/gateway.ts'
import { healthCheck } from './structs/health.ts'
import { checkServiceNode } from './structs/instances.ts'
import {
  indexedIntentionMatches,
  indexedIntentions,
  intentionCheckResponse,
  intentionQuery,
  intentionRequest,
} from './structs/intention.ts'
import { indexedNodeDump, serviceDumpRequest } from './structs/internal.ts'
import { keyringRequest, keyringResponses } from './structs/keyring.ts'
import { dirEntry, kvsRequest } from './structs/kv.ts'
import { operatorHealthReply, raftConfigurationResponse, raftRemovePeerRequest } from './structs/operator.ts'
import {
  indexedPreparedQueries,
  preparedQueryExecuteRemoteRequest,
  preparedQueryExecuteRequest,
  preparedQueryExecuteResponse,
  preparedQueryExplainResponse,
  preparedQueryRequest,
  preparedQuerySpecificRequest,
} from './structs/prepared-query.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, querySource, TO_DATACENTER } from './structs/query.ts'
import { session, sessionRequest } from './structs/session.ts'
import { txnReadRequest, txnReadResponse, txnRequest, txnResponse } from './structs/txn.ts'

const empty: Codec<Empty> = struct<Empty>({} as Record<string, never>)
const read = struct<QueryOptions>(QUERY_OPTIONS)
const NODE_FILTER = { NodeMetaFilters: map(text), Source: querySource }
const dcSpecific = struct<DCSpecificRequest>({ ...QUERY_OPTIONS, ...TO_DATACENTER, ...NODE_FILTER })
const nodeSpecific = struct<NodeSpecificRequest>({ ...QUERY_OPTIONS, ...TO_DATACENTER, Node: text })
const serviceSpecific = struct<ServiceSpecificRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  ...NODE_FILTER,
  ServiceName: text,
  ServiceTag: text,
  ServiceTags: list(text),
  ServiceAddress: text,
  TagFilter: bool,
  Connect: bool,
  Ingress: bool,
})
const checksInState = struct<ChecksInStateRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  ...NODE_FILTER,
  State: text,
})
const key = struct<KeyRequest>({ ...QUERY_OPTIONS, ...TO_DATACENTER, Key: text })
const keyList = struct<KeyListRequest>({ ...QUERY_OPTIONS, ...TO_DATACENTER, Prefix: text, Seperator: text })
const sessionSpecific = struct<SessionSpecificRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  SessionID: text,
  Session: text,
})

export const serviceNode = struct<ServiceNode>({
  ...RAFT_INDEX,
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: map(text),
  NodeMeta: map(text),
  ServiceKind: textOf<ServiceKind>(),
  ServiceID: text,
  ServiceName: text,
  ServiceTags: list(text),
  ServiceAddress: text,
  ServiceTaggedAddresses: map(serviceAddress),
  ServiceWeights: weights,
  ServiceMeta: map(text),
  ServicePort: int,
  ServiceEnableTagOverride: bool,
  ServiceProxy: connectProxyConfig,
  ServiceConnect: serviceConnect,
})

const noTags = (): string[] => []
const services: Codec<Record<string, string[]>> = filled(map(filled(list(text), noTags)), () => ({}))
const noServices = (): Record<string, NodeService> => ({})

const indexedNodes = struct<IndexedNodes & Consistency>({ ...QUERY_META, Nodes: list(node) })
const indexedServices = struct<IndexedServices & Consistency>({ ...QUERY_META, Services: services })
const indexedServiceNodes = struct<IndexedServiceNodes & Consistency>({
  ...QUERY_META,
  ServiceNodes: list(serviceNode),
})
const indexedNodeServices = struct<IndexedNodeServices & Consistency>({
  ...QUERY_META,
  NodeServices: pointer(
    struct<NonNullable<IndexedNodeServices['NodeServices']>>({
      Node: node,
      Services: filled(map(nodeService), noServices),
    }),
  ),
})
const indexedNodeServiceList = struct<IndexedNodeServiceList & Consistency>({
  ...QUERY_META,
  NodeServices: struct<IndexedNodeServiceList['NodeServices']>({ Node: pointer(node), Services: list(nodeService) }),
})
const indexedHealthChecks = struct<IndexedHealthChecks & Consistency>({
  ...QUERY_META,
  HealthChecks: list(healthCheck),
})
const indexedCheckServiceNodes = struct<IndexedCheckServiceNodes & Consistency>({
  ...QUERY_META,
  Nodes: list(checkServiceNode),
})
const indexedDirEntries = struct<IndexedDirEntries & Consistency>({ ...QUERY_META, Entries: list(dirEntry) })
const indexedKeyList = struct<IndexedKeyList & Consistency>({ ...QUERY_META, Keys: list(text) })
const indexedSessions = struct<IndexedSessions & Consistency>({ ...QUERY_META, Sessions: list(session) })
const eventFire = struct<EventFireRequest>({ ...QUERY_OPTIONS, ...TO_DATACENTER, Name: text, Payload: bytes })
const indexedCoordinates = struct<IndexedCoordinates & Consistency>({
  ...QUERY_META,
  Coordinates: list(nodeCoordinate),
})
const meta = struct<QueryMeta & Consistency>(QUERY_META)
const serverStats = struct<ServerStats>({ LastContact: text, LastIndex: int, LastTerm: int })
const texts: Codec<string[]> = filled(list(text), () => [])

export interface MethodCodec<M extends Method> {
  args: Codec<Args<M>>
  reply: Codec<Reply<M>>
}

export const METHOD_CODECS: { [M in Method]: MethodCodec<M> } = {
  'KVS.Apply': { args: kvsRequest, reply: bool },
  'KVS.Get': { args: key, reply: indexedDirEntries },
  'KVS.List': { args: key, reply: indexedDirEntries },
  'KVS.ListKeys': { args: keyList, reply: indexedKeyList },
  'Catalog.Register': { args: registerRequest, reply: empty },
  'Catalog.Deregister': { args: deregisterRequest, reply: empty },
  'Catalog.ListDatacenters': { args: read, reply: texts },
  'Catalog.ListNodes': { args: dcSpecific, reply: indexedNodes },
  'Catalog.ListServices': { args: dcSpecific, reply: indexedServices },
  'Catalog.ServiceNodes': { args: serviceSpecific, reply: indexedServiceNodes },
  'Catalog.NodeServices': { args: nodeSpecific, reply: indexedNodeServices },
  'Catalog.NodeServiceList': { args: nodeSpecific, reply: indexedNodeServiceList },
  'Health.ChecksInState': { args: checksInState, reply: indexedHealthChecks },
  'Health.NodeChecks': { args: nodeSpecific, reply: indexedHealthChecks },
  'Health.ServiceChecks': { args: serviceSpecific, reply: indexedHealthChecks },
  'Health.ServiceNodes': { args: serviceSpecific, reply: indexedCheckServiceNodes },
  'ConfigEntry.Apply': { args: configEntryRequest, reply: bool },
  'ConfigEntry.Delete': { args: configEntryRequest, reply: empty },
  'ConfigEntry.Get': { args: configEntryQuery, reply: configEntryResponse },
  'ConfigEntry.List': { args: configEntryQuery, reply: indexedConfigEntries },
  'ConfigEntry.ListAll': { args: dcSpecific, reply: indexedGenericConfigEntries },
  'ConfigEntry.ResolveServiceConfig': { args: serviceConfigRequest, reply: serviceConfigResponse },
  'Intention.Apply': { args: intentionRequest, reply: text },
  'Intention.Get': { args: intentionQuery, reply: indexedIntentions },
  'Intention.List': { args: dcSpecific, reply: indexedIntentions },
  'Intention.Match': { args: intentionQuery, reply: indexedIntentionMatches },
  'Intention.Check': { args: intentionQuery, reply: intentionCheckResponse },
  'DiscoveryChain.Get': { args: discoveryChainRequest, reply: discoveryChainResponse },
  'Catalog.GatewayServices': { args: serviceSpecific, reply: indexedGatewayServices },
  'Session.Apply': { args: sessionRequest, reply: text },
  'Session.Get': { args: sessionSpecific, reply: indexedSessions },
  'Session.List': { args: sessionSpecific, reply: indexedSessions },
  'Session.NodeSessions': { args: nodeSpecific, reply: indexedSessions },
  'Session.Renew': { args: sessionSpecific, reply: indexedSessions },
  'Coordinate.ListDatacenters': { args: empty, reply: list(datacenterMap) },
  'Coordinate.ListNodes': { args: dcSpecific, reply: indexedCoordinates },
  'Coordinate.Node': { args: nodeSpecific, reply: indexedCoordinates },
  'Coordinate.Update': { args: coordinateUpdateRequest, reply: empty },
  'Status.Ping': { args: empty, reply: empty },
  'Status.Leader': { args: dcSpecific, reply: text },
  'Status.Peers': { args: dcSpecific, reply: texts },
  'Status.RaftStats': { args: empty, reply: serverStats },
  'Operator.RaftGetConfiguration': { args: dcSpecific, reply: raftConfigurationResponse },
  'Operator.RaftRemovePeerByAddress': { args: raftRemovePeerRequest, reply: empty },
  'Operator.RaftRemovePeerByID': { args: raftRemovePeerRequest, reply: empty },
  'Operator.AutopilotGetConfiguration': { args: dcSpecific, reply: autopilotConfig },
  'Operator.AutopilotSetConfiguration': { args: autopilotSetConfigRequest, reply: bool },
  'Internal.KeyringOperation': { args: keyringRequest, reply: keyringResponses },
  'Operator.ServerHealth': { args: dcSpecific, reply: operatorHealthReply },
  'Internal.EventFire': { args: eventFire, reply: meta },
  'Internal.GatewayServiceDump': { args: serviceSpecific, reply: indexedServiceDump },
  'Internal.NodeInfo': { args: nodeSpecific, reply: indexedNodeDump },
  'Internal.NodeDump': { args: dcSpecific, reply: indexedNodeDump },
  'Internal.ServiceDump': { args: serviceDumpRequest, reply: indexedCheckServiceNodes },
  'Txn.Apply': { args: txnRequest, reply: txnResponse },
  'Txn.Read': { args: txnReadRequest, reply: txnReadResponse },
  'PreparedQuery.Apply': { args: preparedQueryRequest, reply: text },
  'PreparedQuery.Get': { args: preparedQuerySpecificRequest, reply: indexedPreparedQueries },
  'PreparedQuery.List': { args: dcSpecific, reply: indexedPreparedQueries },
  'PreparedQuery.Explain': { args: preparedQueryExecuteRequest, reply: preparedQueryExplainResponse },
  'PreparedQuery.Execute': { args: preparedQueryExecuteRequest, reply: preparedQueryExecuteResponse },
  'PreparedQuery.ExecuteRemote': { args: preparedQueryExecuteRemoteRequest, reply: preparedQueryExecuteResponse },
}

const SERVICES = new Set(Object.keys(METHOD_CODECS).map((name) => name.slice(0, name.indexOf('.'))))

/** Whether any method stands under that name (the part before the dot). */
export const isService = (name: string): boolean => SERVICES.has(name)

/** @returns undefined for the name of no method */
export function methodCodec(name: string): MethodCodec<Method> | undefined {
  return Object.hasOwn(METHOD_CODECS, name) ? (METHOD_CODECS[name as Method] as MethodCodec<Method>) : undefined
}
