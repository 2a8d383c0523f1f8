/** What the web UI shows at once: whole nodes, and all instances. Source: Consul's agent/consul/state/catalog.go. */
import type { Node, ServiceKind, ServiceRow } from '../../model/catalog.ts'
import type { CheckServiceNode, IndexedCheckServiceNodes } from '../../model/health.ts'
import type { IndexedNodeDump, NodeInfo } from '../../model/internal.ts'
import type { Found } from '../../model/query.ts'
import { nodeOfService, orNull } from './catalog-reads.ts'
import type { ReadTxn } from './rows.ts'
import { kindCounter } from './service-counters.ts'
import { SliceCounter, type Slices } from './slices.ts'
import { nodeKey, nodePrefix, nodeServicePrefix } from './tables.ts'

function catalogIndex(txn: ReadTxn): number {
  return Math.max(txn.counter('nodes'), txn.counter('services'), txn.counter('checks'))
}

/** @param name of one node; its list is empty when there is none */
export function nodeInfo(txn: ReadTxn, name: string): Found<IndexedNodeDump> {
  const index = catalogIndex(txn)
  const node = txn.get('nodes', nodeKey(name))
  return { Index: index, Dump: node === undefined ? null : [infoOf(txn, node)] }
}

export function* nodeDump(txn: ReadTxn): Slices<Found<IndexedNodeDump>> {
  const index = catalogIndex(txn)
  const dump: NodeInfo[] = []
  const slice = new SliceCounter()
  for (const node of txn.prefix('nodes', '')) {
    dump.push(infoOf(txn, node))
    if (slice.full()) yield
  }
  return { Index: index, Dump: orNull(dump) }
}

function infoOf(txn: ReadTxn, { ID, Node, Address, TaggedAddresses, Meta }: Node): NodeInfo {
  const prefix = nodePrefix(Node)
  const services = Array.from(txn.prefix('services', prefix), ({ Service }) => Service)
  const checks = [...txn.prefix('checks', prefix)]
  return { ID, Node, Address, TaggedAddresses, Meta, Services: orNull(services), Checks: orNull(checks) }
}

/** All instances in the order of nodes and ids; with a kind, only those of it. */
export function* serviceDump(txn: ReadTxn, kind?: ServiceKind): Slices<Found<IndexedCheckServiceNodes>> {
  const index = kind === undefined ? catalogIndex(txn) : txn.counter(kindCounter(kind))
  const found: CheckServiceNode[] = []
  const slice = new SliceCounter()
  for (const row of txn.prefix('services', '')) {
    if (slice.full()) yield
    if (kind === undefined || row.Service.Kind === kind) found.push(instanceOf(txn, row))
  }
  return { Index: index, Nodes: orNull(found) }
}

/** With its node's checks and then its own. */
function instanceOf(txn: ReadTxn, row: ServiceRow): CheckServiceNode {
  const ofNode = txn.by('checks-by-node-service', nodeServicePrefix(row.Node, ''))
  const own = txn.by('checks-by-node-service', nodeServicePrefix(row.Node, row.Service.ID))
  return { Node: nodeOfService(txn, row), Service: row.Service, Checks: [...ofNode, ...own] }
}
