/** Prepared queries: searches that are kept by name, and can look into other datacenters. */
import type { CheckServiceNode } from '../model/health.ts'
import {
  ApiError,
  bodyText,
  type Caller,
  decodeJson,
  escapePath,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

export interface PreparedQuery {
  ID?: string
  Name?: string
  Session?: string
  Token?: string
  Template?: { Type: 'name_prefix_match' | ''; Regexp?: string; RemoveEmptyTags?: boolean }
  Service: {
    Service: string
    Failover?: { NearestN?: number; Datacenters?: string[] | null }
    OnlyPassing?: boolean
    IgnoreCheckIDs?: string[] | null
    Near?: string
    Tags?: string[] | null
    NodeMeta?: Record<string, string> | null
    ServiceMeta?: Record<string, string> | null
    Connect?: boolean
  }
  DNS?: { TTL?: string }
}

export interface QueryResult {
  Service: string
  Nodes: CheckServiceNode[]
  DNS: { TTL: string }
  Datacenter: string
  /** How many datacenters were asked before one had something. */
  Failovers: number
}

export interface Queries {
  list(options?: ReadOptions): Promise<Reply<PreparedQuery[]>>
  /** null when there is none. */
  get(id: string, options?: ReadOptions): Promise<PreparedQuery | null>
  /** @returns its id */
  create(query: PreparedQuery, options?: RequestOptions): Promise<string>
  update(query: PreparedQuery & { ID: string }, options?: RequestOptions): Promise<void>
  delete(id: string, options?: RequestOptions): Promise<void>
  /** By id or name. null when there is no such query. */
  execute(id: string, options?: ReadOptions & { limit?: number; connect?: boolean }): Promise<QueryResult | null>
  /** What a template makes of a name. */
  explain(id: string, options?: ReadOptions): Promise<PreparedQuery | null>
}

export function makeQueries(caller: Caller): Queries {
  const path = (id: string) => `/v1/query/${escapePath(id)}`
  async function find<T>(url: string, options?: ReadOptions, parameters = {}): Promise<T | null> {
    const response = await caller.send('GET', url, options, parameters)
    if (response.status === 404) return null
    if (response.status !== 200) throw new ApiError(response.status, bodyText(response))
    return decodeJson<T>(response)
  }
  return {
    list: (options) => caller.read('/v1/query', options),
    async get(id, options) {
      return (await find<PreparedQuery[]>(path(id), options))?.[0] ?? null
    },
    async create(query, options) {
      const response = await caller.send('POST', '/v1/query', options, {}, JSON.stringify(query))
      return decodeJson<{ ID: string }>(expectOk(response)).ID
    },
    async update(query, options) {
      expectOk(await caller.send('PUT', path(query.ID), options, {}, JSON.stringify(query)))
    },
    async delete(id, options) {
      expectOk(await caller.send('DELETE', path(id), options))
    },
    execute(id, options = {}) {
      const { limit, connect, ...rest } = options
      return find(`${path(id)}/execute`, rest, { limit, connect: connect ? 'true' : undefined })
    },
    async explain(id, options) {
      return (await find<{ Query: PreparedQuery }>(`${path(id)}/explain`, options))?.Query ?? null
    },
  }
}
