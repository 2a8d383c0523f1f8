/** What the DNS door of an agent is told once: names, lifetimes, limits. Source: dns_config of Consul 1.8.7. */
import type { Millis } from '../../base/units.ts'

export interface Zone {
  /** Lower case, with its final dot: `consul.` */
  domain: string
  /** The same, or "" when there is none. */
  altDomain: string
  /** Of the agent that answers. */
  datacenter: string
  nodeName: string
  /** Of the agent that answers; asked with every question. */
  token: string
  nodeTtlSeconds: number
  serviceTtls: ServiceTtls
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
  nodeName: '',
  token: '',
  nodeTtlSeconds: 0,
  serviceTtls: makeServiceTtls({}),
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

/** Lifetimes of answers about services, in seconds. */
export interface ServiceTtls {
  exact: Map<string, number>
  /** Longest first. */
  prefixes: [prefix: string, seconds: number][]
}

/** @param seconds by service name; a key that ends in "*" stands for all names that start so */
export function makeServiceTtls(seconds: Record<string, number>): ServiceTtls {
  const all = Object.entries(seconds)
  const prefixes = all
    .filter(([name]) => name.endsWith('*'))
    .map(([name, ttl]): [string, number] => [name.slice(0, -1), ttl])
    .sort(([a], [b]) => b.length - a.length)
  return { exact: new Map(all.filter(([name]) => !name.endsWith('*'))), prefixes }
}

/** The name itself counts before any prefix of it, a longer prefix before a shorter. */
export function serviceTtl({ serviceTtls }: Zone, service: string): number {
  const { exact, prefixes } = serviceTtls
  if (exact.size === 0 && prefixes.length === 0) return 0
  return exact.get(service) ?? prefixes.find(([prefix]) => service.startsWith(prefix))?.[1] ?? 0
}
