/** `consul rtt`: how far two nodes are from each other. */
import type { Coordinate, CoordinateEntry } from '../api/coordinate.ts'
import { roundTripMs } from '../api/coordinate.ts'
import type { Consul } from '../api/index.ts'
import { quoteGo } from '../base/go-quote.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { type Command, command, type Io } from './command.ts'
import { yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const rtt: Command = command({
  usage: 'consul rtt [options] node1 [node2]',
  about:
    "Prints the estimated round trip between two nodes, or between a node and the asked agent's, from the network coordinates that gossip keeps.",
  flags: [...CLIENT_FLAGS, yes('wan', 'Between servers of all datacenters, each given as name.datacenter.')],
  async run(io, flags, names) {
    if (names.length < 1 || names.length > 2) {
      const { commandHelp } = await import('./help.ts')
      io.err(`One or two node names must be specified\n\n${commandHelp('rtt', rtt, {})}`)
      return 1
    }
    return withAgent(io, flags, 'Error getting coordinates', async (consul) => {
      const [first, second = await ownName(io, consul, flags.wan === true)] = names as [string, string?]
      if (second === undefined) return 1
      const asked: [string, string] = [first, second]
      const found = flags.wan ? await wanPlaces(io, consul, asked) : await lanPlaces(consul, asked)
      if (found === undefined) return 1
      const missing = asked.find((_, i) => found[i] === undefined)
      const [a, b] = found
      if (a === undefined || b === undefined) {
        io.err(`Could not find a coordinate for node ${quoteGo(missing ?? '')}`)
        return 1
      }
      const area = flags.wan ? 'WAN' : 'LAN'
      io.out(`Estimated ${first} <-> ${second} rtt: ${roundTripMs(a, b).toFixed(3)} ms (using ${area} coordinates)`)
      return 0
    })
  },
})

/** What the asked agent is called; undefined when it does not say, and then that was told. */
async function ownName(io: Io, consul: Consul, wan: boolean): Promise<string | undefined> {
  try {
    const { Config } = await consul.agent.self()
    const name = String(Config?.NodeName)
    return wan ? `${name}.${Config?.Datacenter}` : name
  } catch (error) {
    io.err(`Unable to look up agent info: ${messageOf(error)}`)
    return undefined
  }
}

type Places = [Coordinate | undefined, Coordinate | undefined]

/** Compared in the segment of a node that is in one alone. */
async function lanPlaces(consul: Consul, asked: [string, string]): Promise<Places> {
  const { value } = await consul.coordinate.nodes()
  const [a, b] = asked.map((name) => value.filter(({ Node }) => Node === name)) as [
    CoordinateEntry[],
    CoordinateEntry[],
  ]
  let segment = ''
  for (const entries of [a, b]) if (entries.length === 1) segment = entries[0]!.Segment
  const place = (entries: CoordinateEntry[]) => entries.find(({ Segment }) => Segment === segment)?.Coord
  return [place(a), place(b)]
}

/** Only places of one area are compared; undefined when the names are none, and then that was told. */
async function wanPlaces(io: Io, consul: Consul, asked: [string, string]): Promise<Places | undefined> {
  const parts = asked.map((name) => name.split('.'))
  if (parts.some(({ length }) => length !== 2)) {
    io.err('Node names must be specified as <node name>.<datacenter> with -wan')
    return undefined
  }
  const datacenters = await consul.coordinate.datacenters()
  const areas = [...new Set(datacenters.map(({ AreaID }) => AreaID))]
  for (const area of areas) {
    const places = parts.map(([node, datacenter]) =>
      datacenters
        .filter(({ Datacenter, AreaID }) => Datacenter === datacenter && AreaID === area)
        .flatMap(({ Coordinates }) => Coordinates ?? [])
        .find(({ Node }) => Node === node),
    )
    if (places[0] !== undefined && places[1] !== undefined) return [places[0].Coord, places[1].Coord]
  }
  return [undefined, undefined]
}

export const commands = { rtt }
