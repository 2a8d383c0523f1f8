/** `consul reload`: an agent reads its configuration again. */
import { withAgent } from './client.ts'
import { command } from './command.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  reload: command({
    usage: 'consul reload',
    about:
      'Makes the asked agent read its configuration files again. Services, checks, watches, node meta, the log level and a few more settings change so; the others need a restart. A configuration that cannot be read changes nothing.',
    flags: CLIENT_FLAGS,
    run: (io, flags) =>
      withAgent(io, flags, 'Error reloading', async (consul) => {
        await consul.agent.reload()
        io.out('Configuration reload triggered')
        return 0
      }),
  }),
}
