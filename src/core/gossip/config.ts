/**
 * The constants of gossip, as Consul 1.8.7 sets them for its pools (protocol/memberlist.md section 11, serf.md section 4).
 * All can be set otherwise; those of the LAN and the WAN by `gossip_lan` and `gossip_wan`.
 */
import type { Millis } from '../../base/units.ts'

export interface MemberlistConfig {
  tcpTimeoutMs: Millis
  indirectChecks: number
  retransmitMult: number
  suspicionMult: number
  suspicionMaxTimeoutMult: number
  /** 0 turns it off. */
  pushPullIntervalMs: Millis
  probeIntervalMs: Millis
  probeTimeoutMs: Millis
  gossipIntervalMs: Millis
  gossipNodes: number
  gossipToTheDeadMs: Millis
  awarenessMax: number
  udpBytesMax: number
  /** A dead node's name may be taken over by another address after so long; 0: never. */
  deadNodeReclaimMs: Millis
  tcpPings: boolean
}

export const LAN: MemberlistConfig = {
  tcpTimeoutMs: 10_000,
  indirectChecks: 3,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  pushPullIntervalMs: 30_000,
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  gossipIntervalMs: 200,
  gossipNodes: 3,
  gossipToTheDeadMs: 30_000,
  awarenessMax: 8,
  udpBytesMax: 1400,
  deadNodeReclaimMs: 30_000,
  tcpPings: true,
}

export const WAN: MemberlistConfig = {
  ...LAN,
  tcpTimeoutMs: 30_000,
  suspicionMult: 6,
  pushPullIntervalMs: 60_000,
  probeIntervalMs: 5000,
  probeTimeoutMs: 3000,
  gossipIntervalMs: 500,
  gossipToTheDeadMs: 60_000,
}

/** What dev mode lays over LAN and WAN alike. */
export const DEV = {
  suspicionMult: 3,
  probeIntervalMs: 100,
  probeTimeoutMs: 100,
  gossipIntervalMs: 100,
} satisfies Partial<MemberlistConfig>

export interface SerfConfig {
  reapIntervalMs: Millis
  reconnectIntervalMs: Millis
  /** A failed member is forgotten after so long. */
  reconnectTimeoutMs: Millis
  /** A member that left is forgotten after so long. */
  tombstoneTimeoutMs: Millis
  intentTimeoutMs: Millis
  broadcastTimeoutMs: Millis
  /** How long a leaver goes on gossiping after it has said so. */
  leavePropagateMs: Millis
  eventRing: number
  queryRing: number
  queueMin: number
  userEventBytesMax: number
  queryBytesMax: number
  queryResponseBytesMax: number
  queryTimeoutMult: number
  /** A node whose name another one claims asks the others, and gives way if they say so. Servers only log. */
  resolveConflicts: boolean
}

const HOUR_MS = 3_600_000

export const SERF: SerfConfig = {
  reapIntervalMs: 15_000,
  reconnectIntervalMs: 30_000,
  reconnectTimeoutMs: 72 * HOUR_MS,
  tombstoneTimeoutMs: 24 * HOUR_MS,
  intentTimeoutMs: 300_000,
  broadcastTimeoutMs: 5000,
  leavePropagateMs: 3000,
  eventRing: 512,
  queryRing: 512,
  queueMin: 4096,
  userEventBytesMax: 512,
  queryBytesMax: 1024,
  queryResponseBytesMax: 1024,
  queryTimeoutMult: 16,
  resolveConflicts: true,
}
