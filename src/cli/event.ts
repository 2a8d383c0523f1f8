/** `consul event`: tells all agents of something. */
import { compileGoRegexp } from '../base/go-regexp.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { type Command, command } from './command.ts'
import { text } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const event: Command = command({
  usage: 'consul event [options] [payload]',
  about: 'Sends an event with a name, and perhaps a payload, to the agents of the datacenter.',
  flags: [
    ...CLIENT_FLAGS,
    text('name', 'Name of the event. Required.'),
    text('node', 'Only for nodes whose name matches this regular expression.'),
    text('service', 'Only for nodes with a service that matches this regular expression.'),
    text('tag', 'Only for nodes whose service has a tag that matches this regular expression. With -service.'),
  ],
  async run(io, flags, args) {
    const { name = '', node = '', service = '', tag = '' } = flags
    const complain = async (message: string) => {
      io.err(message)
      return 1
    }
    const withHelp = async (message: string) => {
      const { commandHelp } = await import('./help.ts')
      io.err(`${message}\n\n${commandHelp('event', event, {})}`)
      return 1
    }
    if (name === '') return withHelp('Event name must be specified')
    for (const [kind, expression] of Object.entries({ node, service, tag })) {
      try {
        compileGoRegexp(expression)
      } catch (error) {
        return complain(`Failed to compile ${kind} filter regexp: ${messageOf(error)}`)
      }
    }
    if (tag !== '' && service === '') return complain('Cannot provide tag filter without service filter.')
    if (args.length > 1) return withHelp('Too many command line arguments.')
    return withAgent(io, flags, 'Error firing event', async (consul) => {
      const { ID } = await consul.event.fire({ name, payload: args[0], node, service, tag })
      io.out(`Event ID: ${ID}`)
      return 0
    })
  },
})

export const commands = { event }
