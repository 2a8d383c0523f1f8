/** Whether an address lies in one of some networks, written as CIDRs. */
import { BlockList, isIP } from 'node:net'

/** @param cidrs at least one, each well-formed */
export function withinCidrs(cidrs: readonly string[]): (address: string) => boolean {
  const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', bits] = cidr.split('/')
    list.addSubnet(network, Number(bits), family(network))
  }
  return (address) => list.check(address, family(address))
}
