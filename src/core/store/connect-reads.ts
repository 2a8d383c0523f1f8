/**
 * Who can be reached through the mesh in place of a service: its sidecar proxies, its own instances that speak for
 * themselves, the gateways before it. Source: Consul's agent/consul/state/catalog.go, the reads with `connect`.
 */
import type { Index } from '../../base/units.ts'
import type { IndexedServiceNodes, ServiceRow } from '../../model/catalog.ts'
import type { GatewayService, IndexedGatewayServices, IndexedServiceDump, ServiceInfo } from '../../model/gateway.ts'
import type { CheckServiceNode, IndexedCheckServiceNodes } from '../../model/health.ts'
import type { Found } from '../../model/query.ts'
import { type MetaFilters, orNull, pairs, satisfies, serviceNodeOf } from './catalog-reads.ts'
import { CONFIG_COUNTER } from './config-entry.ts'
import { protocolOf } from './config-graph.ts'
import { GATEWAY_COUNTER, gatewayMappings, gatewaysOf } from './gateway-services.ts'
import { checkServiceNodes, instanceOf, instancesOf } from './health-reads.ts'
import type { ReadTxn } from './rows.ts'
import { serviceIndex } from './service-counters.ts'
import { serviceNamePrefix } from './tables.ts'

const WILDCARD = '*'

/** As the catalog lists them, without their checks. */
export function connectNodes(txn: ReadTxn, name: string, meta?: MetaFilters): Found<IndexedServiceNodes> {
  noteArrivals(txn)
  const gateways = gatewayRows(txn, name, 'terminating-gateway')
  const rows = [...txn.by('services-by-destination', serviceNamePrefix(name)), ...gateways.rows]
  const Index = Math.max(
    gateways.index,
    namesIndex(txn, gateways.rows, false),
    serviceIndex(txn, name, rows.length > 0, false),
  )
  const wanted = pairs(meta)
  const found = rows.map((row) => serviceNodeOf(txn, row)).filter((row) => satisfies(row.NodeMeta, wanted))
  return { Index, ServiceNodes: orNull(found) }
}

/** With their checks. */
export function connectInstances(txn: ReadTxn, name: string, meta?: MetaFilters): Found<IndexedCheckServiceNodes> {
  noteArrivals(txn)
  const gateways = gatewayRows(txn, name, 'terminating-gateway')
  const rows = [...txn.by('services-by-destination', serviceNamePrefix(name)), ...gateways.rows]
  const own = rows.length > 0 ? namesIndex(txn, rows, true) : serviceIndex(txn, name, false, true)
  return {
    Index: Math.max(gateways.index, own),
    Nodes: filtered(
      rows.map((row) => instanceOf(txn, row)),
      meta,
    ),
  }
}

/** The ingress gateways that lead to a service. */
export function ingressInstances(txn: ReadTxn, name: string, meta?: MetaFilters): Found<IndexedCheckServiceNodes> {
  noteArrivals(txn)
  const gateways = gatewayRows(txn, name, 'ingress-gateway')
  let Index = Math.max(gateways.index, namesIndex(txn, gateways.rows, false))
  const found: CheckServiceNode[] = []
  for (const gateway of new Set(gateways.rows.map(({ Service }) => Service.Service))) {
    Index = Math.max(Index, serviceIndex(txn, gateway, true, true))
    found.push(...instancesOf(txn, gateway))
  }
  return { Index, Nodes: filtered(found, meta) }
}

/** The services behind a gateway. What "*" met counts only if it speaks the listener's protocol. */
export function gatewayServices(txn: ReadTxn, gateway: string): Found<IndexedGatewayServices> {
  let Index = txn.counter(GATEWAY_COUNTER)
  const found: GatewayService[] = []
  for (const row of gatewayMappings(txn, gateway)) {
    if (row.Service.Name === WILDCARD) continue
    if (row.GatewayKind === 'ingress-gateway' && row.FromWildcard) {
      Index = Math.max(Index, txn.counter(CONFIG_COUNTER))
      if (protocolOf(txn, row.Service.Name) !== row.Protocol) continue
    }
    found.push(row)
  }
  return { Index, Services: orNull(found) }
}

/** The instances of the services behind a gateway; of a service without any, that it is behind it. */
export function gatewayInstances(txn: ReadTxn, gateway: string): Found<IndexedServiceDump> {
  const { Index: listed, Services } = gatewayServices(txn, gateway)
  let Index = listed
  const found: ServiceInfo[] = []
  for (const GatewayService of Services ?? []) {
    const { Index: own, Nodes } = checkServiceNodes(txn, GatewayService.Service.Name)
    Index = Math.max(Index, own)
    for (const instance of Nodes ?? []) found.push({ ...instance, GatewayService })
    if (Nodes === null) found.push({ Node: null, Service: null, Checks: null, GatewayService })
  }
  return { Index, Dump: orNull(found) }
}

/** A proxy may come under any name, so a reader is woken by all: its index says whether it was for him. */
function noteArrivals(txn: ReadTxn): void {
  txn.counter('services')
  txn.counter(GATEWAY_COUNTER)
}

/** Instances of the gateways of one kind before a service, and the index of what says so. */
function gatewayRows(txn: ReadTxn, name: string, kind: string): { index: Index; rows: ServiceRow[] } {
  let index = 0
  const rows: ServiceRow[] = []
  for (const mapping of gatewaysOf(txn, name)) {
    if (mapping.GatewayKind !== kind) continue
    const found = [...txn.by('services-by-name', serviceNamePrefix(mapping.Gateway.Name))]
    index = Math.max(index, mapping.ModifyIndex, serviceIndex(txn, mapping.Gateway.Name, found.length > 0, false))
    rows.push(...found)
  }
  return { index, rows }
}

function namesIndex(txn: ReadTxn, rows: ServiceRow[], withChecks: boolean): Index {
  const names = new Set(rows.map(({ Service }) => Service.Service))
  return Math.max(0, ...[...names].map((name) => serviceIndex(txn, name, true, withChecks)))
}

function filtered(found: CheckServiceNode[], meta: MetaFilters): CheckServiceNode[] | null {
  const wanted = pairs(meta)
  return orNull(wanted.length === 0 ? found : found.filter(({ Node }) => satisfies(Node.Meta, wanted)))
}
