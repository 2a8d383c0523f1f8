/** `consul exec`: runs a command on many nodes. */
import { notBuilt } from './command.ts'
import { duration, text, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

export const commands = {
  exec: notBuilt(
    'consul exec [options] [-|command...]',
    'Runs a command on the nodes that allow it, and prints what they answer. With - the command is read from standard input.',
    [
      ...CLIENT_FLAGS,
      ...SERVER_FLAGS,
      text('node', 'Only nodes whose name matches this regular expression.'),
      text('prefix', 'Beginning of the keys that carry the request.', '"_rexec"'),
      text('service', 'Only nodes with a service that matches this regular expression.'),
      yes('shell', 'Run the command by a shell.', 'true'),
      text('tag', 'Only nodes whose service has a tag that matches this regular expression. With -service.'),
      yes('verbose', 'Tell what happens.'),
      duration('wait', 'How long to wait, with nobody answering, before it ends.', '2s'),
      duration('wait-repl', 'How long to let the request spread before nodes are told of it.', '200ms'),
    ],
  ),
}
