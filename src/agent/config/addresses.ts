/**
 * Addresses as configuration writes them: IP addresses, `unix://` sockets, and go-sockaddr's templates in the forms that
 * configurations use most (`{{ GetInterfaceIP "eth0" }}`, `{{ GetPrivateIP }}`); and which of this machine's addresses
 * to advertise when none is given. Sources: agent/config/builder.go (expandAddrs), ipaddr/detect.go.
 */
import { BlockList, isIP } from 'node:net'
import { quoteGo } from '../../base/go-flags.ts'

export interface Interface {
  name: string
  address: string
  family: 4 | 6
  internal: boolean
}

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
    .filter((one) => one.family === 4 && PRIVATE.check(one.address, 'ipv4'))
    .map((one) => one.address)
}

export function publicIpv6(interfaces: readonly Interface[]): string[] {
  return interfaces.filter((one) => one.family === 6 && !PRIVATE.check(one.address, 'ipv6')).map((one) => one.address)
}

/** The canonical text of an IP address (RFC 5952), or undefined. */
export function parseIp(text: string): string | undefined {
  const family = text.includes('%') ? 0 : isIP(text)
  if (family === 0) return undefined
  return family === 4 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1)
}

/** Networks that are no use for reaching a host from outside (RFC 6890), as ipaddr/detect.go lists them. */
const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv4')
}
for (const [network, bits] of [
  ['::1', 128],
  ['fe80::', 10],
  ['fc00::', 7],
  ['fec0::', 10],
  ['2001:db8::', 32],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv6')
}

/** Networks that organisations use inside (RFC 1918, RFC 6598), for the template functions. */
const INSIDE = new BlockList()
INSIDE.addSubnet('10.0.0.0', 8, 'ipv4')
INSIDE.addSubnet('100.64.0.0', 10, 'ipv4')
INSIDE.addSubnet('172.16.0.0', 12, 'ipv4')
INSIDE.addSubnet('192.168.0.0', 16, 'ipv4')

const TEMPLATE = /\{\{(.*?)\}\}/gs
const CALL = /^\s*(\w+)(?:\s+(?:"([^"]*)"|`([^`]*)`))?\s*$/

function expandTemplate(text: string, interfaces: readonly Interface[]): { text: string } | { problem: string } {
  let problem: string | undefined
  const expanded = text.replace(TEMPLATE, (_, body: string) => {
    const found = callTemplate(body, interfaces)
    if (typeof found === 'string') {
      problem ??= found
      return ''
    }
    return found.join(' ')
  })
  return problem === undefined ? { text: expanded } : { problem }
}

/** @returns addresses, or what is wrong */
function callTemplate(body: string, interfaces: readonly Interface[]): string[] | string {
  const call = CALL.exec(body)
  const name = call?.[1]
  const argument = call?.[2] ?? call?.[3]
  const of = (list: readonly Interface[]) => list.filter((one) => one.family === 4 || !one.address.startsWith('fe80:'))
  if (argument === undefined) {
    const outward = interfaces.filter((one) => !one.internal && one.family === 4)
    const inside = outward.filter((one) => INSIDE.check(one.address, 'ipv4')).map((one) => one.address)
    const outside = outward.filter((one) => !PRIVATE.check(one.address, 'ipv4')).map((one) => one.address)
    if (name === 'GetPrivateIP')
      return inside.length > 0 ? inside.slice(0, 1) : 'this machine has no private IPv4 address'
    if (name === 'GetPrivateIPs') return inside
    if (name === 'GetPublicIP')
      return outside.length > 0 ? outside.slice(0, 1) : 'this machine has no public IPv4 address'
    if (name === 'GetPublicIPs') return outside
  } else if (name === 'GetInterfaceIP' || name === 'GetInterfaceIPs') {
    const found = of(interfaces.filter((one) => one.name === argument)).map((one) => one.address)
    if (found.length === 0) return `no address on an interface ${quoteGo(argument)}`
    return name === 'GetInterfaceIP' ? found.slice(0, 1) : found
  }
  return (
    'only GetPrivateIP, GetPrivateIPs, GetPublicIP, GetPublicIPs, GetInterfaceIP "name" and GetInterfaceIPs "name" ' +
    'are understood'
  )
}
