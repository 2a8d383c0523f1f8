/**
 * The DNS servers that are asked about names outside of Consul's domain: one after another, until one knows the name or
 * knows that there is none. Decides whom to ask and which answer counts; never looks into names or records.
 * Source: Consul's agent/dns.go (handleRecurse, recursorAddr).
 */
import { isIP, isIPv6 } from 'node:net'
import { joinHostPort } from '../base/host-port.ts'
import { messageOf } from '../base/message-of.ts'
import type { Millis } from '../base/units.ts'
import type { Address, Host } from '../host/host.ts'
import { decodeMessage } from '../wire/dns.ts'

const DNS_PORT = 53
const RCODE_MASK = 0xf
const NO_ERROR = 0
const NAME_ERROR = 3
/** Questions under way at one time, each with a socket of its own; more are not answered. */
const UNDER_WAY_MAX = 1024

export interface Recursors {
  /** The first useful answer, as it came; undefined when nobody has one. */
  forward(message: Uint8Array, network: 'udp' | 'tcp'): Promise<Uint8Array | undefined>
  /** Takes others from now on. @throws Error for an address that makes no sense; those before stay */
  take(addresses: readonly string[], timeoutMs: Millis): Promise<void>
}

export function makeRecursors(host: Pick<Host, 'exchange' | 'lookup' | 'log'>): Recursors {
  let servers: Address[] = []
  let waitMs = 0
  let underWay = 0
  const log = host.log.named('dns')

  async function forward(message: Uint8Array, network: 'udp' | 'tcp'): Promise<Uint8Array | undefined> {
    if (host.exchange === undefined || underWay >= UNDER_WAY_MAX) return undefined
    underWay += 1
    try {
      for (const server of servers) {
        const recursor = joinHostPort(server.host, server.port)
        try {
          const answer = await host.exchange(network, server, message, waitMs)
          // Read whole: what cannot be read is handed to nobody.
          const rcode = decodeMessage(answer).flags & RCODE_MASK
          if (rcode === NO_ERROR || rcode === NAME_ERROR) {
            log.debug('recurse succeeded for question', { recursor })
            return answer
          }
          log.debug('recurse failed for question', { recursor, rcode })
        } catch (error) {
          log.error('recurse failed', { recursor, error: messageOf(error) })
        }
      }
    } finally {
      underWay -= 1
    }
    log.error('all resolvers failed for question from client')
    return undefined
  }

  return {
    forward,
    async take(addresses, timeoutMs) {
      servers = await Promise.all(addresses.map((text) => recursorAddress(text, host.lookup)))
      waitMs = timeoutMs
    },
  }
}

/** `1.2.3.4`, `1.2.3.4:53`, `::1`, `[::1]:53`, or a name in place of the address. @throws Error in Go's words */
export async function recursorAddress(text: string, lookup: Host['lookup']): Promise<Address> {
  const { host, port } = takeApart(text)
  if (isIP(host) !== 0 || lookup === undefined) return { host, port }
  const found = await lookup(host).catch((error: unknown) => {
    throw unfit(`lookup ${host}: no such host`, error)
  })
  const first = found.find((address) => !isIPv6(address)) ?? found[0]
  if (first === undefined) throw unfit(`lookup ${host}: no such host`)
  return { host: first, port }
}

function takeApart(text: string): Address {
  const bracketed = /^\[([^\]]*)(\])?(.*)$/.exec(text)
  if (bracketed !== null) {
    const [, host = '', closed, behind = ''] = bracketed
    if (closed === undefined) throw unfit(`address ${text}: missing ']' in address`)
    if (behind === '') return { host, port: DNS_PORT }
    if (!behind.startsWith(':')) throw unfit(`address ${text}: missing port in address`)
    return { host, port: readPort(behind.slice(1)) }
  }
  const [host = '', port, more] = text.split(':')
  if (port === undefined) return { host, port: DNS_PORT }
  if (more === undefined) return { host, port: readPort(port) }
  if (isIPv6(text)) return { host: text, port: DNS_PORT }
  throw unfit(`address ${text}: too many colons in address`)
}

function readPort(text: string): number {
  if (!/^\d+$/.test(text)) throw unfit(`address tcp/${text}: unknown port`)
  if (Number(text) > 65535) throw unfit(`address ${text}: invalid port`)
  return Number(text)
}

function unfit(why: string, cause?: unknown): Error {
  return new Error(`Invalid recursor address: ${why}`, { cause })
}
