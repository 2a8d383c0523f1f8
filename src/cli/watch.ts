/** `consul watch`: calls a command at each change. */
import { notBuilt } from './command.ts'
import { named, text, texts, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

export const commands = {
  watch: notBuilt(
    'consul watch [options] [child...]',
    'Waits for changes of one thing, and runs a command at each, with the new state as JSON on its standard input. Without a command it prints the state once.',
    [
      ...CLIENT_FLAGS,
      ...SERVER_FLAGS,
      text('key', 'The key to watch. For the type key.'),
      text('name', 'Name of the events to watch. For the type event.'),
      named('passingonly', '[true|false]', 'Show only instances that pass all checks. For the type service.'),
      text('prefix', 'Beginning of the keys to watch. For the type keyprefix.'),
      text('service', 'The service to watch. For the types service and checks.'),
      yes('shell', 'Run the command by a shell, which SHELL in the environment may name.', 'true'),
      text('state', 'State of the checks to watch. For the type checks.'),
      texts('tag', 'A tag that instances must have. For the type service. May be repeated.'),
      text('type', 'What to watch: key, keyprefix, services, nodes, service, checks or event.'),
    ],
  ),
}
