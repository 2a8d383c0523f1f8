/** `consul operator`: tools for those who run the servers. */
import { group, notBuilt } from './command.ts'
import { named, text } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const
const ENTERPRISE = 'A feature of Consul Enterprise.'

export const commands = {
  operator: group(
    'consul operator <subcommand> [options]',
    `Tools for those who run the servers: Raft's members, and the autopilot that looks after them.

    $ consul operator raft list-peers
    $ consul operator autopilot get-config

Each subcommand has its own help.`,
  ),
  'operator autopilot': group(
    'consul operator autopilot <subcommand> [options]',
    `Shows and changes the settings of the autopilot, which looks after the servers.

    $ consul operator autopilot get-config
    $ consul operator autopilot set-config -cleanup-dead-servers=false

Each subcommand has its own help.`,
  ),
  'operator autopilot get-config': notBuilt(
    'consul operator autopilot get-config [options]',
    'Shows the settings of the autopilot.',
    HTTP,
  ),
  'operator autopilot set-config': notBuilt(
    'consul operator autopilot set-config [options]',
    'Changes settings of the autopilot. What is not given stays as it is.',
    [
      ...HTTP,
      {
        name: 'cleanup-dead-servers',
        kind: 'bool',
        numbers: 'strconv',
        valueName: 'true|false',
        help: 'Remove failed servers when new ones have joined.',
      },
      {
        name: 'disable-upgrade-migration',
        kind: 'bool',
        numbers: 'strconv',
        valueName: 'true|false',
        help: `Do not wait for enough new servers before they vote. ${ENTERPRISE}`,
      },
      named('last-contact-threshold', '200ms', 'How long a healthy server may hear nothing from the leader.'),
      {
        name: 'max-trailing-logs',
        kind: 'uint64',
        valueName: 'value',
        help: 'How many log entries a healthy server may lag.',
      },
      {
        name: 'min-quorum',
        kind: 'uint64',
        valueName: 'value',
        help: 'How many servers must stay when failed ones are removed.',
      },
      named('redundancy-zone-tag', 'value', `Node metadata that names a server's zone. ${ENTERPRISE}`),
      named('server-stabilization-time', '10s', 'How long a new server must be healthy before it votes.'),
      named('upgrade-version-tag', 'value', `Node metadata that names a server's version. ${ENTERPRISE}`),
    ],
  ),
  'operator raft': group(
    'consul operator raft <subcommand> [options]',
    `Shows and changes which servers are members of Raft.

    $ consul operator raft list-peers
    $ consul operator raft remove-peer -address="10.0.1.8:8300"

Each subcommand has its own help.`,
  ),
  'operator raft list-peers': notBuilt(
    'consul operator raft list-peers [options]',
    "Lists Raft's members: name, id, address, role, vote, protocol.",
    HTTP,
  ),
  'operator raft remove-peer': notBuilt(
    'consul operator raft remove-peer [options]',
    'Removes a server from Raft that is gone for good and did not leave. Prefer "consul force-leave" where the server is still listed as a member.',
    [...HTTP, text('address', 'Address of the server, as IP:port.'), text('id', 'Id of the server.')],
  ),
}
