/** `consul monitor`: follows an agent's log. */
import { notBuilt } from './command.ts'
import { text, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  monitor: notBuilt(
    'consul monitor [options]',
    "Prints the asked agent's log as it is written, until it is interrupted.",
    [
      ...CLIENT_FLAGS,
      yes('log-json', 'Print the log as JSON.'),
      text('log-level', 'The least level that is shown; it may be below what the agent itself logs.', '"INFO"'),
    ],
  ),
}
