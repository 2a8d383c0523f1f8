/** `consul lock`: runs a command while a lock is held. */
import { notBuilt } from './command.ts'
import { duration, text, whole, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

export const commands = {
  lock: notBuilt(
    'consul lock [options] prefix child...',
    'Takes the lock at a prefix of the key/value store, runs a command while it is held, and gives it back. A lost lock ends the command.',
    [
      ...CLIENT_FLAGS,
      ...SERVER_FLAGS,
      yes('child-exit-code', 'Exit with 2 when the command failed.'),
      whole('monitor-retry', 'How many errors of the agent to overlook while the lock is watched, one a second.', '3'),
      whole('n', 'How many may hold the lock at once; more than one makes it a semaphore.', '1'),
      text('name', 'Name of the session that holds the lock. Without one it is made from the command.'),
      yes('pass-stdin', "Let the command read this one's standard input."),
      yes('shell', 'Run the command by a shell, which SHELL in the environment may name.', 'true'),
      duration('timeout', 'How long to wait for the lock, as "1s" or "3h"; 0 is without end.'),
      duration('try', 'The old name of -timeout.'),
      yes('verbose', 'Tell what happens.'),
    ],
  ),
}
