/**
 * Who takes part in Raft, decided from who is in gossip: newcomers join as non-voters and vote once they were healthy for
 * long enough, those that left are removed, dead ones are cleaned up as far as the others stay safe, and a new cluster
 * begins when as many servers as expected have met. Pure judgements; the agent asks for health and carries changes out.
 *
 * Source: Consul's agent/consul/leader.go (`joinConsulServer`, `removeConsulServer`), agent/consul/autopilot, and
 * `maybeBootstrap` of agent/consul/server_serf.go. See protocol/raft.md sections 7 and 9.
 */
import { joinHostPort } from '../../base/host-port.ts'
import { type Instant, NANOS_PER_MS, type WallMs } from '../../base/units.ts'
import type { AutopilotConfig } from '../../model/autopilot.ts'
import type { ServerStats } from '../../model/status.ts'

/** A member of the LAN, as gossip knows it. */
export interface PoolMember {
  name: string
  /** IP address as text. */
  addr: string
  status: 'none' | 'alive' | 'leaving' | 'left' | 'failed'
  tags: Readonly<Record<string, string>>
}

/** A server of Raft's configuration. */
export interface Peer {
  id: string
  address: string
  suffrage: 'voter' | 'nonvoter' | 'staging'
}

export type PeerChange =
  | { kind: 'add-voter'; id: string; address: string }
  | { kind: 'add-nonvoter'; id: string; address: string }
  | { kind: 'remove'; id: string }

/** What a server says of itself by its tags. */
export interface FoundingFault {
  fault: string
  member: string
}

export interface ServerIdentity {
  name: string
  id: string
  address: string
  alive: boolean
  raftVersion: number
  bootstrap: boolean
  /** How many servers it expects to begin with; 0 when it does not begin anything. */
  expect: number
}

/** @returns undefined for members that are no servers of this datacenter */
export function serverOf({ name, addr, status, tags }: PoolMember, datacenter: string): ServerIdentity | undefined {
  const port = Number(tags.port)
  if (tags.role !== 'consul' || tags.dc !== datacenter || !(port > 0) || tags.segment) return undefined
  const address = joinHostPort(addr, port)
  const raftVersion = Number(tags.raft_vsn ?? 1)
  return {
    name,
    // Before version 3 servers were known by their addresses.
    id: raftVersion >= 3 && tags.id ? tags.id : address,
    address,
    alive: status === 'alive',
    raftVersion,
    bootstrap: tags.bootstrap === '1',
    expect: Number(tags.expect ?? 0),
  }
}

/** Of those that are alive. */
export function lowestRaftVersion(servers: readonly ServerIdentity[]): number {
  return Math.min(3, ...servers.filter(({ alive }) => alive).map(({ raftVersion }) => raftVersion))
}

export interface Joining {
  changes: PeerChange[]
  /** Why it cannot join, for the log. */
  fault?: string
}

/**
 * What Raft must learn of a server that is alive. One that comes back with another address, or whose address has a new
 * owner, first loses its old place.
 * @param all the servers in gossip, this one among them
 */
export function joining(
  server: ServerIdentity,
  all: readonly ServerIdentity[],
  peers: readonly Peer[],
  selfId: string,
): Joining {
  if (server.id === selfId && peers.length < 3) return { changes: [] }
  if (server.bootstrap) {
    const other = all.find((each) => each.bootstrap && each.name !== server.name)
    if (other !== undefined) {
      return { changes: [], fault: `${other.name} and ${server.name} are both in bootstrap mode: only one may be` }
    }
  }
  const changes: PeerChange[] = []
  for (const { id, address } of peers) {
    if (id === server.id && address === server.address) return { changes: [] }
    if (id === server.id || address === server.address) changes.push({ kind: 'remove', id })
  }
  const kind = lowestRaftVersion(all) >= 3 ? 'add-nonvoter' : 'add-voter'
  changes.push({ kind, id: server.id, address: server.address })
  return { changes }
}

/** What Raft must learn of a server that left or was forgotten. A leader does not remove itself this way. */
export function leaving(server: ServerIdentity, peers: readonly Peer[], selfId: string): PeerChange[] {
  if (server.id === selfId) return []
  return peers.filter(({ id }) => id === server.id).map(({ id }) => ({ kind: 'remove', id }))
}

/** How a server has fared lately. */
export interface Health {
  healthy: boolean
  /** Since when `healthy` is what it is. */
  since: Instant
  /** The same for people; null for one that never answered. */
  stableSince: WallMs | null
}

export interface Standard {
  /** The leader's own. */
  lastTerm: number
  lastIndex: number
  config: Pick<AutopilotConfig, 'LastContactThreshold' | 'MaxTrailingLogs'>
}

/**
 * @param stats undefined when it did not answer
 * @param contactNanos its `LastContact`, or undefined when it never heard a leader
 */
export function isHealthy(
  alive: boolean,
  stats: ServerStats | undefined,
  contactNanos: number | undefined,
  { lastTerm, lastIndex, config }: Standard,
): boolean {
  if (!alive || stats === undefined || contactNanos === undefined) return false
  if (contactNanos > config.LastContactThreshold || stats.LastTerm !== lastTerm) return false
  return stats.LastIndex + config.MaxTrailingLogs >= lastIndex
}

/** Non-voters that were healthy for the stabilization time shall vote. */
export function promotions(
  peers: readonly Peer[],
  health: ReadonlyMap<string, Health>,
  now: Instant,
  config: Pick<AutopilotConfig, 'ServerStabilizationTime'>,
): PeerChange[] {
  return peers.flatMap(({ id, address, suffrage }) => {
    const known = health.get(id)
    if (suffrage === 'voter' || known === undefined || !known.healthy) return []
    const stableMs = now - known.since
    return stableMs * NANOS_PER_MS >= config.ServerStabilizationTime ? [{ kind: 'add-voter', id, address }] : []
  })
}

export interface Cleanup {
  /** Members that gossip shall take for gone. */
  forceLeave: string[]
  /** Places in Raft that nobody stands behind. */
  changes: PeerChange[]
  /** Why nothing is done, for the log. */
  fault?: string
}

/** Dead servers, as far as they can go: never so many at once that the rest could not have decided anything without them. */
export function cleanup(
  servers: readonly ServerIdentity[],
  failed: ReadonlySet<string>,
  peers: readonly Peer[],
  selfId: string,
  config: Pick<AutopilotConfig, 'CleanupDeadServers' | 'MinQuorum'>,
): Cleanup {
  const nothing: Cleanup = { forceLeave: [], changes: [] }
  if (!config.CleanupDeadServers) return nothing
  const isVoter = (id: string) => peers.some((peer) => peer.id === id && peer.suffrage === 'voter')
  const dead = servers.filter(({ name, id }) => failed.has(name) && id !== selfId)
  const known = new Set(servers.map(({ id }) => id))
  const stale = peers.filter(({ id }) => !known.has(id) && id !== selfId)

  const deadVoters = dead.filter(({ id }) => isVoter(id))
  const staleVoters = stale.filter(({ suffrage }) => suffrage === 'voter')
  const nonVoters: Cleanup = {
    forceLeave: dead.filter(({ id }) => !isVoter(id)).map(({ name }) => name),
    changes: stale.filter(({ suffrage }) => suffrage !== 'voter').map(({ id }) => ({ kind: 'remove', id })),
  }
  const leavers = deadVoters.length + staleVoters.length
  if (leavers === 0) return nonVoters
  const voters = peers.filter(({ suffrage }) => suffrage === 'voter').length
  if (leavers > Math.floor((voters - 1) / 2)) {
    return { ...nonVoters, fault: `too many dead servers: ${leavers} of ${voters}` }
  }
  if (voters - leavers < config.MinQuorum) {
    return { ...nonVoters, fault: `no more than ${config.MinQuorum} servers shall be left, ${voters} are there` }
  }
  return {
    forceLeave: [...nonVoters.forceLeave, ...deadVoters.map(({ name }) => name)],
    changes: [...nonVoters.changes, ...staleVoters.map(({ id }): PeerChange => ({ kind: 'remove', id }))],
  }
}

/**
 * Whether all the servers that shall begin a cluster have met. One that failed since counts as well: it has its place,
 * and the others can be a majority without it.
 * @param expect of this server, above 1
 * @returns them, `undefined` while some are missing, or why this must not be, in Consul's words, and whose fault it is
 */
export function founders(servers: readonly ServerIdentity[], expect: number): Peer[] | FoundingFault | undefined {
  for (const server of servers) {
    if (server.expect !== 0 && server.expect !== expect) {
      const fault = 'Member has a conflicting expect value. All nodes should expect the same number.'
      return { fault, member: server.name }
    }
    if (server.bootstrap) return { fault: 'Member has bootstrap mode. Expect disabled.', member: server.name }
  }
  if (servers.length < expect) return undefined
  const byId = lowestRaftVersion(servers) >= 3
  return servers.map(({ id, address }) => ({ id: byId ? id : address, address, suffrage: 'voter' }))
}
