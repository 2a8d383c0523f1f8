/**
 * Who may be in Consul's pools: agents of one datacenter with ids of their own on the LAN, servers alone on the WAN. The
 * words are Consul's, since a peer that is turned away prints them (agent/consul/merge.go).
 */
import type { Candidate } from './serf.ts'

export interface LanRules {
  nodeName: string
  nodeId: string
  datacenter: string
  segment: string
}

/** Agents since 0.8.5 have ids of their own; older ones may share theirs. */
const UNIQUE_IDS_SINCE = [0, 8, 5] as const
const BUILD = /(\d+)\.(\d+)\.(\d+)/
const WHOLE_NUMBER = /^[+-]?\d+$/

/** @returns why they may not be in the pool, or undefined */
export function lanRefusal(rules: LanRules): (candidates: readonly Candidate[]) => string | undefined {
  return (candidates) => {
    const byId = new Map<string, string>()
    for (const { name, tags, left } of candidates) {
      const { id = '' } = tags
      if (id !== '') {
        if (left) continue
        if (id === rules.nodeId && name !== rules.nodeName) {
          return `Member '${name}' has conflicting node ID '${id}' with this agent's ID`
        }
        const other = byId.get(id)
        if (other !== undefined) return `Member '${name}' has conflicting node ID '${id}' with member '${other}'`
        if (hasUniqueId(tags.build ?? '')) byId.set(id, name)
      }
      if ((tags.role === 'node' || isServer(tags)) && tags.dc !== rules.datacenter) {
        return `Member '${name}' part of wrong datacenter '${tags.dc ?? ''}'`
      }
      const { segment = '' } = tags
      if (segment !== rules.segment) {
        return `Member '${name}' part of wrong segment '${segment}' (expected '${rules.segment}')`
      }
    }
    return undefined
  }
}

export function wanRefusal(candidates: readonly Candidate[]): string | undefined {
  const stranger = candidates.find(({ tags }) => !isServer(tags))
  return stranger && `Member '${stranger.name}' is not a server`
}

/** Tags that say, consistently, that their bearer is a server. */
export function isServer(tags: Readonly<Record<string, string>>): boolean {
  if (tags.role !== 'consul' || !BUILD.test(tags.build ?? '')) return false
  const optional = [tags.expect, tags.raft_vsn, tags.wan_join_port].map((text) => text ?? '0')
  return [tags.port ?? '', tags.vsn ?? '', ...optional].every((text) => WHOLE_NUMBER.test(text))
}

function hasUniqueId(build: string): boolean {
  const found = BUILD.exec(build)
  if (found === null) return false
  for (const [i, least] of UNIQUE_IDS_SINCE.entries()) {
    const part = Number(found[i + 1])
    if (part !== least) return part > least
  }
  return true
}
