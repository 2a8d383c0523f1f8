/**
 * What a server does when it comes to lead: settle what earlier terms left, make sure the cluster's own rows exist, and
 * run the leader's timers (sessions, tombstones). What to write is decided in core/leader; this file only carries it out.
 */

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Store } from '../core/store/store.ts'
import type { Command } from '../model/command.ts'
import { ConsulError } from '../model/errors.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { Dispatch } from './dispatch.ts'
import type { Replica, RoleChange } from './replica.ts'

/** A duty that runs for as long as this server leads. */
export interface Duty {
  start(): void
  stop(): void
}

export interface LeadershipParts {
  config: Pick<RuntimeConfig, 'autopilot'>
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
  const { config, replica, store, dispatch, duties, log } = parts
  let leadingTerm = 0
  let announced = ''

  replica.onRole((change) => {
    const acquired = change.leading && leadingTerm !== change.term
    if (acquired) log.info('cluster leadership acquired')
    announce(change)
    if (acquired) {
      leadingTerm = change.term
      establish(change.term).catch((error: unknown) => {
        log.error('failed to establish leadership', { error: messageOf(error) })
      })
    } else if (!change.leading && leadingTerm !== 0) {
      leadingTerm = 0
      dispatch.setReady(false)
      for (const duty of duties) duty.stop()
      log.info('cluster leadership lost')
    }
  })

  function announce({ leader }: RoleChange): void {
    if (leader === null || leader.id === announced) return
    announced = leader.id
    log.info('New leader elected', { payload: parts.nameOf(leader.id) })
  }

  async function establish(term: number): Promise<void> {
    await replica.barrier()
    if (leadingTerm !== term) return
    if (store.read((txn) => txn.get('autopilot', 'config')) === undefined) {
      await replica.propose({
        type: 'Autopilot',
        body: { Config: { ...config.autopilot, CreateIndex: 0, ModifyIndex: 0 }, CAS: false },
      })
    }
    if (leadingTerm !== term) return
    for (const duty of duties) duty.start()
    dispatch.setReady(true)
    for (const command of parts.reconcile()) await replica.propose(command)
  }

  return {
    async reassert() {
      const term = leadingTerm
      if (term === 0) throw new ConsulError('not-leader')
      dispatch.setReady(false)
      for (const duty of duties) duty.stop()
      await establish(term)
    },
  }
}
