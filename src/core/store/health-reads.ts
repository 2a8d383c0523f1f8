/**
 * What health answers, as pure reads: checks of a node, of a service, in a state, and a service's instances with all
 * checks that speak for them. Rows are handed out as stored; indexes follow fsm-and-snapshot.md section 4.
 */
import type { Node, ServiceRow } from '../../model/catalog.ts'
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
import { gathered, type Slices } from './slices.ts'
import { counterKey, nodeKey, nodePrefix, nodeServicePrefix, serviceNamePrefix, statusPrefix } from './tables.ts'

export function nodeChecks(txn: ReadTxn, nodeName: string): Found<IndexedHealthChecks> {
  return { Index: txn.counter('checks'), HealthChecks: orNull([...txn.prefix('checks', nodePrefix(nodeName))]) }
}

/** The checks of a service's instances, by service name; not those of their nodes. */
export function* serviceChecks(txn: ReadTxn, name: string, filters?: MetaFilters): Slices<Found<IndexedHealthChecks>> {
  const rows = txn.by('checks-by-service', serviceNamePrefix(name))
  const index = pairs(filters).length === 0 ? txn.counter('checks') : serviceIndex(txn, name, true, true)
  return { Index: index, HealthChecks: orNull(yield* gathered(rows, onNodes(txn, filters))) }
}

/** @param state a status, or "any" */
export function* checksInState(txn: ReadTxn, state: string, filters?: MetaFilters): Slices<Found<IndexedHealthChecks>> {
  const rows = state === 'any' ? txn.prefix('checks', '') : txn.by('checks-by-status', statusPrefix(state))
  const index = txn.counter('checks')
  return { Index: index, HealthChecks: orNull(yield* gathered(rows, onNodes(txn, filters))) }
}

function onNodes(txn: ReadTxn, filters: MetaFilters): ((check: HealthCheck) => boolean) | undefined {
  const wanted = pairs(filters)
  if (wanted.length === 0) return undefined
  return (check) => satisfies(txn.get('nodes', nodeKey(check.Node))?.Meta ?? null, wanted)
}

/**
 * A service's instances in the order of node names, each with its node's checks and then its own. The list is the
 * caller's; its items are shared between calls for as long as nothing in the catalog changes, and never changed.
 */
export function checkServiceNodes(
  txn: ReadTxn,
  name: string,
  filter: InstanceFilter = {},
): Found<IndexedCheckServiceNodes> {
  const all = instancesOf(txn, name)
  const index = serviceIndex(txn, name, all.length > 0, true)
  const wanted = pairs(filter.meta)
  const tags = filter.tags?.map(foldTag) ?? []
  if (wanted.length === 0 && tags.length === 0) return { Index: index, Nodes: orNull(all.slice()) }
  const found = all.filter(({ Node, Service }) => hasTags(Service, tags) && satisfies(Node.Meta, wanted))
  return { Index: index, Nodes: orNull(found) }
}

/** One instance with its node and the checks that speak for it. */
export function instanceOf(txn: ReadTxn, row: ServiceRow): CheckServiceNode {
  const Checks = [
    ...txn.by('checks-by-node-service', nodeServicePrefix(row.Node, '')),
    ...txn.by('checks-by-node-service', nodeServicePrefix(row.Node, row.Service.ID)),
  ]
  return { Node: nodeOfService(txn, row), Service: row.Service, Checks }
}

/** The state of the catalog as the rows of its counters: every change of a node, service or check replaces one. */
interface Version {
  nodes: object | undefined
  services: object | undefined
}

interface Remembered extends Version {
  instances: CheckServiceNode[]
}

/** By the row of the counter `checks`, which moves most: what was put together since, by folded service name. */
const remembered = new WeakMap<object, Map<string, Remembered>>()
const NODES = counterKey('nodes')
const SERVICES = counterKey('services')
const CHECKS = counterKey('checks')

/** All of a service, shared between calls for as long as nothing in the catalog changes. */
export function instancesOf(txn: ReadTxn, name: string): readonly CheckServiceNode[] {
  const prefix = serviceNamePrefix(name)
  const checks = txn.get('index', CHECKS)
  if (checks === undefined) return gather(txn, prefix)
  const nodes = txn.get('index', NODES)
  const services = txn.get('index', SERVICES)
  let byName = remembered.get(checks)
  const known = byName?.get(prefix)
  if (known !== undefined && known.nodes === nodes && known.services === services) return known.instances
  const found = gather(txn, prefix)
  if (found.length === 0) return found
  if (byName === undefined) {
    byName = new Map()
    remembered.set(checks, byName)
  }
  byName.set(prefix, { nodes, services, instances: found })
  return found
}

function gather(txn: ReadTxn, prefix: string): CheckServiceNode[] {
  const found: CheckServiceNode[] = []
  let node: Node | undefined
  let checksOfNode: HealthCheck[] = []
  let nodeName = ''
  for (const row of txn.by('services-by-name', prefix)) {
    if (node === undefined || nodeName !== row.Node) {
      nodeName = row.Node
      node = nodeOfService(txn, row)
      checksOfNode = []
      for (const check of txn.by('checks-by-node-service', nodeServicePrefix(nodeName, ''))) checksOfNode.push(check)
    }
    const checks = checksOfNode.slice()
    for (const check of txn.by('checks-by-node-service', nodeServicePrefix(nodeName, row.Service.ID))) {
      checks.push(check)
    }
    found.push({ Node: node, Service: row.Service, Checks: checks })
  }
  return found
}
