/** `consul rtt`: how far two nodes are from each other. */
import { notBuilt } from './command.ts'
import { yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  rtt: notBuilt(
    'consul rtt [options] node1 [node2]',
    "Prints the estimated round trip between two nodes, or between a node and the asked agent's, from the network coordinates that gossip keeps.",
    [...CLIENT_FLAGS, yes('wan', 'Between servers of all datacenters, each given as name.datacenter.')],
  ),
}
