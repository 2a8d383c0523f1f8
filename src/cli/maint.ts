/** `consul maint`: takes a node or a service out of use for a while. */
import { notBuilt } from './command.ts'
import { text, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  maint: notBuilt(
    'consul maint [options]',
    'Marks the node of the asked agent, or one of its services, as under maintenance: nobody finds it until that ends. Without -enable or -disable it shows what is marked.',
    [
      ...CLIENT_FLAGS,
      yes('disable', 'End the maintenance.'),
      yes('enable', 'Begin the maintenance.'),
      text('reason', 'Why, for others to read.'),
      text('service', 'Id of the service, in place of the node.'),
    ],
  ),
}
