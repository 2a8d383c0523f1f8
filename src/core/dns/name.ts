/**
 * What a question's name asks for: the forms that Consul gives to names below its domain, and reverse names. Decides
 * from the text alone, never whether the thing exists. Source of the forms: agent/dns.go of Consul 1.8.7.
 */
import { ipFromHex, mappedIpv4, parseIpv4, parseIpv6 } from './ip.ts'
import { TYPE } from './message.ts'

/** `datacenter` is "" when the name has none. */
export type Form =
  | { kind: 'service'; service: string; tag: string; datacenter: string }
  | { kind: 'node'; node: string; datacenter: string }
  | { kind: 'connect' | 'ingress' | 'query'; target: string; datacenter: string }
  /** The address itself, in the name; undefined when it has the digits of neither family. */
  | { kind: 'address'; address: number | Uint8Array | undefined }
  | { kind: 'invalid' }

export type Place =
  /** Within the domain, or the alternative one: `below` is the name without it, each label with its dot. */
  { kind: 'domain'; below: string } | { kind: 'reverse' } | { kind: 'elsewhere' }

const INVALID: Form = { kind: 'invalid' }
const REVERSE: Place = { kind: 'reverse' }
const ELSEWHERE: Place = { kind: 'elsewhere' }

/**
 * @param name lower case, with its final dot
 * @param domain with its final dot
 * @param altDomain with its final dot, or ""
 */
export function placeOf(name: string, domain: string, altDomain: string): Place {
  const inDomain = isWithin(name, domain)
  if (altDomain !== '' && isWithin(name, altDomain) && !(inDomain && domain.length > altDomain.length)) {
    return { kind: 'domain', below: name.slice(0, -altDomain.length) }
  }
  if (inDomain) return { kind: 'domain', below: name.slice(0, -domain.length) }
  return isWithin(name, 'arpa.') ? REVERSE : ELSEWHERE
}

/** True for the domain itself and all below it. */
export function isWithin(name: string, domain: string): boolean {
  if (!name.endsWith(domain)) return false
  const at = name.length - domain.length - 1
  if (at < 0) return true
  if (name.charCodeAt(at) !== 0x2e) return false
  let backslashes = 0
  while (name.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1
  return backslashes % 2 === 0
}

/** The labels of a name (with or without a final dot); an escaped dot does not part them. */
export function labelsOf(name: string): string[] {
  const body = name.endsWith('.') ? name.slice(0, -1) : name
  if (body === '') return []
  if (!body.includes('\\')) return body.split('.')
  return body.match(/(?:\\.|[^.\\])+/gs) ?? []
}

/** @param below lower case, without the domain: `web.service.dc1.` */
export function parseForm(below: string, type: number): Form {
  const labels = labelsOf(below)
  for (let i = labels.length - 1; i >= 0; i--) {
    const label = labels[i]!
    switch (label) {
      case 'service':
        return serviceForm(labels.slice(0, i), labels, i + 1)
      case 'node':
      case 'query':
      case 'connect':
      case 'ingress':
        return targetForm(label, labels, i)
      case 'addr':
        return i === 1 ? addressForm(labels[0]!) : INVALID
      default:
        // A question for SRV may leave the word out: _web._tcp.consul
        if (type === TYPE.SRV && label.startsWith('_')) return serviceForm(labels.slice(0, i + 1), labels, i + 1)
    }
  }
  return INVALID
}

/** @param suffixAt where in `labels` the datacenter may stand, alone */
function serviceForm(parts: string[], labels: string[], suffixAt: number): Form {
  if (parts.length < 1 || labels.length - suffixAt > 1) return INVALID
  const datacenter = labels[suffixAt] ?? ''
  if (parts.length === 2 && parts[0]!.startsWith('_') && parts[1]!.startsWith('_')) {
    // RFC 2782: _name._tcp says nothing of tags.
    const tag = parts[1]!.slice(1)
    return { kind: 'service', service: parts[0]!.slice(1), tag: tag === 'tcp' ? '' : tag, datacenter }
  }
  const service = parts[parts.length - 1]!
  return { kind: 'service', service, tag: parts.length > 1 ? parts.slice(0, -1).join('.') : '', datacenter }
}

function targetForm(kind: 'node' | 'query' | 'connect' | 'ingress', labels: string[], at: number): Form {
  if (at < 1 || labels.length - at > 2) return INVALID
  const datacenter = labels[at + 1] ?? ''
  const joined = at === 1 ? labels[0]! : labels.slice(0, at).join('.')
  if (kind === 'node') return { kind, node: joined, datacenter }
  return { kind, target: kind === 'query' ? joined : labels[at - 1]!, datacenter }
}

/** Of another length than an address has, the name is valid and says nothing; with other digits it is invalid. */
function addressForm(hex: string): Form {
  const half = Math.floor(hex.length / 2)
  if (half !== 4 && half !== 16) return { kind: 'address', address: undefined }
  const address = ipFromHex(hex)
  return address === undefined ? INVALID : { kind: 'address', address }
}

/**
 * The address that a reverse name stands for (RFC 1035 section 3.5, RFC 3596 section 2.5).
 * @param name lower case, with its final dot
 * @returns undefined unless the name has exactly the labels of one address
 */
export function addressOfReverse(name: string): number | Uint8Array | undefined {
  if (name.endsWith('.in-addr.arpa.')) {
    const labels = name.slice(0, -'.in-addr.arpa.'.length).split('.')
    const address = parseIpv4(labels.reverse().join('.'))
    return address === -1 ? undefined : address
  }
  if (!name.endsWith('.ip6.arpa.')) return undefined
  const nibbles = name.slice(0, -'.ip6.arpa.'.length).split('.')
  if (nibbles.length !== 32 || nibbles.some((nibble) => nibble.length !== 1)) return undefined
  const groups = nibbles.reverse().join('').match(/.{4}/g) ?? []
  const bytes = parseIpv6(groups.join(':'))
  if (bytes === undefined) return undefined
  const mapped = mappedIpv4(bytes)
  return mapped === -1 ? bytes : mapped
}
