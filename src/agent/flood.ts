/**
 * Brings the servers of the LAN into the WAN pool: at once when one joins, and all of them now and then. Source: Consul's
 * agent/consul/flood.go.
 */
import { joinHostPort } from '../base/host-port.ts'
import type { Log } from '../base/log.ts'
import { isServer } from '../core/gossip/pools.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { GossipPool } from './gossip.ts'

/** How often servers that the WAN misses are brought into it, besides at once when they join. */
const FLOOD_MS = 60_000

export interface FloodParts {
  host: Pick<Host, 'now' | 'wake'>
  /** This server's own, in the LAN. */
  nodeName: string
  lan: Pick<GossipPool, 'serf'>
  wan: Pick<GossipPool, 'serf' | 'join'>
  log: Log
}

export interface Flood {
  /** A server may have come. */
  look(): void
  stop(): void
}

export function makeFlood({ host, nodeName, lan, wan, log }: FloodParts): Flood {
  let stopped = false
  let next: Cancel | undefined

  function look(): void {
    if (stopped) return
    next?.()
    const known = new Set(
      wan.serf
        .members()
        .filter(({ status }) => status === 'alive')
        .map(({ name }) => name),
    )
    let others = false
    for (const { name, addr, status, tags } of lan.serf.members()) {
      if (name === nodeName || status !== 'alive' || !isServer(tags)) continue
      others = true
      const port = Number(tags.wan_join_port ?? 0)
      if (port <= 0 || known.has(`${name}.${tags.dc}`)) continue
      wan.join([joinHostPort(addr, port)]).then(
        () => log.debug('Successfully performed flood-join for server at address', { server: name, address: addr }),
        (error: Error) => log.debug('Failed to flood-join server at address', { server: name, error: error.message }),
      )
    }
    next = others ? host.wake(host.now() + FLOOD_MS, look) : undefined
  }

  return {
    look,
    stop() {
      stopped = true
      next?.()
    },
  }
}
