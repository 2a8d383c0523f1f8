/**
 * What may not be registered, by HTTP or in a configuration file: weights, meta and addresses of services, and checks
 * that cannot be run as they say. Each answers the first fault in Consul's words, or undefined. What a service may not
 * say of proxies is in service-rules.ts. Sources: agent/structs (ValidateWeights, ValidateMetadata, CheckType.Validate).
 */
import { quoteGo } from '../base/go-quote.ts'
import type { NodeService, Weights } from './catalog.ts'
import type { CheckRun } from './check-run.ts'

/** @returns why it cannot be run as it says */
export function runFault(run: CheckRun): string | undefined {
  const targets = [run.HTTP, run.TCP, run.GRPC, run.UDP, run.H2PING]
  const timed = (run.ScriptArgs?.length ?? 0) > 0 || targets.some((target) => target !== '')
  const alias = run.AliasNode !== '' || run.AliasService !== ''
  if (run.Interval > 0 && run.TTL > 0) return 'Interval and TTL cannot both be specified'
  if (timed && run.Interval <= 0) return 'Interval must be > 0 for Script, HTTP, or TCP checks'
  if (timed && alias) return 'Interval cannot be set for Alias checks'
  if (alias && run.TTL > 0) return 'TTL must be not be set for Alias checks'
  if (!timed && !alias && run.TTL <= 0) return 'TTL must be > 0 for TTL checks'
  return run.OutputMaxSize < 0 ? 'MaxOutputMaxSize must be positive' : undefined
}

const WEIGHT_MAX = 65535

export function weightsFault(weights: Weights | null): string | undefined {
  if (weights === null) return undefined
  const { Passing, Warning } = weights
  if (Passing < 1) return 'Passing must be greater than 0'
  if (Warning < 0) return 'Warning must be greater or equal than 0'
  const tooBig = Passing > WEIGHT_MAX || Warning > WEIGHT_MAX
  return tooBig ? 'DNS Weight must be between 0 and 65535' : undefined
}

const META_PAIRS_MAX = 64
const META_KEY_MAX = 128
const META_VALUE_MAX = 512
const META_KEY = /^[a-zA-Z0-9_-]+$/
const META_RESERVED = 'consul-'
/** The one reserved key that a mesh gateway may set itself. */
const META_OF_GATEWAYS = 'consul-wan-federation'

export function metaFault({ Kind, Meta }: Pick<NodeService, 'Kind' | 'Meta'>): string | undefined {
  const pairs = Object.entries(Meta ?? {})
  if (pairs.length > META_PAIRS_MAX) {
    return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`
  }
  for (const [key, value] of pairs) {
    const why = metaPairFault(key, value, Kind === 'mesh-gateway')
    if (why !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${why}`
  }
  return undefined
}

function metaPairFault(key: string, value: string, isMeshGateway: boolean): string | undefined {
  if (key === '') return 'Key cannot be blank'
  if (!META_KEY.test(key)) return 'Key contains invalid characters'
  if (key.length > META_KEY_MAX) return `Key is too long (limit: ${META_KEY_MAX} characters)`
  if (key.startsWith(META_RESERVED) && !(isMeshGateway && key === META_OF_GATEWAYS)) {
    return `Key prefix '${META_RESERVED}' is reserved for internal use`
  }
  const bytes = new TextEncoder().encode(value).byteLength
  return bytes > META_VALUE_MAX ? `Value is too long (limit: ${META_VALUE_MAX} characters)` : undefined
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

/** The addresses that carry a family in their name must be of it. Not wan_ipv6: Consul forgets it, too. */
export function taggedAddressFault({ TaggedAddresses }: NodeService): string | undefined {
  for (const [name, family] of [
    ['lan_ipv4', 'ipv4'] as const,
    ['wan_ipv4', 'ipv4'] as const,
    ['lan_ipv6', 'ipv6'] as const,
  ]) {
    const address = TaggedAddresses?.[name]?.Address
    if (address === undefined) continue
    if (family === 'ipv4' ? IPV4.test(address) : isIPv6(address)) continue
    return `Service tagged address ${quoteGo(name)} must be a valid ${family} address`
  }
  return undefined
}

/** Eight groups, or fewer around one `::`; an IPv4 address may stand for the last two (RFC 4291 section 2.2). */
function isIPv6(address: string): boolean {
  const halves = address.split('::')
  if (halves.length > 2 || !address.includes(':')) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)
  const count = groups.length + (last !== undefined && IPV4.test(last) ? 1 : 0)
  if (halves.length === 2 ? count > 7 : count !== 8) return false
  return groups.every((group, i) => /^[0-9a-fA-F]{1,4}$/.test(group) || (i === groups.length - 1 && IPV4.test(group)))
}
