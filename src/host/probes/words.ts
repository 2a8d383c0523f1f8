/** What goes wrong with a probe, in the words that users of Consul search for (Go's `net` package and its syscalls). */
import { isIP } from 'node:net'
import { getSystemErrorMessage } from 'node:util'
import { messageOf } from '../../base/message-of.ts'

/** The system's own words; of several failures, as with a name of several addresses, the last. */
export function dialFault(network: string, target: string, error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors.at(-1) as unknown) : error
  const { code, syscall, address, port, hostname } = fieldsOf(cause)
  if (syscall === 'getaddrinfo') {
    const why = code === 'ENOTFOUND' ? 'no such host' : systemWords(cause)
    return `dial ${network}: lookup ${hostname ?? hostOf(target)}: ${why}`
  }
  const peer = address === undefined ? target : port === undefined ? address : joined(address, port)
  return `dial ${network} ${peer}: ${syscall === undefined ? '' : `${syscall}: `}${systemWords(cause)}`
}

/** Without the name and number that Node puts around it. */
export function systemWords(error: unknown): string {
  const { errno } = fieldsOf(error)
  if (typeof errno !== 'number') return messageOf(error)
  try {
    return getSystemErrorMessage(errno) ?? messageOf(error)
  } catch {
    return messageOf(error)
  }
}

interface SystemFields {
  code?: string
  errno?: number
  syscall?: string
  address?: string
  port?: number
  hostname?: string
}

export function fieldsOf(error: unknown): SystemFields {
  return typeof error === 'object' && error !== null ? (error as SystemFields) : {}
}

function joined(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
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
