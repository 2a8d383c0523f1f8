/**
 * The methods of prepared queries: what one must say to be stored, who may see it, and what running it finds. When this
 * datacenter has no healthy instance, others are asked, one after the other. Source: Consul's
 * agent/consul/prepared_query_endpoint.go.
 */
import { goDurationFault, parseGoDuration } from '../../base/go-duration.ts'
import { shuffle } from '../../base/random.ts'
import { ConsulError } from '../../model/errors.ts'
import type { CheckServiceNode } from '../../model/health.ts'
import type {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryRequest,
  ServiceQuery,
} from '../../model/prepared-query.ts'
import type { QuerySource } from '../../model/query.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { foldTag, hasTags, pairs, satisfies } from '../store/catalog-reads.ts'
import { connectInstances } from '../store/connect-reads.ts'
import { checkServiceNodes } from '../store/health-reads.ts'
import { metadataFault } from '../store/metadata.ts'
import { queryGet, queryList, resolveQuery } from '../store/prepared-query.ts'
import type { ReadTxn } from '../store/rows.ts'
import { sortByDistance } from './near.ts'
import { refused } from './refuse.ts'
import type { Elsewhere, Env, FoundOnce, MethodTable, Surroundings } from './table.ts'

const REDACTED_TOKEN = '<hidden>'
/** The node that is asked for stands first if it is among so many. */
const OWN_NODE_DEPTH = 10

type Findings = FoundOnce<'PreparedQuery.Execute'>

export const preparedQueryMethods = {
  'PreparedQuery.Apply': {
    kind: 'write',
    propose: (txn, args, can, env) => ({ command: { type: 'PreparedQuery', body: prepared(txn, args, can, env) } }),
    reply: (_result, command) => (command.type === 'PreparedQuery' ? (command.body.Query?.ID ?? '') : ''),
  },

  'PreparedQuery.Get': {
    kind: 'read',
    run(txn, args, can) {
      const found = queryGet(txn, args.QueryID)
      const query = found.Queries?.[0]
      if (query === undefined) throw new ConsulError('query-not-found')
      if (can.all) return found
      // Whoever has the id of a query without a name may see it.
      const seen = prefixOf(query) === undefined ? [redacted(query, can)] : visible([query], can)
      if (seen.length === 0) throw new ConsulError('permission-denied')
      return { Index: found.Index, Queries: seen }
    },
  },

  'PreparedQuery.List': {
    kind: 'read',
    run(txn, _args, can) {
      const found = queryList(txn)
      if (can.all || found.Queries === null) return found
      return { Index: found.Index, Queries: visible(found.Queries, can) }
    },
  },

  'PreparedQuery.Explain': {
    kind: 'once',
    run(txn, args, can) {
      const query = named(txn, args)
      const [seen] = can.all ? [query] : visible([query], can)
      if (seen === undefined) throw new ConsulError('permission-denied')
      return { Query: seen }
    },
  },

  'PreparedQuery.Execute': {
    kind: 'once',
    run(txn, args, can, around) {
      const query = named(txn, args)
      const found = search(txn, query, args.Connect, can, around)
      arrange(txn, query, args, found, around)
      if (args.Limit && args.Limit > 0) found.Nodes = found.Nodes.slice(0, args.Limit)
      return found.Nodes.length > 0 ? found : failover(query, args, found, around)
    },
  },

  'PreparedQuery.ExecuteRemote': {
    kind: 'once',
    run(txn, args, can, around) {
      const found = search(txn, args.Query, args.Connect, can, around)
      if (args.Limit && args.Limit > 0) found.Nodes = found.Nodes.slice(0, args.Limit)
      return found
    },
  },
} satisfies Partial<MethodTable>

function prepared(txn: ReadTxn, args: PreparedQueryRequest, can: Authorizer, env: Env): PreparedQueryRequest {
  if (args.Query === null) throw refused('Must provide a query')
  let query = args.Query
  if (args.Op === 'create') {
    if (query.ID !== '') throw refused('ID must be empty when creating a new prepared query')
    query = { ...query, ID: freshId(txn, env) }
  }
  demandWrite(query, can)
  if (args.Op !== 'create') {
    const standing = standingQuery(txn, query.ID)
    if (standing === undefined) throw refused(`Cannot modify non-existent prepared query: '${query.ID}'`)
    demandWrite(standing, can)
  }
  switch (args.Op) {
    case 'create':
    case 'update': {
      const fault = queryFault(query)
      if (fault !== undefined) throw refused(`Invalid prepared query: ${fault}`)
      break
    }
    case 'delete':
      break
    default:
      throw refused(`Unknown prepared query operation: ${String(args.Op)}`)
  }
  return { ...args, Query: query }
}

function freshId(txn: ReadTxn, env: Env): string {
  let id = env.uuid()
  while (queryGet(txn, id).Queries !== null) id = env.uuid()
  return id
}

function standingQuery(txn: ReadTxn, id: string): PreparedQuery | undefined {
  try {
    return queryGet(txn, id).Queries?.[0]
  } catch (error) {
    if (error instanceof ConsulError) throw refused(`Prepared Query lookup failed: ${error.message}`)
    throw error
  }
}

/** What rules about queries are held against; undefined for one that only its id finds. */
function prefixOf({ Name, Template }: PreparedQuery): string | undefined {
  return Name !== '' || Template.Type !== '' ? Name : undefined
}

function demandWrite(query: PreparedQuery, can: Authorizer): void {
  const prefix = prefixOf(query)
  if (can.all || prefix === undefined || can.allowed('query', 'write', prefix)) return
  throw new ConsulError('permission-denied')
}

function visible(queries: readonly PreparedQuery[], can: Authorizer): PreparedQuery[] {
  if (can.allowed('acl', 'write', '')) return [...queries]
  const seen = queries.filter((query) => {
    const prefix = prefixOf(query)
    return prefix !== undefined && can.allowed('query', 'read', prefix)
  })
  return seen.map((query) => redacted(query, can))
}

/** Only managers of ACLs see which token a query carries. */
function redacted(query: PreparedQuery, can: Authorizer): PreparedQuery {
  return query.Token === '' || can.allowed('acl', 'write', '') ? query : { ...query, Token: REDACTED_TOKEN }
}

function queryFault({ Name, Template, Session, Token, Service, DNS }: PreparedQuery): string | undefined {
  if (Name === '' && Template.Type === '' && Session === '') return 'Must be bound to a session'
  if (Token === REDACTED_TOKEN) {
    return `Bad Token '${Token}', it looks like a query definition with a redacted token was submitted`
  }
  if (Service.Service === '') return 'Must provide a Service name to query'
  const { NearestN } = Service.Failover
  if (NearestN < 0) return `Bad NearestN '${NearestN}', must be >= 0`
  return metadataFault('', Service.NodeMeta, { reserved: true }) ?? ttlFault(DNS.TTL)
}

function ttlFault(text: string): string | undefined {
  if (text === '') return undefined
  const ttl = parseGoDuration(text)
  if (ttl === undefined) return `Bad DNS TTL '${text}': ${goDurationFault(text)}`
  return ttl < 0 ? `DNS TTL '${ttl}', must be >=0` : undefined
}

/** @throws ConsulError query-not-found */
function named(txn: ReadTxn, args: PreparedQueryExecuteRequest): PreparedQuery {
  const query = resolveQuery(txn, args.QueryIDOrName, args.Agent ?? {})
  if (query === undefined) throw new ConsulError('query-not-found')
  return query
}

/** Findings whose list of instances is there, and ours to change. */
type Local = Findings & { Nodes: CheckServiceNode[] }

/** Healthy instances that suit the query, in no order. The query's own token, if it has one, decides what is seen. */
function search(
  txn: ReadTxn,
  query: PreparedQuery,
  connect: boolean | undefined,
  can: Authorizer,
  { datacenter, random, authorize }: Surroundings,
): Local {
  const { Service: wanted, Token, DNS } = query
  const reader = Token === '' ? can : authorize(Token)
  const suits = suitable(wanted)
  const inMesh = wanted.Connect || connect
  const found = inMesh ? connectInstances(txn, wanted.Service) : checkServiceNodes(txn, wanted.Service)
  const all = found.Nodes ?? []
  const Nodes = all.filter((instance) => suits(instance) && mayRead(reader, instance))
  return { Service: wanted.Service, Nodes: shuffle(Nodes, random), DNS, Datacenter: datacenter, Failovers: 0 }
}

function mayRead(can: Authorizer, { Node, Service }: CheckServiceNode): boolean {
  return can.all || (can.allowed('node', 'read', Node.Node) && can.allowed('service', 'read', Service.Service))
}

function suitable(wanted: ServiceQuery): (instance: CheckServiceNode) => boolean {
  const ignored = new Set(wanted.IgnoreCheckIDs ?? [])
  const nodeMeta = pairs(wanted.NodeMeta)
  const serviceMeta = pairs(wanted.ServiceMeta)
  const tags = (wanted.Tags ?? []).map(foldTag)
  const must = tags.filter((tag) => !tag.startsWith('!'))
  const not = tags.filter((tag) => tag.startsWith('!')).map((tag) => tag.slice(1))
  return ({ Node, Service, Checks }) =>
    Checks.every(
      ({ CheckID, Status }) =>
        ignored.has(CheckID) || (Status !== 'critical' && (Status === 'passing' || !wanted.OnlyPassing)),
    ) &&
    satisfies(Node.Meta, nodeMeta) &&
    satisfies(Service.Meta, serviceMeta) &&
    hasTags(Service, must) &&
    not.every((tag) => !hasTags(Service, [tag]))
}

/** By distance, if the asker or the query names a node to be near to; that node itself comes first. */
function arrange(
  txn: ReadTxn,
  query: PreparedQuery,
  args: PreparedQueryExecuteRequest,
  found: Local,
  { datacenter }: Surroundings,
): void {
  const source: QuerySource = { ...args.Source, Datacenter: args.Source?.Datacenter || args.Agent?.Datacenter || '' }
  source.Node = nearNode(txn, source.Node || query.Service.Near, args)
  if (!source.Node) return
  sortByDistance(txn, { Datacenter: datacenter, Source: source }, found.Nodes, ({ Node }) => Node.Node)
  if (found.Datacenter !== source.Datacenter) return
  const own = found.Nodes.slice(0, OWN_NODE_DEPTH).findIndex(({ Node }) => Node.Node === source.Node)
  if (own > 0) {
    const first = found.Nodes[0]!
    found.Nodes[0] = found.Nodes[own]!
    found.Nodes[own] = first
  }
}

/** `_agent` is the agent that was asked, `_ip` the node with the address of whoever asked it. */
function nearNode(txn: ReadTxn, near: string, { Agent, Source }: PreparedQueryExecuteRequest): string {
  if (near === '_agent') return Agent?.Node ?? ''
  if (near !== '_ip') return near
  if (!Source?.Ip) return ''
  for (const node of txn.prefix('nodes', '')) if (node.Address === Source.Ip) return node.Node
  return ''
}

/** The nearest datacenters, as many as the query says, then those that it names; unknown ones are passed over. */
function candidates({ Failover }: ServiceQuery, others: readonly string[]): string[] {
  const nearest = others.slice(0, Math.max(0, Failover.NearestN))
  const listed = (Failover.Datacenters ?? []).filter((name) => others.includes(name) && !nearest.includes(name))
  return [...nearest, ...listed]
}

function failover(
  query: PreparedQuery,
  args: PreparedQueryExecuteRequest,
  found: Local,
  { datacenter, datacenters }: Surroundings,
): Findings | Elsewhere<'PreparedQuery.Execute', 'PreparedQuery.ExecuteRemote'> {
  const { Failover } = query.Service
  if (Failover.NearestN <= 0 && (Failover.Datacenters ?? []).length === 0) return found
  const others = datacenters().filter((name) => name !== datacenter)
  return askOthers(query, args, found, candidates(query.Service, others))
}

function* askOthers(
  query: PreparedQuery,
  args: PreparedQueryExecuteRequest,
  found: Local,
  others: readonly string[],
): Elsewhere<'PreparedQuery.Execute', 'PreparedQuery.ExecuteRemote'> {
  const { QueryIDOrName: _name, Source: _source, Agent: _agent, ...rest } = args
  let answer: Findings | PreparedQueryExecuteResponse = found
  let asked = 0
  for (const Datacenter of others) {
    asked += 1
    try {
      answer = yield { method: 'PreparedQuery.ExecuteRemote', args: { ...rest, Datacenter, Query: query } }
    } catch (error) {
      // One that cannot be asked is passed over.
      if (!(error instanceof ConsulError)) throw error
      continue
    }
    if (answer.Nodes !== null && answer.Nodes.length > 0) break
  }
  return { ...answer, Failovers: asked }
}
