/** Wire structs of prepared queries (protocol/rpc.md section 10). */
import type {
  IndexedPreparedQueries,
  PreparedQuery,
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  PreparedQueryRequest,
  PreparedQuerySpecificRequest,
  QueryDNS,
  QueryFailover,
  QueryTemplate,
  ServiceQuery,
} from '../../model/prepared-query.ts'
import { bool, int, list, map, pointer, RAFT_INDEX, struct, text, textOf, WRITE_REQUEST } from '../schema.ts'
import { checkServiceNode } from './instances.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, querySource, TO_DATACENTER } from './query.ts'

const dns = struct<QueryDNS>({ TTL: text })

export const serviceQuery = struct<ServiceQuery>({
  Service: text,
  Failover: struct<QueryFailover>({ NearestN: int, Datacenters: list(text) }),
  OnlyPassing: bool,
  IgnoreCheckIDs: list(text),
  Near: text,
  Tags: list(text),
  NodeMeta: map(text),
  ServiceMeta: map(text),
  Connect: bool,
})

export const preparedQuery = struct<PreparedQuery>({
  ...RAFT_INDEX,
  ID: text,
  Name: text,
  Session: text,
  Token: text,
  Template: struct<QueryTemplate>({ Type: text, Regexp: text, RemoveEmptyTags: bool }),
  Service: serviceQuery,
  DNS: dns,
})

export const preparedQueryRequest = struct<PreparedQueryRequest>({
  ...WRITE_REQUEST,
  Op: textOf<PreparedQueryRequest['Op']>(),
  Query: pointer(preparedQuery),
})

export const preparedQuerySpecificRequest = struct<PreparedQuerySpecificRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  QueryID: text,
})

const EXECUTE = { ...QUERY_OPTIONS, ...TO_DATACENTER, Limit: int, Connect: bool }

export const preparedQueryExecuteRequest = struct<PreparedQueryExecuteRequest>({
  ...EXECUTE,
  QueryIDOrName: text,
  Source: querySource,
  Agent: querySource,
})

export const preparedQueryExecuteRemoteRequest = struct<PreparedQueryExecuteRemoteRequest>({
  ...EXECUTE,
  Query: preparedQuery,
})

export const indexedPreparedQueries = struct<IndexedPreparedQueries & Consistency>({
  ...QUERY_META,
  Queries: list(preparedQuery),
})

export const preparedQueryExecuteResponse = struct<PreparedQueryExecuteResponse & Consistency>({
  ...QUERY_META,
  Service: text,
  Nodes: list(checkServiceNode),
  DNS: dns,
  Datacenter: text,
  Failovers: int,
})

export const preparedQueryExplainResponse = struct<PreparedQueryExplainResponse & Consistency>({
  ...QUERY_META,
  Query: preparedQuery,
})
