/** What the DNS door of an agent is told once: names, lifetimes, limits. Source: dns_config of Consul 1.8.7. */
import type { Millis } from '../../base/units.ts'

export interface Zone {
  /** Lower case, with its final dot: `consul.` */
  domain: string
  /** The same, or "" when there is none. */
  altDomain: string
  /** Of the agent that answers. */
  datacenter: string
  /** Of the agent that answers; asked with every question. */
  token: string
  nodeTtlSeconds: number
  /** By service name; a key that ends in "*" stands for all names that start so, the longest wins, exact names first. */
  serviceTtlSeconds: Record<string, number>
  /** Instances with a warning are left out too. */
  onlyPassing: boolean
  /** Most address records for one name; 0 for no limit. */
  aRecordLimit: number
  /** Most answers in 512 bytes. */
  udpAnswerLimit: number
  /** Say so (the TC flag) when answers were left out. */
  enableTruncate: boolean
  /** Names are written short by pointing to earlier ones. */
  compress: boolean
  /** TXT records of a node's meta data come along without being asked. */
  nodeMetaTxt: boolean
  /** Use the WAN addresses of other datacenters' nodes and services. */
  translateWanAddrs: boolean
  soa: { refresh: number; retry: number; expire: number; minimum: number }
  /** Names outside of the domain are asked elsewhere. */
  hasRecursors: boolean
  /** Any server may answer, if it heard from the leader within `maxStaleMs`. */
  allowStale: boolean
  maxStaleMs: Millis
}

export const DEFAULT_ZONE: Zone = {
  domain: 'consul.',
  altDomain: '',
  datacenter: 'dc1',
  token: '',
  nodeTtlSeconds: 0,
  serviceTtlSeconds: {},
  onlyPassing: false,
  aRecordLimit: 0,
  udpAnswerLimit: 3,
  enableTruncate: false,
  compress: true,
  nodeMetaTxt: true,
  translateWanAddrs: false,
  soa: { refresh: 3600, retry: 600, expire: 86400, minimum: 0 },
  hasRecursors: false,
  allowStale: true,
  maxStaleMs: 87600 * 3600 * 1000,
}

export function serviceTtl(zone: Zone, service: string): number {
  const { serviceTtlSeconds } = zone
  if (Object.hasOwn(serviceTtlSeconds, service)) return serviceTtlSeconds[service]!
  for (let length = service.length; length >= 0; length--) {
    const pattern = `${service.slice(0, length)}*`
    if (Object.hasOwn(serviceTtlSeconds, pattern)) return serviceTtlSeconds[pattern]!
  }
  return 0
}
