/**
 * How the servers fare, as the leader sees them: each one's health by its answer to `Status.RaftStats`, and how many
 * more could be lost. Source: Consul's agent/consul/autopilot/autopilot.go (`updateClusterHealth`).
 */
import { parseGoDuration } from '../../base/go-duration.ts'
import type { Instant, WallMs } from '../../base/units.ts'
import type { OperatorHealthReply, ServerHealth } from '../../model/operator.ts'
import type { ServerStats } from '../../model/status.ts'
import { type Health, isHealthy, type Peer, type PoolMember, type ServerIdentity, type Standard } from './autopilot.ts'

const STATUS_NUMBERS: Record<PoolMember['status'], number> = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 }

/** What was found out about one server. */
export interface Examined {
  peer: Peer
  /** As gossip knows it; undefined for one that gossip does not know, or that has left. */
  member: PoolMember | undefined
  identity: ServerIdentity | undefined
  /** Undefined when it did not answer. */
  stats: ServerStats | undefined
}

export interface Examination {
  servers: readonly Examined[]
  /** Address of the leader. */
  leader: string
  standard: Standard
  /** The outcome of the examination before; null at the first. */
  before: ClusterHealth | null
  now: Instant
  date: WallMs
}

export interface ClusterHealth {
  reply: OperatorHealthReply
  /** By id. */
  health: Map<string, Health>
}

export function assess({ servers, leader, standard, before, now, date }: Examination): ClusterHealth {
  const health = new Map<string, Health>()
  const listed = servers.map(({ peer, member, identity, stats }): ServerHealth => {
    const last = before?.health.get(peer.id)
    const contact = stats === undefined ? undefined : parseGoDuration(stats.LastContact)
    const healthy = isHealthy(identity?.alive === true, stats, contact, standard)
    const changed = last === undefined || last.healthy !== healthy
    // Of one that does not answer nothing is known, so not since when either.
    const stableSince = stats === undefined ? null : changed ? date : last.stableSince
    health.set(peer.id, { healthy, since: changed ? now : last.since, stableSince })
    return {
      ID: peer.id,
      Name: identity?.name ?? '',
      Address: peer.address,
      SerfStatus: member === undefined ? 0 : STATUS_NUMBERS[member.status],
      Version: versionOf(member),
      Leader: peer.address === leader,
      LastContact: contact ?? -1,
      LastTerm: stats?.LastTerm ?? 0,
      LastIndex: stats?.LastIndex ?? 0,
      Healthy: healthy,
      Voter: peer.suffrage === 'voter',
      StableSince: stableSince === null ? null : timeOf(stableSince),
    }
  })
  const voters = listed.filter(({ Voter }) => Voter)
  const quorum = Math.floor(voters.length / 2) + 1
  const healthyVoters = voters.filter(({ Healthy }) => Healthy).length
  return {
    reply: {
      Healthy: listed.every(({ Healthy }) => Healthy),
      FailureTolerance: Math.max(0, healthyVoters - quorum),
      Servers: listed,
    },
    health,
  }
}

/** Whole milliseconds are all that the clock tells. */
function timeOf(ms: WallMs): ServerHealth['StableSince'] {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: Math.floor(ms - seconds * 1000) * 1e6, offsetMin: null, offsetSec: 0 }
}

/** The tag holds the version, and what it was built from behind a colon. */
function versionOf(member: PoolMember | undefined): string {
  return member?.tags.build?.split(':')[0] ?? ''
}
