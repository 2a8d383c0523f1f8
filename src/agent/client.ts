/**
 * A client agent: a member of the LAN without state of its own, which puts every call to a server and asks the next one
 * when that fails. All else it has in common with a server (node.ts). Source: Consul's agent/consul/client.go.
 */
import { messageOf } from '../base/message-of.ts'
import { ConsulError } from '../model/errors.ts'
import type { Args, CallContext, Caller, Method, Reply } from '../model/rpc.ts'
import type { SnapshotCaller } from '../model/snapshot.ts'
import { type NodeParts, type RunningNode, runCommon } from './node.ts'
import { CLIENT_POOL, ConnectionLost, makePool } from './pool.ts'
import { openPools } from './pools.ts'
import { reloadedLimit } from './rate-limit.ts'
import { forwarded, holdUntil, inDatacenter, mayRetry, RETRY_FRACTION } from './remote.ts'
import { runRouter } from './router.ts'
import { askSnapshot } from './snapshot-stream.ts'

/** How long a server that gossip counts as failed may take to say that it is there. */
const FAILED_PING_MS = 1_000

export async function startClient(parts: NodeParts): Promise<RunningNode> {
  const { nodeId, host, disk, stopAgent } = parts
  const log = host.log.named('client')
  const pools = await openPools({ config: parts.config, nodeId, host, disk, stopAgent })
  const config = { ...parts.config, ports: { ...parts.config.ports, ...pools.ports } }
  const pool = makePool(host, CLIENT_POOL)
  const router = runRouter({ host, pools, area: 'lan', pool, log: log.named('manager') })
  const limit = reloadedLimit(config, host, parts.reloads.onReload)
  const exceeded = host.metrics.counter('client.rpc.exceeded')
  let stopped = false

  function refuseExcess(): void {
    if (limit.take(host.now())) return
    exceeded.add(1)
    throw new ConsulError('rate-limited')
  }

  async function call<M extends Method>(method: M, args: Args<M>, context: CallContext = {}): Promise<Reply<M>> {
    let until = host.now() + config.rpcHoldTimeout
    const asked = inDatacenter(args, config.datacenter)
    if (method === 'Internal.KeyringOperation') {
      throw new ConsulError('refused', 'keyring operations must run against a server node')
    }
    for (let tries = 1; ; tries++) {
      if (stopped) throw new ConsulError('shutting-down')
      const servers = router.of(config.datacenter)
      const server = servers[0]
      if (server === undefined) throw new ConsulError('no-servers')
      refuseExcess()
      const began = host.now()
      try {
        if (server.failed) await mustAnswer(server.address)
        return await pool.call(server.address, method, asked, context)
      } catch (error) {
        if (context.signal?.aborted) throw forwarded(error)
        const failure = forwarded(error) as Error
        host.metrics.counter('client.rpc.failed', { server: server.name }).add(1)
        log.error('RPC failed to server', { method, server: server.address, error: failure.message })
        if (error instanceof ConnectionLost || mayRetry(method, error)) router.failed(server)
        // Gossip counts all of them as failed: each was tried in case that gossip is late, and none is waited for.
        if (server.failed && tries >= servers.length && error instanceof ConnectionLost && !error.sent) {
          throw new ConsulError('no-servers', undefined, { cause: error })
        }
        if (error instanceof ConnectionLost) until = holdUntil(until, began, host.now(), config.rpcHoldTimeout)
        if (!mayRetry(method, error) || host.now() >= until) throw failure
      }
      // Another server is asked at once; when all were, they are given a moment.
      if (tries >= servers.length) await pause(host.random.float() * config.rpcHoldTimeout * RETRY_FRACTION)
    }
  }

  /**
   * A server that only stopped still takes connections, and would hold a call until its session dies. One that gossip
   * counts as failed, and may be back, is asked whether it is there before anything else.
   */
  async function mustAnswer(address: string): Promise<void> {
    try {
      await pool.call(address, 'Status.Ping', {}, { timeoutMs: FAILED_PING_MS })
    } catch (error) {
      throw new ConnectionLost(messageOf(error), false, { cause: error })
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((done) => void host.wake(host.now() + ms, done))
  }

  async function leave(): Promise<void> {
    log.info('client starting leave')
    common.local.leaving()
    await pools.leave()
    await common.local.flush()
  }

  /** Not asked again: an archive to restore can be read only once. */
  const snapshot: SnapshotCaller = async (request, archive) => {
    const server = router.of(config.datacenter)[0]
    if (server === undefined) throw new ConsulError('no-servers')
    refuseExcess()
    try {
      return await askSnapshot(host, server.address, request, archive)
    } catch (error) {
      if (!(error instanceof ConsulError)) router.failed(server)
      throw error
    }
  }

  const caller: Caller = { call, peek: () => undefined }
  const servers = () => router.of(config.datacenter).length
  const common = await runCommon({
    ...parts,
    config,
    pools,
    caller,
    snapshot,
    facts: () => ({ kind: 'client', servers: servers() }),
    leave,
  }).catch(async (error: unknown) => {
    // A service or check of the configuration was refused.
    log.info('shutting down client')
    pool.stop()
    router.stop()
    await pools.stop()
    throw error
  })
  const { local, backend } = common
  // Whatever did not come through before may come through now.
  pools.onMember('lan', (event, { tags }) => {
    if (event === 'join' && tags.role === 'consul') local.leaderChanged()
  })
  pools.onNewLeader(() => local.leaderChanged())

  function turnAway(): void {
    if (stopped) return
    stopped = true
    log.info('shutting down client')
    common.turnAway()
    pool.stop()
  }

  return {
    backend,
    opened: local.start,
    joinAtStart: pools.joinAtStart,
    leave,
    turnAway,
    async stop() {
      turnAway()
      common.stop()
      router.stop()
      await pools.stop()
    },
  }
}
