/** `consul validate`, and its name of old, `configtest`: reads configuration files without starting anything. */
import { notBuilt } from './command.ts'
import { text, texts, yes } from './flag-kinds.ts'

export const commands = {
  validate: notBuilt(
    'consul validate [options] FILE_OR_DIRECTORY...',
    'Reads configuration files, and those of directories, as an agent would, and tells what is wrong with them.',
    [
      text('config-format', "Read every file in this format, 'json' or 'hcl', whatever it ends in."),
      yes('quiet', 'Print nothing when all is well.'),
    ],
  ),
  configtest: notBuilt(
    'consul configtest [options]',
    'Reads configuration files as an agent would, and tells what is wrong with them. "consul validate" has taken its place.',
    [
      texts('config-dir', 'Directory of configuration files. May be repeated.'),
      texts('config-file', 'Configuration file. May be repeated.'),
    ],
  ),
}
