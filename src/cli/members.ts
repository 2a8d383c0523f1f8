/** `consul members`: who is in the gossip pool, as the asked agent sees it. */
import type { AgentMember } from '../api/agent.ts'
import { compileGoRegexp, type GoRegexp } from '../base/go-regexp.ts'
import { joinHostPort } from '../base/host-port.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { columnize } from './columns.ts'
import { command } from './command.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

/** Serf's member states, by their numbers. */
const STATUS = ['none', 'alive', 'leaving', 'left', 'failed']
const ALL_SEGMENTS = '_all'
/** Exit code when no member fits. */
const NONE_FOUND = 2

const members = command({
  usage: 'consul members [options]',
  about: 'Lists the members of the cluster, as the asked agent knows them by gossip.',
  flags: [
    ...CLIENT_FLAGS,
    { name: 'detailed', kind: 'bool', help: 'Show every tag of each member.' },
    {
      name: 'segment',
      kind: 'string',
      initial: `"${ALL_SEGMENTS}"`,
      help: 'Show only the members of this network segment, a feature of Consul Enterprise.',
    },
    {
      name: 'status',
      kind: 'string',
      initial: '".*"',
      help: 'Show only the members whose status matches this regular expression.',
    },
    { name: 'wan', kind: 'bool', help: 'Show the servers of all datacenters, in place of this one datacenter.' },
  ],
  async run(io, flags) {
    let status: GoRegexp
    try {
      status = compileGoRegexp(flags.status ?? '.*')
    } catch (error) {
      io.err(`Failed to compile status regexp: ${messageOf(error)}`)
      return 1
    }
    const segment = flags.segment ?? ALL_SEGMENTS
    return withAgent(io, flags, 'Error retrieving members', async (consul) => {
      const all = await consul.agent.members({ segment: segment || undefined, wan: flags.wan })
      const shown = all
        .filter((member) => status.test(statusOf(member)))
        .map((member) => ({ ...member, Tags: { ...member.Tags, segment: segmentOf(member, segment) } }))
        .sort((a, b) => order(a.Tags.segment, b.Tags.segment) || order(a.Name, b.Name))
      if (shown.length === 0) return NONE_FOUND
      io.out(columnize(flags.detailed ? detailed(shown) : standard(shown)))
      return 0
    })
  },
})

function standard(members: AgentMember[]): string[][] {
  const rows = members.map((member) => {
    const { Tags: tags } = member
    const start = [member.Name, addressOf(member), statusOf(member)]
    const type = { consul: 'server', node: 'client' }[tags.role ?? '']
    if (type === undefined) return [...start, 'unknown', '', '', '', '']
    // The tag is "version:revision".
    const build = tags.build ? tags.build.split(':')[0]! : '< 0.3'
    return [...start, type, build, tags.vsn ?? '', tags.dc ?? '', tags.segment ?? '']
  })
  return [['Node', 'Address', 'Status', 'Type', 'Build', 'Protocol', 'DC', 'Segment'], ...rows]
}

function detailed(members: AgentMember[]): string[][] {
  const rows = members.map((member) => {
    const tags = Object.entries(member.Tags)
      .sort(([a], [b]) => order(a, b))
      .map(([name, value]) => `${name}=${value}`)
    return [member.Name, addressOf(member), statusOf(member), tags.join(',')]
  })
  return [['Node', 'Address', 'Status', 'Tags'], ...rows]
}

function statusOf(member: AgentMember): string {
  return STATUS[member.Status] ?? 'unknown'
}

function segmentOf({ Tags: tags }: AgentMember, asked: string): string {
  if (asked === ALL_SEGMENTS && tags.role === 'consul') return '<all>'
  return tags.segment || '<default>'
}

function addressOf(member: AgentMember): string {
  return joinHostPort(member.Addr, member.Port)
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export const commands = { members }
