/** The methods of health. Source: Consul's agent/consul/health_endpoint.go. */
import type { ServiceSpecificRequest } from '../../model/catalog.ts'
import type {
  CheckServiceNode,
  HealthCheck,
  IndexedCheckServiceNodes,
  IndexedHealthChecks,
} from '../../model/health.ts'
import type { Found, QueryOptions, QuerySource, ToDatacenter } from '../../model/query.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { CHECK_SERVICE_NODE_FIELDS, HEALTH_CHECK_FIELDS, makeFilter } from '../filter/filter.ts'
import { connectInstances, ingressInstances } from '../store/connect-reads.ts'
import { checkServiceNodes, checksInState, nodeChecks, serviceChecks } from '../store/health-reads.ts'
import type { ReadTxn } from '../store/rows.ts'
import { sortByDistance } from './near.ts'
import { refused } from './refuse.ts'
import { type MethodTable, sliced } from './table.ts'

export const healthMethods = {
  'Health.ChecksInState': sliced<'Health.ChecksInState'>(function* (txn, args, can) {
    const wanted = checkFilter(args)
    return arranged(txn, args, visible(yield* checksInState(txn, args.State, args.NodeMetaFilters), can, wanted))
  }),

  'Health.NodeChecks': {
    kind: 'read',
    run(txn, args, can) {
      const wanted = checkFilter(args)
      return visible(nodeChecks(txn, args.Node), can, wanted)
    },
  },

  'Health.ServiceChecks': sliced<'Health.ServiceChecks'>(function* (txn, args, can) {
    if (args.TagFilter) throw refused('Tag filtering is not supported')
    const wanted = checkFilter(args)
    return arranged(txn, args, visible(yield* serviceChecks(txn, args.ServiceName, args.NodeMetaFilters), can, wanted))
  }),

  'Health.ServiceNodes': {
    kind: 'read',
    run(txn, args, can) {
      if (args.ServiceName === '') throw refused('Must provide service name')
      const wanted = makeFilter(args.Filter, CHECK_SERVICE_NODE_FIELDS)
      const mesh = args.Connect === true || args.Ingress === true
      if (mesh && !can.all && !can.allowed('service', 'read', args.ServiceName)) return { Index: 0, Nodes: null }
      const found = instancesFor(txn, args)
      if (found.Nodes === null) return found
      if (!can.all) found.Nodes = found.Nodes.filter((instance) => mayRead(can, instance))
      if (wanted !== undefined) found.Nodes = found.Nodes.filter(wanted)
      sortByDistance(txn, args, found.Nodes, (instance) => instance.Node.Node)
      return found
    },
  },
} satisfies Partial<MethodTable>

/** Of the three ways to ask, the mesh goes before tags, and tags before ingress gateways, as in Consul. */
function instancesFor(txn: ReadTxn, args: ServiceSpecificRequest): Found<IndexedCheckServiceNodes> {
  const { ServiceName: name, NodeMetaFilters: meta } = args
  if (args.Connect) return connectInstances(txn, name, meta)
  if (args.Ingress && !args.TagFilter) return ingressInstances(txn, name, meta)
  return checkServiceNodes(txn, name, { tags: wantedTags(args), meta })
}

/** The tags that an instance must carry; senders before 1.3 name a single one. */
export function wantedTags(args: ServiceSpecificRequest): string[] | undefined {
  if (!args.TagFilter) return undefined
  return args.ServiceTag ? [args.ServiceTag] : (args.ServiceTags ?? [])
}

function mayRead(can: Authorizer, instance: CheckServiceNode): boolean {
  return can.allowed('node', 'read', instance.Node.Node) && can.allowed('service', 'read', instance.Service.Service)
}

function checkFilter({ Filter }: QueryOptions): ReturnType<typeof makeFilter> {
  return makeFilter(Filter, HEALTH_CHECK_FIELDS)
}

function visible(
  found: Found<IndexedHealthChecks>,
  can: Authorizer,
  wanted: ReturnType<typeof makeFilter>,
): Found<IndexedHealthChecks> {
  if ((can.all && wanted === undefined) || found.HealthChecks === null) return found
  const mayReadCheck = (check: HealthCheck): boolean =>
    can.allowed('node', 'read', check.Node) &&
    (check.ServiceName === '' || can.allowed('service', 'read', check.ServiceName)) &&
    wanted?.(check) !== false
  return { Index: found.Index, HealthChecks: found.HealthChecks.filter(mayReadCheck) }
}

function arranged(
  txn: ReadTxn,
  args: ToDatacenter & { Source?: QuerySource },
  found: Found<IndexedHealthChecks>,
): Found<IndexedHealthChecks> {
  if (found.HealthChecks !== null) sortByDistance(txn, args, found.HealthChecks, (check) => check.Node)
  return found
}
