/**
 * `consul version`. The first lines are what Consul's tools read: the version is that of the Consul whose interface we
 * offer. Our own version stands below them.
 */
import { CONSUL_API_VERSION, PROCONSUL_VERSION } from '../agent/version.ts'
import { command } from './command.ts'

const PROTOCOL = { Default: 2, Min: 2, Max: 3 }

const version = command({
  usage: 'consul version [options]',
  about: `Prints which Consul this one is compatible with, and the version of Proconsul.`,
  flags: [{ name: 'format', kind: 'string', initial: '"pretty"', help: 'Output format {pretty|json}' }],
  async run(io, { format = 'pretty' }) {
    if (format === 'json') {
      const known = {
        Version: CONSUL_API_VERSION,
        Revision: '',
        Prerelease: '',
        Proconsul: PROCONSUL_VERSION,
        RPC: PROTOCOL,
      }
      io.out(JSON.stringify(known, null, 3))
    } else if (format === 'pretty') {
      const { Default, Min, Max } = PROTOCOL
      io.out(
        `Consul v${CONSUL_API_VERSION}\n` +
          `Protocol ${Default} spoken by default, understands ${Min} to ${Max} (agent will automatically use protocol >${Default} when speaking to compatible agents)\n` +
          `Proconsul v${PROCONSUL_VERSION}\n`,
      )
    } else {
      io.err(`Unknown format: ${format}`)
      return 1
    }
    return 0
  },
})

export const commands = { version }
