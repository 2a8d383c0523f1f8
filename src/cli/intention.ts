/** `consul intention`: which service may call which in the mesh. */
import { group, notBuilt } from './command.ts'
import { pairs, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const

export const commands = {
  intention: group(
    'consul intention <subcommand> [options] [args]',
    `Manages which services of the mesh may call which.

    $ consul intention create web db
    $ consul intention create -deny web db
    $ consul intention check web db
    $ consul intention match db

Each subcommand has its own help.`,
  ),
  'intention check': notBuilt(
    'consul intention check [options] SRC DST',
    'Tells whether the service SRC may call the service DST. The exit code is 0 when it may, 2 when it may not.',
    HTTP,
  ),
  'intention create': notBuilt(
    'consul intention create [options] SRC DST',
    'Allows or denies the service SRC to call the service DST.',
    [
      ...HTTP,
      yes('allow', 'Allow the calls. So it is when nothing is said.'),
      yes('deny', 'Deny the calls.'),
      yes('file', 'The arguments are files with intentions.'),
      pairs('meta', 'Metadata of the intention, as key=value. May be repeated.'),
      yes('replace', 'Replace the intention that exists between the two.'),
    ],
  ),
  'intention delete': notBuilt(
    'consul intention delete [options] SRC DST',
    'Removes an intention, given by its two services or by its id.',
    HTTP,
  ),
  'intention get': notBuilt(
    'consul intention get [options] SRC DST',
    'Shows an intention, given by its two services or by its id.',
    HTTP,
  ),
  'intention match': notBuilt(
    'consul intention match [options] SRC|DST',
    'Lists the intentions that a service meets, in the order in which they are looked at.',
    [
      ...HTTP,
      yes('destination', 'The service is the one that is called. So it is when nothing is said.'),
      yes('source', 'The service is the one that calls.'),
    ],
  ),
}
