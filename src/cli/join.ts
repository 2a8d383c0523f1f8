/** `consul join`: makes an agent meet others. */
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { type Command, command } from './command.ts'
import { yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const join: Command = command({
  usage: 'consul join [options] address ...',
  about: 'Makes the asked agent join the cluster of the agents at the given addresses. One that answers is enough.',
  flags: [...CLIENT_FLAGS, yes('wan', 'Join a server to servers of other datacenters.')],
  async run(io, flags, addresses) {
    if (addresses.length === 0) {
      const { commandHelp } = await import('./help.ts')
      io.err(`At least one address to join must be specified.\n\n${commandHelp('join', join, {})}`)
      return 1
    }
    return withAgent(io, flags, 'Error joining', async (consul) => {
      let joined = 0
      for (const address of addresses) {
        try {
          await consul.agent.join(address, { wan: flags.wan })
          joined += 1
        } catch (error) {
          io.err(`Error joining address '${address}': ${messageOf(error)}`)
        }
      }
      if (joined === 0) {
        io.err('Failed to join any nodes.')
        return 1
      }
      io.out(`Successfully joined cluster by contacting ${joined} nodes.`)
      return 0
    })
  },
})

export const commands = { join }
