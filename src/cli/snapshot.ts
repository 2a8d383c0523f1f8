/** `consul snapshot`: the whole state of a datacenter in one file. */
import { group, notBuilt } from './command.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const

export const commands = {
  snapshot: group(
    'consul snapshot <subcommand> [options] [args]',
    `Saves the whole state of a datacenter to a file, and restores it from there.

    $ consul snapshot save backup.snap
    $ consul snapshot inspect backup.snap
    $ consul snapshot restore backup.snap

Each subcommand has its own help.`,
  ),
  'snapshot inspect': notBuilt(
    'consul snapshot inspect [options] FILE',
    'Shows what a snapshot file says of itself: id, size, index, term, version.',
    [],
  ),
  'snapshot restore': notBuilt(
    'consul snapshot restore [options] FILE',
    'Replaces the whole state of a datacenter by that of a snapshot file.',
    HTTP,
  ),
  'snapshot save': notBuilt(
    'consul snapshot save [options] FILE',
    'Saves the whole state of a datacenter to a file: key/value store, catalog, sessions, ACLs and the rest.',
    HTTP,
  ),
}
