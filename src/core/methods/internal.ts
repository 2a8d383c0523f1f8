/** The methods behind the web UI. Source: Consul's agent/consul/internal_endpoint.go. */
import type { IndexedNodeDump } from '../../model/internal.ts'
import type { Found } from '../../model/query.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { CHECK_SERVICE_NODE_FIELDS, makeFilter, NODE_INFO_FIELDS } from '../filter/filter.ts'
import { gatewayInstances } from '../store/connect-reads.ts'
import { nodeDump, nodeInfo, serviceDump } from '../store/overview.ts'
import { demand, refused } from './refuse.ts'
import { type MethodTable, sliced } from './table.ts'

export const internalMethods = {
  'Internal.NodeInfo': { kind: 'read', run: (txn, args, can) => visible(nodeInfo(txn, args.Node), can) },

  'Internal.NodeDump': sliced<'Internal.NodeDump'>(function* (txn, args, can) {
    const wanted = makeFilter(args.Filter, NODE_INFO_FIELDS)
    const found = visible(yield* nodeDump(txn), can)
    return wanted === undefined || found.Dump === null ? found : { ...found, Dump: found.Dump.filter(wanted) }
  }),

  'Internal.ServiceDump': sliced<'Internal.ServiceDump'>(function* (txn, args, can) {
    const wanted = makeFilter(args.Filter, CHECK_SERVICE_NODE_FIELDS)
    const found = yield* serviceDump(txn, args.UseServiceKind ? (args.ServiceKind ?? '') : undefined)
    if (found.Nodes === null || (can.all && wanted === undefined)) return found
    const seen = found.Nodes.filter(
      (instance) =>
        can.allowed('node', 'read', instance.Node.Node) &&
        can.allowed('service', 'read', instance.Service.Service) &&
        wanted?.(instance) !== false,
    )
    return { Index: found.Index, Nodes: seen }
  }),

  'Internal.GatewayServiceDump': {
    kind: 'read',
    run(txn, args, can) {
      if (args.ServiceName === '') throw refused('Must provide gateway name')
      demand(can, 'service', 'read', args.ServiceName)
      const found = gatewayInstances(txn, args.ServiceName)
      if (can.all || found.Dump === null) return found
      const seen = found.Dump.filter(
        ({ Node, GatewayService }) =>
          (Node === null || can.allowed('node', 'read', Node.Node)) &&
          can.allowed('service', 'read', GatewayService?.Service.Name ?? ''),
      )
      return { Index: found.Index, Dump: seen }
    },
  },
} satisfies Partial<MethodTable>

function visible(found: Found<IndexedNodeDump>, can: Authorizer): Found<IndexedNodeDump> {
  if (can.all || found.Dump === null) return found
  const nodes = found.Dump.filter(({ Node }) => can.allowed('node', 'read', Node))
  const Dump = nodes.map((info) => ({
    ...info,
    Services: info.Services?.filter(({ Service }) => can.allowed('service', 'read', Service)) ?? null,
    Checks:
      info.Checks?.filter(({ ServiceName }) => ServiceName === '' || can.allowed('service', 'read', ServiceName)) ??
      null,
  }))
  return { Index: found.Index, Dump }
}
