/** Why a connection could not be had, in the words that users of Consul look for. */
import { joinHostPort } from '../base/host-port.ts'
import { messageOf } from '../base/message-of.ts'
import { codeOf, systemWords } from '../base/system-words.ts'
import type { Address } from '../host/host.ts'

/** @param from what stands before the address where a local one could have been chosen: Go's word for none */
export function dialWords(error: unknown, to: Address, from = ''): string {
  const code = codeOf(error)
  if (code === 'ENOTFOUND') return `lookup ${to.host}: ${systemWords(error)}`
  const isConnect = (error as NodeJS.ErrnoException).syscall === 'connect'
  if (!isConnect && code !== 'ETIMEDOUT') return messageOf(error)
  // Who waits gives up before the system does.
  const why = code === 'ETIMEDOUT' ? 'i/o timeout' : `connect: ${systemWords(error)}`
  return `dial tcp ${from}${joinHostPort(to.host, to.port)}: ${why}`
}
