/**
 * Addresses by template, as go-sockaddr reads them: `{{ GetPrivateIP }}`, `{{ GetInterfaceIP "eth0" }}`, or a list of
 * interfaces sent through filters (`{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}`). The forms
 * that configurations use are here; whatever else the language can say is refused, with what is understood.
 */
import { BlockList, isIP } from 'node:net'
import { quoteGo } from '../../base/go-flags.ts'

export interface Interface {
  name: string
  address: string
  family: 4 | 6
  internal: boolean
  /** Of the address, those that name the network; 0 when it is not known. */
  bits?: number
  /** The default route goes out by this interface. */
  outward?: boolean
}

/**
 * @returns the text with every template replaced by what it stands for, or why that cannot be. A template that finds
 * nothing stands for nothing, and `missing` says so: whoever finds other addresses in the text can do without it.
 */
export function expandTemplate(
  text: string,
  interfaces: readonly Interface[],
): { text: string; missing: string | undefined } | { problem: string } {
  let missing: string | undefined
  const expand = (body: string) => {
    try {
      return evaluate(body, interfaces)
    } catch (error) {
      if (!(error instanceof NothingFound)) throw error
      missing ??= error.message
      return ''
    }
  }
  try {
    return { text: text.replace(TEMPLATE, (_, body: string) => expand(body)), missing }
  } catch (error) {
    if (error instanceof TemplateError) return { problem: error.message }
    throw error
  }
}

class TemplateError extends Error {}
class NothingFound extends TemplateError {}

const TEMPLATE = /\{\{(.*?)\}\}/gs
/** A word, a quoted text (either kind), a number, or the bar between two stages. */
const TOKEN = /\s*(?:(\|)|"([^"]*)"|`([^`]*)`|([^\s|"`]+))/gy

interface Stage {
  name: string
  args: string[]
}

function evaluate(body: string, interfaces: readonly Interface[]): string {
  const [source, ...filters] = stagesOf(body.trim())
  if (source === undefined) throw new TemplateError(UNDERSTOOD)
  let found = sourceOf(source, interfaces)
  for (const stage of filters) {
    if (typeof found === 'string') throw new TemplateError(`nothing can follow an address: ${stage.name}`)
    found = filtered(stage, found)
  }
  if (typeof found !== 'string') throw new TemplateError('a list of interfaces is no address: attr or join makes one')
  return found
}

function stagesOf(body: string): Stage[] {
  const stages: Stage[] = []
  let words: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < body.length) {
    const token = TOKEN.exec(body)
    if (token === null) throw new TemplateError(UNDERSTOOD)
    const [, bar, quoted, raw, word] = token
    if (bar === undefined) words.push((quoted ?? raw ?? word)!)
    else {
      stages.push(stageOf(words))
      words = []
    }
  }
  stages.push(stageOf(words))
  return stages
}

function stageOf([name, ...args]: string[]): Stage {
  if (name === undefined) throw new TemplateError(UNDERSTOOD)
  return { name, args }
}

const UNDERSTOOD =
  'GetPrivateIP, GetPrivateIPs, GetPublicIP, GetPublicIPs, GetInterfaceIP "name", GetInterfaceIPs "name", and ' +
  'GetAllInterfaces, GetDefaultInterfaces, GetPrivateInterfaces and GetPublicInterfaces with include, exclude, sort, limit, offset, attr and ' +
  'join are understood, nothing else'

function sourceOf({ name, args }: Stage, interfaces: readonly Interface[]): readonly Interface[] | string {
  const useful = outwardFirst(interfaces.filter(isForwardable))
  const wanted = name.startsWith('GetInterfaceIP') ? 1 : 0
  if (args.length !== wanted) throw new TemplateError(UNDERSTOOD)
  switch (name) {
    case 'GetAllInterfaces':
      return interfaces
    case 'GetDefaultInterfaces':
      return interfaces.filter(({ outward }) => outward === true)
    case 'GetPrivateInterfaces':
      return useful.filter((one) => !one.internal && NOT_PUBLIC.check(one.address, familyOf(one)))
    case 'GetPublicInterfaces':
      return useful.filter(isPublic)
    case 'GetPrivateIP':
      return first(useful.filter(isInside), 'this machine has no private IPv4 address')
    case 'GetPrivateIPs':
      return joined(useful.filter(isInside), 'address', ' ')
    case 'GetPublicIP':
      return first(useful.filter(isPublicIpv4), 'this machine has no public IPv4 address')
    case 'GetPublicIPs':
      return joined(useful.filter(isPublicIpv4), 'address', ' ')
    case 'GetInterfaceIP':
      return first(named(useful, args[0]!), `no address on an interface ${quoteGo(args[0]!)}`)
    case 'GetInterfaceIPs':
      return joined(
        named(
          interfaces.filter((one) => !isLinkLocal(one)),
          args[0]!,
        ),
        'address',
        ' ',
      )
    default:
      throw new TemplateError(UNDERSTOOD)
  }
}

function filtered({ name, args }: Stage, list: readonly Interface[]): readonly Interface[] | string {
  const [one = '', other = ''] = args
  switch (name) {
    case 'include':
      return list.filter(selector(one, other))
    case 'exclude': {
      const chosen = selector(one, other)
      return list.filter((each) => !chosen(each))
    }
    case 'sort':
      return sorted(list, one)
    case 'limit':
      return list.slice(0, whole(name, one))
    case 'offset':
      return list.slice(whole(name, one))
    case 'attr':
      return list[0] === undefined ? '' : attribute(list[0], one)
    case 'join':
      return joined(list, one, other)
    default:
      throw new TemplateError(UNDERSTOOD)
  }
}

function selector(what: string, value: string): (one: Interface) => boolean {
  const field = what.toLowerCase()
  switch (field) {
    case 'name':
    case 'address': {
      const pattern = expression(value)
      return (one) => pattern.test(one[field])
    }
    case 'network': {
      const list = networks(value)
      return (one) => list.check(one.address, familyOf(one))
    }
    case 'rfc': {
      const list = RFCS[value]
      if (list === undefined) throw new TemplateError(`RFC ${value} is not known: ${Object.keys(RFCS).join(', ')} are`)
      return (one) => list.check(one.address, familyOf(one))
    }
    case 'type': {
      const families: Record<string, number[]> = { ip: [4, 6], ipv4: [4], ipv6: [6] }
      const wanted = families[value.toLowerCase()]
      if (wanted === undefined) throw new TemplateError(`there is no type ${quoteGo(value)}: ip, ipv4 and ipv6 are`)
      return ({ family }) => wanted.includes(family)
    }
    case 'flag':
    case 'flags': {
      const tests = value.split('|').map((flag) => {
        const holds = FLAGS[flag]
        if (holds === undefined) throw new TemplateError(`the flag ${quoteGo(flag)} is not known`)
        return holds
      })
      return (one) => tests.every((holds) => holds(one))
    }
    default:
      throw new TemplateError(`interfaces cannot be chosen by ${quoteGo(what)}`)
  }
}

/** All interfaces that are told of are up. */
const FLAGS: Record<string, (one: Interface) => boolean> = {
  up: () => true,
  loopback: ({ internal }) => internal,
  forwardable: isForwardable,
  'global unicast': isForwardable,
  'link-local unicast': isLinkLocal,
}

function sorted(list: readonly Interface[], keys: string): Interface[] {
  const orders = keys.split(',').map((key) => {
    const name = key.trim().replace(/^[+-]/, '')
    const sign = key.trim().startsWith('-') ? -1 : 1
    const order = ORDERS[name]
    if (order === undefined) {
      const known = Object.keys(ORDERS).join(', ')
      throw new TemplateError(`interfaces cannot be sorted by ${quoteGo(name)}: ${known} are understood`)
    }
    return (a: Interface, b: Interface) => sign * order(a, b)
  })
  return [...list].sort((a, b) => orders.reduce((found, order) => found || order(a, b), 0))
}

type Order = (a: Interface, b: Interface) => number

/** Large networks go before small ones, so that an address that came later, for itself alone, is not the first. */
const ORDERS: Record<string, Order> = {
  type: (a, b) => a.family - b.family,
  name: (a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)),
  address: byAddress,
  default: (a, b) => Number(b.outward ?? false) - Number(a.outward ?? false),
  private: (a, b) => Number(isPublic(a)) - Number(isPublic(b)),
  size: (a, b) => (a.bits ?? 0) - (b.bits ?? 0),
}

function byAddress(a: Interface, b: Interface): number {
  const [one, other] = [a, b].map(({ address }) =>
    address
      .split(/[.:]/)
      .map((part) => part.padStart(4, '0'))
      .join('.'),
  )
  return a.family - b.family || (one! < other! ? -1 : Number(one! > other!))
}

function attribute(one: Interface, name: string): string {
  if (name === 'address' || name === 'name') return one[name]
  if (name === 'type') return one.family === 4 ? 'IPv4' : 'IPv6'
  throw new TemplateError(`interfaces have no attribute ${quoteGo(name)} here: address, name and type`)
}

function joined(list: readonly Interface[], name: string, separator: string): string {
  return list.map((one) => attribute(one, name)).join(separator)
}

function first(list: readonly Interface[], otherwise: string): string {
  if (list[0] === undefined) throw new NothingFound(otherwise)
  return list[0].address
}

/** The name is an expression; who has just that name goes before whose name it is a part of. */
function named(list: readonly Interface[], name: string): Interface[] {
  const pattern = expression(name)
  const found = sorted(list, 'type,size').filter((one) => pattern.test(one.name))
  return found.sort((a, b) => Number(b.name === name) - Number(a.name === name))
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    throw new TemplateError(`error parsing regexp: ${quoteGo(text)}`)
  }
}

function whole(what: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new TemplateError(`${what} needs a whole number`)
  return Number(text)
}

function networks(text: string): BlockList {
  const list = new BlockList()
  const [network = '', bits = ''] = text.split('/')
  const family = isIP(network)
  if (family === 0 || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    throw new TemplateError(`${quoteGo(text)} is no network`)
  }
  list.addSubnet(network, Number(bits), family === 4 ? 'ipv4' : 'ipv6')
  return list
}

function familyOf({ family }: Interface): 'ipv4' | 'ipv6' {
  return family === 4 ? 'ipv4' : 'ipv6'
}

function outwardFirst(list: readonly Interface[]): Interface[] {
  return sorted(list, 'default,type,size')
}

function isForwardable(one: Interface): boolean {
  return !one.internal && !isLinkLocal(one)
}

function isLinkLocal({ address }: Interface): boolean {
  return /^(fe80:|169\.254\.)/i.test(address)
}

function isInside(one: Interface): boolean {
  return !one.internal && one.family === 4 && INSIDE.check(one.address, 'ipv4')
}

function isPublic(one: Interface): boolean {
  return !one.internal && !NOT_PUBLIC.check(one.address, familyOf(one))
}

function isPublicIpv4(one: Interface): boolean {
  return one.family === 4 && isPublic(one)
}

function listOf(...subnets: string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network, bits] = subnet.split('/')
    list.addSubnet(network!, Number(bits), network!.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

const RFC1918 = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'] as const
const RFC6598 = ['100.64.0.0/10'] as const

/** Networks that organisations use inside. */
const INSIDE = listOf(...RFC1918, ...RFC6598)

/** Networks that are no use for reaching a host from outside (RFC 6890), as Consul's ipaddr/detect.go lists them. */
export const NOT_PUBLIC = listOf(
  ...RFC1918,
  ...RFC6598,
  '127.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '::1/128',
  'fe80::/10',
  'fc00::/7',
  'fec0::/10',
  '2001:db8::/32',
)

const RFCS: Record<string, BlockList> = {
  '1918': listOf(...RFC1918),
  '3927': listOf('169.254.0.0/16'),
  '4193': listOf('fc00::/7'),
  '4291': listOf('fe80::/10'),
  '6598': listOf(...RFC6598),
  '6890': NOT_PUBLIC,
}
