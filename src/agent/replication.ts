/**
 * Keeps a secondary datacenter's configuration entries and intentions those of the primary one, while this server leads:
 * reads them there whenever they change, and proposes here what differs (core/leader/replication.ts).
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { configReplication, intentionReplication } from '../core/leader/replication.ts'
import { configEntries } from '../core/store/config-entry.ts'
import { intentions } from '../core/store/intention.ts'
import type { ReadTxn } from '../core/store/rows.ts'
import type { Store } from '../core/store/store.ts'
import type { Host } from '../host/host.ts'
import type { Command, Result } from '../model/command.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'
import { keepReading, type Reading } from './keep-reading.ts'
import type { Duty } from './leadership.ts'

export interface ReplicationParts {
  config: { datacenter: string; primaryDatacenter: string }
  host: Pick<Host, 'now' | 'wake'>
  store: Pick<Store, 'read'>
  caller: Pick<Caller, 'call'>
  propose(command: Command): Promise<{ result: Result }>
  log: Log
}

/** Nothing to do in the primary datacenter itself. */
export function replicationDuty({ config, host, store, caller, propose, log }: ReplicationParts): Duty {
  const { datacenter, primaryDatacenter: Datacenter } = config
  let readings: Reading[] = []

  /** One after another: each may build on those before. */
  async function write(what: string, find: (txn: ReadTxn) => Command[]): Promise<void> {
    const commands = store.read(find)
    for (const command of commands) {
      const { result } = await propose(command)
      if (result.kind === 'failed') throw new ConsulError('refused', result.message)
    }
    if (commands.length > 0) log.debug(`replicated ${what}`, { changes: commands.length })
  }

  const failed = (what: string) => (error: unknown) =>
    log.warn(`replication of ${what} failed (will retry if still leader)`, { error: messageOf(error) })

  return {
    start() {
      if (Datacenter === datacenter) return
      readings = [
        keepReading({
          host,
          read: (blocking, signal) => caller.call('ConfigEntry.ListAll', { ...blocking, Datacenter }, { signal }),
          tell: ({ Entries }) =>
            write('config entries', (txn) =>
              configReplication(configEntries(txn, '').Entries, Entries ?? [], datacenter),
            ),
          failed: failed('config entries'),
        }),
        keepReading({
          host,
          read: (blocking, signal) => caller.call('Intention.List', { ...blocking, Datacenter }, { signal }),
          tell: ({ Intentions }) =>
            write('intentions', (txn) =>
              intentionReplication(intentions(txn).Intentions, Intentions ?? [], datacenter),
            ),
          failed: failed('intentions'),
        }),
      ]
    },
    stop() {
      for (const reading of readings) reading.stop()
      readings = []
    },
  }
}
