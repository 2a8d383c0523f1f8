/** Prepared queries: stored searches for a service, run by name or id over HTTP and DNS. */

import type { DCSpecificRequest } from './catalog.ts'
import type { CheckServiceNode } from './health.ts'
import type { QueryMeta, QueryOptions, QuerySource, RaftIndex, ToDatacenter, WriteRequest } from './query.ts'

/** Where to look when this datacenter has no healthy instance. */
export interface QueryFailover {
  /** So many of the nearest datacenters first. */
  NearestN: number
  /** Then these, in order. */
  Datacenters: string[] | null
}

export interface ServiceQuery {
  Service: string
  Failover: QueryFailover
  /** Instances with a warning are left out too. */
  OnlyPassing: boolean
  IgnoreCheckIDs: string[] | null
  /** A node's name, `_agent`, or `_ip`. */
  Near: string
  /** All must be there; those behind a `!` must not. */
  Tags: string[] | null
  NodeMeta: Record<string, string> | null
  ServiceMeta: Record<string, string> | null
  Connect: boolean
}

/** With a type, the query answers for all names that begin with its own. */
export interface QueryTemplate {
  Type: string
  /** Go's syntax (RE2). */
  Regexp: string
  RemoveEmptyTags: boolean
}

export const TEMPLATE_TYPE = 'name_prefix_match'

export interface PreparedQuery extends RaftIndex {
  ID: string
  Name: string
  /** The query ends with this session; "" for none. */
  Session: string
  /** Whose rights the search has; "" for the asker's. */
  Token: string
  Template: QueryTemplate
  Service: ServiceQuery
  DNS: QueryDNS
}

export interface QueryDNS {
  /** A Go duration, or "". */
  TTL: string
}

/** One of which nothing is said. Shared, so never changed. */
export const NO_QUERY: PreparedQuery = Object.freeze({
  ID: '',
  Name: '',
  Session: '',
  Token: '',
  Template: { Type: '', Regexp: '', RemoveEmptyTags: false },
  Service: {
    Service: '',
    Failover: { NearestN: 0, Datacenters: null },
    OnlyPassing: false,
    IgnoreCheckIDs: null,
    Near: '',
    Tags: null,
    NodeMeta: null,
    ServiceMeta: null,
    Connect: false,
  },
  DNS: { TTL: '' },
  CreateIndex: 0,
  ModifyIndex: 0,
})

export interface PreparedQueryRequest extends WriteRequest, ToDatacenter {
  Op: 'create' | 'update' | 'delete'
  Query: PreparedQuery | null
}

export interface PreparedQuerySpecificRequest extends QueryOptions, ToDatacenter {
  QueryID: string
}

export interface PreparedQueryExecuteRequest extends QueryOptions, ToDatacenter {
  QueryIDOrName: string
  /** Most instances to answer with; 0 for all. */
  Limit?: number
  Connect?: boolean
  Source?: QuerySource
  /** The agent that was asked. */
  Agent?: QuerySource
}

export interface PreparedQueryExecuteRemoteRequest extends QueryOptions, ToDatacenter {
  /** Whole, and rendered: the other datacenter does not know it. */
  Query: PreparedQuery
  Limit?: number
  Connect?: boolean
}

export interface IndexedPreparedQueries extends QueryMeta {
  Queries: PreparedQuery[] | null
}

export interface PreparedQueryExecuteResponse extends QueryMeta {
  Service: string
  Nodes: CheckServiceNode[] | null
  DNS: QueryDNS
  /** Where the instances are. */
  Datacenter: string
  /** How many other datacenters were asked. */
  Failovers: number
}

export interface PreparedQueryExplainResponse extends QueryMeta {
  Query: PreparedQuery
}

export interface PreparedQueryMethods {
  /** Answers the id. */
  'PreparedQuery.Apply': { args: PreparedQueryRequest; reply: string }
  'PreparedQuery.Get': { args: PreparedQuerySpecificRequest; reply: IndexedPreparedQueries }
  'PreparedQuery.List': { args: DCSpecificRequest; reply: IndexedPreparedQueries }
  /** These three never block, and tell no index. */
  'PreparedQuery.Explain': { args: PreparedQueryExecuteRequest; reply: PreparedQueryExplainResponse }
  'PreparedQuery.Execute': { args: PreparedQueryExecuteRequest; reply: PreparedQueryExecuteResponse }
  'PreparedQuery.ExecuteRemote': { args: PreparedQueryExecuteRemoteRequest; reply: PreparedQueryExecuteResponse }
}
