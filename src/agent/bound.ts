/** Why an address cannot be listened at, in the words that users of Consul look for. */
import { messageOf } from '../base/message-of.ts'
import type { Address } from '../host/host.ts'
import { joinHostPort } from './describe.ts'

/** The system's words for why an address cannot be had, as users know them from Consul and look for them. */
const BIND_REASONS: Record<string, string> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
}

/** @throws an error that names the network, the address and the reason */
export async function bound<T>(network: 'udp' | 'tcp' | 'unix', at: Address, opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reason = BIND_REASONS[code] ?? messageOf(error)
    throw new Error(
      `listen ${network} ${network === 'unix' ? at.host.slice('unix://'.length) : joinHostPort(at.host, at.port)}: bind: ${reason}`,
      { cause: error },
    )
  }
}
