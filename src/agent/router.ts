/**
 * Keeps the list of servers (core/gossip/servers.ts) in step with a gossip pool, and pings those that it wants to know
 * the state of. Calls to a server that gossip counts as failed are given up: it may be stopped rather than gone, and then
 * nothing else would end them for most of a minute.
 */

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { makeServers, type ServerInfo, type Servers, type ServersInput, serverInfo } from '../core/gossip/servers.ts'
import type { Host } from '../host/host.ts'
import { drive } from './drive.ts'
import type { PoolName } from './gossip.ts'
import type { Pool } from './pool.ts'
import type { Pools } from './pools.ts'

/** A server that takes longer to answer a ping is not chosen. */
const PING_MS = 10_000

export interface Router extends Pick<Servers, 'of' | 'failed' | 'datacenters'> {
  stop(): void
}

export interface RouterParts {
  host: Pick<Host, 'now' | 'wake' | 'soon' | 'random'>
  pools: Pick<Pools, 'onMember' | PoolName>
  /** Whose servers are listed: the LAN's for a client agent, the WAN's for a server. */
  area: PoolName
  pool: Pick<Pool, 'call' | 'drop'>
  log: Log
}

export function runRouter({ host, pools, area, pool, log }: RouterParts): Router {
  const servers = makeServers({ random: host.random })
  const driven = drive<ServersInput, { server: ServerInfo }>(servers, host, ({ server }) => {
    const pinged = (alive: boolean) => driven.tell({ kind: 'pinged', server, alive })
    pool.call(server.address, 'Status.Ping', {}, { timeoutMs: PING_MS }).then(
      () => pinged(true),
      (error: unknown) => {
        log.debug('pinging server failed', { server: server.name, error: messageOf(error) })
        pinged(false)
      },
    )
  })
  const members = () => pools[area]?.serf.members() ?? []
  for (const member of members()) driven.tell({ kind: 'member', event: 'join', member })
  pools.onMember(area, (event, member) => {
    driven.tell({ kind: 'member', event, member })
    driven.tell({ kind: 'cluster-size', nodes: members().length })
  })
  for (const each of ['lan', 'wan'] as const) {
    pools.onMember(each, (event, member) => {
      const server = event === 'failed' ? serverInfo(member) : undefined
      if (server !== undefined) pool.drop(server.address)
    })
  }
  return {
    of: servers.of,
    datacenters: servers.datacenters,
    failed(server) {
      servers.failed(server)
      log.debug('cycled away from server', { server: server.name })
    },
    stop: () => driven.stop(),
  }
}
