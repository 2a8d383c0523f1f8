/**
 * Addresses of other datacenters as they are reached from outside (translate_wan_addrs): the `wan` ones in place of those
 * that their own neighbours use. Rows are shared, so what changes is copied. Source: agent/translate_addr.go.
 */
import type { Node, NodeService, ServiceAddress, ServiceNode } from '../../model/catalog.ts'
import type { CheckServiceNode } from '../../model/health.ts'
import type { Exchange } from './exchange.ts'

/** Whether what comes from there is to be translated. */
function isFar({ door, backend }: Exchange, datacenter: string | undefined): boolean {
  return door.translateWanAddrs && datacenter !== undefined && datacenter !== backend.self.datacenter
}

/** @returns the rows themselves when there is nothing to change */
function each<Row>(
  exchange: Exchange,
  datacenter: string | undefined,
  rows: readonly Row[],
  change: (row: Row) => Row,
) {
  return isFar(exchange, datacenter) ? rows.map(change) : rows
}

export function translateNodes(exchange: Exchange, datacenter: string | undefined, rows: readonly Node[]) {
  return each(exchange, datacenter, rows, farNode)
}

export function translateServices(exchange: Exchange, datacenter: string | undefined, rows: readonly NodeService[]) {
  return each(exchange, datacenter, rows, farService)
}

export function translateServiceNodes(
  exchange: Exchange,
  datacenter: string | undefined,
  rows: readonly ServiceNode[],
) {
  return each(exchange, datacenter, rows, (row) => ({
    ...row,
    Address: row.TaggedAddresses?.wan ?? row.Address,
    ServiceAddress: row.ServiceTaggedAddresses?.wan?.Address ?? row.ServiceAddress,
    ServicePort: row.ServiceTaggedAddresses?.wan?.Port || row.ServicePort,
  }))
}

export function translateInstances(
  exchange: Exchange,
  datacenter: string | undefined,
  rows: readonly CheckServiceNode[],
) {
  return each(exchange, datacenter, rows, (row) => ({
    ...row,
    Node: farNode(row.Node),
    Service: farService(row.Service),
  }))
}

function farNode(node: Node): Node {
  const wan = node.TaggedAddresses?.wan
  return wan === undefined ? node : { ...node, Address: wan }
}

function farService(service: NodeService): NodeService {
  const wan: ServiceAddress | undefined = service.TaggedAddresses?.wan
  return wan === undefined ? service : { ...service, Address: wan.Address, Port: wan.Port || service.Port }
}
