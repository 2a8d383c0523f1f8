/**
 * Addresses as configuration writes them: IP addresses, `unix://` sockets, and templates (sockaddr.ts); and which of this
 * machine's addresses to advertise when none is given. Sources: agent/config/builder.go (expandAddrs), ipaddr/detect.go.
 */
import { isIP } from 'node:net'
import { quoteGo } from '../../base/go-flags.ts'
import { expandTemplate, type Interface, NOT_PUBLIC } from './sockaddr.ts'

export type { Interface } from './sockaddr.ts'

export type ConfigAddress = { kind: 'ip'; ip: string } | { kind: 'unix'; path: string }

/** Turns a setting's text into addresses; what is wrong is added to `problems`, and the list is then empty. */
export interface AddressReader {
  /** Any number of addresses, separated by white space. */
  all(key: string, text: string | undefined): ConfigAddress[]
  /** IP addresses alone. */
  ips(key: string, text: string | undefined): string[]
  /** At most one IP address. */
  ip(key: string, text: string | undefined): string | undefined
}

export function makeAddressReader(interfaces: readonly Interface[], problems: string[]): AddressReader {
  const all = (key: string, text: string | undefined): ConfigAddress[] => {
    if (text === undefined || text === '') return []
    const expanded = expandTemplate(text, interfaces)
    if ('problem' in expanded) {
      problems.push(`${key}: error parsing ${quoteGo(text)}: ${expanded.problem}`)
      return []
    }
    const found: ConfigAddress[] = []
    for (const word of expanded.text.split(/\s+/).filter((part) => part !== '')) {
      if (word.startsWith('unix://')) {
        found.push({ kind: 'unix', path: word.slice('unix://'.length) })
        continue
      }
      const ip = parseIp(word === '[::]' ? '::' : word)
      if (ip === undefined) {
        problems.push(`${key}: invalid ip address: ${word}`)
        return []
      }
      found.push({ kind: 'ip', ip })
    }
    if (found.length === 0 && expanded.missing !== undefined) {
      problems.push(`${key}: error parsing ${quoteGo(text)}: ${expanded.missing}`)
    }
    return found
  }
  const ips = (key: string, text: string | undefined): string[] => {
    const found: string[] = []
    for (const address of all(key, text)) {
      if (address.kind === 'unix') {
        problems.push(`${key} cannot be a unix socket`)
        return []
      }
      found.push(address.ip)
    }
    return found
  }
  const ip = (key: string, text: string | undefined): string | undefined => {
    const found = ips(key, text)
    if (found.length <= 1) return found[0]
    problems.push(`${key}: multiple addresses found: ${found.join(' ')}`)
    return undefined
  }
  return { all, ips, ip }
}

export function isAnyAddress(text: string | undefined): boolean {
  return text === '0.0.0.0' || text === '::' || text === '[::]'
}

/** Addresses of private networks, of interfaces that lead out; of the loopback when there are no others. */
export function privateIpv4(interfaces: readonly Interface[]): string[] {
  const outward = interfaces.filter((one) => !one.internal)
  return (outward.length > 0 ? outward : interfaces)
    .filter((one) => one.family === 4 && NOT_PUBLIC.check(one.address, 'ipv4'))
    .map((one) => one.address)
}

export function publicIpv6(interfaces: readonly Interface[]): string[] {
  return interfaces
    .filter((one) => one.family === 6 && !NOT_PUBLIC.check(one.address, 'ipv6'))
    .map((one) => one.address)
}

/** The canonical text of an IP address (RFC 5952), or undefined. */
export function parseIp(text: string): string | undefined {
  const family = text.includes('%') ? 0 : isIP(text)
  if (family === 0) return undefined
  return family === 4 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1)
}
