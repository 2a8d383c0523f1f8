/** `consul config`: configuration entries that the servers keep for everybody. */
import { group, notBuilt } from './command.ts'
import { index, text, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const KIND = text('kind', 'Kind of the entry, service-defaults for instance.')
const NAME = text('name', 'Name of the entry.')

export const commands = {
  config: group(
    'consul config <subcommand> [options] [args]',
    `Manages the configuration entries that the servers keep: defaults of services and proxies, routes, gateways.

    $ consul config write web.json
    $ consul config read -kind service-defaults -name web
    $ consul config list -kind service-defaults
    $ consul config delete -kind service-defaults -name web

Each subcommand has its own help.`,
  ),
  'config delete': notBuilt(
    'consul config delete [options] -kind <config kind> -name <config name>',
    'Removes a configuration entry.',
    [...ALL_HTTP_FLAGS, KIND, NAME],
  ),
  'config list': notBuilt(
    'consul config list [options] -kind <config kind>',
    'Lists the names of the configuration entries of a kind.',
    [...ALL_HTTP_FLAGS, KIND],
  ),
  'config read': notBuilt(
    'consul config read [options] -kind <config kind> -name <config name>',
    'Shows a configuration entry, as JSON.',
    [...ALL_HTTP_FLAGS, KIND, NAME],
  ),
  'config write': notBuilt(
    'consul config write [options] <configuration>',
    'Makes or replaces a configuration entry. The argument is the name of a file, or - for standard input.',
    [
      ...ALL_HTTP_FLAGS,
      yes('cas', 'Write only if the ModifyIndex of the entry is still the one given by -modify-index.'),
      index('modify-index', 'The ModifyIndex that -cas compares with.'),
    ],
  ),
}
