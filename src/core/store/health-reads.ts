/**
 * What health answers, as pure reads: checks of a node, of a service, in a state, and a service's instances with all
 * checks that speak for them. Rows are handed out as stored; indexes follow fsm-and-snapshot.md section 4.
 */
import type { Node } from '../../model/catalog.ts'
import type {
  CheckServiceNode,
  HealthCheck,
  IndexedCheckServiceNodes,
  IndexedHealthChecks,
} from '../../model/health.ts'
import type { Found } from '../../model/query.ts'
import {
  foldTag,
  hasTags,
  type InstanceFilter,
  type MetaFilters,
  nodeOfService,
  orNull,
  pairs,
  satisfies,
} from './catalog-reads.ts'
import type { ReadTxn } from './rows.ts'
import { serviceIndex } from './service-counters.ts'
import { nodeKey, nodePrefix, nodeServicePrefix, serviceNamePrefix, statusPrefix } from './tables.ts'

export function nodeChecks(txn: ReadTxn, nodeName: string): Found<IndexedHealthChecks> {
  return { Index: txn.counter('checks'), HealthChecks: orNull([...txn.prefix('checks', nodePrefix(nodeName))]) }
}

/** The checks of a service's instances, by service name; not those of their nodes. */
export function serviceChecks(txn: ReadTxn, name: string, filters?: MetaFilters): Found<IndexedHealthChecks> {
  const rows = txn.by('checks-by-service', serviceNamePrefix(name))
  if (pairs(filters).length === 0) return { Index: txn.counter('checks'), HealthChecks: orNull([...rows]) }
  return { Index: serviceIndex(txn, name, true, true), HealthChecks: onNodes(txn, rows, filters) }
}

/** @param state a status, or "any" */
export function checksInState(txn: ReadTxn, state: string, filters?: MetaFilters): Found<IndexedHealthChecks> {
  const rows = state === 'any' ? txn.prefix('checks', '') : txn.by('checks-by-status', statusPrefix(state))
  return { Index: txn.counter('checks'), HealthChecks: onNodes(txn, rows, filters) }
}

function onNodes(txn: ReadTxn, rows: Iterable<HealthCheck>, filters: MetaFilters): HealthCheck[] | null {
  const wanted = pairs(filters)
  if (wanted.length === 0) return orNull([...rows])
  const found: HealthCheck[] = []
  for (const check of rows) {
    if (satisfies(txn.get('nodes', nodeKey(check.Node))?.Meta ?? null, wanted)) found.push(check)
  }
  return orNull(found)
}

/** A service's instances in the order of node names, each with its node's checks and then its own. */
export function checkServiceNodes(
  txn: ReadTxn,
  name: string,
  filter: InstanceFilter = {},
): Found<IndexedCheckServiceNodes> {
  const found: CheckServiceNode[] = []
  const wanted = pairs(filter.meta)
  const tags = filter.tags?.map(foldTag)
  let exists = false
  let node: Node | undefined
  let checksOfNode: HealthCheck[] = []
  for (const row of txn.by('services-by-name', serviceNamePrefix(name))) {
    const service = row.Service
    exists = true
    if (tags !== undefined && !hasTags(service, tags)) continue
    if (node === undefined || node.Node !== row.Node) {
      node = nodeOfService(txn, row)
      checksOfNode = [...txn.by('checks-by-node-service', nodeServicePrefix(row.Node, ''))]
    }
    if (!satisfies(node.Meta, wanted)) continue
    const checks = checksOfNode.slice()
    for (const check of txn.by('checks-by-node-service', nodeServicePrefix(row.Node, service.ID))) checks.push(check)
    found.push({ Node: node, Service: service, Checks: checks })
  }
  return { Index: serviceIndex(txn, name, exists, true), Nodes: orNull(found) }
}
