/** `consul info`: the agent's statistics about itself, section by section. */
import { withAgent } from './client.ts'
import { command } from './command.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const info = command({
  usage: 'consul info [options]',
  about: 'Prints figures for operators about the asked agent: its build, Raft, gossip, runtime and more.',
  flags: CLIENT_FLAGS,
  async run(io, flags) {
    return withAgent(io, flags, 'Error querying agent', async (consul) => {
      const { Stats: stats } = await consul.agent.self()
      if (stats === undefined) {
        io.err("Agent response did not contain 'Stats' key")
        return 1
      }
      for (const section of Object.keys(stats).sort()) {
        io.out(`${section}:`)
        const figures = stats[section]
        if (typeof figures !== 'object' || figures === null) {
          io.err(`Got invalid subkey in stats: ${section}`)
          return 1
        }
        for (const [name, value] of Object.entries(figures).sort(([a], [b]) => (a < b ? -1 : 1))) {
          io.out(`\t${name} = ${value}`)
        }
      }
      return 0
    })
  },
})

export const commands = { info }
