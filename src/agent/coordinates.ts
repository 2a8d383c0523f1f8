/**
 * Sends this agent's network coordinate to the servers, every quarter of a minute or less often: the larger the cluster,
 * the rarer, so that all agents together send a bounded number a second. Source: Consul's agent/agent.go
 * (sendCoordinate), lib/cluster.go.
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Millis } from '../base/units.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { Coordinate } from '../model/coordinate.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'

/** Consul's `sync_coordinate_interval_min` and `sync_coordinate_rate_target`, which nobody may set. */
const INTERVAL_MS: Millis = 15_000
const UPDATES_PER_SECOND = 64
/** Servers before this version of the protocol know no coordinates. */
const PROTOCOL = 3

export interface CoordinatesParts {
  host: Pick<Host, 'now' | 'wake' | 'random'>
  datacenter: string
  nodeName: string
  /** Of the LAN. */
  members(): readonly SerfMember[]
  /** Where this node stands in the LAN. */
  coordinate(): Coordinate
  call: Caller['call']
  log: Log
}

/** @returns stops it */
export function sendCoordinates(parts: CoordinatesParts): () => void {
  const { host, datacenter, nodeName, members, coordinate, call, log } = parts
  let stopped = false
  let timer: Cancel | undefined

  function plan(): void {
    if (stopped) return
    const waitMs = updateIntervalMs(members().length)
    timer = host.wake(host.now() + waitMs * (1 + host.random.float()), () => void send().finally(plan))
  }

  async function send(): Promise<void> {
    if (!serversUnderstand(members())) {
      log.debug('Skipping coordinate updates until servers are upgraded')
      return
    }
    try {
      await call('Coordinate.Update', { Datacenter: datacenter, Node: nodeName, Segment: '', Coord: coordinate() })
    } catch (error) {
      if (stopped) return
      if (error instanceof ConsulError && error.code === 'permission-denied') {
        log.warn('Coordinate update blocked by ACLs', { accessorID: '' })
      } else log.error('Coordinate update error', { error: messageOf(error) })
    }
  }

  plan()
  return () => {
    stopped = true
    timer?.()
  }
}

/** So rarely that all of them together stay within the rate. */
export function updateIntervalMs(nodes: number): Millis {
  return Math.max(INTERVAL_MS, (nodes * 1000) / UPDATES_PER_SECOND)
}

function serversUnderstand(members: readonly SerfMember[]): boolean {
  const servers = members.filter(({ tags }) => tags.role === 'consul')
  return (
    servers.length > 0 &&
    servers.every(({ tags }) => Number(tags.vsn_min) <= PROTOCOL && PROTOCOL <= Number(tags.vsn_max))
  )
}
