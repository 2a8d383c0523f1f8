/** `consul operator`: tools for those who run the servers. */
import { formatGoDuration } from '../base/go-duration.ts'
import { quoteGo } from '../base/go-flags.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { columnize } from './columns.ts'
import { command, group } from './command.ts'
import { named, text } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const UNPARSED = 'Failed to parse args'
const UNCONNECTED = 'Error initializing client'
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
  'operator autopilot get-config': command({
    usage: 'consul operator autopilot get-config [options]',
    about: 'Shows the settings of the autopilot.',
    flags: HTTP,
    unparsed: UNPARSED,
    run: (io, flags) =>
      withAgent(
        io,
        flags,
        'Error querying Autopilot configuration',
        async (consul) => {
          const config = await consul.operator.autopilot({ stale: flags.stale })
          io.out(`CleanupDeadServers = ${config.CleanupDeadServers}`)
          io.out(`LastContactThreshold = ${config.LastContactThreshold}`)
          io.out(`MaxTrailingLogs = ${config.MaxTrailingLogs}`)
          io.out(`MinQuorum = ${config.MinQuorum}`)
          io.out(`ServerStabilizationTime = ${config.ServerStabilizationTime}`)
          io.out(`RedundancyZoneTag = ${quoteGo(config.RedundancyZoneTag)}`)
          io.out(`DisableUpgradeMigration = ${config.DisableUpgradeMigration}`)
          io.out(`UpgradeVersionTag = ${quoteGo(config.UpgradeVersionTag)}`)
          return 0
        },
        UNCONNECTED,
      ),
  }),
  'operator autopilot set-config': command({
    usage: 'consul operator autopilot set-config [options]',
    about: 'Changes settings of the autopilot. What is not given stays as it is.',
    unparsed: UNPARSED,
    flags: [
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
      {
        name: 'last-contact-threshold',
        kind: 'duration',
        numbers: 'strconv',
        valueName: '200ms',
        help: 'How long a healthy server may hear nothing from the leader.',
      },
      {
        name: 'max-trailing-logs',
        kind: 'uint64',
        numbers: 'strconv',
        valueName: 'value',
        help: 'How many log entries a healthy server may lag.',
      },
      {
        name: 'min-quorum',
        kind: 'uint64',
        numbers: 'strconv',
        valueName: 'value',
        help: 'How many servers must stay when failed ones are removed.',
      },
      named('redundancy-zone-tag', 'value', `Node metadata that names a server's zone. ${ENTERPRISE}`),
      {
        name: 'server-stabilization-time',
        kind: 'duration',
        numbers: 'strconv',
        valueName: '10s',
        help: 'How long a new server must be healthy before it votes.',
      },
      named('upgrade-version-tag', 'value', `Node metadata that names a server's version. ${ENTERPRISE}`),
    ],
    run: (io, flags) =>
      withAgent(
        io,
        flags,
        'Error querying Autopilot configuration',
        async ({ operator }) => {
          const config = await operator.autopilot()
          const { ModifyIndex: cas } = config
          const durationOf = (nanos: number | undefined) => nanos !== undefined && formatGoDuration(nanos)
          const wanted = {
            ...config,
            CleanupDeadServers: flags['cleanup-dead-servers'] ?? config.CleanupDeadServers,
            DisableUpgradeMigration: flags['disable-upgrade-migration'] ?? config.DisableUpgradeMigration,
            LastContactThreshold: durationOf(flags['last-contact-threshold']) || config.LastContactThreshold,
            MaxTrailingLogs: Number(flags['max-trailing-logs'] ?? config.MaxTrailingLogs),
            MinQuorum: Number(flags['min-quorum'] ?? config.MinQuorum),
            RedundancyZoneTag: flags['redundancy-zone-tag'] ?? config.RedundancyZoneTag,
            ServerStabilizationTime: durationOf(flags['server-stabilization-time']) || config.ServerStabilizationTime,
            UpgradeVersionTag: flags['upgrade-version-tag'] ?? config.UpgradeVersionTag,
          }
          let changed: boolean
          try {
            changed = await operator.setAutopilot(wanted, { cas })
          } catch (error) {
            io.err(`Error setting Autopilot configuration: ${messageOf(error)}`)
            return 1
          }
          io.out(changed ? 'Configuration updated!' : 'Configuration could not be atomically updated, please try again')
          return changed ? 0 : 1
        },
        UNCONNECTED,
      ),
  }),
  'operator raft': group(
    'consul operator raft <subcommand> [options]',
    `Shows and changes which servers are members of Raft.

    $ consul operator raft list-peers
    $ consul operator raft remove-peer -address="10.0.1.8:8300"

Each subcommand has its own help.`,
  ),
  'operator raft list-peers': command({
    usage: 'consul operator raft list-peers [options]',
    about: "Lists Raft's members: name, id, address, role, vote, protocol.",
    flags: HTTP,
    unparsed: UNPARSED,
    run: (io, flags) =>
      withAgent(
        io,
        flags,
        'Error getting peers: Failed to retrieve raft configuration',
        async ({ operator }) => {
          const servers = await operator.raftServers({ stale: flags.stale })
          const rows = servers.map(({ Node, ID, Address, Leader, Voter, ProtocolVersion }) => [
            Node,
            ID,
            Address,
            Leader ? 'leader' : 'follower',
            String(Voter),
            ProtocolVersion === '' ? '<=1' : ProtocolVersion,
          ])
          io.out(columnize([['Node', 'ID', 'Address', 'State', 'Voter', 'RaftProtocol'], ...rows]))
          return 0
        },
        UNCONNECTED,
      ),
  }),
  'operator raft remove-peer': command({
    usage: 'consul operator raft remove-peer [options]',
    about:
      'Removes a server from Raft that is gone for good and did not leave. Prefer "consul force-leave" where the server is still listed as a member.',
    flags: [...HTTP, text('address', 'Address of the server, as IP:port.'), text('id', 'Id of the server.')],
    unparsed: UNPARSED,
    run: (io, flags) =>
      withAgent(
        io,
        flags,
        'Error removing peer',
        async ({ operator }) => {
          const { address = '', id = '' } = flags
          if (address === '' && id === '') throw new Error('an address or id is required for the peer to remove')
          if (address !== '' && id !== '') throw new Error('cannot give both an address and id')
          await operator.removePeer(address === '' ? { id } : { address })
          io.out(`Removed peer with ${address === '' ? `id ${quoteGo(id)}` : `address ${quoteGo(address)}`}`)
          return 0
        },
        UNCONNECTED,
      ),
  }),
}
