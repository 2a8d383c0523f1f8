/** What goes wrong with a probe, in the words that users of Consul search for (Go's `net` package and its syscalls). */
import { joinHostPort } from '../../base/host-port.ts'
import { systemWords } from '../../base/system-words.ts'

/** The system's own words; of several failures, as with a name of several addresses, the last. */
export function dialFault(network: string, target: string, error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors.at(-1) as unknown) : error
  const { syscall, address, port, hostname } = fieldsOf(cause)
  if (syscall === 'getaddrinfo') return `dial ${network}: lookup ${hostname ?? hostOf(target)}: ${systemWords(cause)}`
  const peer = address === undefined ? target : port === undefined ? address : joinHostPort(address, port)
  return `dial ${network} ${peer}: ${syscall === undefined ? '' : `${syscall}: `}${systemWords(cause)}`
}

interface SystemFields {
  code?: string
  errno?: number
  syscall?: string
  address?: string
  port?: number
  hostname?: string
  /** Of what Node's parser could not read. */
  rawPacket?: Uint8Array
}

export function fieldsOf(error: unknown): SystemFields {
  return typeof error === 'object' && error !== null ? (error as SystemFields) : {}
}

function hostOf(target: string): string {
  return target.slice(0, Math.max(0, target.lastIndexOf(':')))
}

/** @returns undefined for what is no "host:port"; an IPv6 address stands in brackets, and an empty host is this machine */
export function parseHostPort(target: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(target)
  const port = Number(match?.[3])
  if (match === null || port > 65535) return undefined
  return { host: match[1] ?? match[2] ?? '', port }
}

/** Why `parseHostPort` had nothing to say. */
export function hostPortFault(network: string, target: string): string {
  const why = !target.includes(':')
    ? 'missing port in address'
    : /^[^[\]]*:[^[\]]*:/.test(target)
      ? 'too many colons in address'
      : 'invalid port or host'
  return `dial ${network}: address ${target}: ${why}`
}
