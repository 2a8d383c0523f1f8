/** Why an address cannot be listened at, in the words that users of Consul look for. */
import { joinHostPort } from '../base/host-port.ts'
import { systemWords } from '../base/system-words.ts'
import type { Address } from '../host/host.ts'

/** @throws an error that names the network, the address and the reason */
export async function bound<T>(network: 'udp' | 'tcp' | 'unix', at: Address, opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    const where = network === 'unix' ? at.host.slice('unix://'.length) : joinHostPort(at.host, at.port)
    throw new Error(`listen ${network} ${where}: bind: ${systemWords(error)}`, { cause: error })
  }
}
