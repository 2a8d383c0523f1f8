/** `consul keyring`: the keys that gossip is encrypted with. */
import { notBuilt } from './command.ts'
import { text, whole, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  keyring: notBuilt(
    'consul keyring [options]',
    'Shows and changes the keys that gossip is encrypted with, on all members at once: install a new key, use it, remove the old one.',
    [
      ...CLIENT_FLAGS,
      text('install', 'Give this key to all members.'),
      yes('list', 'List the keys, with how many members have each.'),
      yes('list-primary', 'List the keys that members encrypt with.'),
      yes('local-only', 'Ask this datacenter alone. Only for lists.'),
      whole('relay-factor', 'Through how many others, at most 5, each member sends its answer too.'),
      text('remove', 'Take this key from all members. It must not be the one they encrypt with.'),
      text('use', 'Make all members encrypt with this key, which they must have.'),
    ],
  ),
}
