/** `consul leave`: the asked agent leaves its cluster and ends. */
import { withAgent } from './client.ts'
import { type Command, command } from './command.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const leave: Command = command({
  usage: 'consul leave [options]',
  about: 'Makes the asked agent leave its cluster in good order, and end.',
  flags: CLIENT_FLAGS,
  async run(io, flags, args) {
    if (args.length > 0) {
      io.err(`Error found unexpected args: [${args.join(' ')}]`)
      const { commandHelp } = await import('./help.ts')
      io.out(commandHelp('leave', leave, {}))
      return 1
    }
    return withAgent(io, flags, 'Error leaving', async (consul) => {
      await consul.agent.leave()
      io.out('Graceful leave complete')
      return 0
    })
  },
})

export const commands = { leave }
