/**
 * What a server does when it comes to lead: settle what earlier terms left, make sure the cluster's own rows exist, and
 * run the leader's timers (sessions, tombstones). What to write is decided in core/leader; this file only carries it out.
 */

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Millis } from '../base/units.ts'
import type { Store } from '../core/store/store.ts'
import { configKey } from '../core/store/tables.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { Command } from '../model/command.ts'
import { ConsulError } from '../model/errors.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { Dispatch } from './dispatch.ts'
import { leadershipMeters } from './meters.ts'
import type { Replica, RoleChange } from './replica.ts'

/** Consul's. */
const TRANSFER_TRIES = 3
const RETRY_MS: Millis = 5_000

/** A duty that runs for as long as this server leads. */
export interface Duty {
  start(): void
  stop(): void
}

export interface LeadershipParts {
  host: Pick<Host, 'now' | 'wake' | 'metrics'>
  config: Pick<RuntimeConfig, 'autopilot' | 'bootstrapEntries' | 'datacenter' | 'primaryDatacenter'>
  replica: Replica
  store: Store
  dispatch: Dispatch
  duties: Duty[]
  /** Commands that bring the catalog in line with the members that are known now. */
  reconcile(): Command[]
  /** The name of the server that leads, by its id, for the log. */
  nameOf(id: string): string
  log: Log
}

export interface Leadership {
  /** Another state took the place of the one that this leader began with: begins anew. */
  reassert(): Promise<void>
}

export function takeLeadership(parts: LeadershipParts): Leadership {
  const { host, config, replica, store, dispatch, duties, log } = parts
  const meters = leadershipMeters(host.metrics)
  let leadingTerm = 0
  let announced = ''
  /** Each beginning makes those before it void: it may have been overtaken while it waited. */
  let beginnings = 0
  let cancelRetry: Cancel = () => {}

  replica.onRole((change) => {
    const acquired = change.leading && leadingTerm !== change.term
    if (acquired) log.info('cluster leadership acquired')
    announce(change)
    if (acquired) {
      leadingTerm = change.term
      void begin(change.term)
    } else if (!change.leading && leadingTerm !== 0) {
      leadingTerm = 0
      cancelRetry()
      rest()
      log.info('cluster leadership lost')
    }
  })

  function announce({ leader }: RoleChange): void {
    if (leader === null || leader.id === announced) return
    announced = leader.id
    log.info('New leader elected', { payload: parts.nameOf(leader.id) })
  }

  /** Nothing is done in the leader's name any more. */
  function rest(): void {
    beginnings += 1
    dispatch.setReady(false)
    for (const duty of duties) duty.stop()
  }

  /** A leader that cannot begin its work makes room for another; where there is none it tries again. */
  async function begin(term: number): Promise<void> {
    try {
      await establish(term)
    } catch (error) {
      if (leadingTerm !== term) return
      log.error('failed to establish leadership', { error: messageOf(error) })
      rest()
      if (!(await handOver()) && leadingTerm === term) {
        cancelRetry = host.wake(host.now() + RETRY_MS, () => {
          if (leadingTerm === term) void begin(term)
        })
      }
    }
  }

  async function handOver(): Promise<boolean> {
    for (let attempt = 1; attempt <= TRANSFER_TRIES; attempt++) {
      try {
        await replica.transfer()
        log.info('successfully transferred leadership', { attempt, retry_limit: TRANSFER_TRIES })
        return true
      } catch (error) {
        log.error('failed to transfer leadership attempt, will retry', {
          attempt,
          retry_limit: TRANSFER_TRIES,
          error: messageOf(error),
        })
      }
    }
    return false
  }

  async function establish(term: number): Promise<void> {
    const beginning = ++beginnings
    const began = host.now()
    meters.barriers.add(1)
    await replica.barrier()
    meters.barrier.add(host.now() - began)
    if (beginnings !== beginning) return
    await writeEntries()
    if (store.read((txn) => txn.get('autopilot', 'config')) === undefined) {
      const Config = { ...config.autopilot, CreateIndex: 0, ModifyIndex: 0 }
      await replica.propose({ type: 'Autopilot', body: { Config, CAS: false } })
    }
    if (beginnings !== beginning || leadingTerm !== term) return
    for (const duty of duties) duty.start()
    dispatch.setReady(true)
    reconcile().catch((error: unknown) => log.error('failed to reconcile', { error: messageOf(error) }))
  }

  /** The configured entries, where the cluster has none of that kind and name: later it is theirs who change them. */
  async function writeEntries(): Promise<void> {
    const { bootstrapEntries, datacenter: Datacenter, primaryDatacenter } = config
    if (primaryDatacenter !== '' && primaryDatacenter !== Datacenter) return
    for (const entry of bootstrapEntries) {
      if (store.read((txn) => txn.get('config-entries', configKey(entry.Kind, entry.Name))) !== undefined) continue
      const Entry = { ...entry, ModifyIndex: 0 }
      const { result } = await replica.propose({
        type: 'ConfigEntry',
        body: { Datacenter, Op: 'upsert-cas', Entry },
      })
      if (result.kind === 'failed') {
        throw new ConsulError(
          'refused',
          `Failed to apply configuration entry "${entry.Kind}" / "${entry.Name}": ${result.message}`,
        )
      }
    }
  }

  async function reconcile(): Promise<void> {
    const began = host.now()
    for (const command of parts.reconcile()) await replica.propose(command)
    meters.reconcile.add(host.now() - began)
  }

  return {
    async reassert() {
      const term = leadingTerm
      if (term === 0) throw new ConsulError('not-leader')
      rest()
      await establish(term)
    },
  }
}
