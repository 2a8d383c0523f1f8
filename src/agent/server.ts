/**
 * A server: the replicated state, the methods over it, the leader's duties, and this node's own services and checks. It
 * wires; when something here starts to decide, the decision belongs in core.
 */
import { joinHostPort } from '../base/host-port.ts'
import { uuid } from '../base/random.ts'
import { allowAll } from '../core/acl/authorizer.ts'
import { serverOf } from '../core/leader/autopilot.ts'
import { makeLockDelays } from '../core/leader/lock-delay.ts'
import { methods } from '../core/methods/index.ts'
import type { Env } from '../core/methods/table.ts'
import type { ConfigurationCodec, RaftTiming, Server } from '../core/raft/messages.ts'
import { makeRaft } from '../core/raft/raft.ts'
import { decodeConfiguration, decodePeers, encodeConfiguration } from '../wire/raft-log.ts'
import { bindServerPort, type ServerPort } from './accept.ts'
import { serverActs } from './acts.ts'
import { makeAutopilot, makeFounding } from './autopilot.ts'
import { bound } from './bound.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { makeDispatch } from './dispatch.ts'
import { keepSnapshots, openState } from './durable.ts'
import { leaderDuties } from './duties.ts'
import { makeSink, makeSource } from './install.ts'
import { takeLeadership } from './leadership.ts'
import { type NodeParts, type RunningNode, runCommon } from './node.ts'
import { operatorActs } from './operator.ts'
import { makePool } from './pool.ts'
import { openPools } from './pools.ts'
import { limitedCaller, reloadedLimit } from './rate-limit.ts'
import { reconcileDuty } from './reconcile.ts'
import { recover } from './recovery.ts'
import { makeReplica, type Replica } from './replica.ts'
import { replicationDuty } from './replication.ts'
import { runRouter } from './router.ts'
import { makeSnapshots } from './snapshots.ts'
import { makeTransport } from './transport.ts'

/** Consul's timeouts before the multiplier, and those of dev mode. */
const RAFT_TIMING: RaftTiming = {
  heartbeatTimeoutMs: 1000,
  electionTimeoutMs: 1000,
  leaderLeaseTimeoutMs: 500,
  commitTimeoutMs: 50,
}
const DEV_TIMING: RaftTiming = {
  heartbeatTimeoutMs: 35,
  electionTimeoutMs: 52,
  leaderLeaseTimeoutMs: 20,
  commitTimeoutMs: 50,
}
const APPEND_ENTRIES_MAX = 64
/** Consul's `raftRemoveGracePeriod`: a server that leaves waits for its removal at most so long. */
const REMOVAL_MS = 5_000
const REMOVAL_LOOK_MS = 50

const CONFIGURATION_CODEC: ConfigurationCodec = {
  encode: encodeConfiguration,
  decode: (type, data) => (type === 'configuration' ? decodeConfiguration(data) : decodePeers(data)),
}

export interface ServerParts extends NodeParts {
  /** Who begins a new cluster, each of them told the same. This server alone, when absent and it may bootstrap. */
  cluster?: Server[]
}

export async function startServer(parts: ServerParts): Promise<RunningNode> {
  const { host, config } = parts
  const bind = { host: config.bindAddr, port: config.ports.server }
  const limits = { connsPerClientMax: config.rpcMaxConnsPerClient, handshakeMs: config.rpcHandshakeTimeout }
  const log = host.log.named('server')
  const port = await bound('tcp', bind, bindServerPort({ host, bind, limits, log: log.named('rpc') })).catch(
    (error: Error) => {
      throw new Error(`Failed to start Consul server: Failed to start RPC layer: ${error.message}`, { cause: error })
    },
  )
  try {
    const ports = { ...config.ports, server: port.address.port }
    return await startServing({ ...parts, config: { ...config, ports } }, port)
  } catch (error) {
    await port.close()
    throw error
  }
}

async function startServing(parts: ServerParts, port: ServerPort): Promise<RunningNode> {
  const { nodeId, host, disk, cluster, stopAgent } = parts
  let { config } = parts
  const log = host.log.named('server')
  const address = joinHostPort(config.advertiseAddr, config.ports.server)
  const { raftProtocol } = config
  const raftId = raftProtocol < 3 ? address : nodeId
  const opened = await openState(config, disk, log)
  const { store, logDisk, snapshots, kept, chunks } = opened
  const saved = config.dev ? opened.saved : await recover({ disk, host, opened, raftProtocol, log })
  const raft = makeRaft({
    id: raftId,
    address,
    timing: raftTiming(config),
    random: host.random,
    preVote: true,
    trailingLogs: config.raftTrailingLogs,
    appendEntriesMax: APPEND_ENTRIES_MAX,
    codec: CONFIGURATION_CODEC,
    saved,
    now: host.now(),
  })
  const installs = { host, store, snapshots, kept, chunks, replica: () => replica }
  const transport = makeTransport({
    host,
    source: makeSource(installs),
    sink: (restore, size, drained) => makeSink(installs, restore, size, drained),
    log: log.named('raft'),
  })
  const replica: Replica = makeReplica({
    host,
    raft,
    disk: logDisk,
    store,
    chunks,
    transport,
    restored: saved.snapshot,
    log: log.named('raft'),
  })
  const untouched = saved.snapshot === null && saved.entries.length === 0
  const first = cluster ?? (mayBegin(config) ? [{ id: raftId, address, suffrage: 'voter' as const }] : undefined)
  replica.begin(untouched && first !== undefined ? { servers: first } : null)

  const pools = await openPools({ config, nodeId, host, disk, stopAgent }).catch(async (error: unknown) => {
    log.info('shutting down server')
    await replica.stop()
    await store.close()
    throw error
  })
  config = { ...config, ports: { ...config.ports, ...pools.ports } }

  const lockDelays = makeLockDelays()
  const env: Env = {
    get now() {
      return host.date()
    },
    uuid: () => uuid(host.random),
    lockDelayed: (key) => lockDelays.delayed(host.now(), key),
    datacenter: config.datacenter,
    node: config.nodeName,
    sessionTtlMin: config.sessionTtlMin,
  }
  /** Until ACLs are built every token may do all. */
  const authorize = () => allowAll
  const duties = leaderDuties(config, host, store, replica)
  const acts = serverActs({
    config,
    host,
    replica,
    store,
    renew: duties.renew,
    gather: duties.gather,
    pools,
    datacenters: () => router.datacenters(),
    call: (method, args, context) => dispatch.call(method, args, context),
    operator: operatorActs({
      datacenter: config.datacenter,
      store,
      replica,
      members: () => pools.lanMembers(),
      health: () => autopilot.health(),
      authorize,
      log: log.named('operator'),
    }),
  })
  const pool = makePool(host)
  const router = runRouter({ host, pools, area: 'wan', pool, log: log.named('manager') })
  const dispatch = makeDispatch({ host, config, methods, acts, store, replica, pool, router, env, log })
  const snapshot = makeSnapshots({
    config,
    host,
    store,
    replica,
    snapshots,
    kept,
    chunks,
    router,
    authorize,
    reassert: () => leadership.reassert(),
    log: log.named('snapshot'),
  })
  port.open({ caller: dispatch, raft: transport.accept, snapshot })
  replica.onReplaced(() => lockDelays.step(host.now(), { kind: 'restored' }))
  const offCommit = store.onCommit((commit) => lockDelays.step(host.now(), { kind: 'commit', changes: commit.changes }))

  const common = await runCommon({
    ...parts,
    config,
    pools,
    caller: limitedCaller(dispatch, host, reloadedLimit(config, host, parts.reloads.onReload)),
    snapshot,
    facts: () => ({ kind: 'server', raft: replica.status(), datacenters: router.datacenters().length || 1 }),
    leave,
  }).catch(async (error: unknown) => {
    // A service or check of the configuration was refused.
    log.info('shutting down server')
    dispatch.stop()
    await pools.stop()
    pool.stop()
    router.stop()
    offCommit()
    duties.stop()
    await replica.stop()
    await store.close()
    throw error
  })
  const { local, backend } = common
  const catalog = reconcileDuty({
    config,
    host,
    store,
    members: () => pools.lanMembers(),
    propose: (command) => replica.propose(command),
    log,
  })
  const replication = replicationDuty({
    config,
    host,
    store,
    caller: dispatch,
    propose: (command) => replica.propose(command),
    log: log.named('replication'),
  })
  const joined = { config, nodeId: raftId, host, replica, pool, members: () => pools.lanMembers(), log }
  const autopilot = makeAutopilot({ ...joined, store, forceLeave: (name) => pools.self.forceLeave(name, false) })
  const founding = makeFounding(joined)
  pools.onMember('lan', (event, member) => {
    catalog.onMember(event, member)
    autopilot.onMember(event, member)
    founding.look()
  })
  founding.look()
  const leadership = takeLeadership({
    host,
    config,
    replica,
    store,
    dispatch,
    duties: [
      duties,
      { start: () => local.leaderChanged(), stop: () => {} },
      catalog,
      autopilot,
      replication,
      { start: pools.announceLeader, stop: () => {} },
    ],
    reconcile: catalog.all,
    nameOf: (id) => pools.lanMembers().find((member) => serverOf(member, config.datacenter)?.id === id)?.name ?? id,
    log,
  })
  const stopSnapshots = keepSnapshots({
    config,
    host,
    store,
    replica,
    snapshots,
    kept,
    chunks,
    log: log.named('snapshot'),
  })

  let turnedAway = false
  function turnAway(): void {
    if (turnedAway) return
    turnedAway = true
    log.info('shutting down server')
    dispatch.stop()
    common.turnAway()
  }

  async function leave(): Promise<void> {
    log.info('server starting leave')
    local.leaving()
    const { configuration } = replica.status()
    const led = replica.role().leading
    if (led && configuration.servers.some(({ id, suffrage }) => id !== raftId && suffrage === 'voter')) {
      await replica.change({ kind: 'remove', id: raftId }).catch((error: Error) => {
        log.error('failed to remove ourself as raft peer', { error: error.message })
      })
    }
    await pools.leave()
    await local.flush()
    if (!led && configuration.servers.length > 1) await removedByLeader()
  }

  /** The leader takes us out of Raft when it hears that we leave; until then the others may count on us. */
  async function removedByLeader(): Promise<void> {
    const until = host.now() + REMOVAL_MS
    const listed = () => replica.status().configuration.servers.some(({ id }) => id === raftId)
    while (listed() && host.now() < until) {
      await new Promise<void>((done) => void host.wake(host.now() + REMOVAL_LOOK_MS, done))
    }
    if (listed()) log.warn('failed to leave raft configuration gracefully, timeout')
  }

  return {
    backend,
    opened: local.start,
    joinAtStart: pools.joinAtStart,
    leave,
    turnAway,
    async stop() {
      turnAway()
      await pools.stop()
      await port.close()
      pool.stop()
      router.stop()
      offCommit()
      common.stop()
      duties.stop()
      catalog.stop()
      replication.stop()
      autopilot.stop()
      founding.stop()
      await stopSnapshots()
      await replica.stop()
      await store.close()
    },
  }
}

function raftTiming({ dev, raftMultiplier }: RuntimeConfig): RaftTiming {
  if (dev) return DEV_TIMING
  return {
    heartbeatTimeoutMs: RAFT_TIMING.heartbeatTimeoutMs * raftMultiplier,
    electionTimeoutMs: RAFT_TIMING.electionTimeoutMs * raftMultiplier,
    leaderLeaseTimeoutMs: RAFT_TIMING.leaderLeaseTimeoutMs * raftMultiplier,
    commitTimeoutMs: RAFT_TIMING.commitTimeoutMs,
  }
}

/** Whether this server may make a cluster of itself alone. */
function mayBegin({ dev, bootstrap, bootstrapExpect }: RuntimeConfig): boolean {
  return dev || bootstrap || bootstrapExpect === 1
}
