/** `consul event`: tells all agents of something. */
import { notBuilt } from './command.ts'
import { text } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  event: notBuilt(
    'consul event [options] [payload]',
    'Sends an event with a name, and perhaps a payload, to the agents of the datacenter.',
    [
      ...CLIENT_FLAGS,
      text('name', 'Name of the event. Required.'),
      text('node', 'Only for nodes whose name matches this regular expression.'),
      text('service', 'Only for nodes with a service that matches this regular expression.'),
      text('tag', 'Only for nodes whose service has a tag that matches this regular expression. With -service.'),
    ],
  ),
}
