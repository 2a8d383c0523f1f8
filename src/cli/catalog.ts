/** `consul catalog`: datacenters, nodes and services, as the servers know them. */
import type { Node, ServiceNode } from '../api/catalog.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { columnize, tabbed } from './columns.ts'
import { command, group, type Io } from './command.ts'
import { ALL_HTTP_FLAGS, CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'
import { readArgument } from './input.ts'

const catalog = group(
  'consul catalog <subcommand> [options] [args]',
  `Reads the catalog. Some examples:

List the datacenters:

    $ consul catalog datacenters

List the nodes:

    $ consul catalog nodes

List the services:

    $ consul catalog services

Each subcommand has its own help.`,
)

const datacenters = command({
  usage: 'consul catalog datacenters [options]',
  about: 'Lists the datacenters that the servers know, the nearest first.',
  flags: [...CLIENT_FLAGS, ...SERVER_FLAGS],
  async run(io, flags, args) {
    if (tooMany(io, args)) return 1
    return withAgent(io, flags, 'Error listing datacenters', async (consul) => {
      for (const name of await consul.catalog.datacenters()) io.out(name)
      return 0
    })
  },
})

const nodes = command({
  usage: 'consul catalog nodes [options]',
  about: `Lists the nodes of a datacenter: the asked agent's own, unless -datacenter names another.

    $ consul catalog nodes

With -detailed it shows full ids, all addresses and the metadata:

    $ consul catalog nodes -detailed

Only the nodes with a service, or with certain metadata, or the nearest to a node first:

    $ consul catalog nodes -service=web
    $ consul catalog nodes -node-meta="rack=b7"
    $ consul catalog nodes -near=web-1`,
  flags: [
    ...CLIENT_FLAGS,
    ...SERVER_FLAGS,
    { name: 'detailed', kind: 'bool', help: 'Show full ids, all addresses and metadata too.' },
    {
      name: 'filter',
      kind: 'string',
      help: 'Show only the nodes that meet this expression; @file and - read it from a file and from standard input.',
    },
    {
      name: 'near',
      kind: 'string',
      help: 'Sort by the estimated round trip from this node, the nearest first; _agent is the asked agent.',
    },
    {
      name: 'node-meta',
      kind: 'pairs',
      valueName: 'key=value',
      help: 'Show only the nodes with this metadata. May be repeated: then all of it.',
    },
    {
      name: 'service',
      kind: 'string',
      valueName: 'id or name',
      help: 'Show only the nodes that have this service.',
    },
  ],
  async run(io, flags, args) {
    if (tooMany(io, args)) return 1
    let filter: string
    try {
      filter = Buffer.from(readArgument(flags.filter ?? '', io)).toString()
    } catch (error) {
      io.err(`Could not process filter argument: ${messageOf(error)}`)
      return 1
    }
    const { service = '' } = flags
    const failed = service === '' ? 'Error listing nodes' : 'Error listing nodes for service'
    return withAgent(io, flags, failed, async (consul) => {
      const options = { near: flags.near, nodeMeta: flags['node-meta'], filter }
      const found =
        service === ''
          ? (await consul.catalog.nodes(options)).value
          : (await consul.catalog.service(service, options)).value.map(nodeOf)
      if (found.length === 0) io.err('No nodes match the given query - try expanding your search.')
      else io.out(columnize(flags.detailed ? detailed(found) : short(found)))
      return 0
    })
  },
})

const services = command({
  usage: 'consul catalog services [options]',
  about: `Lists the services of a datacenter: the asked agent's own, unless -datacenter names another.

    $ consul catalog services

With the tags of each:

    $ consul catalog services -tags

Only those of a node, or of the nodes with certain metadata:

    $ consul catalog services -node=web-1
    $ consul catalog services -node-meta="rack=b7"`,
  flags: [
    ...ALL_HTTP_FLAGS,
    { name: 'node', kind: 'string', valueName: 'id or name', help: 'Show only the services of this node.' },
    {
      name: 'node-meta',
      kind: 'pairs',
      valueName: 'key=value',
      help: 'Show only the services of nodes with this metadata. May be repeated: then all of it.',
    },
    { name: 'tags', kind: 'bool', help: 'Show the tags of each service beside its name, with commas between them.' },
  ],
  async run(io, flags, args) {
    if (tooMany(io, args)) return 1
    const { node = '' } = flags
    const failed = node === '' ? 'Error listing services' : 'Error listing services for node'
    return withAgent(io, flags, failed, async (consul) => {
      const options = { nodeMeta: flags['node-meta'] }
      const found = new Map<string, string[]>()
      if (node === '') {
        const { value } = await consul.catalog.services(options)
        for (const [name, tags] of Object.entries(value)) found.set(name, tags)
      } else {
        const { value } = await consul.catalog.node(node, options)
        for (const each of Object.values(value?.Services ?? {})) {
          found.set(each.Service, [...(found.get(each.Service) ?? []), ...(each.Tags ?? [])])
        }
      }
      if (found.size === 0) io.err('No services match the given query - try expanding your search.')
      else if (flags.tags) {
        const rows = [...found].sort(byName).map(([name, tags]) => [name, tags.sort().join(',')] as const)
        io.out(tabbed(rows).trim())
      } else for (const [name] of [...found].sort(byName)) io.out(name)
      return 0
    })
  },
})

function tooMany(io: Io, args: string[]): boolean {
  if (args.length > 0) io.err(`Too many arguments (expected 0, got ${args.length})`)
  return args.length > 0
}

type ShownNode = Pick<Node, 'ID' | 'Node' | 'Address' | 'Datacenter' | 'TaggedAddresses' | 'Meta'>

function nodeOf(instance: ServiceNode): ShownNode {
  return { ...instance, Meta: instance.NodeMeta }
}

function short(found: ShownNode[]): string[][] {
  const rows = found.map((node) => [node.Node, node.ID.split('-')[0]!, node.Address, node.Datacenter])
  return [['Node', 'ID', 'Address', 'DC'], ...rows]
}

function detailed(found: ShownNode[]): string[][] {
  const rows = found.map((node) => [
    node.Node,
    node.ID,
    node.Address,
    node.Datacenter,
    pairs(node.TaggedAddresses),
    pairs(node.Meta),
  ])
  return [['Node', 'ID', 'Address', 'DC', 'TaggedAddresses', 'Meta'], ...rows]
}

function pairs(map: Record<string, string> | null): string {
  const sorted = Object.entries(map ?? {}).sort(byName)
  return sorted.map(([name, value]) => `${name}=${value}`).join(', ')
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export const commands = {
  catalog,
  'catalog datacenters': datacenters,
  'catalog nodes': nodes,
  'catalog services': services,
}
