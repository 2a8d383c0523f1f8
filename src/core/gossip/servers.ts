/**
 * Which server to ask: the servers that gossip tells of, by datacenter, each list in the order in which they are tried.
 * The first serves until it fails or some minutes have passed; then the list is shuffled, so that the load of many agents
 * spreads, and a first one is kept only if it answers a ping. How a server is reached is not decided here. Source:
 * Consul's agent/router (manager.go, router.go).
 */
import type { Core, Tick } from '../../base/core.ts'
import { joinHostPort } from '../../base/host-port.ts'
import { type Random, shuffle } from '../../base/random.ts'
import type { Instant, Millis } from '../../base/units.ts'
import type { Coordinate, DatacenterMap } from '../../model/coordinate.ts'
import { distanceSeconds } from './coordinate.ts'
import { isServer } from './pools.ts'
import type { MemberEventKind, SerfMember } from './roster.ts'

export interface ServerInfo {
  /** As its pool names it: in the WAN with its datacenter behind it. */
  name: string
  /** Its node's name alone. */
  node: string
  id: string
  datacenter: string
  /** `host:port` of its RPC. */
  address: string
  /** Gossip counts it as failed: it may be asked when nobody else is left. */
  failed: boolean
}

export type ServersInput =
  | Tick
  | { kind: 'member'; event: MemberEventKind; member: SerfMember }
  /** All members of the pool, servers or not: the more of them, the seldomer each changes its server. */
  | { kind: 'cluster-size'; nodes: number }
  /** A ping's outcome. */
  | { kind: 'pinged'; server: ServerInfo; alive: boolean }

/** Ask it whether it is there, and tell. */
export interface ServersEffect {
  kind: 'ping'
  server: ServerInfo
}

export interface Servers extends Core<ServersInput, ServersEffect> {
  /** In the order in which they should be tried, those that have failed last; empty for an unknown datacenter. */
  of(datacenter: string): readonly ServerInfo[]
  /** A call could not be made, or was lost: others go first from now on. */
  failed(server: ServerInfo): void
  /** By name. */
  datacenters(): string[]
}

/** A server is kept for so long at least, and up to half as long again. */
const REUSE_MS: Millis = 120_000
const REUSE_JITTER = 1 / 2
/** New connections that one server should see in a second, from all agents together. */
const NEW_CONNECTIONS_PER_SECOND = 64

interface List {
  servers: ServerInfo[]
  rebalanceAt: Instant
  /** Those still to be pinged in this round, and the one whose answer is awaited. */
  pinging: ServerInfo[] | null
}

export function makeServers({ random }: { random: Random }): Servers {
  const lists = new Map<string, List>()
  let effects: ServersEffect[] = []
  let nodes = 1

  function learn(now: Instant, { event, member }: Extract<ServersInput, { kind: 'member' }>): void {
    const server = serverInfo(member)
    if (server === undefined) return
    const list = lists.get(server.datacenter)
    const at = list?.servers.findIndex(({ name }) => name === server.name) ?? -1
    if (event === 'leave' || event === 'reap') {
      if (list === undefined || at < 0) return
      list.servers = list.servers.toSpliced(at, 1)
      if (list.servers.length === 0) lists.delete(server.datacenter)
    } else if (list === undefined) {
      lists.set(server.datacenter, { servers: [server], rebalanceAt: nextRebalance(now, 1), pinging: null })
    } else {
      list.servers = inOrder(at < 0 ? [...list.servers, server] : list.servers.with(at, server))
    }
  }

  function nextRebalance(now: Instant, servers: number): Instant {
    const least = REUSE_MS * (1 + random.float() * REUSE_JITTER)
    return now + Math.max(least, (nodes / (servers * NEW_CONNECTIONS_PER_SECOND)) * 1000)
  }

  function rebalance(now: Instant, list: List): void {
    list.rebalanceAt = nextRebalance(now, list.servers.length)
    if (list.servers.length < 2) return
    list.pinging = shuffle(
      list.servers.filter(({ failed }) => !failed),
      random,
    )
    ping(list)
  }

  function ping({ pinging }: List): void {
    const server = pinging?.[0]
    if (server !== undefined) effects.push({ kind: 'ping', server })
  }

  function pinged(server: ServerInfo, alive: boolean): void {
    const list = lists.get(server.datacenter)
    if (list?.pinging?.[0]?.name !== server.name) return
    if (!alive) {
      list.pinging.shift()
      ping(list)
      if (list.pinging.length === 0) list.pinging = null
      return
    }
    // The round's order, for those who are still there; whoever came meanwhile goes last.
    const place = new Map(list.pinging.map(({ name }, at) => [name, at]))
    const placeOf = ({ name }: ServerInfo) => place.get(name) ?? list.servers.length
    list.servers = inOrder(list.servers.toSorted((a, b) => placeOf(a) - placeOf(b)))
    list.pinging = null
  }

  return {
    step(now, input) {
      switch (input.kind) {
        case 'tick':
          for (const list of lists.values()) if (now >= list.rebalanceAt) rebalance(now, list)
          return
        case 'member':
          return learn(now, input)
        case 'cluster-size':
          nodes = input.nodes
          return
        case 'pinged':
          return pinged(input.server, input.alive)
      }
    },
    take() {
      const taken = effects
      effects = []
      return taken
    },
    wakeAt() {
      let at: Instant | null = null
      for (const { rebalanceAt } of lists.values()) if (at === null || rebalanceAt < at) at = rebalanceAt
      return at
    },
    of: (datacenter) => lists.get(datacenter)?.servers ?? [],
    failed({ datacenter, name }) {
      const list = lists.get(datacenter)
      const at = list?.servers.findIndex((each) => each.name === name) ?? -1
      if (list === undefined || at < 0) return
      const [server] = list.servers.slice(at)
      list.servers = inOrder([...list.servers.toSpliced(at, 1), server!])
    },
    datacenters: () => [...lists.keys()].sort(),
  }
}

/** Undefined for a member that is no server. */
export function serverInfo({ name, addr, tags, status }: SerfMember): ServerInfo | undefined {
  if (!isServer(tags)) return undefined
  const datacenter = tags.dc ?? ''
  const suffix = `.${datacenter}`
  return {
    name,
    node: name.endsWith(suffix) ? name.slice(0, -suffix.length) : name,
    id: tags.id ?? '',
    datacenter,
    address: joinHostPort(addr, tags.port ?? ''),
    failed: status === 'failed',
  }
}

/** Stable, those that have failed last. */
function inOrder(servers: ServerInfo[]): ServerInfo[] {
  return servers.toSorted((a, b) => Number(a.failed) - Number(b.failed))
}

/** A pool, as far as distances go. */
export interface Places {
  members(): SerfMember[]
  /** One's own. */
  coordinate(): Coordinate
  coordinateOf(name: string): Coordinate | undefined
}

/**
 * All datacenters that servers are known of, nearest first: by the median round-trip time to their servers, and by name
 * where that is equal or unknown. One's own is at no distance.
 */
export function datacentersByDistance(own: string, pools: readonly Places[]): string[] {
  const nearest = new Map<string, number>()
  for (const pool of pools) {
    const distances = new Map<string, number[]>()
    const from = pool.coordinate()
    for (const { name, datacenter } of present(pool)) {
      const to = datacenter === own ? from : pool.coordinateOf(name)
      const distance = datacenter === own ? 0 : to === undefined ? Number.POSITIVE_INFINITY : distanceSeconds(from, to)
      distances.set(datacenter, [...(distances.get(datacenter) ?? []), distance])
    }
    for (const [datacenter, found] of distances) {
      const median = found.sort((a, b) => a - b || 0)[Math.floor(found.length / 2)]!
      nearest.set(datacenter, Math.min(median, nearest.get(datacenter) ?? Number.POSITIVE_INFINITY))
    }
  }
  // Two unknown distances differ by NaN, which counts as equal.
  return [...nearest.keys()].sort().sort((a, b) => nearest.get(a)! - nearest.get(b)! || 0)
}

/**
 * Where each server stands, by datacenter, in each pool. Names lose the datacenter that they end in within the WAN.
 * @param own one's own name there: of oneself no other member tells
 */
export function datacenterMaps(pools: Record<string, Places | undefined>, own = ''): DatacenterMap[] {
  const maps: DatacenterMap[] = []
  for (const [area, pool] of Object.entries(pools)) {
    if (pool === undefined) continue
    const byDatacenter = new Map<string, DatacenterMap>()
    for (const { name, datacenter } of present(pool)) {
      const Coord = name === own ? pool.coordinate() : pool.coordinateOf(name)
      if (Coord === undefined) continue
      const map = byDatacenter.get(datacenter) ?? { Datacenter: datacenter, AreaID: area, Coordinates: [] }
      const Node = name.endsWith(`.${datacenter}`) ? name.slice(0, -datacenter.length - 1) : name
      map.Coordinates?.push({ Node, Segment: '', Coord })
      byDatacenter.set(datacenter, map)
    }
    maps.push(...byDatacenter.values())
  }
  return maps
}

function present(pool: Places): ServerInfo[] {
  return pool.members().flatMap((member) => (member.status === 'left' ? [] : (serverInfo(member) ?? [])))
}
