/**
 * From what the catalog says to records: which instances may be named, under which address, with which weight, and how
 * many fit. Pure functions; asking, and following names that stand for addresses, is `resolve.ts`.
 * Source: agent/dns.go and agent/translate_addr.go of Consul 1.8.7; RFC 1464 for attributes in TXT records.
 */
import { byteKey } from '../../base/text.ts'
import type { Node, ServiceAddress } from '../../model/catalog.ts'
import { type CheckServiceNode, NODE_MAINTENANCE, SERVICE_MAINTENANCE_PREFIX } from '../../model/health.ts'
import { hexOfIp, parseIp } from './ip.ts'
import { type Question, type Resource, type SRVRecord, TYPE } from './message.ts'
import type { Zone } from './zone.ts'

/** Instances without a critical check (or, if so wanted, with all checks passing), in a new array. */
export function healthy(instances: CheckServiceNode[], onlyPassing: boolean): CheckServiceNode[] {
  return instances.filter(({ Checks }) => {
    for (const check of Checks ?? []) {
      if (check.Status === 'critical' || (onlyPassing && check.Status !== 'passing')) return false
    }
    return true
  })
}

/** The weight in SRV records: the instance's own for its state. */
export function weightOf({ Service, Checks }: CheckServiceNode): number {
  let warning = false
  let maintenance = false
  for (const check of Checks ?? []) {
    if (check.ServiceName !== Service.Service && check.ServiceName !== '') continue
    if (check.CheckID === NODE_MAINTENANCE || check.CheckID.startsWith(SERVICE_MAINTENANCE_PREFIX)) maintenance = true
    else if (check.Status === 'warning') warning = true
    // A status of the registrant's own making says nothing of weights.
    else if (check.Status !== 'passing') return check.Status === 'critical' ? 0 : 1
  }
  if (maintenance) return 0
  const weight = warning ? (Service.Weights?.Warning ?? 1) : (Service.Weights?.Passing ?? 1)
  return weight & 0xffff
}

/** The tagged address that suits a question, else the plain one: an asker for A does not want the IPv6 address. */
function pick(type: number, plain: string, v4: string | undefined, v6: string | undefined): string {
  if (type !== TYPE.A && v6) return v6
  if (type !== TYPE.AAAA && v4) return v4
  return plain
}

/** @param datacenter where the node is */
export function nodeAddress(zone: Zone, type: number, node: Node): string {
  const tagged = node.TaggedAddresses
  if (tagged === null || tagged === undefined) return node.Address
  const wan = zone.translateWanAddrs && node.Datacenter !== zone.datacenter
  if (!wan) return pick(type, node.Address, tagged.lan_ipv4, tagged.lan_ipv6)
  const v4 = tagged.wan_ipv4 ?? tagged.lan_ipv4
  return pick(type, tagged.wan ?? node.Address, v4, tagged.wan_ipv6 ?? tagged.lan_ipv6)
}

type Tagged = Record<string, ServiceAddress> | null

/** @param datacenter where the service is */
export function serviceAddress(zone: Zone, type: number, plain: string, tagged: Tagged, datacenter: string): string {
  if (tagged === null || tagged === undefined) return plain
  const wan = zone.translateWanAddrs && datacenter !== zone.datacenter
  if (!wan) return pick(type, plain, tagged.lan_ipv4?.Address, tagged.lan_ipv6?.Address)
  const v4 = (tagged.wan_ipv4 ?? tagged.lan_ipv4)?.Address
  return pick(type, tagged.wan?.Address ?? plain, v4, (tagged.wan_ipv6 ?? tagged.lan_ipv6)?.Address)
}

export function servicePort(zone: Zone, plain: number, tagged: Tagged, datacenter: string): number {
  if (!zone.translateWanAddrs || datacenter === zone.datacenter) return plain
  return tagged?.wan?.Port || plain
}

/** undefined when a question of this type does not want an address of this family. */
export function addressRecord(
  type: number,
  name: string,
  address: number | Uint8Array,
  ttl: number,
): Resource | undefined {
  const wanted = type === TYPE.SRV || type === TYPE.ANY || type === TYPE.NS || type === TYPE.TXT
  if (typeof address === 'number') {
    return wanted || type === TYPE.A ? { type: 'A', name, ttl, address } : undefined
  }
  return wanted || type === TYPE.AAAA ? { type: 'AAAA', name, ttl, address } : undefined
}

/** With its final dot. */
export function fullName(name: string): string {
  return name.endsWith('.') && !name.endsWith('\\.') ? name : `${name}.`
}

/** How one instance is to be named: by an address under a name of its node or of the address, or by another name. */
export type Endpoint =
  | { kind: 'address'; address: number | Uint8Array; target: string }
  | { kind: 'name'; target: string }

/**
 * @param datacenter the one asked for: it stands in the target's name
 * @returns undefined when nobody knows an address
 */
export function endpointOf(
  zone: Zone,
  question: Question,
  instance: CheckServiceNode,
  datacenter: string,
): Endpoint | undefined {
  const { Node: node, Service: service } = instance
  const own = serviceAddress(zone, question.type, service.Address, service.TaggedAddresses, datacenter)
  const host = nodeAddress(zone, question.type, node)
  const hostIp = parseIp(host)
  if (own === '') {
    if (host === '') return undefined
    if (hostIp === undefined) return { kind: 'name', target: fullName(host) }
    const target = host === node.Address ? nodeName(zone, node, datacenter) : addrName(zone, hostIp, datacenter)
    return { kind: 'address', address: hostIp, target }
  }
  const ownIp = parseIp(own)
  if (ownIp !== undefined) return { kind: 'address', address: ownIp, target: addrName(zone, ownIp, datacenter) }
  const target = fullName(own)
  // A service whose address is the very name that was asked: its node must do.
  if (target === question.name && hostIp !== undefined) {
    return { kind: 'address', address: hostIp, target: nodeName(zone, node, datacenter) }
  }
  return { kind: 'name', target }
}

export function nodeName(zone: Zone, node: Node, datacenter: string): string {
  return `${node.Node}.node.${datacenter}.${zone.domain}`
}

function addrName(zone: Zone, address: number | Uint8Array, datacenter: string): string {
  return `${hexOfIp(address)}.addr.${datacenter}.${zone.domain}`
}

export function srvRecord(
  zone: Zone,
  name: string,
  ttl: number,
  instance: CheckServiceNode,
  datacenter: string,
  target: string,
): SRVRecord {
  const { Port, TaggedAddresses } = instance.Service
  const port = servicePort(zone, Port, TaggedAddresses, datacenter) & 0xffff
  return { type: 'SRV', name, ttl, priority: 1, weight: weightOf(instance), port, target }
}

/** A TXT record for each item of a node's meta data: `key=value`, or the value alone for keys that start "rfc1035-". */
export function metaRecords(name: string, node: Node, ttl: number): Resource[] {
  const records: Resource[] = []
  for (const key in node.Meta) {
    const value = node.Meta[key]!
    const text = key.toLowerCase().startsWith('rfc1035-') ? value : attribute(key, value)
    records.push({ type: 'TXT', name, ttl, texts: [byteKey(text)] })
  }
  return records
}

const quoteSpaces = (spaces: string): string => '` '.repeat(spaces.length)

/** RFC 1464: a grave accent quotes itself, "=", and spaces at the key's ends. */
function attribute(key: string, value: string): string {
  const quoted = key.replaceAll('`', '``').replaceAll('=', '`=').replace(/^ +/, quoteSpaces).replace(/ +$/, quoteSpaces)
  return `${quoted}=${value.replaceAll('`', '``')}`
}
