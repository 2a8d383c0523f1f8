/** `consul keyring`: the keys that gossip is encrypted with. */
import type { KeyringResponse } from '../api/keyring.ts'
import { withAgent } from './client.ts'
import { type Command, command } from './command.ts'
import { text, whole, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const RELAY_FACTOR_MAX = 5

const keyring: Command = command({
  usage: 'consul keyring [options]',
  about:
    'Shows and changes the keys that gossip is encrypted with, on all members at once: install a new key, use it, remove the old one.',
  flags: [
    ...CLIENT_FLAGS,
    text('install', 'Give this key to all members.'),
    yes('list', 'List the keys, with how many members have each.'),
    yes('list-primary', 'List the keys that members encrypt with.'),
    yes('local-only', 'Ask this datacenter alone. Only for lists.'),
    whole('relay-factor', 'Through how many others, at most 5, each member sends its answer too.'),
    text('remove', 'Take this key from all members. It must not be the one they encrypt with.'),
    text('use', 'Make all members encrypt with this key, which they must have.'),
  ],
  async run(io, flags) {
    const { list, install, use, remove, 'list-primary': primary } = flags
    const asked = [list, primary, install, use, remove].filter(Boolean).length
    if (asked === 0) {
      const { commandHelp } = await import('./help.ts')
      io.err(commandHelp('keyring', keyring, {}))
      return 1
    }
    if (asked > 1) {
      io.err('Only a single action is allowed')
      return 1
    }
    const relayFactor = flags['relay-factor'] ?? 0
    if (relayFactor < 0 || relayFactor > RELAY_FACTOR_MAX) {
      io.err(`Error parsing relay factor: Relay factor must be in range: [0, ${RELAY_FACTOR_MAX}]`)
      return 1
    }
    const localOnly = flags['local-only']
    if (localOnly && !list) {
      io.err('Error validating local-only: local-only can only be set for list requests')
      return 1
    }
    return withAgent(io, flags, 'error', async ({ keyring: keys }) => {
      if (list || primary) {
        io.out(`==> Gathering installed ${primary ? 'primary ' : ''}encryption keys...`)
        for (const pool of await keys.list({ relayFactor, localOnly })) {
          io.out(poolText(pool, (primary ? pool.PrimaryKeys : pool.Keys) ?? {}))
        }
      } else if (install) {
        io.out('==> Installing new gossip encryption key...')
        await keys.install(install, { relayFactor })
      } else if (use) {
        io.out('==> Changing primary gossip encryption key...')
        await keys.use(use, { relayFactor })
      } else {
        io.out('==> Removing gossip encryption key...')
        await keys.remove(remove ?? '', { relayFactor })
      }
      return 0
    })
  },
})

function poolText(
  { WAN, Datacenter, Segment, Messages, NumNodes }: KeyringResponse,
  keys: Record<string, number>,
): string {
  const name = WAN ? 'WAN' : `${Datacenter} (LAN)`
  const segment = Segment === '' ? '' : ` [${Segment}]`
  const messages = Object.entries(Messages ?? {}).map(([member, message]) => `  ===> ${member}: ${message}`)
  const counts = Object.entries(keys).map(([key, nodes]) => `  ${key} [${nodes}/${NumNodes}]`)
  return ['', `${name}${segment}:`, ...messages, ...counts.sort()].join('\n')
}

export const commands = { keyring }
