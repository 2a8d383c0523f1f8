/** `consul debug`: gathers what those need who look for a fault. */
import { notBuilt } from './command.ts'
import { duration, text, texts, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  debug: notBuilt(
    'consul debug [options]',
    'Watches the asked agent for a while, and gathers its metrics, log, profiles and settings in an archive. Look it through before you give it away: it may tell names and addresses.',
    [
      ...CLIENT_FLAGS,
      yes('archive', 'Pack the files into one archive; without, they stay in a directory.', 'true'),
      texts(
        'capture',
        'What to gather: metrics, logs, pprof, host, agent or cluster. May be repeated; everything when not given.',
      ),
      duration('duration', 'How long to watch.', '2m0s'),
      duration('interval', 'How often to take metrics and profiles.', '30s'),
      text('output', 'Where the archive goes. The name tells the time when nothing is said.'),
    ],
  ),
}
