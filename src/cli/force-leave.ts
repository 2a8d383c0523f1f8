/** `consul force-leave`: gives a failed member up. */
import { withAgent } from './client.ts'
import { type Command, command } from './command.ts'
import { yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const forceLeave: Command = command({
  usage: 'consul force-leave [options] name',
  about:
    'Counts a failed member as one that has left, so that nobody tries to reach it any more. A member that still runs will be back.',
  flags: [...CLIENT_FLAGS, yes('prune', 'Take the member off the list altogether.')],
  async run(io, flags, names) {
    const [name] = names
    if (name === undefined || names.length > 1) {
      const { commandHelp } = await import('./help.ts')
      io.err(`A single node name must be specified to force leave.\n\n${commandHelp('force-leave', forceLeave, {})}`)
      return 1
    }
    return withAgent(io, flags, 'Error force leaving', async (consul) => {
      await consul.agent.forceLeave(name, { prune: flags.prune })
      return 0
    })
  },
})

export const commands = { 'force-leave': forceLeave }
