/**
 * Which services stand behind which gateways, derived from the gateways' configuration entries and, where those say
 * "*", from the instances that there are. In no snapshot: whoever restores one derives them again.
 * Source: Consul's agent/consul/state/catalog.go, from `updateGatewayServices` on.
 */

import type { Index } from '../../base/units.ts'
import type { NodeService } from '../../model/catalog.ts'
import { type IngressGateway, type TerminatingGateway, WILDCARD } from '../../model/config-entry.ts'
import type { GatewayService } from '../../model/gateway.ts'
import { raiseCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { deepEqual } from './same.ts'
import { configKey, gatewayServiceKey, serviceNamePrefix } from './tables.ts'

export const GATEWAY_COUNTER = 'gateway-services'
/** The servers' own service, which no "*" means. */
const CONSUL_SERVICE = 'consul'

/** To be called before the entry itself is put: an entry that lists what it listed before changes nothing. */
export function updateGateway(txn: WriteTxn, index: Index, entry: IngressGateway | TerminatingGateway): void {
  const before = txn.get('config-entries', configKey(entry.Kind, entry.Name))
  if (before !== undefined && deepEqual(listed(before as typeof entry), listed(entry))) return
  deleteGateway(txn, index, entry.Name)
  for (const mapping of mappingsOf(entry)) {
    if (mapping.Service.Name === WILDCARD) addAllServices(txn, index, mapping)
    putMapping(txn, index, mapping)
  }
  raiseCounter(txn, GATEWAY_COUNTER, index)
}

export function deleteGateway(txn: WriteTxn, index: Index, gateway: string): void {
  for (const row of [...gatewayMappings(txn, gateway)]) txn.delete('gateway-services', keyOf(row))
  raiseCounter(txn, GATEWAY_COUNTER, index)
}

/** An instance was registered: gateways that say "*" now have its service. */
export function addToWildcards(txn: WriteTxn, index: Index, service: NodeService): void {
  if (service.Kind !== '' || service.Service === CONSUL_SERVICE) return
  for (const row of [...gatewaysOf(txn, WILDCARD)]) {
    putMapping(txn, index, { ...row, Service: { Name: service.Service }, FromWildcard: true })
  }
}

/** The last instance went away: what was only met by "*" goes with it. */
export function dropFromWildcards(txn: WriteTxn, index: Index, service: string): void {
  for (const row of [...gatewaysOf(txn, service)]) {
    if (!row.FromWildcard) continue
    txn.delete('gateway-services', keyOf(row))
    raiseCounter(txn, GATEWAY_COUNTER, index)
  }
}

/** The services behind a gateway. */
export function gatewayMappings(txn: ReadTxn, gateway: string): Iterable<GatewayService> {
  return txn.prefix('gateway-services', serviceNamePrefix(gateway))
}

/** The gateways before a service. */
export function gatewaysOf(txn: ReadTxn, service: string): Iterable<GatewayService> {
  return txn.by('gateway-services-by-service', serviceNamePrefix(service))
}

function listed(entry: IngressGateway | TerminatingGateway): unknown {
  return entry.Kind === 'ingress-gateway' ? entry.Listeners : entry.Services
}

const NO_MAPPING: Omit<GatewayService, 'Gateway' | 'Service' | 'GatewayKind'> = {
  Port: 0,
  Protocol: '',
  Hosts: null,
  CAFile: '',
  CertFile: '',
  KeyFile: '',
  SNI: '',
  FromWildcard: false,
  CreateIndex: 0,
  ModifyIndex: 0,
}

function mappingsOf(entry: IngressGateway | TerminatingGateway): GatewayService[] {
  const Gateway = { Name: entry.Name }
  if (entry.Kind === 'terminating-gateway') {
    return (entry.Services ?? []).map(({ Name, CAFile, CertFile, KeyFile, SNI }) => ({
      ...NO_MAPPING,
      Gateway,
      Service: { Name },
      GatewayKind: 'terminating-gateway',
      CAFile,
      CertFile,
      KeyFile,
      SNI,
    }))
  }
  return (entry.Listeners ?? []).flatMap(({ Port, Protocol, Services }) =>
    (Services ?? []).map(
      ({ Name, Hosts }): GatewayService => ({
        ...NO_MAPPING,
        Gateway,
        Service: { Name },
        GatewayKind: 'ingress-gateway',
        Hosts,
        Port,
        Protocol,
      }),
    ),
  )
}

/** What the entry names by itself stays as the entry says it. */
function addAllServices(txn: WriteTxn, index: Index, wildcard: GatewayService): void {
  const names = new Set<string>()
  for (const { Service } of txn.prefix('services', '')) {
    if (Service.Kind === '' && Service.Service !== CONSUL_SERVICE) names.add(Service.Service)
  }
  for (const Name of names) {
    const mapping = { ...wildcard, Service: { Name }, FromWildcard: true }
    if (txn.get('gateway-services', keyOf(mapping)) === undefined) putMapping(txn, index, mapping)
  }
}

function putMapping(txn: WriteTxn, index: Index, mapping: GatewayService): void {
  const before = txn.get('gateway-services', keyOf(mapping))
  if (before !== undefined && sameMapping(before, mapping)) return
  txn.put('gateway-services', { ...mapping, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
  raiseCounter(txn, GATEWAY_COUNTER, index)
}

function sameMapping(a: GatewayService, b: GatewayService): boolean {
  const said = (row: GatewayService) => ({ ...row, Hosts: row.Hosts ?? [], CreateIndex: 0, ModifyIndex: 0 })
  return deepEqual(said(a), said(b))
}

function keyOf({ Gateway, Service, Port }: GatewayService): string {
  return gatewayServiceKey(Gateway.Name, Service.Name, Port)
}
