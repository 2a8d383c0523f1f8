/**
 * Durations in configuration: Go's text form, Go's words for what is none, and which of several faults is told. The real
 * one's builder forgets earlier faults at each duration that it cannot read, so the last one in its order stands.
 * Source: agent/config/builder.go (durationVal).
 */
import { goDurationFault, parseGoDuration } from '../../base/go-duration.ts'
import { quoteGo } from '../../base/go-quote.ts'
import type { Nanos } from '../../base/units.ts'

/** Keys in the order in which they are read there; what is read before all of them (definitions, addresses) is not here. */
const ORDER: readonly string[] = `
  gossip_lan..gossip_interval gossip_lan..probe_interval gossip_lan..probe_timeout gossip_wan..gossip_interval
  gossip_wan..probe_interval gossip_wan..probe_timeout acl_ttl acl.token_ttl acl.policy_ttl acl.role_ttl
  autopilot.last_contact_threshold autopilot.server_stabilization_time dns_config.max_stale dns_config.node_ttl
  recursor_timeout dns_config.cache_max_age allow_write_http_from prometheus_retention_time check_update_interval
  default_query_time discovery_max_stale limits.https_handshake_timeout performance.leave_drain_time log_rotate_duration
  max_query_time primary_gateways_interval limits.rpc_handshake_timeout performance.rpc_hold_timeout
  raft_snapshot_interval reconnect_timeout reconnect_timeout_wan retry_interval retry_interval_wan session_ttl_min
  tls_cipher_suites
`
  .trim()
  .split(/\s+/)

/** As complaints write a key: the real one's builder has its own names for these. */
function shownKey(key: string): string {
  return key.replace(/^telemetry\.(?=prometheus)/, '').replace(/^(gossip_[lw]an)\./, '$1..')
}

/** What is wrong goes to `problems`, and the answer is then 0. */
export function readDuration(key: string, text: string, problems: string[]): Nanos {
  const nanos = parseGoDuration(text)
  if (nanos !== undefined) return nanos
  problems.push(`${shownKey(key)}: invalid duration: ${quoteGo(text)}: ${goDurationFault(text)}`)
  return 0
}

/** Those of the faults that the real one would tell. */
export function toldProblems(problems: readonly string[]): string[] {
  const placed = problems.map((problem) => ({
    problem,
    at: ORDER.indexOf(problem.slice(0, problem.indexOf(':'))),
    duration: problem.includes(': invalid duration: '),
  }))
  const last = placed
    .filter(({ duration }) => duration)
    .reduce<(typeof placed)[number] | undefined>(
      (found, one) => (found === undefined || one.at >= found.at ? one : found),
      undefined,
    )
  if (last === undefined) return [...new Set(problems)]
  const later = placed.filter(({ at, duration }) => !duration && (last.at < 0 || at > last.at))
  return [last.problem, ...later.map(({ problem }) => problem)]
}
