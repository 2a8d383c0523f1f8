/** `/v1/query` and what is below it: prepared queries (agent/prepared_query_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import {
  type IndexedPreparedQueries,
  NO_QUERY,
  type PreparedQuery,
  type PreparedQueryExecuteRequest,
  type PreparedQueryExecuteResponse,
  type QueryDNS,
  type QueryFailover,
  type QueryTemplate,
  type ServiceQuery,
} from '../../model/prepared-query.ts'
import type { QueryMeta, QueryOptions } from '../../model/query.ts'
import { atDepth, jsonText, jsonTextMap, jsonTexts } from '../../wire/json.ts'
import { bool, type Decode, int, struct, text, textMap, texts, uint64 } from '../../wire/json-decode.ts'
import { bareInstanceJson } from '../../wire/json-rows.ts'
import { decodeBody } from './bodies.ts'
import { HttpError } from './errors.ts'
import { done, type Exchange, jsonCompact, jsonWithMeta, plain } from './exchange.ts'
import { askerIp, consistencyOf, datacenter, readOptions, readSource, requireInt, token } from './options.ts'
import { askCached, askCatalog } from './read.ts'

const EXECUTE = '/execute'
const EXPLAIN = '/explain'

/** `/v1/query` itself. */
export function queries(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return exchange.method === 'POST' ? create(exchange) : listQueries(exchange)
}

/** Below it, each path has methods of its own. */
export function query(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const { method, rest } = exchange
  // A path that has nothing before the verb asks for a query of the verb's name.
  const isExecute = `/${rest}`.endsWith(EXECUTE)
  const isSearch = isExecute || `/${rest}`.endsWith(EXPLAIN)
  const allowed = isSearch ? ['GET'] : ['GET', 'PUT', 'DELETE']
  if (method === 'OPTIONS') return withAllow(jsonCompact(exchange, '{}'), allowed)
  if (!allowed.includes(method)) return withAllow(plain(405, `method ${method} not allowed`), allowed, '')
  if (isExecute) return execute(exchange, before(rest, EXECUTE))
  if (isSearch) return explain(exchange, before(rest, EXPLAIN))
  switch (method) {
    case 'PUT':
      return update(exchange)
    case 'DELETE':
      return remove(exchange)
    default:
      return getQuery(exchange)
  }
}

function before(rest: string, verb: string): string {
  return rest.endsWith(verb) ? rest.slice(0, -verb.length) : rest
}

function withAllow(response: HttpResponse, methods: string[], first = 'OPTIONS,'): HttpResponse {
  response.headers.unshift('Allow', first + methods.join(','))
  return response
}

async function create(exchange: Exchange): Promise<HttpResponse> {
  const Query = await decode(exchange)
  const id = await exchange.backend.call('PreparedQuery.Apply', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    Op: 'create',
    Query,
  })
  return jsonCompact(exchange, `{"ID":${jsonText(id)}}`)
}

async function update(exchange: Exchange): Promise<HttpResponse> {
  const { request } = exchange
  const given = request.body.byteLength > 0 || request.tooLarge ? await decode(exchange) : NO_QUERY
  await exchange.backend.call('PreparedQuery.Apply', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    Op: 'update',
    // The id is that of the path, whatever the body says.
    Query: { ...given, ID: exchange.rest },
  })
  return done()
}

async function remove(exchange: Exchange): Promise<HttpResponse> {
  await exchange.backend.call('PreparedQuery.Apply', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    Op: 'delete',
    Query: { ...NO_QUERY, ID: exchange.rest },
  })
  return done()
}

function listQueries(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return askCatalog(exchange, 'PreparedQuery.List', readOptions(exchange), (_, reply, options) =>
    found(exchange, reply, options),
  )
}

function getQuery(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...readOptions(exchange), QueryID: exchange.rest }
  return orNotFound(exchange, () =>
    askCatalog(exchange, 'PreparedQuery.Get', args, (_, reply, options) => found(exchange, reply, options)),
  )
}

function found(exchange: Exchange, reply: IndexedPreparedQueries, options: QueryOptions): HttpResponse {
  const body = `[${(reply.Queries ?? []).map(queryJson).join(',')}]`
  return jsonWithMeta(exchange, reply, atDepth(body, exchange.depth), consistencyOf(options))
}

function execute(exchange: Exchange, id: string): HttpResponse | Promise<HttpResponse> {
  const args = searchArgs(exchange, id)
  const connect = exchange.params.get('connect')
  if (connect !== '') args.Connect = requireBool(connect)
  const finish = (_: Exchange, reply: PreparedQueryExecuteResponse, options: QueryOptions = args) => {
    const body = executeJson(reply, consistencyOf(options))
    return jsonWithMeta(exchange, reply, atDepth(body, exchange.depth), consistencyOf(options))
  }
  const plainly = () => orNotFound(exchange, () => askCatalog(exchange, 'PreparedQuery.Execute', args, finish))
  const answer = askCached(exchange, 'PreparedQuery.Execute', args, plainly, finish)
  return args.UseCache && answer instanceof Promise ? answer.catch(refuseAsCache) : answer
}

function explain(exchange: Exchange, id: string): HttpResponse | Promise<HttpResponse> {
  const args = searchArgs(exchange, id)
  return orNotFound(exchange, () =>
    askCatalog(exchange, 'PreparedQuery.Explain', args, (_, reply, options) => {
      const body = `{"Query":${queryJson(reply.Query)},${metaJson(reply, consistencyOf(options))}}`
      return jsonWithMeta(exchange, reply, atDepth(body, exchange.depth), consistencyOf(options))
    }),
  )
}

function searchArgs(exchange: Exchange, id: string): PreparedQueryExecuteRequest {
  const { nodeName, datacenter: own } = exchange.backend.self
  const Source = readSource(exchange)
  Source.Ip = askerIp(exchange)
  // Here the server knows what `_agent` means: it is told the agent's name beside it.
  if (exchange.params.get('near') === '_agent') Source.Node = nodeName
  const options = readOptions(exchange)
  const limit = exchange.params.get('limit')
  const Limit = limit === '' ? 0 : requireInt(limit, 'Bad limit')
  return { ...options, QueryIDOrName: id, Agent: { Node: nodeName, Datacenter: own, Segment: '' }, Source, Limit }
}

function requireBool(given: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(given)) return true
  if (/^(0|f|F|FALSE|false|False)$/.test(given)) return false
  throw new HttpError(
    500,
    `Error parsing 'connect' value: strconv.ParseBool: parsing ${JSON.stringify(given)}: invalid syntax`,
  )
}

/** From the cache, a query that is not there is a failure like any other. */
function refuseAsCache(error: unknown): never {
  if (error instanceof ConsulError && error.code === 'query-not-found') throw new HttpError(500, error.message)
  throw error
}

/** That there is no such query is said without the headers of a read. */
function orNotFound(
  exchange: Exchange,
  run: () => HttpResponse | Promise<HttpResponse>,
): HttpResponse | Promise<HttpResponse> {
  const refuse = (error: unknown): never => {
    if (error instanceof Error && error.message.includes('Query not found')) {
      exchange.metaOnFailure = false
      throw new HttpError(404, error.message)
    }
    throw error
  }
  try {
    const result = run()
    return result instanceof Promise ? result.catch(refuse) : result
  } catch (error) {
    return refuse(error)
  }
}

const template = struct<QueryTemplate>(
  { Type: text, Regexp: text, RemoveEmptyTags: bool },
  { type: 'structs.QueryTemplateOptions' },
)
const failover = struct<QueryFailover>(
  { NearestN: int, Datacenters: texts },
  { type: 'structs.QueryDatacenterOptions' },
)
const dns = struct<QueryDNS>({ TTL: text }, { type: 'structs.QueryDNSOptions' })

interface GivenService extends Omit<ServiceQuery, 'Failover'> {
  Failover: Partial<QueryFailover>
}

const serviceQuery = struct<GivenService>(
  {
    Service: text,
    Failover: failover,
    OnlyPassing: bool,
    IgnoreCheckIDs: texts,
    Near: text,
    Tags: texts,
    NodeMeta: textMap,
    ServiceMeta: textMap,
    Connect: bool,
  },
  { type: 'structs.ServiceQuery' },
)

interface GivenQuery extends Omit<PreparedQuery, 'Template' | 'Service' | 'DNS'> {
  Template: Partial<QueryTemplate>
  Service: Partial<GivenService>
  DNS: Partial<QueryDNS>
}

const preparedQuery: Decode<Partial<GivenQuery>> = struct<GivenQuery>(
  {
    ID: text,
    Name: text,
    Session: text,
    Token: text,
    Template: template,
    Service: serviceQuery,
    DNS: dns,
    CreateIndex: uint64,
    ModifyIndex: uint64,
  },
  { type: 'structs.PreparedQuery' },
)

async function decode(exchange: Exchange): Promise<PreparedQuery> {
  const { Template, Service, DNS, ...rest } = (await decodeBody(exchange, preparedQuery)) ?? {}
  return {
    ...NO_QUERY,
    ...rest,
    Template: { ...NO_QUERY.Template, ...Template },
    Service: { ...NO_QUERY.Service, ...Service, Failover: { ...NO_QUERY.Service.Failover, ...Service?.Failover } },
    DNS: { ...NO_QUERY.DNS, ...DNS },
  }
}

function queryJson({ Template, Service, DNS, ...query }: PreparedQuery): string {
  return `{"ID":${jsonText(query.ID)},"Name":${jsonText(query.Name)},"Session":${jsonText(query.Session)},"Token":${jsonText(
    query.Token,
  )},"Template":{"Type":${jsonText(Template.Type)},"Regexp":${jsonText(Template.Regexp)},"RemoveEmptyTags":${
    Template.RemoveEmptyTags
  }},"Service":${serviceJson(Service)},"DNS":{"TTL":${jsonText(DNS.TTL)}},"CreateIndex":${
    query.CreateIndex
  },"ModifyIndex":${query.ModifyIndex}}`
}

function serviceJson(service: ServiceQuery): string {
  const { NearestN, Datacenters } = service.Failover
  return `{"Service":${jsonText(service.Service)},"Failover":{"NearestN":${NearestN},"Datacenters":${jsonTexts(
    Datacenters,
  )}},"OnlyPassing":${service.OnlyPassing},"IgnoreCheckIDs":${jsonTexts(service.IgnoreCheckIDs)},"Near":${jsonText(
    service.Near,
  )},"Tags":${jsonTexts(service.Tags)},"NodeMeta":${jsonTextMap(service.NodeMeta)},"ServiceMeta":${jsonTextMap(
    service.ServiceMeta,
  )},"Connect":${service.Connect}}`
}

function executeJson(reply: PreparedQueryExecuteResponse, consistency: string): string {
  const nodes = (reply.Nodes ?? []).map(bareInstanceJson).join(',')
  return `{"Service":${jsonText(reply.Service)},"Nodes":[${nodes}],"DNS":{"TTL":${jsonText(reply.DNS.TTL)}},"Datacenter":${jsonText(
    reply.Datacenter,
  )},"Failovers":${reply.Failovers},${metaJson(reply, consistency)}}`
}

function metaJson({ Index, LastContact, KnownLeader }: QueryMeta, consistency: string): string {
  return `"Index":${Index},"LastContact":${LastContact},"KnownLeader":${KnownLeader},"ConsistencyLevel":${jsonText(consistency)}`
}
