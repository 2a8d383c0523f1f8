/**
 * Joining a pool: once, on somebody's word, or again and again until it works, as the configuration asks. Whom a pool
 * lets in is decided in core/gossip/pools.ts.
 */

import { formatGoDuration } from '../base/go-duration.ts'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import type { Cancel, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { JoinConfig } from './config/runtime.ts'
import type { GossipPool, PoolName } from './gossip.ts'

export interface JoinsParts {
  host: Pick<Host, 'now' | 'wake' | 'log' | 'ready'>
  lan: Pick<GossipPool, 'join'>
  /** A client agent is in none. */
  wan: Pick<GossipPool, 'join'> | undefined
  wishes: Record<PoolName, JoinConfig>
  /** After the last attempt to join has failed. */
  stopAgent(failure: Error): void
}

export interface Joins {
  /** @returns how many answered. Throws `ConsulError` when none did */
  join(addresses: readonly string[], pool: PoolName): Promise<number>
  /** Joins those that must be joined at start, or throws; goes on trying for the others. */
  atStart(): Promise<void>
  stop(): void
}

export function makeJoins({ host, lan, wan, wishes, stopAgent }: JoinsParts): Joins {
  const retries = new Set<Cancel>()
  let stopped = false

  async function join(addresses: readonly string[], pool: PoolName): Promise<number> {
    const area = pool.toUpperCase()
    host.log.info(`(${area}) joining`, { [`${pool}_addresses`]: `[${addresses.join(' ')}]` })
    const target = pool === 'lan' ? lan : wan
    try {
      if (target === undefined) throw new Error('Must be a server to join WAN cluster')
      const joined = await target.join(addresses)
      host.log.info(`(${area}) joined`, { number_of_nodes: joined })
      if (pool === 'lan') host.ready?.()
      return joined
    } catch (error) {
      const why = messageOf(error)
      host.log.warn(`(${area}) couldn't join`, { number_of_nodes: 0, error: why })
      throw new ConsulError('refused', why)
    }
  }

  function retry(pool: PoolName, wish: JoinConfig): void {
    if (wish.retry.length === 0) return
    const cluster = pool.toUpperCase()
    if (pool === 'wan' && wan === undefined) {
      host.log.warn("(WAN) couldn't join: Err: Must be a server to join WAN cluster")
      return
    }
    host.log.info('Joining cluster...', { cluster })
    let attempts = 0
    const attempt = async () => {
      const addresses = wish.retry.filter((address) => {
        if (!address.includes('provider=')) return true
        const error = 'cloud providers are not built: name addresses'
        host.log.error('Cannot discover address', { cluster, address, error })
        return false
      })
      try {
        if (addresses.length === 0) throw new Error('No servers to join')
        const joined = await join(addresses, pool)
        host.log.info('Join cluster completed. Synced with initial agents', { cluster, num_agents: joined })
      } catch (error) {
        if (stopped) return
        attempts += 1
        if (wish.attemptsMax > 0 && attempts > wish.attemptsMax) {
          const failure = new Error(`agent: max join ${cluster} retry exhausted, exiting`)
          host.log.error('Retry join failed', { error: failure.message })
          stopAgent(failure)
          return
        }
        host.log.warn('Join cluster failed, will retry', {
          cluster,
          retry_interval: formatGoDuration(wish.retryIntervalMs * NANOS_PER_MS),
          error: messageOf(error),
        })
        const cancel = host.wake(host.now() + wish.retryIntervalMs, () => {
          retries.delete(cancel)
          void attempt()
        })
        retries.add(cancel)
      }
    }
    void attempt()
  }

  return {
    join,
    async atStart() {
      for (const pool of ['lan', 'wan'] as const) {
        const { atStart } = wishes[pool]
        if (atStart.length === 0) continue
        const joined = await join(atStart, pool)
        const what = pool === 'lan' ? 'Join' : 'Join -wan'
        host.log.info(`${what} completed. Initial agents synced with`, { agent_count: joined })
      }
      for (const pool of ['lan', 'wan'] as const) retry(pool, wishes[pool])
      // Whoever is to join others is ready once it has; the real one stays silent without.
      if (wishes.lan.atStart.length + wishes.lan.retry.length === 0) host.ready?.()
    },
    stop() {
      stopped = true
      for (const cancel of retries) cancel()
    },
  }
}
