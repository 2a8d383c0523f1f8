/** The method of discovery chains. Source: Consul's agent/consul/discovery_chain_endpoint.go. */
import { CONFIG_COUNTER } from '../store/config-entry.ts'
import { chainEntries } from '../store/config-graph.ts'
import { compileChain, DEFAULT_NAMESPACE } from '../store/discovery-chain.ts'
import { CA_CONFIG_KEY } from '../store/tables.ts'
import { demand, refused } from './refuse.ts'
import type { MethodTable } from './table.ts'

/** Until the cluster has a certificate authority nobody can connect by these names, but routes may be looked at. */
const NO_CLUSTER_ID = '00000000-0000-0000-0000-000000000000'

/** Where a call says no datacenter. A server only ever serves calls to its own. */
const DEFAULT_DATACENTER = 'dc1'

export const discoveryChainMethods = {
  'DiscoveryChain.Get': {
    kind: 'read',
    run(txn, args, can) {
      demand(can, 'service', 'read', args.Name)
      if (args.Name === '') throw refused('Must provide service name')
      const Index = txn.counter(CONFIG_COUNTER)
      const datacenter = args.Datacenter || DEFAULT_DATACENTER
      const clusterId = txn.get('ca-config', CA_CONFIG_KEY)?.ClusterID || NO_CLUSTER_ID
      const question = {
        service: args.Name,
        namespace: DEFAULT_NAMESPACE,
        datacenter: args.EvaluateInDatacenter || datacenter,
        useInDatacenter: datacenter,
        trustDomain: `${clusterId}.consul`.toLowerCase(),
        overrideMeshGateway: args.OverrideMeshGateway,
        overrideProtocol: args.OverrideProtocol,
        overrideConnectTimeout: args.OverrideConnectTimeout,
      }
      return { Index, Chain: compileChain(question, chainEntries(txn, args.Name)) }
    },
  },
} satisfies Partial<MethodTable>
