/** `consul maint`: takes a node or a service out of use for a while. */
import type { Consul } from '../api/index.ts'
import { quoteGo } from '../base/go-quote.ts'
import { NODE_MAINTENANCE, SERVICE_MAINTENANCE_PREFIX } from '../model/health.ts'
import { withAgent } from './client.ts'
import { command, type Io } from './command.ts'
import { text, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  maint: command({
    usage: 'consul maint [options]',
    about: `Marks the node of the asked agent, or one of its services, as under maintenance by a critical check: nobody finds it until that ends. The mark outlives a restart of the agent.

Without -enable or -disable it shows what is marked.`,
    flags: [
      ...CLIENT_FLAGS,
      yes('disable', 'End the maintenance.'),
      yes('enable', 'Begin the maintenance.'),
      text('reason', 'Why, for others to read.'),
      text('service', 'Id of the service, in place of the node.'),
    ],
    async run(io, flags) {
      const { enable = false, disable = false, reason = '', service = '' } = flags
      const conflict = conflictOf({ enable, disable, reason, service })
      if (conflict !== undefined) {
        io.err(conflict)
        return 1
      }
      if (!enable && !disable) {
        return withAgent(io, flags, 'Error querying Consul agent', (consul) => list(io, consul))
      }
      const what = service === '' ? 'node' : 'service'
      const verb = enable ? 'enabling' : 'disabling'
      return withAgent(io, flags, `Error ${verb} ${what} maintenance`, async (consul) => {
        await consul.agent.maintain({ service, enable, reason })
        const done = enable ? 'enabled' : 'disabled'
        io.out(
          service === ''
            ? `Node maintenance is now ${done}`
            : `Service maintenance is now ${done} for ${quoteGo(service)}`,
        )
        return 0
      })
    },
  }),
}

function conflictOf(wish: { enable: boolean; disable: boolean; reason: string; service: string }): string | undefined {
  if (wish.enable && wish.disable) return 'Only one of -enable or -disable may be provided'
  if (!wish.enable && wish.reason !== '') return 'Reason may only be provided with -enable'
  const either = wish.enable || wish.disable
  return !either && wish.service !== '' ? 'Service requires either -enable or -disable' : undefined
}

async function list(io: Io, consul: Consul): Promise<number> {
  const { Config } = await consul.agent.self()
  const show = (title: string, name: string, reason: string) => {
    io.out(`${title}:`)
    io.out(name)
    io.out(`  Reason: ${reason}`)
    io.out('')
  }
  for (const { CheckID, ServiceID, Notes } of Object.values(await consul.agent.checks())) {
    if (CheckID === NODE_MAINTENANCE) show('Node', `  Name:   ${String(Config?.NodeName)}`, Notes)
    else if (CheckID.startsWith(SERVICE_MAINTENANCE_PREFIX)) show('Service', `  ID:     ${ServiceID}`, Notes)
  }
  return 0
}
