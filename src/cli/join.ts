/** `consul join`: makes an agent meet others. */
import { notBuilt } from './command.ts'
import { yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  join: notBuilt(
    'consul join [options] address ...',
    'Makes the asked agent join the cluster of the agents at the given addresses. One that answers is enough.',
    [...CLIENT_FLAGS, yes('wan', 'Join a server to servers of other datacenters.')],
  ),
}
