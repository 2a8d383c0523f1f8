/**
 * Keeps Raft's servers in line with the LAN's while this server leads: newcomers and leavers at each event and now and
 * then over all, health every two seconds, promotions and the removal of dead servers every ten. What is to be done is
 * decided in core/leader/autopilot.ts; this file asks the servers and carries it out, one change at a time.
 */

import { formatGoDuration } from '../base/go-duration.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { type Millis, NANOS_PER_MS } from '../base/units.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import {
  cleanup,
  founders,
  joining,
  leaving,
  lowestRaftVersion,
  type PeerChange,
  promotions,
  type ServerIdentity,
  serverOf,
} from '../core/leader/autopilot.ts'
import { assess, type ClusterHealth, type Examined } from '../core/leader/health.ts'
import type { Store } from '../core/store/store.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { AutopilotConfig } from '../model/autopilot.ts'
import { ConsulError } from '../model/errors.ts'
import type { OperatorHealthReply } from '../model/operator.ts'
import type { ServerStats } from '../model/status.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { MemberEvent } from './gossip.ts'
import type { Duty } from './leadership.ts'
import type { Pool } from './pool.ts'
import type { Replica } from './replica.ts'

/** Consul's rhythms. */
const HEALTH_MS: Millis = 2_000
const TEND_MS: Millis = 10_000
/** Events may be missed: all members are looked at again so often. */
const RECONCILE_MS: Millis = 60_000
/** Older servers do not tell how they are. */
const RAFT_VERSION_FOR_HEALTH = 3
/**
 * Servers that are asked for their peers before a cluster begins: so often, with a pause after each time that doubles
 * (Consul: `maybeBootstrap` of agent/consul/server_serf.go).
 */
const PEERS_TRIES = 6
const PEERS_PAUSE_MS: Millis = 1_000

export interface AutopilotParts {
  config: Pick<RuntimeConfig, 'datacenter' | 'bootstrapExpect'>
  nodeId: string
  host: Pick<Host, 'now' | 'date' | 'wake' | 'metrics'>
  store: Pick<Store, 'read'>
  replica: Pick<Replica, 'status' | 'change' | 'role'>
  pool: Pick<Pool, 'call'>
  members(): SerfMember[]
  forceLeave(name: string): Promise<void>
  log: Log
}

export interface Autopilot extends Duty {
  onMember(event: MemberEvent, member: SerfMember): void
  /** As last found, while this server leads. @throws ConsulError when some server is too old to tell */
  health(): OperatorHealthReply
}

export function makeAutopilot(parts: AutopilotParts): Autopilot {
  const { config, nodeId, host, store, replica, pool } = parts
  const log = parts.log.named('autopilot')
  let leading = false
  let timers: Cancel[] = []
  let assessed: ClusterHealth | null = null
  /** Changes go one after the other, each judged by what the one before has left. */
  let queue: Promise<void> = Promise.resolve()

  const identify = (member: SerfMember) => serverOf(member, config.datacenter)
  const servers = (): ServerIdentity[] => parts.members().flatMap((member) => identify(member) ?? [])
  const peers = () => replica.status().configuration.servers
  const settings = () => store.read((txn) => txn.get('autopilot', 'config'))

  function inTurn(run: () => Promise<void>): void {
    queue = queue.then(async () => {
      if (!leading) return
      try {
        await run()
      } catch (error) {
        log.error('failed to change the servers of the cluster', { error: messageOf(error) })
      }
    })
  }

  async function carryOut(changes: readonly PeerChange[], message: string, name: string): Promise<void> {
    for (const change of changes) {
      const address = 'address' in change ? { address: change.address } : {}
      log.info(change.kind === 'remove' ? 'removing server by ID' : message, {
        id: change.id,
        server: name,
        ...address,
      })
      await replica.change(change)
    }
  }

  function reconcile(member: SerfMember, event?: MemberEvent): void {
    const server = identify(member)
    if (server === undefined) return
    inTurn(async () => {
      if (event === 'reap' || member.status === 'left') {
        await carryOut(leaving(server, peers(), nodeId), '', server.name)
      } else if (member.status === 'alive') {
        const { changes, fault } = joining(server, servers(), peers(), nodeId)
        if (fault !== undefined) log.error(fault)
        await carryOut(changes, 'adding server to the cluster', server.name)
        // Whoever came may be in the place of one that is gone.
        if (changes.length > 0) await prune()
      }
    })
  }

  function reconcileAll(): void {
    for (const member of parts.members()) reconcile(member)
  }

  /** @returns undefined when it does not answer in time */
  async function statsOf(id: string, address: string): Promise<ServerStats | undefined> {
    if (id === nodeId) {
      const { lastIndex, lastTerm } = replica.status()
      return { LastContact: '0', LastIndex: lastIndex, LastTerm: lastTerm }
    }
    return pool.call(address, 'Status.RaftStats', {}, { timeoutMs: HEALTH_MS }).catch((error: unknown) => {
      log.debug('failed to get the stats of a server', { id, error: messageOf(error) })
      return undefined
    })
  }

  async function examine(wanted: AutopilotConfig): Promise<void> {
    if (lowestRaftVersion(servers()) < RAFT_VERSION_FOR_HEALTH) return
    const { lastIndex, lastTerm } = replica.status()
    const examined = await Promise.all(
      peers().map(async (peer): Promise<Examined> => {
        const member = parts.members().find((each) => each.status !== 'left' && identify(each)?.id === peer.id)
        const identity = member && identify(member)
        const stats = identity?.alive ? await statsOf(peer.id, peer.address) : undefined
        return { peer, member, identity, stats }
      }),
    )
    if (!leading) return
    assessed = assess({
      servers: examined,
      leader: replica.role().leader?.address ?? '',
      standard: { lastIndex, lastTerm, config: wanted },
      before: assessed,
      now: host.now(),
      date: host.date(),
    })
  }

  function tend(wanted: AutopilotConfig): void {
    inTurn(async () => {
      await carryOut(
        promotions(peers(), assessed?.health ?? new Map(), host.now(), wanted),
        'promoting server to voter',
        '',
      )
      await prune()
    })
  }

  /** Dead servers go, as far as the rest stay safe. */
  async function prune(): Promise<void> {
    const wanted = settings()
    if (wanted === undefined) return
    const failed = new Set(
      parts
        .members()
        .filter(({ status }) => status === 'failed')
        .map(({ name }) => name),
    )
    const { forceLeave, changes, fault } = cleanup(servers(), failed, peers(), nodeId, wanted)
    if (fault !== undefined) log.debug('failed to remove dead servers', { error: fault })
    for (const name of forceLeave) {
      log.info('attempting removal of failed server node', { name })
      await parts.forceLeave(name)
    }
    await carryOut(changes, '', '')
  }

  function every(ms: Millis, run: () => void): void {
    const slot = timers.length
    const arm = () => {
      timers[slot] = host.wake(host.now() + ms, () => {
        if (!leading) return
        run()
        arm()
      })
    }
    arm()
  }

  const reply = () => (leading ? assessed?.reply : undefined)
  host.metrics.gauge('autopilot.healthy', () => Number(reply()?.Healthy ?? Number.NaN))
  host.metrics.gauge('autopilot.failure_tolerance', () => reply()?.FailureTolerance ?? Number.NaN)

  return {
    start() {
      leading = true
      assessed = null
      reconcileAll()
      every(RECONCILE_MS, reconcileAll)
      every(HEALTH_MS, () => {
        const wanted = settings()
        if (wanted !== undefined) examine(wanted).catch((error) => log.error('health', { error: messageOf(error) }))
      })
      every(TEND_MS, () => {
        const wanted = settings()
        if (wanted !== undefined) tend(wanted)
      })
    },
    stop() {
      leading = false
      for (const cancel of timers) cancel()
      timers = []
    },
    onMember(event, member) {
      if (leading) reconcile(member, event)
    },
    health() {
      if (lowestRaftVersion(servers()) < RAFT_VERSION_FOR_HEALTH) {
        throw new ConsulError('refused', 'all servers must have raft_protocol set to 3 or higher to use this endpoint')
      }
      return assessed?.reply ?? { Healthy: false, FailureTolerance: 0, Servers: null }
    },
  }
}

/** As Go prints one. */
function describeMember(member: SerfMember | undefined): string {
  if (member === undefined) return ''
  const { name, addr, port, tags, status, vsn } = member
  const pairs = Object.keys(tags)
    .sort()
    .map((tag) => `${tag}:${tags[tag]}`)
  return `{${name} ${addr} ${port} map[${pairs.join(' ')}] ${status} ${vsn.join(' ')}}`
}

export interface Founding {
  /** Call it whenever members come or change. */
  look(): void
  stop(): void
}

export interface FoundingParts extends Omit<AutopilotParts, 'forceLeave' | 'store'> {
  replica: Pick<Replica, 'status' | 'change' | 'role' | 'begin'>
}

/**
 * Begins a cluster once as many servers as expected have met and none of them is in one already (`bootstrap_expect`).
 * Each does so by itself; as the first entry is the same for all, it does not matter who is first. A server that does
 * not answer is asked again a few times, and then taken to be in none: it may be gone for good, and those who are there
 * must not wait for it.
 */
export function makeFounding({ config, nodeId, host, replica, pool, members, log }: FoundingParts): Founding {
  let over = config.bootstrapExpect < 2
  let asking = false
  const pauses = new Set<() => void>()
  const begun = () => replica.status().lastIndex > 0

  /** @returns whether that server is in a cluster; one that never answers is not */
  async function inCluster({ name, address }: ServerIdentity): Promise<boolean> {
    for (let tries = 0; tries < PEERS_TRIES && !over; tries++) {
      try {
        const ask = { Datacenter: config.datacenter }
        const peers = await pool.call(address, 'Status.Peers', ask, { timeoutMs: HEALTH_MS })
        return peers.length > 0
      } catch (error) {
        const pauseMs = PEERS_PAUSE_MS * 2 ** tries
        log.error('Failed to confirm peer status for server (will retry).', {
          server: name,
          retry_interval: formatGoDuration(pauseMs * NANOS_PER_MS),
          error: messageOf(error),
        })
        await pause(pauseMs)
      }
    }
    return false
  }

  function pause(ms: Millis): Promise<void> {
    return new Promise((done) => {
      const end = () => {
        cancel()
        pauses.delete(end)
        done()
      }
      const cancel = host.wake(host.now() + ms, end)
      pauses.add(end)
    })
  }

  function stop(): void {
    over = true
    for (const end of pauses) end()
  }

  async function attempt(): Promise<void> {
    if (begun()) {
      log.info('Raft data found, disabling bootstrap mode')
      over = true
      return
    }
    const all = members().flatMap((member) => serverOf(member, config.datacenter) ?? [])
    const found = founders(all, config.bootstrapExpect)
    if (found === undefined) return
    if ('fault' in found) {
      log.error(found.fault, { member: describeMember(members().find(({ name }) => name === found.member)) })
      return
    }
    const others = all.filter(({ id }) => id !== nodeId)
    await Promise.all(
      others.map(async (server) => {
        if (!(await inCluster(server)) || over) return
        log.info('Existing Raft peers reported by server, disabling bootstrap mode', { server: server.name })
        stop()
      }),
    )
    if (over) return
    over = true
    if (begun()) return
    log.info('Found expected number of peers, attempting bootstrap', {
      peers: found.map(({ address }) => address).join(','),
    })
    replica.begin({ servers: found })
  }

  return {
    look() {
      if (over || asking) return
      asking = true
      attempt().finally(() => {
        asking = false
      })
    },
    stop,
  }
}
